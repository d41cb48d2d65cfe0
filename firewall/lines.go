package firewall

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/gateways"
	"github.com/rempart/rempart/firewall/links"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/nat"
	"github.com/rempart/rempart/rules"
	"github.com/rempart/rempart/rules/steer"
)

// Gateways watches the next hops of a policy and the targets of its port forwards.
type Gateways interface {
	Set([]gateways.Watched)
	SetTargets([]gateways.Targets)
	Carrier(map[string]bool)
	Lines() map[string]steer.Health
	Silent() map[string][]netip.Addr
	Changed() <-chan struct{}
	Status() []gateways.Status
	Forwards() []gateways.ForwardStatus
	History(name string, since time.Time) gateways.History
}

// look notes what others put on the machine, as far as a policy speaks of it, and
// says whether that is other than what runs was made of.
func (f *Firewall) look(c *config.Config) (changed bool) {
	seen, err := f.Links.Learned(Interfaces(c))
	if err != nil {
		f.log.Warn("addresses and routes of others could not be read, what was known stays", "cause", err)
		return false
	}
	f.seen = seen
	if f.running == nil {
		return true
	}
	w := f.running.world
	return !maps.EqualFunc(seen.Addresses, w.Addresses, slices.Equal) || !maps.Equal(hops(c, seen), w.Hops)
}

// hops is the next hops that gateways without a written address have.
func hops(c *config.Config, seen links.Learned) map[string]netip.Addr {
	out := map[string]netip.Addr{}
	for _, g := range c.Gateways {
		by := seen.Hops4
		switch g.Learned {
		case config.LearnedNot:
			continue
		case config.LearnedRA:
			by = seen.Hops6
		}
		if a, ok := by[g.Interface]; ok {
			out[g.Name] = a
		}
	}
	return out
}

// watch has the gateways and targets of the running policy watched.
func (f *Firewall) watch() {
	if f.running == nil {
		f.Gateways.Set(nil)
		f.Gateways.SetTargets(nil)
		return
	}
	w := f.running.world
	if f.look(w.Config) { // a link that was just taken up has lost no carrier
		f.refreshAt = time.Now()
	}
	f.Gateways.Carrier(f.seen.Carrier)
	var watched []gateways.Watched
	for _, g := range w.Config.Gateways {
		if !f.canAsk(w, &g) {
			continue
		}
		watched = append(watched, gateways.Watched{
			Name: g.Name, Number: uint8(w.Gateways[g.Name]), Interface: g.Interface, Device: w.Device(g.Interface),
			NextHop: w.NextHop(&g), Source: sourceOf(w, &g), Monitor: g.Monitor, ForceDown: g.ForceDown,
			WasDown: slices.Contains(f.memory.Down, g.Name),
		})
	}
	f.Gateways.Set(watched)
	f.Gateways.SetTargets(targets(w))
}

// canAsk says whether this node can ask a gateway: where it has no address of its own, only while
// it holds the virtual ones. A gateway that nobody asks is taken to be online: so it is at
// a takeover, until it turns out otherwise.
func (f *Firewall) canAsk(w *rules.World, g *config.Gateway) bool {
	moves := func(v config.VIP) bool { return v.Interface == g.Interface && v.Address.Addr().Is6() == g.Is6() }
	return g.ForceDown || sourceOf(w, g).IsValid() || !slices.ContainsFunc(w.Config.Moving(), moves) || f.Holds == nil || f.Holds(g.Interface)
}

// sourceOf is the address from which a gateway is asked: the one of its
// interface that is in a network with it, or else the first of its family.
func sourceOf(w *rules.World, g *config.Gateway) netip.Addr {
	var first netip.Addr
	for _, p := range w.AddressesOf(*w.Config.Interface(g.Interface)) {
		switch {
		case p.Addr().Is6() != g.Is6():
		case p.Contains(w.NextHop(g)):
			return p.Addr()
		case !first.IsValid():
			first = p.Addr()
		}
	}
	return first
}

// followLines brings into the kernel how the lines are now: which gateways new
// flows take, which targets, and the routes. Then it deals with the flows on
// lines that failed or are back. No rule is touched.
func (f *Firewall) followLines(ctx context.Context, now time.Time) {
	if f.running == nil {
		f.settled = settled{}
		return
	}
	w := *f.running.world
	w.Lines, w.Silent = f.Gateways.Lines(), f.Gateways.Silent()
	ruleset := f.running.ruleset
	ruleset.Sets = slices.Clone(ruleset.Sets)
	for _, set := range append(w.LineSets(), nat.TargetMaps(&w)...) {
		if i := slices.IndexFunc(ruleset.Sets, func(s nft.Set) bool { return s.Name == set.Name }); i >= 0 {
			ruleset.Sets[i] = set
		}
	}
	if err := f.put(ctx, ruleset); err != nil {
		f.fault(aboutLines, "follow the lines, tried again soon: %v", err)
		f.linesAt = now.Add(retryEvery)
		return
	}
	f.healed(aboutLines)
	f.setRunning(&running{revision: f.running.revision, since: f.running.since, world: &w, ruleset: ruleset})
	if _, err := f.Links.Apply(ctx, Network(&w)); err != nil {
		f.log.Warn("routes do not follow the lines", "cause", err) // links tries again, and status asks it
	}
	f.settle(ctx, now)
	f.rememberDown(&w)
}

// rememberDown writes down which gateways are down, for the next start.
func (f *Firewall) rememberDown(w *rules.World) {
	now := downLines(w)
	if slices.Equal(now, f.memory.Down) {
		return
	}
	f.memory.Down = now
	if err := f.State.PutMemory(f.memory); err != nil {
		f.log.Warn("which gateways are down will not be known after a restart", "cause", err)
	}
}

// downLines is the gateways that do not live, by name.
func downLines(w *rules.World) []string {
	var out []string
	for _, g := range w.Config.Gateways {
		if w.Lines[g.Name].State == steer.Down {
			out = append(out, g.Name)
		}
	}
	slices.Sort(out)
	return out
}

// followMachine brings in what others changed on the machine: an address or a
// next hop that a DHCP client or a router advertisement brought.
func (f *Firewall) followMachine(ctx context.Context) {
	if f.running == nil {
		return
	}
	changed := f.look(f.running.world.Config)
	f.Gateways.Carrier(f.seen.Carrier)
	if changed {
		f.refreshSets(ctx)
	}
}

// linesDue is when the lines are followed although they did not change; zero:
// nothing is due. What failed puts off all else, so that it is not tried all the time.
func (f *Firewall) linesDue() time.Time {
	if !f.linesAt.IsZero() {
		return f.linesAt
	}
	return f.settled.next()
}

// atLines does what has come due about lines.
func (f *Firewall) atLines(ctx context.Context, now time.Time) {
	if at := f.linesDue(); !at.IsZero() && !now.Before(at) {
		f.linesAt = time.Time{}
		f.followLines(ctx, now)
	}
}

// targets is the hosts behind port forwards that are asked whether they live.
func targets(w *rules.World) []gateways.Targets {
	var out []gateways.Targets
	for _, p := range w.Config.PortForwards {
		if p.Check == nil || p.Disabled {
			continue
		}
		t := gateways.Targets{Forward: p.Name, Check: *p.Check}
		for _, r := range w.Resolve(p.Target).Set.Ranges() {
			for a := r.From(); a.Compare(r.To()) <= 0 && len(t.Addresses) < config.MaxPool; a = a.Next() {
				t.Addresses = append(t.Addresses, a)
			}
		}
		out = append(out, t)
	}
	return out
}
