package firewall

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/nat"
	"github.com/rempart/rempart/rules"
	"github.com/rempart/rempart/rules/steer"
	"go4.org/netipx"
	"golang.org/x/sys/unix"
)

// answer is what becomes of the first packet of a flow, in terms that the
// policy, the compiled ruleset and the kernel can all be asked for.
type answer struct {
	verdict  string // pass, block, reject; unroutable when there is no way on
	local    bool   // the gateway itself took it
	out      string // device that it leaves by
	src, dst netip.AddrPort
	// anySource says that the source is whichever the device has.
	anySource bool
	// dsts and srcs are addresses of which the kernel takes one by itself; dst and src
	// are of them. ports is what the source port is taken from, where it is not src's.
	dsts, srcs []netip.Addr
	ports      config.PortRange
	mark       uint32   // of the flow
	counters   []string // sorted
}

// String is the answer in one line.
func (a answer) String() string {
	s := a.verdict
	if a.verdict == "pass" {
		s += fmt.Sprintf(" %s > %s out %q local %t mark %d", a.src, a.dst, a.out, a.local, a.mark)
	}
	return s + " counted " + strings.Join(a.counters, " ")
}

// oracle is a policy made ready to be asked in both ways.
type oracle struct {
	w        *rules.World
	filter   *rules.Evaluator
	nat      *nat.Evaluator
	ruleset  nft.Ruleset
	compiled *nft.Evaluator
	marks    map[string]bool // port forwards that mark what they take
	steered  map[string]bool // interfaces whose packets are asked about before they are routed
	// broadcasts is the addresses of everybody in a network.
	broadcasts *netipx.IPSet
}

func newOracle(w *rules.World) *oracle {
	r := Compile(w)
	o := &oracle{w: w, filter: rules.NewEvaluator(w), nat: nat.NewEvaluator(w), ruleset: r, compiled: nft.NewEvaluator(r), broadcasts: broadcasts(w), marks: map[string]bool{}, steered: w.SteeredFrom()}
	for _, f := range w.Config.PortForwards {
		o.marks[f.Name] = f.Pass
	}
	o.compiled = holding(o.compiled, w)
	return o
}

// holding is the evaluator with what dynamic aliases hold.
func holding(e *nft.Evaluator, w *rules.World) *nft.Evaluator {
	for name, s := range w.Dynamic {
		for _, f := range []rules.Family{rules.V4, rules.V6} {
			e = e.Holding(rules.SetName("alias", name, f), elementsOf(s, f))
		}
	}
	return e
}

// elementsOf is one family of the addresses that a dynamic alias holds.
func elementsOf(s *netipx.IPSet, f rules.Family) []nft.Element {
	var out []nft.Element
	for _, r := range s.Ranges() {
		if f.Has(r.From()) {
			out = append(out, nft.Element{Key: []nft.Value{nft.Addresses(r.From(), r.To())}})
		}
	}
	return out
}

// disagreement is both answers where they differ; empty when they agree.
func (o *oracle) disagreement(p rules.Packet) string {
	if o.w.KeptBits() != 0 && slices.Contains(o.w.OwnAddresses(""), p.Src) {
		return "" // nobody else has such an address, and no line lets it out by another one
	}
	read := o.byRuleset(p)
	written := o.byPolicy(p, read.dst.Addr())
	if written.anySource {
		read.src = written.src
	}
	if slices.Contains(written.srcs, read.src.Addr()) {
		written.src = netip.AddrPortFrom(read.src.Addr(), written.src.Port())
	}
	if w, r := written.String(), read.String(); w != r {
		return fmt.Sprintf("by the policy:   %s\nby its ruleset:  %s", w, r)
	}
	return ""
}

