// Package explain says what becomes of a packet and why, by reading the policy
// as it is written: every step of its road, each with the line of the policy
// that makes it so.
//
//	World --New--> Explainer --Outcome--> what becomes of a packet
//	                         --Explain--> the same, step by step; Text for people
//
// Explain and Outcome walk one road, so that they cannot disagree. It is the
// kernel's: connection tracking, inbound translation, routing, the checks of the
// source, admin access, the rules, their limits, their gateways, outbound
// translation. What
// depends on the flows of the moment, such as how many a limit has left, is not
// looked at.
package explain

import (
	"net/netip"
	"slices"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/nat"
	"github.com/rempart/rempart/rules"
)

// Explainer answers what becomes of packets under one policy. It may be asked
// from many goroutines at once.
type Explainer struct {
	w     *rules.World
	rules *rules.Evaluator
	nat   *nat.Evaluator
	own   map[netip.Addr]bool // addresses that the gateway has, those held for others as well
	open  []string            // interfaces whose addresses and routes the system keeps
	// steered is the interfaces whose packets meet the rules before they are routed.
	steered map[string]bool
	// refusals is the routes that refuse what they take, save the default, the longest first.
	refusals []rules.Way
}

// New reads the world's policy. It looks at dynamic aliases, lists and names as
// the world holds them when a packet is asked about.
func New(w *rules.World) *Explainer {
	x := &Explainer{w: w, rules: rules.NewEvaluator(w), nat: nat.NewEvaluator(w), own: map[netip.Addr]bool{}, steered: steeredInterfaces(w.Config)}
	for _, way := range w.Ways() {
		if way.Refused && way.Network.Bits() > 0 {
			x.refusals = append(x.refusals, way)
		}
	}
	for _, i := range w.Config.Interfaces {
		for _, a := range append(w.OwnAddresses(i.Name), w.Config.HeldOneToOne(i.Name)...) {
			x.own[a] = true
		}
		if len(w.Networks(i.Name)) == 0 {
			x.open = append(x.open, i.Name)
		}
	}
	return x
}

// Cause is what decided about a packet: a word of the packet log, or one of the
// causes below, which the packet log never has.
type Cause string

// Causes that leave no entry in the packet log.
const (
	CauseNoRoute     Cause = "noroute"     // nothing leads to the destination
	CauseMartian     Cause = "martian"     // the kernel's routing takes no such source or destination
	CauseEstablished Cause = "established" // the packet belongs to a flow
	CauseNoFlow      Cause = "noflow"      // a reply to a packet that began no flow
	CauseOwn         Cause = "own"         // what the gateway itself sends may always leave
)

// Outcome is what becomes of a packet.
type Outcome struct {
	Action config.Action
	Cause  Cause
	Rule   string // the rule, or the port forward that passes, that decided; empty: none did
	// Of a packet that passes.
	Self bool // the gateway itself takes it
	Way       // that it leaves by, as far as it hangs on nothing but the packet
	// Ways is all of the ways of which it takes one, where it hangs on the flows
	// before, or on the kernel, which one.
	Ways        []Way
	Destination netip.AddrPort // as it leaves
}

// Same says whether two outcomes are the same.
func (o Outcome) Same(p Outcome) bool {
	return o.Action == p.Action && o.Cause == p.Cause && o.Rule == p.Rule && o.Self == p.Self &&
		o.Way == p.Way && slices.Equal(o.Ways, p.Ways) && o.Destination == p.Destination
}

// Outcome says what becomes of a packet at an instant.
func (x *Explainer) Outcome(p config.Packet, at time.Time) Outcome { return x.walk(p, at).outcome }

// causeOf is the word of the packet log.
func causeOf(c packetlog.Cause) Cause { return Cause(c.String()) }
