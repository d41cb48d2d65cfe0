package nft

import (
	"context"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

// witness is a machine between two networks: the kernel's own word on what a
// ruleset means. Behind eth1 is a host that sends, behind eth0 nobody.
type witness struct {
	gw, sender *lab.Host
	k          *Netlink
}

func newWitness(t *testing.T) *witness {
	t.Helper()
	n := lab.Test(t)
	w := &witness{gw: n.Host("gw"), sender: n.Host("sender")}
	w.gw.Forward()
	inside, outside := n.Switch("inside"), n.Switch("outside")
	w.gw.Plug("eth1", inside, netip.MustParsePrefix("10.1.2.1/24"), netip.MustParsePrefix("2001:db8:2::1/64"))
	w.gw.Plug("eth0", outside, netip.MustParsePrefix("203.0.113.2/24"), netip.MustParsePrefix("2001:db8:f::2/64"))
	w.sender.Plug("eth0", inside, netip.MustParsePrefix("10.1.2.9/24"), netip.MustParsePrefix("2001:db8:2::9/64"))
	w.sender.Default(netip.MustParseAddr("10.1.2.1"))
	w.sender.Default(netip.MustParseAddr("2001:db8:2::1"))
	w.gw.Default(netip.MustParseAddr("203.0.113.1"))
	w.gw.Default(netip.MustParseAddr("2001:db8:f::1"))
	w.gw.Sysctl("net.netfilter.nf_conntrack_tcp_loose", "1")
	// Nobody answers for these, so that packets leave and nothing comes back.
	for _, a := range []string{
		"203.0.113.1", "203.0.113.7", "203.0.113.9", "203.0.113.10", "203.0.113.11",
		"2001:db8:f::1", "2001:db8:f::9", "2001:db8:f::a", "2001:db8:f::b",
	} {
		w.run(t, "ip", "neigh", "replace", a, "lladdr", "02:00:00:00:00:01", "dev", "eth0")
	}
	var ns *os.File
	if err := w.gw.Do(func() (err error) {
		ns, err = os.Open("/proc/thread-self/ns/net")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	w.k = Open("rempart").In(int(ns.Fd()))
	return w
}

func (w *witness) run(t *testing.T, command ...string) {
	t.Helper()
	if _, err := w.gw.Run(t.Context(), command[0], command[1:]...); err != nil {
		t.Fatal(err)
	}
}

// What the witness counts beside the ruleset.
const (
	sawArrive      = "saw-arrive"
	sawPass        = "saw-pass"
	sawReset       = "saw-reset"
	sawUnreachable = "saw-unreachable"
)

// watched is the ruleset with counters before and behind all else.
func watched(r Ruleset) Ruleset {
	r.Counters = append(slices.Clone(r.Counters), sawArrive, sawPass, sawReset, sawUnreachable)
	r.Chains = append(slices.Clone(r.Chains),
		filter("arrive", Prerouting, -400, accept,
			rule(is(IPSaddr, network("10.1.2.8/29")), Count{sawArrive}), rule(is(IP6Saddr, network("2001:db8:2::/64")), isNot(ICMPv6TypeF, Numbers(TypeICMPv6, 133, 137)), Count{sawArrive}),
			rule(is(IP6Saddr, network("2001:db8:2::/64")), isNot(L4Proto, proto(protoICMPv6)), Count{sawArrive})),
		filter("pass-through", Postrouting, 400, accept, rule(is(IIFName, Ifname("eth1")), is(OIFName, Ifname("eth0")), Count{sawPass})),
		filter("pass-in", Input, 400, accept, rule(is(IPDaddr, Address(machine4)), Count{sawPass})),
		filter("answers", Output, 400, accept,
			rule(TCPFlags{Mask: 0x04, Value: 0x04}, Count{sawReset}),
			rule(is(ICMPTypeF, icmpType(3)), Count{sawUnreachable}), rule(is(ICMPv6TypeF, Number(TypeICMPv6, 1)), Count{sawUnreachable})))
	return r
}

// load makes a ruleset the only one, and forgets all flows.
func (w *witness) load(t *testing.T, r Ruleset) {
	t.Helper()
	if err := w.k.Delete(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, b := range Plan(State{}, watched(r)) {
		if err := w.k.Commit(t.Context(), b, 0); err != nil {
			t.Fatalf("%v\n%s", err, r)
		}
	}
}

// send sends a packet and returns what counted it, in alphabetical order.
func (w *witness) send(t *testing.T, p Packet, want []string) []string {
	t.Helper()
	w.run(t, "conntrack", "-F")
	before := w.counters(t)
	if err := w.sender.Send(datagram(p).Append(nil)); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
	defer stop()
	for {
		var got []string
		for name, n := range w.counters(t) {
			got = append(got, slices.Repeat([]string{name}, int(n-before[name]))...)
		}
		slices.Sort(got)
		if slices.Equal(got, want) || ctx.Err() != nil {
			return got
		}
	}
}

func (w *witness) counters(t *testing.T) map[string]uint64 {
	t.Helper()
	all, err := w.k.Counters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]uint64, len(all))
	for name, c := range all {
		out[name] = c.Packets
	}
	return out
}

// datagram is the packet before the gateway has it, its hop limit not yet counted down.
func datagram(p Packet) lab.Datagram {
	d := lab.Datagram{
		Src: netip.AddrPortFrom(p.Src, 0), Dst: netip.AddrPortFrom(p.Dst, 0),
		Protocol: lab.Protocol(p.Protocol), TTL: p.HopLimit + 1, Flags: lab.Flags(p.TCPFlags),
	}
	switch p.Protocol {
	case protoTCP, protoUDP:
		d.Src, d.Dst = netip.AddrPortFrom(p.Src, p.SrcPort), netip.AddrPortFrom(p.Dst, p.DstPort)
	case protoICMP, protoICMPv6:
		d.Payload = append([]byte{p.ICMPType, p.ICMPCode, 0, 0, 0, 1, 0, 1}, make([]byte, 28)...)
	default:
		if !p.Bare {
			d.Payload = []byte{byte(p.SrcPort >> 8), byte(p.SrcPort), byte(p.DstPort >> 8), byte(p.DstPort)}
		}
	}
	return d
}

// counted is what the witness has to count of a journey.
func counted(j Journey) []string {
	all := append(j.Counters(), sawArrive)
	switch {
	case j.Reject == RejectTCPReset:
		all = append(all, sawReset)
	case j.Reject != 0:
		all = append(all, sawUnreachable)
	case j.Verdict == Accept:
		all = append(all, sawPass)
	}
	slices.Sort(all)
	return all
}

// TestKernelAgreesOnFields sends the zoo through every match there is.
func TestKernelAgreesOnFields(t *testing.T) {
	w := newWitness(t)
	cases := fieldCases()
	r := fieldRuleset(cases)
	w.load(t, r)
	e := NewEvaluator(r)
	for name, p := range zoo() {
		want := counted(e.Walk(p, routeOf, Options{}))
		got := w.send(t, p, want)
		for i, c := range cases {
			if yes := slices.Contains(got, caseCounter(i)); yes != slices.Contains(want, caseCounter(i)) {
				t.Errorf("%s passes %s in the kernel: %v", name, c.expr, yes)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: the kernel counts on %s", name, strings.Join(got, " "))
		}
	}
}

// TestKernelAgreesOnRoads sends packets through the small rulesets of TestWalk.
func TestKernelAgreesOnRoads(t *testing.T) {
	w := newWitness(t)
	packets := travellers()
	for _, c := range roadCases() {
		t.Run(c.name, func(t *testing.T) {
			r := c.ruleset()
			e := NewEvaluator(r)
			for _, name := range slices.Sorted(maps.Keys(c.packets)) {
				w.load(t, r) // afresh, for limits and sets remember
				want := counted(e.Walk(packets[name], routeOf, Options{}))
				if got := w.send(t, packets[name], want); !slices.Equal(got, want) {
					t.Errorf("%s: the kernel counts on %s\n\twant %s", name, strings.Join(got, " "), strings.Join(want, " "))
				}
			}
		})
	}
}