// byPolicy asks the policy as it is written. Of targets that the kernel takes by
// itself it takes the one that the packet was seen to arrive at, if the policy has it.
func (o *oracle) byPolicy(p rules.Packet, arrived netip.Addr) answer {
	var out answer
	q := p
	tracking := p.Tracking()
	follows := (tracking == rules.Begins || tracking == rules.MidFlow) && !o.filter.OfPair(p)
	if follows {
		a := o.nat.Inbound(p)
		q.Dst, q.DstPort = a.Chosen(p.Src), a.Port
		if a.Free() {
			out.dsts = a.To
		}
		if slices.Contains(out.dsts, arrived) {
			q.Dst = arrived
		}
		if a.Name != "" {
			out.counters = append(out.counters, rules.RuleCounter(a.Name))
		}
		if o.marks[a.Name] { // whatever lets it in then
			out.mark = uint32(o.w.Numbers[a.Name])
		}
		if a.Pass && (q.Dst != p.Dst || q.DstPort != p.DstPort) {
			q.Forward = a.Name
		}
	}
	out.out, out.local = o.route(q.Dst)
	lost := !out.local && out.out == ""
	if lost && !(o.steered[p.In] && follows) {
		out.verdict = "unroutable"
		return out.sorted()
	}
	d := o.filter.Evaluate(q)
	out.verdict = d.Action.String()
	out.counters = append(out.counters, o.counterOf(q, d))
	if d.Cause == packetlog.CauseGateway {
		out.counters = append(out.counters, rules.RuleCounter(d.Rule))
	}
	if d.Action != config.Pass {
		return out.sorted()
	}
	if d.Cause == packetlog.CauseRule {
		out.mark = uint32(o.w.Numbers[d.Rule])
	}
	leaves := ""
	if !out.local {
		leaves = o.filter.Way(q.Dst).Interface
	}
	if by := d.Steering.Gateways; len(by) > 0 && !o.filter.Way(q.Dst).Refused {
		g := o.dealt(d.Steering, p)
		leaves, lost = g.Interface, false
		out.out = o.w.Device(leaves)
		out.mark |= uint32(o.w.Gateways[g.Name]) << rules.GatewayShift
	} else if l, ok := o.lineOf(leaves, p); ok {
		out.mark |= l.Mark()
	}
	if lost {
		out.verdict = "unroutable"
		return out.sorted()
	}
	if !follows {
		out.mark = 0 // there is no flow that could carry it
	}
	out.src, out.dst = netip.AddrPortFrom(q.Src, q.SrcPort), netip.AddrPortFrom(q.Dst, q.DstPort)
	if !out.local && follows {
		o.departs(&out, p, q, leaves)
	}
	return out.sorted()
}

// dealt is which of several gateways has the slot of a packet.
func (o *oracle) dealt(s rules.Steering, p rules.Packet) *config.Gateway {
	if len(s.Gateways) == 1 {
		return s.Gateways[0]
	}
	g, _ := steer.Find(o.w.Config, s.Group)
	return o.w.Config.Gateway(g.Deal(o.w.Lines)[slotOf(p)])
}

// slotOf is the slot that a packet gets where they go round.
func slotOf(p rules.Packet) uint32 { return uint32(p.SrcPort) * 37 % steer.Slots }

// lineOf is the line that a flow keeps to: the one that it leaves by, or else
// the one that it came in by.
func (o *oracle) lineOf(leaves string, p rules.Packet) (rules.Line, bool) {
	f := rules.V4
	if p.Src.Is6() {
		f = rules.V6
	}
	if l, ok := o.w.LineOf(leaves, f); ok {
		return l, true
	}
	return o.w.LineOf(p.In, f)
}

// departs adds what outbound translation does.
func (o *oracle) departs(out *answer, p, q rules.Packet, leaves string) {
	d := o.nat.Outbound(nat.Outgoing{Packet: q, Out: leaves, Translated: q.Dst != p.Dst || q.DstPort != p.DstPort})
	switch {
	case d.Name != "":
		out.counters = append(out.counters, rules.RuleCounter(d.Name))
	case d.Kind == nat.Reflection:
		out.counters = append(out.counters, nat.CounterReflected)
	case d.Kind == nat.Automatic:
		out.counters = append(out.counters, nat.CounterOutbound)
	}
	out.anySource = !d.Source.IsValid()
	if out.anySource {
		return
	}
	if d.Free() {
		out.srcs = d.Sources
	}
	port := q.SrcPort
	if d.Ports.To != 0 {
		out.ports = d.Ports
		if port < d.Ports.From || port > d.Ports.To {
			port = d.Ports.From
		}
	}
	out.src = netip.AddrPortFrom(d.Source, port)
}

// sorted has the counters in a fixed order. What a packet that does not pass
// looks like, and what mark it has, nobody can see.
func (a answer) sorted() answer {
	slices.Sort(a.counters)
	if a.verdict != "pass" {
		a.mark = 0
	}
	return a
}

// counterOf names the counter of a decision.
func (o *oracle) counterOf(p rules.Packet, d rules.Decision) string {
	switch d.Cause {
	case packetlog.CauseRule:
		return rules.RuleCounter(d.Rule)
	case packetlog.CauseAdmin:
		return rules.CounterAdmin
	case packetlog.CauseForward:
		return rules.CounterForwarded
	case packetlog.CauseAutomatic:
		if o.filter.OfPair(p) {
			return rules.CounterPair
		}
		return rules.CounterNeighbour
	}
	for _, drop := range rules.Drops {
		if drop.Cause == d.Cause {
			return drop.Counter
		}
	}
	return d.Cause.String()
}

