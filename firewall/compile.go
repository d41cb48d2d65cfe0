// Package firewall is the gateway as a whole: it compiles a policy, makes it
// run, keeps it or takes it back, and says what happens.
//
//	Draft -> config.Parse -> World -> Compile -> nft.Plan -> kernel
//	                                    journal before, revision after
//
// A Firewall owns the kernel's table, the addresses and routes of the policy,
// the revisions, and what aliases learn. Everything it holds belongs to the
// loop of Run; its methods ask the loop.
package firewall

import (
	"maps"
	"net/netip"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/links"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/nat"
	"github.com/rempart/rempart/rules"
	"github.com/rempart/rempart/rules/steer"
	"github.com/rempart/rempart/schedules"
)

// TableName is the name of our table; the family is inet.
const TableName = "rempart"

// Compile turns a policy into the ruleset that enforces it. It cannot fail:
// what could not be compiled did not come through config.Parse.
func Compile(w *rules.World) nft.Ruleset { return new(compiler).compile(w) }

// compiler remembers the sets of the policy that it compiled last, so that a
// list of a million addresses of which ten change is not made anew. Its zero
// value remembers nothing.
type compiler struct{ before *rules.Sets }

func (c *compiler) compile(w *rules.World) nft.Ruleset {
	sets := rules.NewSets(w, c.before)
	filter := rules.Compile(w, sets)
	translation := nat.Compile(w, sets)
	sets.Done()
	c.before = sets
	r := nft.Ruleset{
		Table:    nft.Table{Name: TableName},
		Sets:     sets.List(),
		Helpers:  translation.Helpers,
		Counters: append(filter.Counters, translation.Counters...),
		Chains:   append(filter.Chains, translation.Chains...),
	}
	nameLists(&r)
	return r
}

// Closed is the ruleset of a gateway that has no policy: nothing comes in and
// nothing goes through; what the gateway itself began may be answered.
func Closed() nft.Ruleset {
	w := &rules.World{Config: &config.Config{System: config.System{Location: time.UTC}}}
	return Compile(w)
}

// scheduleHorizon is how far ahead the instants of schedules are put into the
// kernel. The daemon renews them far sooner; a machine on which it does not
// run keeps to its schedules for so long.
const scheduleHorizon = 400 * 24 * time.Hour

// Learned is what a policy is compiled with beside its text.
type Learned struct {
	Devices map[string]string // rules.World.Devices
	Numbers rules.Numbers     // as used so far
	Outside Outside
	// Gateways are the numbers of gateways as used so far.
	Gateways rules.Numbers
	// Lines and Silent are what is watched (rules.World).
	Lines  map[string]steer.Health
	Silent map[string][]netip.Addr
	// Machine is what others put on it.
	Machine links.Learned
}

// NewWorld puts together what a policy means at now. Every rule and
// translation of the policy has a number in the world's Numbers.
func NewWorld(c *config.Config, l Learned, now time.Time) *rules.World {
	w := &rules.World{
		Config: c, Devices: l.Devices,
		Names: l.Outside.Names, Lists: l.Outside.Lists,
		Numbers:   l.Numbers.Assign(c.RuleNames()),
		Gateways:  l.Gateways.AssignGateways(gatewayNames(c)),
		Lines:     l.Lines,
		Silent:    l.Silent,
		Hops:      hops(c, l.Machine),
		Addresses: l.Machine.Addresses,
		Schedules: map[string][]schedules.Interval{},
	}
	// A day back, so that an instant just passed is still known to be inside or outside.
	from := now.Add(-24 * time.Hour)
	for _, s := range c.Schedules {
		w.Schedules[s.Name] = schedules.Intervals(s, c.System.Location, from, now.Add(scheduleHorizon))
	}
	return w
}

func gatewayNames(c *config.Config) []string {
	var out []string
	for _, g := range c.Gateways {
		out = append(out, g.Name)
	}
	return out
}

// withDynamic is the world with what dynamic aliases hold now.
func withDynamic(w *rules.World, d Dynamic) *rules.World {
	out := *w
	out.Dynamic = maps.Clone(d)
	return &out
}
