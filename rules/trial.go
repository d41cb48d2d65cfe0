package rules

import (
	"math/bits"

	"github.com/rempart/rempart/config"
)

// Reasons is a set of what kept a rule from matching.
type Reasons uint16

// What keeps a rule from matching.
const (
	MissDisabled    Reasons = 1 << iota // it is switched off
	MissFrom                            // the packet comes in by another interface
	MissTo                              // it leaves by another, or the gateway takes it
	MissSchedule                        // the rule's schedule is off
	MissProtocol                        // another protocol
	MissICMP                            // another ICMP type
	MissFlags                           // other TCP flags
	MissSource                          // another source
	MissSourcePort                      // another source port
	MissDestination                     // another destination
	MissPort                            // another destination port
	MissGateway                         // its gateway is of the other family, or down with on_down = next
)

// Count is how many reasons are in r.
func (r Reasons) Count() int { return bits.OnesCount16(uint16(r)) }

// Has says whether all of some reasons are in r.
func (r Reasons) Has(some Reasons) bool { return r&some == some }

// Trial is a rule that was asked about a packet.
type Trial struct {
	Rule   *config.Rule
	Misses Reasons // none: it matched
}

// Trials asks the rules about a packet from top to bottom, as Evaluate does when
// nothing decides before them, and keeps why each did not match. The last one
// matched, or none does.
func (e *Evaluator) Trials(p Packet) []Trial {
	c := e.cross(p, e.Local(p.Dst))
	var out []Trial
	for _, r := range e.rules {
		misses := r.misses(e.w, &p, c)
		out = append(out, Trial{r.Rule, misses})
		if misses == 0 {
			break
		}
	}
	return out
}

// misses is all that keeps r from matching; nothing exactly when matches says so.
func (r *written) misses(w *World, p *Packet, c crossing) Reasons {
	var out Reasons
	for _, m := range [...]struct {
		reason Reasons
		met    bool
	}{
		{MissDisabled, !r.Disabled},
		{MissFrom, r.enters(c)},
		{MissTo, r.leaves(c)},
		{MissSchedule, w.Active(r.Schedule, p.At)},
		{MissProtocol, r.speaks(p)},
		{MissICMP, r.asks(p)},
		{MissFlags, r.flagged(p)},
		{MissSource, r.source.Contains(p.Src)},
		{MissSourcePort, r.sentFrom(p)},
		{MissDestination, r.destination.Contains(p.Dst)},
		{MissPort, r.sentTo(p)},
		{MissGateway, r.lives(w, p, c)},
	} {
		if !m.met {
			out |= m.reason
		}
	}
	return out
}
