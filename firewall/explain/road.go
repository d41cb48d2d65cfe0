package explain

import (
	"net/netip"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/nat"
	"github.com/rempart/rempart/rules"
)

// road is the way of one packet, as far as it went.
type road struct {
	packet   rules.Packet // as it was sent
	seen     rules.Packet // as rules see it
	tracking rules.Tracking
	arrival  nat.Arrival
	changed  bool // the inbound translation changed it
	local    bool // the gateway takes it
	way      rules.Way
	answers  bool    // it is an answer, and goes by the line of its question
	refusal  refusal // by routing
	decision rules.Decision
	exits    []exit // of a packet that passes and is not for the gateway itself
	outcome  Outcome
}

// walk takes a packet along its road.
func (x *Explainer) walk(p config.Packet, at time.Time) *road {
	r := &road{packet: rules.Packet{
		In: p.In, Protocol: p.Protocol, Src: p.Src, Dst: p.Dst, SrcPort: p.SrcPort, DstPort: p.DstPort,
		ICMPType: p.ICMPType, ICMPCode: p.ICMPCode, TCPFlags: p.TCPFlags, At: at,
	}}
	r.seen = r.packet
	if r.tracking = r.packet.Tracking(); x.rules.OfPair(r.packet) {
		r.tracking = rules.Untracked
	}
	if r.tracked() {
		x.arrive(r)
	}
	r.local = x.rules.Local(r.seen.Dst)
	if !r.local {
		r.way = x.rules.Way(r.seen.Dst)
	}
	r.decision = x.rules.Evaluate(r.seen)
	r.refusal = x.refuses(r)
	if r.passes() && !r.local {
		r.exits = x.exits(r)
	}
	r.outcome = r.end()
	return r
}

// tracked says whether the packet is followed from here on: only flows are
// translated, those that the rules then refuse as well.
func (r *road) tracked() bool { return r.tracking == rules.Begins || r.tracking == rules.MidFlow }

// arrive translates the destination.
func (x *Explainer) arrive(r *road) {
	r.arrival = x.nat.Inbound(r.packet)
	r.seen.Dst, r.seen.DstPort = r.arrival.Chosen(r.packet.Src), r.arrival.Port
	r.changed = r.arrival.Changes(netip.AddrPortFrom(r.packet.Dst, r.packet.DstPort))
	if r.arrival.Pass {
		r.seen.Forward = r.arrival.Name
	}
}

func (r *road) passes() bool { return r.refusal.cause == "" && r.decision.Action == config.Pass }

// end is what became of the packet.
func (r *road) end() Outcome {
	if r.refusal.cause != "" {
		return Outcome{Action: r.refusal.action, Cause: r.refusal.cause}
	}
	o := Outcome{Action: r.decision.Action, Cause: causeOf(r.decision.Cause), Rule: r.decision.Rule}
	if !r.passes() {
		return o
	}
	o.Self = r.local
	o.Source = netip.AddrPortFrom(r.seen.Src, r.seen.SrcPort)
	o.Destination = netip.AddrPortFrom(r.seen.Dst, r.seen.DstPort)
	if r.local {
		return o
	}
	ways := make([]Way, len(r.exits))
	for i, e := range r.exits {
		ways[i] = r.wayOf(e)
	}
	o.Way = inCommon(ways)
	if len(ways) > 1 {
		o.Ways = ways
	}
	return o
}

// inCommon is what some ways have in common.
func inCommon(ways []Way) Way {
	out := ways[0]
	for _, w := range ways[1:] {
		if w.Interface != out.Interface {
			out.Interface = ""
		}
		if w.Gateway != out.Gateway {
			out.Gateway = ""
		}
		if w.Source != out.Source {
			out.Source = netip.AddrPort{}
		}
	}
	return out
}
