package firewall

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/rempart/rempart/firewall/flows"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules"
	"github.com/rempart/rempart/rules/steer"
)

// settled is what was done about flows when lines failed and came back, so that
// each event is dealt with once.
type settled struct {
	fallen map[string]bool // lines that are down, and whose flows were dealt with
	tiers  map[string]int  // tier that each group took last
	drains []drain
	adopt  bool // a policy was just switched: flows that have no line may leave with the address of one
}

// drain is flows on later tiers of a group that are ended when their time is up.
type drain struct {
	due   time.Time
	group string
	rule  string // of the rule alone; empty: of those that do not say otherwise
}

// settle deals with the flows on lines that failed, or of groups that went back
// to an earlier tier, in one walk over all flows.
func (f *Firewall) settle(ctx context.Context, now time.Time) {
	w := f.running.world
	before := f.settled.clone()
	a := newAssessment(w, f.names())
	a.fallen, a.back, a.due = f.settled.newlyFallen(w), f.settled.backIn(w), f.settled.takeDue(now)
	if f.settled.adopt && w.KeptBits() != 0 {
		a.adopts = a.addressesOfLines()
	}
	f.settled.adopt = false
	for g := range a.back { // the time begins anew
		f.settled.drains = slices.DeleteFunc(f.settled.drains, func(d drain) bool { return d.group == g })
		f.settled.drains = append(f.settled.drains, a.drainsOf(g, now)...)
	}
	if !a.needed() {
		return
	}
	all, err := f.FlowTable.List(ctx, flows.Filter{a.gateways()})
	if err != nil {
		f.log.Warn("flows on lines could not be found, tried again soon", "cause", err)
		f.settled, f.linesAt = before, now.Add(retryEvery)
		return
	}
	moved, ended := a.sort(all)
	unended := f.endReset(ctx, a, ended)
	n, err := f.FlowTable.Remark(ctx, moved)
	if err := errors.Join(unended, err); err != nil {
		f.log.Warn("not all flows on lines could be moved or ended, tried again soon", "cause", err)
		f.settled, f.linesAt = before, now.Add(retryEvery)
		return
	}
	if len(all) > 0 {
		f.log.Info("flows followed the lines", "moved", n, "ended", len(ended), "stayed", len(all)-len(moved)-len(ended))
	}
	for g := range a.fallen {
		f.settled.fallen[g] = true
	}
}

func (s settled) clone() settled {
	return settled{maps.Clone(s.fallen), maps.Clone(s.tiers), slices.Clone(s.drains), s.adopt}
}

// newlyFallen is the lines that do not live, and did when flows were last dealt
// with, and those that the policy does not name any more.
func (s *settled) newlyFallen(w *rules.World) map[string]bool {
	if s.fallen == nil {
		s.fallen = map[string]bool{}
	}
	out := map[string]bool{}
	for name := range w.Gateways {
		switch lives := w.Config.Gateway(name) != nil && w.Lines[name].Alive(); {
		case lives:
			delete(s.fallen, name)
		case !s.fallen[name]:
			out[name] = true
		}
	}
	return out
}

// backIn is the groups that take an earlier tier than before.
func (s *settled) backIn(w *rules.World) map[string]bool {
	if s.tiers == nil {
		s.tiers = map[string]int{}
	}
	out := map[string]bool{}
	for _, group := range w.Config.GatewayGroups {
		g, _ := steer.Find(w.Config, group.Name)
		chosen := g.Choose(w.Lines)
		before, known := s.tiers[g.Name]
		if len(chosen.Members) == 0 || !g.Usable(w.Lines[chosen.Members[0].Gateway]) {
			continue // it only makes do with the tier
		}
		if s.tiers[g.Name] = chosen.Tier; known && chosen.Tier < before {
			out[g.Name] = true
		}
	}
	return out
}

// takeDue takes out the drains whose time is up.
func (s *settled) takeDue(now time.Time) []drain {
	var due []drain
	s.drains = slices.DeleteFunc(s.drains, func(d drain) bool {
		if now.Before(d.due) {
			return false
		}
		due = append(due, d)
		return true
	})
	return due
}

// next is when a drain is up; zero: there is none.
func (s *settled) next() time.Time {
	var next time.Time
	for _, d := range s.drains {
		if next.IsZero() || d.due.Before(next) {
			next = d.due
		}
	}
	return next
}

// endReset ends flows and lets both ends know: TCP is reset at once. What their
// ends still send is refused first, so that nothing slips into a flow of its own.
func (f *Firewall) endReset(ctx context.Context, a *assessment, ended []flows.Flow) error {
	if len(ended) == 0 {
		return nil
	}
	for _, fam := range []rules.Family{rules.V4, rules.V6} {
		if !hasSet(f.running.ruleset, rules.EndedSet(fam).Name) {
			continue // no lines are left
		}
		if err := f.table.add(ctx, f.Kernel, rules.EndedSet(fam), ends(ended, fam)); err != nil {
			f.log.Warn("ends of flows are not refused with a reset", "cause", err)
		}
	}
	_, err := f.FlowTable.End(ctx, ended)
	f.nudge(a, ended)
	return err
}

// nudge lets the ends of TCP flows hear that they ended, those that a way leads
// to beside the line. It takes a while, and others do it.
func (f *Firewall) nudge(a *assessment, ended []flows.Flow) {
	var out []flows.Segment
	for _, fl := range ended {
		for _, s := range flows.Nudges(fl) {
			if a.sideOf(s.Dst.Addr()) == sideInside {
				out = append(out, s)
			}
		}
	}
	if len(out) == 0 {
		return
	}
	select {
	case f.nudges <- out:
	default:
		f.log.Warn("too many flows end at once: not all of their ends are told", "flows", len(out))
	}
}

// keepNudging sends what nudge hands over, until ctx ends.
func (f *Firewall) keepNudging(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case segments := <-f.nudges:
			if _, err := f.Resets.Send(ctx, segments); err != nil && ctx.Err() == nil {
				f.log.Warn("not all ends of flows could be told that they ended", "cause", err)
			}
		}
	}
}

// ends is what either end of TCP flows sends, as it comes in, in one family.
func ends(ended []flows.Flow, fam rules.Family) []nft.Element {
	var out []nft.Element
	for _, fl := range ended {
		if fl.Orig.Proto != flows.ProtoTCP || !fam.Has(fl.Orig.Src.Addr()) {
			continue
		}
		for _, t := range []flows.Tuple{fl.Orig, fl.Reply} {
			if len(out) == rules.EndedRoom {
				return out
			}
			out = append(out, nft.Element{Key: []nft.Value{
				nft.Addresses(t.Src.Addr(), t.Src.Addr()), nft.Number(nft.TypePort, uint32(t.Src.Port())),
				nft.Addresses(t.Dst.Addr(), t.Dst.Addr()), nft.Number(nft.TypePort, uint32(t.Dst.Port())),
			}})
		}
	}
	return out
}
