package firewall

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/firewall/flows"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/lab"
	"github.com/rempart/rempart/rules"
)

// ofTwo makes the network of traffic tests that of a pair: dmz is the cable, and the server
// on it the other node.
const ofTwo = base + `
[ha]
secret = "file:carp.key"
interface = "dmz"

[[vip]]
interface = "wan"
address = "203.0.113.5/24"
vhid = 1

[[vip]]
interface = "lan"
address = "10.1.2.5/24"
vhid = 1

[[rule]]
name = "through"
from = "lan"
to = "wan"
action = "pass"

[[rule]]
name = "nothing"
action = "block"
log = true
`

// newPair is a gateway that is one node of a pair, without what moves addresses.
func newPair(t *testing.T, policy string) *site {
	t.Helper()
	s := newSite(t)
	d := ofPair(policy)
	d.Node = append(d.Node, "peer = \"10.1.3.10\"\n"...)
	if _, err := s.Apply(t.Context(), report.Request{Draft: d}, report.Caller{Name: "ann", Connected: time.Now()}); err != nil {
		t.Fatal(err)
	}
	return s
}

// linkLocal is the gateway's own link-local address on a device.
func (s *site) linkLocal(t *testing.T, device string) netip.Addr {
	t.Helper()
	var found netip.Addr
	await(t, "a link-local address of "+device, func() bool {
		out, err := s.gw.Run(t.Context(), "ip", "-6", "address", "show", "dev", device, "scope", "link")
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(out, "inet6 ")
		p, err := netip.ParsePrefix(strings.Split(rest+" ", " ")[0])
		found = p.Addr()
		return err == nil
	})
	return found
}

