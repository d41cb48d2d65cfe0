package firewall

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/rempart/rempart/config"
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
	a := assessment{
		w: w, names: f.names(), fallen: f.settled.newlyFallen(w), back: f.settled.backIn(w), due: f.settled.takeDue(now),
		turn: map[string]int{},
	}
	for g := range a.back {
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
	f.endReset(ctx, ended)
	n, err := f.FlowTable.Remark(ctx, moved)
	if err != nil {
		f.log.Warn("flows could not be moved to another line", "cause", err)
	}
	if len(all) > 0 {
		f.log.Info("flows followed the lines", "moved", n, "ended", len(ended), "stayed", len(all)-len(moved)-len(ended))
	}
	for g := range a.fallen {
		f.settled.fallen[g] = true
	}
}

func (s settled) clone() settled {
	return settled{maps.Clone(s.fallen), maps.Clone(s.tiers), slices.Clone(s.drains)}
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
		if len(chosen.Members) == 0 {
			continue
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
func (f *Firewall) endReset(ctx context.Context, ended []flows.Flow) {
	if len(ended) == 0 {
		return
	}
	for _, fam := range []rules.Family{rules.V4, rules.V6} {
		if err := f.table.add(ctx, f.Kernel, rules.EndedSet(fam), ends(ended, fam)); err != nil {
			f.log.Warn("ends of flows are not refused with a reset", "cause", err)
		}
	}
	if _, err := f.FlowTable.End(ctx, ended); err != nil {
		f.log.Warn("flows could not be ended", "cause", err)
	}
	f.nudge(ended)
}

// nudge lets the ends of TCP flows hear that they ended, those that a way leads
// to beside the line. It takes a while, and others do it.
func (f *Firewall) nudge(ended []flows.Flow) {
	w := f.running.world
	var out []flows.Segment
	for _, fl := range ended {
		for _, s := range flows.Nudges(fl) {
			on := w.Config.Interface(w.RouteTo(s.Dst.Addr()))
			if on != nil && !on.External && !slices.Contains(w.OwnAddresses(""), s.Dst.Addr()) {
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

// assessment says what becomes of the flows on lines.
type assessment struct {
	w      *rules.World
	names  map[uint16]string // of rules
	fallen map[string]bool
	back   map[string]bool
	due    []drain
	turn   map[string]int // flows that each group has dealt out
}

func (a *assessment) needed() bool { return len(a.fallen)+len(a.back)+len(a.due) > 0 }

// gateways is the numbers whose flows have to be looked at.
func (a *assessment) gateways() flows.Gateways {
	var out flows.Gateways
	for name, n := range a.w.Gateways {
		if n != 0 && (a.fallen[name] || len(a.back)+len(a.due) > 0) {
			out = append(out, uint8(n))
		}
	}
	return out
}

// sort picks the flows that are moved and those that are ended.
func (a *assessment) sort(all []flows.Flow) (moved []flows.Marked, ended []flows.Flow) {
	gateways := map[uint8]string{}
	for name, n := range a.w.Gateways {
		gateways[uint8(n)] = name
	}
	for _, fl := range all {
		on := gateways[fl.Gateway()]
		group, by, rule := a.steering(fl, on)
		switch {
		case on == "":
		case a.fallen[on]:
			to, fate := a.failOver(fl, group, by)
			switch fate {
			case config.FailOverMove:
				moved = append(moved, flows.Marked{Flow: fl, Bits: flows.Bits{Value: uint32(to) << flows.GatewayShift, Mask: flows.GatewayMask}})
			case config.FailOverEnd:
				ended = append(ended, fl)
			}
		case a.drained(group, rule, on) || a.back[group.Name] && by.FailBack == config.FailBackEnd && a.later(group, on):
			ended = append(ended, fl)
		}
	}
	return moved, ended
}

// steering is the group by which a flow came to its gateway, and what holds for
// it: its rule's where that names one, else that of the default route.
func (a *assessment) steering(fl flows.Flow, on string) (steer.Group, config.Steering, string) {
	if r := a.w.Config.Rule(a.names[fl.Rule()]); r != nil && r.Gateway != "" {
		if g, ok := steer.Find(a.w.Config, r.Gateway); ok && g.TierOf(on) >= 0 {
			return g, steeringOf(r.Steering, g), r.Name
		}
	}
	for _, r := range a.w.Config.Routes {
		if g, ok := steer.Find(a.w.Config, r.Gateway); ok && r.Alias == "" && r.Destination.Bits() == 0 && g.TierOf(on) >= 0 {
			return g, steeringOf(config.Steering{}, g), ""
		}
	}
	g, ok := steer.Find(a.w.Config, on)
	if !ok { // the policy does not know it any more
		g.FailOver = config.FailOverMove
	}
	return g, steeringOf(config.Steering{}, g), ""
}

// steeringOf is what a rule says, or else its group.
func steeringOf(s config.Steering, g steer.Group) config.Steering {
	if s.FailOver == 0 {
		s.FailOver = g.FailOver
	}
	if s.FailBack == 0 {
		s.FailBack, s.Drain = g.FailBack, g.Drain
	}
	return s
}

// failOver is what becomes of a flow whose line failed, and where it goes on.
// Only one that nobody translated, and that the inside opened, can go on by
// another line: its far end knows it by an address that is not the line's.
func (a *assessment) failOver(fl flows.Flow, g steer.Group, by config.Steering) (to uint16, fate config.FailOver) {
	if by.FailOver != config.FailOverMove {
		return 0, by.FailOver
	}
	src := fl.Orig.Src.Addr()
	translated := fl.Reply.Dst.Addr() != src
	from := a.w.Config.Interface(a.w.RouteTo(src))
	if translated || from == nil || from.External || slices.Contains(a.w.OwnAddresses(""), src) {
		return 0, config.FailOverEnd
	}
	slots := g.Deal(a.w.Lines)
	switch {
	case len(slots) > 0 && g.Sticky:
		return a.w.Gateways[slots[nft.Spread(src, rules.SteerSeed, len(slots))]], config.FailOverMove
	case len(slots) > 0:
		a.turn[g.Name]++
		return a.w.Gateways[slots[a.turn[g.Name]%len(slots)]], config.FailOverMove
	case g.OnDown == config.OnDownDefaultRoute:
		return 0, config.FailOverMove
	}
	return 0, config.FailOverEnd
}

// later says whether a gateway is in a later tier than its group takes now.
func (a *assessment) later(g steer.Group, on string) bool {
	chosen := g.Choose(a.w.Lines)
	return len(chosen.Members) > 0 && g.TierOf(on) > chosen.Tier
}

// drained says whether the time of a flow on a later tier is up.
func (a *assessment) drained(g steer.Group, rule, on string) bool {
	own := a.ownDrain(rule)
	return a.later(g, on) && slices.ContainsFunc(a.due, func(d drain) bool {
		return d.group == g.Name && (d.rule == rule && own || d.rule == "" && !own)
	})
}

// ownDrain says whether a rule says itself what becomes of its flows when their group goes back.
func (a *assessment) ownDrain(rule string) bool {
	r := a.w.Config.Rule(rule)
	return r != nil && r.Steering.FailBack != 0
}

// drainsOf is the drains that begin when a group goes back: its own, and those of rules that say otherwise.
func (a *assessment) drainsOf(group string, now time.Time) []drain {
	var out []drain
	g, _ := steer.Find(a.w.Config, group)
	if g.FailBack == config.FailBackDrain {
		out = append(out, drain{now.Add(g.Drain), group, ""})
	}
	for _, r := range a.w.Config.Rules {
		if r.Gateway == group && r.Steering.FailBack == config.FailBackDrain {
			out = append(out, drain{now.Add(r.Steering.Drain), group, r.Name})
		}
	}
	return out
}
