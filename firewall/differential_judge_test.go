package firewall

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules"
	"go4.org/netipx"
)

// batch is packets that go through the kernel together, with what has to become
// of them. No two of them are of one flow, in either direction and on either
// side of a translation, so that each begins a flow of its own.
type batch struct {
	packets []rules.Packet
	want    []answer
	told    []bool // whether a sender would hear of a refusal
	taken   map[flowKey]bool
}

// flowKey is the two ends of a flow in a fixed order.
type flowKey struct {
	protocol config.Protocol
	a, b     netip.AddrPort
}

func keyOf(proto config.Protocol, a, b netip.AddrPort) flowKey {
	if b.Compare(a) < 0 {
		a, b = b, a
	}
	return flowKey{proto, a, b}
}

// add takes a packet, unless another of the batch is in its way. What is said to
// the sender of a broadcast address comes back to the gateway from itself.
func (b *batch) add(o *oracle, p rules.Packet) {
	read := o.byRuleset(p)
	if !reaches(p.Src, p.Dst) || o.broadcasts.Contains(p.Src) || read.dst.IsValid() && !reaches(p.Src, read.dst.Addr()) {
		return
	}
	if o.w.KeptBits() != 0 && slices.Contains(o.w.OwnAddresses(""), p.Src) {
		return // nobody else has such an address (accept_local), and what has it keeps to its line
	}
	want := o.byPolicy(p, read.dst.Addr())
	if _, local := o.route(read.dst.Addr()); hopLimit(p) == 1 && !local {
		return // the kernel itself sends it no further
	}
	for _, to := range want.dsts {
		if other := o.byPolicy(p, to); !want.likes(other) || !reaches(p.Src, to) {
			return // what becomes of it is the kernel's choice
		}
	}
	if p.Protocol != config.ICMP && p.Protocol != config.ICMPv6 { // each of these has a number of its own
		keys := []flowKey{keyOf(p.Protocol, netip.AddrPortFrom(p.Src, p.SrcPort), netip.AddrPortFrom(p.Dst, p.DstPort))}
		if want.verdict == "pass" && want.src.IsValid() {
			for _, src := range append(want.srcs, want.src.Addr()) {
				for _, dst := range append(want.dsts, want.dst.Addr()) {
					keys = append(keys, keyOf(p.Protocol, netip.AddrPortFrom(src, want.src.Port()), netip.AddrPortFrom(dst, want.dst.Port())))
				}
			}
		}
		for _, k := range keys {
			if b.taken[k] {
				return
			}
		}
		for _, k := range keys {
			b.taken[k] = true
		}
	}
	b.packets, b.want, b.told = append(b.packets, p), append(b.want, want), append(b.told, answerable(o, p, read.dst.Addr()))
}

// without is the batch less the packets from i to j.
func (b *batch) without(i, j int) *batch {
	return &batch{
		packets: slices.Delete(slices.Clone(b.packets), i, j),
		want:    slices.Delete(slices.Clone(b.want), i, j),
		told:    slices.Delete(slices.Clone(b.told), i, j),
	}
}

// shrunk leaves out halves, quarters and so on, down to single packets, for as long as the rest is bad.
func (b *batch) shrunk(bad func(*batch) bool) *batch {
	for n := max(len(b.packets)/2, 1); ; n /= 2 {
		for i := len(b.packets); i > 0 && len(b.packets) > 1; i -= n {
			if i > len(b.packets) {
				continue
			}
			if fewer := b.without(max(i-n, 0), i); bad(fewer) {
				b = fewer
			}
		}
		if n <= 1 {
			return b
		}
	}
}

// reaches says whether the kernel asks the ruleset about packets between these
// addresses: some it drops by itself, wherever they come from.
func reaches(src, dst netip.Addr) bool {
	return !unreal().Contains(src) && !undeliverable().Contains(dst)
}

// unreal is the sources that the kernel never takes from a device.
func unreal() *netipx.IPSet {
	return prefixSet("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/96", "::ffff:0:0/96", "fe80::/10", "ff00::/8")
}