// TestTrafficOfAPair sends what the nodes of a pair say to each other, and what only looks
// like it. None of the former is tracked or asked about by rules.
func TestTrafficOfAPair(t *testing.T) {
	t.Parallel()
	s := newPair(t, ofTwo)
	const beat, carp, igmp = rules.BeatPort, lab.Protocol(rules.CARP), lab.Protocol(rules.IGMP)
	const refused = "block_invalid"
	flowPort := netip.AddrPortFrom(netip.Addr{}, rules.FlowPort)
	own := s.linkLocal(t, "lan0").String()
	for _, device := range []string{"lan0", "wan0"} { // what is sent to a group comes to who is in it
		for _, group := range []string{"224.0.0.18/32", "ff02::12/128"} {
			if _, err := s.gw.Run(t.Context(), "ip", "address", "add", group, "dev", device, "autojoin"); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tt := range []struct {
		host     *lab.Host
		what     string
		src, dst string
		d        lab.Datagram // ports, protocol, hop limit
		by       string
	}{
		{s.office, "CARP", "10.1.2.9", "224.0.0.18", lab.Datagram{Protocol: carp, TTL: 255}, rules.CounterPair},
		{s.office, "CARP to one node", "10.1.2.9", "10.1.2.1", lab.Datagram{Protocol: carp, TTL: 255}, rules.CounterPair},
		{s.office, "CARP in IPv6", "fe80::9", "ff02::12", lab.Datagram{Protocol: carp, TTL: 255}, rules.CounterPair},
		{s.office, "CARP to one node in IPv6", "fe80::9", own, lab.Datagram{Protocol: carp, TTL: 255}, rules.CounterPair},
		{s.internet, "CARP from a virtual address", "203.0.113.5", "224.0.0.18", lab.Datagram{Protocol: carp, TTL: 255}, rules.CounterPair},
		{s.internet, "CARP from an address that nobody can have", "10.9.9.9", "224.0.0.18", lab.Datagram{Protocol: carp, TTL: 255}, rules.CounterPair},
		{s.office, "CARP from beyond the link", "10.1.2.9", "10.1.2.1", lab.Datagram{Protocol: carp, TTL: 254}, "nothing"},
		{s.office, "a heartbeat", "10.1.2.9", "224.0.0.18", lab.Datagram{Protocol: lab.UDP, TTL: 255}, rules.CounterPair},
		{s.office, "a heartbeat to one node", "10.1.2.9", "10.1.2.1", lab.Datagram{Protocol: lab.UDP, TTL: 255}, rules.CounterPair},
		{s.server, "a heartbeat on the cable", "10.1.3.10", "10.1.3.1", lab.Datagram{Protocol: lab.UDP, TTL: 255}, rules.CounterPair},
		{s.office, "a heartbeat in IPv6", "2001:db8:2::9", "2001:db8:2::1", lab.Datagram{Protocol: lab.UDP, TTL: 255}, rules.CounterPair},
		{s.office, "a heartbeat from beyond the link", "10.1.2.9", "10.1.2.1", lab.Datagram{Protocol: lab.UDP}, "nothing"},
		{s.server, "a frame of flows", "10.1.3.10", "10.1.3.1", lab.Datagram{Protocol: lab.UDP, TTL: 255, Dst: flowPort}, rules.CounterPair},
		{s.server, "a frame of flows from beyond the cable", "10.1.3.10", "10.1.3.1", lab.Datagram{Protocol: lab.UDP, Dst: flowPort}, refused},
		{s.office, "a frame of flows beside the cable", "10.1.2.9", "10.1.2.1", lab.Datagram{Protocol: lab.UDP, TTL: 255, Dst: flowPort}, refused},
		{s.office, "who listens", "10.1.2.9", "224.0.0.1", lab.Datagram{Protocol: igmp, TTL: 1}, rules.CounterPair},
		{s.server, "the link", "10.1.3.10", "10.1.3.1", lab.Datagram{Protocol: lab.TCP, Flags: lab.SYN}, rules.CounterPair},
		{s.server, "the link, of a stranger on the cable", "10.1.3.11", "10.1.3.1", lab.Datagram{Protocol: lab.TCP, Flags: lab.SYN}, "nothing"},
		{s.office, "the link, beside the cable", "10.1.2.9", "10.1.2.1", lab.Datagram{Protocol: lab.TCP, Flags: lab.SYN}, "nothing"},
	} {
		port := uint16(0)
		if tt.d.Protocol == lab.UDP || tt.d.Protocol == lab.TCP {
			port = max(tt.d.Dst.Port(), beat)
		}
		tt.d.Src = netip.AddrPortFrom(netip.MustParseAddr(tt.src), port-1)
		tt.d.Dst = netip.AddrPortFrom(netip.MustParseAddr(tt.dst), port)
		if tt.d.Payload == nil && port == 0 {
			tt.d.Payload, tt.d.Src = make([]byte, 36), netip.AddrPortFrom(tt.d.Src.Addr(), 0)
		}
		before := s.counters(t)
		if err := tt.host.SendFrame("eth0", s.framed(tt.host, tt.d)); err != nil {
			t.Fatal(err)
		}
		moved := func() (by []string) {
			for name, n := range s.counters(t) {
				if n > before[name] && (name == tt.by || !slices.Contains(quiet, name)) {
					by = append(by, name)
				}
			}
			return by
		}
		await(t, tt.what, func() bool { return len(moved()) > 0 })
		if got := fmt.Sprint(moved()); got != "["+tt.by+"]" {
			t.Errorf("%s: counted by %s, want %s", tt.what, got, tt.by)
		}
	}
	tracked := func() []flows.Flow {
		t.Helper()
		all, err := s.FlowTable.List(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(all, func(f flows.Flow) bool {
			return f.Orig.Proto != flows.Proto(carp) && f.Orig.Proto != flows.Proto(igmp) && f.Orig.Dst.Port() != beat && f.Orig.Dst.Port() != rules.FlowPort
		})
	}
	if all := tracked(); len(all) > 0 {
		t.Errorf("tracked: %v", all)
	}
	// What goes through the gateway is none of the pair's business, whatever its port.
	s.internet.ServeUDP(netip.AddrPortFrom(netip.MustParseAddr("198.51.100.7"), beat))
	s.gw.AddAddr("wan0", netip.MustParsePrefix("203.0.113.5/24"))
	if r := s.office.UDP(t.Context(), addrPort("198.51.100.7:7112"), lab.Within(waitAtMost)); r.Seen.Addr() != addr("203.0.113.5") {
		t.Errorf("through the gateway: %s", r)
	}
	if all := tracked(); len(all) != 1 {
		t.Errorf("what goes through is not tracked: %v", all)
	}
}

// framed is a datagram in the frame that takes it from a host to the gateway, or to its group.
func (s *site) framed(from *lab.Host, d lab.Datagram) []byte {
	device := map[*lab.Host]string{s.office: "lan0", s.server: "dmz0", s.internet: "wan0"}[from]
	to := []byte(s.gw.MAC(device))
	switch a := d.Dst.Addr(); {
	case a.Is4() && a.IsMulticast():
		b := a.As4()
		to = []byte{1, 0, 0x5e, b[1] & 0x7f, b[2], b[3]}
	case a.IsMulticast():
		b := a.As16()
		to = append([]byte{0x33, 0x33}, b[12:]...)
	}
	kind := []byte{0x08, 0x00}
	if d.Src.Addr().Is6() {
		kind = []byte{0x86, 0xdd}
	}
	return d.Append(slices.Concat(to, []byte(from.MAC("eth0")), kind))
}

// TestTrafficLeavesAsTheVirtualAddress: inside networks leave with the virtual address, and what
// the node sends itself with its own, whether it has the virtual one or not.
func TestTrafficLeavesAsTheVirtualAddress(t *testing.T) {
	t.Parallel()
	s := newPair(t, ofTwo)
	seen := func(from *lab.Host, want string) {
		t.Helper()
		if r := from.TCP(t.Context(), addrPort("198.51.100.7:80"), lab.Within(waitAtMost)); r.Outcome != lab.Open || r.Seen.Addr() != addr(want) {
			t.Errorf("%s: %s, want %s", from.Name(), r, want)
		}
	}
	seen(s.gw, "203.0.113.2")
	s.gw.AddAddr("wan0", netip.MustParsePrefix("203.0.113.5/24"))
	seen(s.office, "203.0.113.5")
	seen(s.gw, "203.0.113.2")
	e, err := s.Explain(t.Context(), report.Question{Packet: "lan tcp 10.1.2.9:40000 -> 198.51.100.7:80"})
	if err != nil || !strings.Contains(fmt.Sprintf("%+v", e), "203.0.113.5") {
		t.Errorf("explain says %+v, %v", e, err)
	}
	s.gw.DelAddr("wan0", netip.MustParsePrefix("203.0.113.5/24"))
	seen(s.gw, "203.0.113.2")
	if learned, err := s.Links.Learned(Interfaces(pairConfig(t, ofTwo))); err != nil || len(learned.Addresses) > 0 {
		t.Errorf("learned %v, %v", learned.Addresses, err)
	}
}

// TestReferencePolicyOfAPair: the tests that the reference policy brings hold.
func TestReferencePolicyOfAPair(t *testing.T) {
	w := goldenWorld(t, "testdata/13-pair.toml")
	tests := RunTests(w, compileTime)
	if failed := report.FailedTests(tests); len(tests) != 3 || failed != nil {
		t.Errorf("%d tests: %v", len(tests), failed)
	}
	if w.Config.Tests[0].Source != addr("203.0.113.5") {
		t.Errorf("the first asks for %s", w.Config.Tests[0].Source)
	}
}

// TestTrafficOfAPairSetsTracking: flows of a node report to whoever listens later. How many there may be
// is not for a namespace to say: it is told, and the policy runs.
func TestTrafficOfAPairSetsTracking(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	d := ofPair(strings.Replace(ofTwo, "[ha]\n", "[ha]\nflow_table = 1234567\n", 1))
	a, err := s.Apply(t.Context(), report.Request{Draft: d}, report.Caller{Name: "ann", Connected: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	const file = "/proc/sys/net/netfilter/nf_conntrack_max is "
	if !slices.ContainsFunc(a.Warnings, func(w string) bool { return strings.HasPrefix(w, file) && strings.Contains(w, "1234567") }) {
		t.Errorf("apply warns: %q", a.Warnings)
	}
	status, err := s.Status(t.Context())
	if err != nil || !strings.Contains(strings.Join(status.Warnings, "\n"), file) {
		t.Errorf("status warns: %q, %v", status.Warnings, err)
	}
	if out, err := s.gw.Run(t.Context(), "cat", "/proc/sys/net/netfilter/nf_conntrack_events"); err != nil || strings.TrimSpace(out) != "1" {
		t.Errorf("events are %q, %v", out, err)
	}
}
