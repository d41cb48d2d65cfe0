package rules

import (
	"net/netip"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/packetlog"
	"go4.org/netipx"
)

// Packet is the first packet of a flow, as rules see it: after the inbound
// translation and before the outbound one.
type Packet struct {
	In       string // interface of the policy that it came in by
	Protocol config.Protocol
	Src, Dst netip.Addr
	SrcPort  uint16 // 0 where the protocol has none
	DstPort  uint16
	ICMPType uint8
	ICMPCode uint8
	TCPFlags uint8     // 0: a SYN
	Forward  string    // port forward with pass that translated it; empty: none
	At       time.Time // for schedules
}

// Decision is what becomes of a packet, and why.
type Decision struct {
	Action config.Action
	Cause  packetlog.Cause
	Rule   string // when a rule decided
	// Steering is of a rule that passes what goes through the gateway.
	Steering Steering
}

// Evaluator reads a policy from top to bottom, as its author wrote it. It holds
// what every list of the policy stands for, so that many packets can be asked about.
// It may be asked from many goroutines at once.
type Evaluator struct {
	w      *World
	pair   *Pair
	self   *netipx.IPSet
	ways   []Way
	guards map[string][]Guard // of every interface
	admin  *Listed
	rules  []*written // disabled ones too: they are tried, and never match
}

// NewEvaluator reads the world's policy.
func NewEvaluator(w *World) *Evaluator {
	lists := NewLists(w)
	e := &Evaluator{w: w, pair: w.Pair(), self: w.Local(), ways: w.Ways(), guards: map[string][]Guard{}, admin: lists.Read(w.Config.System.Admin)}
	for _, i := range w.Config.Interfaces {
		e.guards[i.Name] = w.Guards(i)
	}
	for i := range w.Config.Rules {
		e.rules = append(e.rules, w.written(&w.Config.Rules[i], lists))
	}
	return e
}

// Local says whether the gateway itself takes what is sent to an address.
func (e *Evaluator) Local(dst netip.Addr) bool { return e.self.Contains(dst) }

// OfPair says whether a packet is what the nodes of a pair say to each other, and is not
// tracked.
func (e *Evaluator) OfPair(p Packet) bool { return e.pair.Hears(p) && e.Local(p.Dst) }

// Reserved says whether a packet is for the port of flows of a pair and is not heard
// there: it is refused before every rule.
func (e *Evaluator) Reserved(p Packet) bool {
	return e.pair.reserves(p) && e.Local(p.Dst) && !e.pair.Hears(p)
}

// Way is how the gateway sends to an address.
func (e *Evaluator) Way(dst netip.Addr) Way { return FirstWay(e.ways, dst) }

// Evaluate says what becomes of a packet. Limits are left out: what they say
// depends on the flows of the moment.
func (e *Evaluator) Evaluate(p Packet) Decision {
	local := e.Local(p.Dst)
	if local && p.speaksOfLink() || e.OfPair(p) {
		return Decision{Action: config.Pass, Cause: packetlog.CauseAutomatic}
	}
	if e.Reserved(p) {
		return blocked(packetlog.CauseInvalid)
	}
	switch p.Tracking() {
	case Invalid, Untracked: // what speaks of a link is for nobody beyond it
		return blocked(packetlog.CauseInvalid)
	case MidFlow:
		return blocked(packetlog.CauseNoSYN)
	}
	if by, _ := e.Refuses(p); by != nil {
		return blocked(by.Cause)
	}
	if p.Forward != "" && !local {
		return Decision{Action: config.Pass, Cause: packetlog.CauseForward, Rule: p.Forward}
	}
	if local && e.IsAdmin(p) {
		return Decision{Action: config.Pass, Cause: packetlog.CauseAdmin}
	}
	if _, known := e.guards[p.In]; known {
		if r := e.match(p, e.cross(p, local)); r != nil {
			return e.decided(r, p)
		}
	}
	return blocked(packetlog.CauseDefault)
}

func blocked(by packetlog.Cause) Decision { return Decision{Action: config.Block, Cause: by} }

// decided is what a rule that matches says.
func (e *Evaluator) decided(r *written, p Packet) Decision {
	d := Decision{Action: r.Action, Cause: packetlog.CauseRule, Rule: r.Name}
	if d.Steering = e.steer(r.helm, p); d.Steering.Blocks() {
		d.Action, d.Cause = config.Block, packetlog.CauseGateway
	}
	return d
}

// IsAdmin says whether a packet to the gateway is an administrator's.
func (e *Evaluator) IsAdmin(p Packet) bool {
	s := e.w.Config.System
	return p.Protocol == config.TCP && len(s.Admin) > 0 && config.HasPort(s.AdminPorts, p.DstPort) && e.admin.Contains(p.Src)
}

// match is the first rule that matches, or nil.
func (e *Evaluator) match(p Packet, c crossing) *written {
	for _, r := range e.rules {
		if r.matches(e.w, &p, c) {
			return r
		}
	}
	return nil
}

// Active says whether a schedule is on; no schedule always is.
func (w *World) Active(schedule string, at time.Time) bool {
	if schedule == "" {
		return true
	}
	for _, iv := range w.Schedules[schedule] {
		if !at.Before(iv.Start) && at.Before(iv.End) {
			return true
		}
	}
	return false
}