// route is where a packet goes on to.
func (o *oracle) route(dst netip.Addr) (device string, local bool) {
	if o.filter.Local(dst) {
		return "", true
	}
	if way := o.filter.Way(dst); way.Interface != "" {
		return o.w.Device(way.Interface), false
	}
	return "", false
}

// byMark is where a packet goes on to that carries a gateway.
func (o *oracle) byMark(mark uint32, dst netip.Addr) (device string, local bool) {
	if device, local = o.route(dst); local || mark == 0 || o.filter.Way(dst).Refused {
		return device, local
	}
	for _, g := range o.w.Config.Gateways {
		if (rules.Line{Number: o.w.Gateways[g.Name]}).Mark() == mark&rules.GatewayMask {
			return o.w.Device(g.Interface), false
		}
	}
	return device, false
}

// typeOf is the kind of an address, as the kernel's table of its own addresses tells it.
func (o *oracle) typeOf(dst netip.Addr) uint32 {
	switch {
	case dst.IsMulticast():
		return unix.RTN_MULTICAST
	case o.filter.Local(dst):
		return unix.RTN_LOCAL
	}
	return unix.RTN_UNICAST
}

// byRuleset asks the compiled ruleset.
func (o *oracle) byRuleset(p rules.Packet) answer {
	plain := func(dst netip.Addr) string {
		device, _ := o.route(dst)
		return device
	}
	j := o.compiled.Walk(o.asKernelSees(p), o.route, nft.Options{
		RouteOut: plain, DstType: o.typeOf, Steered: o.byMark, Slot: func(nft.Deal) uint32 { return slotOf(p) },
	})
	out := answer{local: j.Local, out: j.Packet.Out, counters: j.Counters()}
	out.dst = netip.AddrPortFrom(j.Packet.Dst, j.Packet.DstPort)
	switch {
	case j.Reject != 0:
		out.verdict = config.Reject.String()
	case j.Verdict == nft.Accept:
		out.verdict = config.Pass.String()
		out.src, out.mark = netip.AddrPortFrom(j.Packet.Src, j.Packet.SrcPort), j.Packet.CTMark
		if r, ok := j.At(nft.Postrouting); ok && r.Translation.Masquerade {
			out.src = netip.AddrPortFrom(o.hasFirst(j.Packet.Out, p.Dst.Is4()), out.src.Port())
		}
	case j.Decided == (nft.Place{}): // no rule, and so the routing table
		out.verdict = "unroutable"
	default:
		out.verdict = config.Block.String()
	}
	return out.sorted()
}

// hasFirst is the first address of a family that a device has.
func (o *oracle) hasFirst(device string, v4 bool) netip.Addr {
	for _, i := range o.w.Config.Interfaces {
		for _, p := range o.w.AddressesOf(i) {
			if o.w.Device(i.Name) == device && p.Addr().Is4() == v4 {
				return p.Addr()
			}
		}
	}
	return netip.Addr{}
}

// asKernelSees is the packet as it comes to the first hook.
func (o *oracle) asKernelSees(p rules.Packet) nft.Packet {
	out := nft.Packet{
		In: o.w.Device(p.In), Src: p.Src, Dst: p.Dst, Protocol: uint8(p.Protocol), SrcPort: p.SrcPort, DstPort: p.DstPort,
		ICMPType: p.ICMPType, ICMPCode: p.ICMPCode, TCPFlags: p.TCPFlags, HopLimit: hopLimit(p), State: nft.StateNew, Received: p.At,
	}
	switch p.Tracking() {
	case rules.Invalid:
		out.State = nft.StateInvalid
	case rules.Untracked:
		out.State = nft.StateUntracked
	}
	if o.filter.OfPair(p) && out.HopLimit != 1 { // it comes from the link
		out.HopLimit = 255
	}
	return out
}

// hopLimit is that of a packet that has just been sent, or of neighbour
// discovery, which is taken from the link alone.
func hopLimit(p rules.Packet) uint8 {
	switch {
	case p.Protocol == config.ICMPv6 && 133 <= p.ICMPType && p.ICMPType <= 137:
		return 255
	case p.Tracking() == rules.Untracked, p.Protocol == rules.IGMP:
		return 1
	}
	return 64
}
