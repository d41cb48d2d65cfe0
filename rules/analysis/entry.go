package analysis

import (
	"fmt"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/rules/space"
)

// entry is one thing that decides packets: a rule, or what the gateway does by itself.
type entry struct {
	name   string // of a rule; of anything else what it is, in words
	cause  packetlog.Cause
	action config.Action
	rule   *config.Rule // nil: automatic
	index  int          // of the rule in its policy
	region []space.Cube
}

// effect is what becomes of the packets that an entry decides: those that a
// rule sends by a gateway do not do the same as those that it only lets pass.
type effect struct {
	action  config.Action
	gateway string // or gateway group, of a rule that passes
}

func (e *entry) effect() effect {
	if e.rule == nil || e.action != config.Pass {
		return effect{action: e.action}
	}
	return effect{e.action, e.rule.Gateway}
}

// byTracking names the entry of what connection tracking makes nothing of.
const byTracking = "connection tracking"

// policy is everything that decides packets, in order. Each packet that comes in
// by an interface is in the region of some entry, for the last takes all.
// Port forwards with pass are left out: what they let in was translated before,
// and no rule is asked.
func (g *ground) policy() []entry {
	var out []entry
	automatic := func(name string, cause packetlog.Cause, action config.Action, region ...space.Cube) {
		region = slices.DeleteFunc(region, func(c space.Cube) bool { return c.Empty() })
		if len(region) > 0 {
			out = append(out, entry{name: name, cause: cause, action: action, region: region})
		}
	}
	automatic("IPv6 neighbour discovery", packetlog.CauseAutomatic, config.Pass, g.discovery())
	automatic("what the nodes of a pair say to each other", packetlog.CauseAutomatic, config.Pass, g.pair()...)
	automatic("the port of flows of a pair", packetlog.CauseInvalid, config.Block, g.reserved()...)
	automatic(byTracking, packetlog.CauseInvalid, config.Block, g.invalid()...)
	for _, i := range g.w.Config.Interfaces {
		for _, guard := range g.w.Guards(i) {
			automatic(fmt.Sprintf("%s of interface %q", guard.Setting, i.Name), guard.Cause, config.Block, g.refused(i.Name, guard)...)
		}
	}
	automatic("system.admin", packetlog.CauseAdmin, config.Pass, g.admin()...)
	automatic("no such interface", packetlog.CauseDefault, config.Block, g.missing()...)
	for i := range g.w.Config.Rules {
		if r := &g.w.Config.Rules[i]; !r.Disabled {
			out = append(out, entry{name: r.Name, cause: packetlog.CauseRule, action: r.Action, rule: r, index: i, region: g.region(r)})
		}
	}
	automatic("the default", packetlog.CauseDefault, config.Block, g.all(v4), g.all(v6))
	return out
}
