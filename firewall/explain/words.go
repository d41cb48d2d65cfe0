package explain

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/nat"
	"github.com/rempart/rempart/rules"
)

// sender and receiver are the two ends of a packet.
func sender(p rules.Packet) string   { return end(p.Protocol, p.Src, p.SrcPort) }
func receiver(p rules.Packet) string { return end(p.Protocol, p.Dst, p.DstPort) }

// end is an address, with its port where the protocol has ports.
func end(protocol config.Protocol, a netip.Addr, port uint16) string {
	if !protocol.HasPorts() {
		return a.String()
	}
	return netip.AddrPortFrom(a, port).String()
}

// setting names what in the policy translates.
func setting(k nat.Kind, name string) string {
	if name == "" {
		return k.String()
	}
	return k.String() + " " + name
}

// join names all of a list.
func join[T fmt.Stringer](items []T) string {
	out := make([]string, len(items))
	for i, v := range items {
		out[i] = v.String()
	}
	return strings.Join(out, ", ")
}

// count writes a number of things: "1 rule", "3 rules".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// changed writes a translation out; what it leaves alone is not changed.
func changed(s report.Step) report.Step {
	s.Text = s.Before + " -> " + s.After
	if s.Before == s.After {
		s.Result, s.Text = report.ResultPassed, s.Before+" stays as it is"
	}
	return s
}