// undeliverable is the destinations that it never delivers, or only to those who joined a group.
func undeliverable() *netipx.IPSet {
	return prefixSet("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "::/128", "::1/128", "fe80::/10", "ff00::/8")
}

func prefixSet(list ...string) *netipx.IPSet {
	var b netipx.IPSetBuilder
	for _, s := range list {
		b.AddPrefix(netip.MustParsePrefix(s))
	}
	return finished(&b)
}

// judge compares what the kernel did with what it had to do; empty: all of it.
func (b *batch) judge(got *passage) []string {
	var faults []string
	counters := map[string]uint64{}
	for i, w := range b.want {
		for _, name := range w.counters {
			counters[name]++
		}
		if says := b.judgeOne(i, got); says != "" {
			faults = append(faults, fmt.Sprintf("packet %s: %s\nwanted: %s", describe(b.packets[i]), says, w))
		}
	}
	return append(faults, differences(counters, got.counters)...)
}

// judgeOne looks for one packet where it had to leave, and nowhere else.
func (b *batch) judgeOne(i int, got *passage) string {
	w, p, id := b.want[i], b.packets[i], uint32(i+1)
	var on []departure
	var told sightingKind
	for _, d := range got.left[id] {
		switch {
		case d.kind != forwarded:
			told = d.kind
		case w.local && d.dst.Addr() == p.Src: // an echo reply, say
		default:
			on = append(on, d)
		}
	}
	switch {
	case w.verdict == "pass" && !w.local:
		if len(on) != 1 {
			return fmt.Sprintf("it left %d times", len(on))
		}
		if d := on[0]; d.device != w.out || !w.arrivesAt(d.dst) || !w.leavesAs(d.src) {
			return fmt.Sprintf("it left as %s > %s by %s", d.src, d.dst, d.device)
		}
	case len(on) > 0:
		return fmt.Sprintf("it left as %s > %s by %s", on[0].src, on[0].dst, on[0].device)
	case w.verdict == "reject" && told == 0 && b.told[i]:
		return "nothing was said about it"
	case w.verdict == "reject" && told != 0 && (told == reset) != (p.Protocol == config.TCP):
		return "its sender was told in the way of another protocol"
	case w.verdict == "block" && told != 0:
		return "its sender was told"
	}
	mark, standing := got.marks[tupleOf(p, id)]
	if w.verdict != "pass" && standing {
		return "it began a flow"
	}
	if w.verdict == "pass" && standing && mark != w.mark {
		return fmt.Sprintf("its flow has the mark %d", mark)
	}
	if w.verdict == "pass" && !w.local && !standing && p.Tracking() == rules.Begins {
		return "it began no flow"
	}
	return ""
}

// likes says whether another answer differs only in where the packet goes.
func (a answer) likes(other answer) bool {
	other.dst = a.dst
	return a.String() == other.String() && a.out == other.out && slices.Equal(a.srcs, other.srcs)
}

// arrivesAt says whether the packet may go to an address and port.
func (a answer) arrivesAt(dst netip.AddrPort) bool {
	return dst == a.dst || dst.Port() == a.dst.Port() && slices.Contains(a.dsts, dst.Addr())
}

// leavesAs says whether the packet may leave as an address and port.
func (a answer) leavesAs(src netip.AddrPort) bool {
	if a.anySource {
		return true
	}
	port := src.Port() == a.src.Port() || a.ports.To != 0 && a.ports.From <= src.Port() && src.Port() <= a.ports.To
	return port && (src.Addr() == a.src.Addr() || slices.Contains(a.srcs, src.Addr()))
}

// differences lists the counters that moved otherwise than they had to.
func differences(want, got map[string]uint64) []string {
	var out []string
	for name, n := range want {
		if got[name] != n {
			out = append(out, fmt.Sprintf("counter %s: %d, want %d", name, got[name], n))
		}
	}
	for name, n := range got {
		if _, ok := want[name]; !ok {
			out = append(out, fmt.Sprintf("counter %s: %d, want 0", name, n))
		}
	}
	slices.Sort(out)
	return out
}

// report is some faults in one text.
func reportOf(faults []string) string {
	const most = 12
	if len(faults) > most {
		faults = append(faults[:most:most], fmt.Sprintf("and %d more", len(faults)-most))
	}
	return strings.Join(faults, "\n")
}
