package firewall

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
	"github.com/rempart/rempart/nat"
	"github.com/rempart/rempart/rules"
)

// probe is one packet or connection and what has to become of it.
//
// Try is a line: who, perhaps from where, what, and where to.
//
//	office tcp 10.1.3.10:80
//	office 10.1.2.10:0 udp 10.1.3.10:53
//	office ping 10.1.3.10
//	internet 10.1.2.99:4000 syn|ece 203.0.113.2:80    one TCP packet, whatever its source
//	office 10.1.2.9:4000 dgram 10.1.3.10:53           one UDP packet
//	office 10.1.2.9:0 proto47 10.1.3.10:0             one packet of a protocol
//
// Single packets are Open when they reach the server, and Timeout when not.
type probe struct {
	try  string
	want lab.Outcome
	by   string // the counter of what decided: a rule's name, or an automatic one
	log  string // a line of the packet log, up to the ports; empty: not asked for
}

// patience is how long a probe waits that shall get no answer. It can be
// short: that the packet was dropped is proved by the counter that moved.
const patience = 60 * time.Millisecond

// quiet are counters that move without a probe, and so prove nothing: hosts
// look for neighbours and report multicast groups whenever they like, and go on
// trying on connections that the gateway has ended, or reset them late.
var quiet = []string{rules.CounterNeighbour, nat.CounterOutbound, "block_default", "block_nosyn", "block_invalid"}

// check sends a probe and looks at its end, at who decided, and at the log.
func (s *site) check(t *testing.T, p probe) lab.Result {
	t.Helper()
	before := s.counters(t)
	begin := time.Now()
	r := s.send(t, p)
	if r.Outcome != p.want {
		t.Errorf("%s: %s, want %s", p.try, r, p.want)
	}
	var after map[string]uint64
	ok := func() bool { after = s.counters(t); return after[p.by] > before[p.by] }
	for end := time.Now().Add(2 * time.Second); !ok() && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
	}
	var moved []string
	for name, n := range after {
		if n != before[name] && (name == p.by || !slices.Contains(quiet, name)) {
			moved = append(moved, name)
		}
	}
	slices.Sort(moved)
	if !slices.Equal(moved, []string{p.by}) {
		t.Errorf("%s: counted by %q, want %q", p.try, moved, p.by)
	}
	if p.log != "" {
		s.logged(t, p.log, begin)
	}
	return r
}

// logged waits for a line of the packet log that begins so, its blanks aside.
func (s *site) logged(t *testing.T, line string, since time.Time) {
	t.Helper()
	var seen []string
	found := func() bool {
		entries, err := s.Log(t.Context(), nil, 1000)
		if err != nil {
			t.Fatal(err)
		}
		seen = seen[:0]
		for _, e := range entries {
			// The kernel's clock is a little coarser than ours.
			if e.Time.Before(since.Add(-20 * time.Millisecond)) {
				continue
			}
			words := strings.Fields(e.String())
			seen = append(seen, strings.Join(words[1:], " "))
		}
		return slices.ContainsFunc(seen, func(s string) bool { return strings.HasPrefix(s, line) })
	}
	for end := time.Now().Add(2 * time.Second); !found(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("the log does not say %q, but:\n%s", line, strings.Join(seen, "\n"))
			return
		}
	}
}

func (s *site) host(name string) *lab.Host {
	return map[string]*lab.Host{"gw": s.gw, "office": s.office, "server": s.server, "neighbour": s.neighbour, "internet": s.internet}[name]
}

// send does what a probe says.
func (s *site) send(t *testing.T, p probe) lab.Result {
	t.Helper()
	words := strings.Fields(p.try)
	host, kind, to := s.host(words[0]), words[len(words)-2], words[len(words)-1]
	within := waitAtMost
	if p.want == lab.Timeout {
		within = patience
	}
	opts := []lab.Option{lab.Within(within)}
	var from netip.AddrPort
	if len(words) == 4 {
		from = netip.MustParseAddrPort(words[1])
		opts = append(opts, lab.From(from))
	}
	switch kind {
	case "tcp":
		return host.TCP(t.Context(), netip.MustParseAddrPort(to), opts...)
	case "udp":
		return host.UDP(t.Context(), netip.MustParseAddrPort(to), opts...)
	case "ping":
		return host.Ping(t.Context(), netip.MustParseAddr(to), opts...)
	}
	return s.single(t, host, datagram(t, kind, from, netip.MustParseAddrPort(to)), within)
}

// datagram is the single packet of a kind.
func datagram(t *testing.T, kind string, from, to netip.AddrPort) lab.Datagram {
	t.Helper()
	d := lab.Datagram{Src: from, Dst: to, Protocol: lab.TCP}
	if kind == "dgram" {
		d.Protocol = lab.UDP
		return d
	}
	if n, ok := strings.CutPrefix(kind, "proto"); ok {
		proto, err := strconv.ParseUint(n, 10, 8)
		if err != nil {
			t.Fatal(err)
		}
		d.Protocol, d.Payload = lab.Protocol(proto), make([]byte, 8)
		return d
	}
	for f := lab.FIN; f != 0; f <<= 1 {
		if slices.Contains(strings.Split(kind, "|"), f.String()) {
			d.Flags |= f
		}
	}
	if d.Flags == 0 {
		t.Fatalf("%q is no kind of probe", kind)
	}
	return d
}

// single sends one packet and sees whether it reaches a host behind the gateway.
func (s *site) single(t *testing.T, from *lab.Host, d lab.Datagram, within time.Duration) lab.Result {
	t.Helper()
	arrived := make(chan struct{}, 1)
	var captures []*lab.Capture
	for _, h := range []*lab.Host{s.office, s.server, s.internet} {
		if h == from {
			continue
		}
		captures = append(captures, h.Capture("eth0", func(frame []byte) bool {
			got, err := lab.Packet{Frame: frame}.Datagram()
			if err == nil && got.Dst.Addr() == d.Dst.Addr() && got.Dst.Port() == d.Dst.Port() && got.Protocol == d.Protocol && got.Flags == d.Flags {
				select {
				case arrived <- struct{}{}:
				default:
				}
			}
			return false
		}))
	}
	defer func() {
		for _, c := range captures {
			c.Stop()
		}
	}()
	if err := from.Send(d.Append(nil)); err != nil {
		return lab.Result{Err: err}
	}
	select {
	case <-arrived:
		return lab.Result{Outcome: lab.Open}
	case <-time.After(within):
		return lab.Result{Outcome: lab.Timeout}
	}
}
