package ha

import (
	"net/netip"
	"slices"
	"time"

	"github.com/rempart/rempart/ha/carp"
	"github.com/rempart/rempart/ha/hooks"
	"github.com/rempart/rempart/ha/pulse"
	"github.com/rempart/rempart/ha/role"
	"github.com/rempart/rempart/ha/wire"
)

// adopt makes a policy the one of the node.
func (n *Node) adopt(now time.Time, p policy) {
	if p.config == nil || p.config.HA == nil {
		n.standAlone(now)
		if nothing(p.config) {
			n.aimRendezvous()
		} else {
			n.aimNowhere()
		}
		return
	}
	err := p.fault
	var s *settings
	if err == nil {
		s, err = newSettings(p, n.Host)
	}
	if err != nil {
		n.warnings["secret"] = "the pair cannot speak: " + err.Error()
		n.log.Error("policy of the pair cannot be used", "cause", err)
		time.AfterFunc(secretAgain, n.search)
		if n.settings != nil {
			n.demote(now, reasonPolicy, weightPolicy, true, "the policy and its secret can be read", "")
		} else {
			n.aimRendezvous() // the peer may have what is missing
		}
		return
	}
	delete(n.warnings, "secret")
	n.demotions.drop(reasonPolicy)
	n.switchTo(now, s)
}

// longestListen is less than a master-down time, so that a node that is alone loses none.
const longestListen = 2 * time.Second

// secretAgain is how long a secret that could not be read is left alone.
const secretAgain = 5 * time.Second

const reasonPolicy = "policy not loaded"

// switchTo makes settings the ones of the node. What was agreed on before is understood for a while.
func (n *Node) switchTo(now time.Time, s *settings) {
	old := n.settings
	n.changing(now, s)
	judge := s.judged()
	if n.judge == nil {
		n.listenUntil = now.Add(min(max(2*pulse.TimingFor(s.interval).Dead, time.Second), longestListen))
		n.judge = pulse.NewJudge(judge)
	} else {
		n.judge.Configure(now, judge)
	}
	n.vacate(s)
	n.settings = s
	n.openPorts(now)
	n.regroup(now, old)
	n.tellHeld()
	n.listen()
	n.aim()
	checks := make([]hooks.Check, 0, len(s.checks))
	for _, c := range s.checks {
		checks = append(checks, hooks.Check{
			Name: c.Name, Command: c.Command, Interval: c.Interval, Timeout: c.Timeout, Fall: c.Fall, Rise: c.Rise, Weight: c.Weight,
		})
	}
	n.checks.Set(checks)
	n.tied.Store(&s.services)
	n.keepReasons(s)
	n.demoted(now)
	if n.care != nil {
		n.demote(now, reasonMaintenance, weightMaintenance, true, "rempart ha maintenance off", "")
	}
	n.chores = now
	n.dirty = true
}

// judged is what a judge has to know of the settings.
func (s *settings) judged() pulse.JudgeConfig {
	c := pulse.JudgeConfig{Interval: s.interval}
	for _, l := range s.links {
		c.Paths = append(c.Paths, pulse.PathConfig{Name: l.name, Cable: l.cable})
	}
	return c
}

// keepReasons drops the reasons that are about what the policy does not name any more.
func (n *Node) keepReasons(s *settings) {
	named := []string{reasonPolicy, reasonBehind, reasonSync, reasonMaintenance, reasonReleased}
	for _, g := range s.gateways {
		named = append(named, "gateway "+g)
	}
	for _, l := range s.links {
		named = append(named, "link "+l.name, "sending on "+l.name, "segment "+l.name)
	}
	for _, c := range s.checks {
		named = append(named, "service "+c.Name)
	}
	n.demotions.keep(named)
}

// regroup makes the groups those of the settings: one that stays keeps its role, and one
// that goes leaves its addresses.
func (n *Node) regroup(now time.Time, old *settings) {
	before := n.groups
	n.groups = nil
	machine := role.Config{
		Preempt: n.settings.preempt, Steady: max(2*time.Second, 20*n.settings.interval), Patience: max(2*time.Second, 10*n.settings.interval),
	}
	for _, gs := range n.settings.groups {
		if i := slices.IndexFunc(before, func(g *group) bool { return g.settings.name == gs.name }); i >= 0 {
			n.groups = append(n.groups, before[i])
			continue
		}
		n.groups = append(n.groups, &group{
			settings: gs, was: old.groupsWith(gs.vips), machine: role.New(machine), carp: carp.NewGroup(gs.carp), conflicts: map[netip.Addr]conflict{}, spoke: map[netip.Addr]wire.MAC{},
		})
	}
	for _, g := range before {
		if !slices.Contains(n.groups, g) {
			n.disband(now, g, old) // before others are given what it had
		}
	}
	for i, g := range n.groups {
		if slices.Contains(before, g) {
			n.resettle(now, g, n.settings.groups[i])
			g.machine.Configure(machine)
			continue
		}
		n.act(now, g, g.carp.Elect(now, n.peer.unheard()))
		g.inherited = n.left(g)
		n.act(now, g, g.carp.Demote(now, n.demotion(g)))
	}
}

// vacate takes away the addresses that groups do not have any more by the settings, or have on another
// device. The ports are still those by which they came.
func (n *Node) vacate(s *settings) {
	for _, g := range n.groups {
		if !g.held && !g.inherited {
			continue
		}
		for _, v := range slices.Backward(g.settings.vips) {
			l, p := s.link(v.link), n.ports[v.link]
			elsewhere := l != nil && p != nil && l.device != "" && l.device != p.device.Name
			if elsewhere || !s.has(g.settings.name, v) {
				n.removeVIP(v)
			}
		}
	}
}

// resettle gives a group that stays its new addresses.
func (n *Node) resettle(now time.Time, g *group, s groupSettings) {
	g.settings = s
	if g.held {
		n.place(now, g)
		n.announceFrom(now, g)
		n.wearMACs()
	}
	n.act(now, g, g.carp.Configure(now, s.carp))
}

// disband ends a group: whoever else has it takes over at once.
func (n *Node) disband(now time.Time, g *group, old *settings) {
	current := n.settings
	if n.settings == nil {
		n.settings = old // to speak a last time
		defer func() { n.settings = current }()
	}
	if state := g.machine.State(); state != role.Init {
		n.become(now, g, role.Transition{At: now, From: state, To: role.Init, Why: "the policy does not have the group any more"})
	} else if g.inherited {
		n.remove(g)
	}
}

// standAlone ends the pair: the policy has none.
func (n *Node) standAlone(now time.Time) {
	clear(n.warnings)
	old := n.settings
	if old == nil {
		return
	}
	n.leaving = true
	n.speak()
	n.beatLast()
	n.link.Goodbye()
	before := n.groups
	n.groups, n.settings, n.before = nil, nil, nil
	n.tied.Store(nil) // services go on as they are
	for _, g := range before {
		n.disband(now, g, old)
	}
	n.openPorts(now)
	n.checks.Set(nil)
	n.peer, n.judge, n.leaving = known{}, nil, false
	n.demotions = ledger{}
	n.log.Info("the policy has no pair any more")
}
