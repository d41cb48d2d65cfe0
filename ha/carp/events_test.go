package carp

import "time"

// event is something that happens to a group.
type event struct {
	name     string
	preempt  bool
	demotion int
	at       time.Duration // zero: 1 s
	do       func(*Group, time.Time) []Action
}

func events() []event {
	return []event{
		{name: "start", do: func(g *Group, now time.Time) []Action { return g.Start(now) }},
		{name: "stop", do: func(g *Group, now time.Time) []Action { return g.Stop(now) }},
		{name: "take", do: func(g *Group, now time.Time) []Action { return g.Take(now, "asked") }},
		{name: "take while demoted", demotion: 300, do: func(g *Group, now time.Time) []Action { return g.Take(now, "asked") }},
		{name: "yield", do: func(g *Group, now time.Time) []Action { return g.Yield(now, "asked", false) }},
		{name: "yield and bow out", do: func(g *Group, now time.Time) []Action { return g.Yield(now, "asked", true) }},
		{name: "yield and bow out while demoted", demotion: 2, do: func(g *Group, now time.Time) []Action { return g.Yield(now, "asked", true) }},
		{name: "elect", do: func(g *Group, now time.Time) []Action { return g.Elect(now, true) }},
		{name: "do not elect", do: func(g *Group, now time.Time) []Action { return g.Elect(now, false) }},
		{name: "timeout early", do: func(g *Group, now time.Time) []Action { return g.Timeout(now) }},
		{name: "timeout just early", at: 1499 * time.Millisecond, do: func(g *Group, now time.Time) []Action { return g.Timeout(now) }},
		{name: "timeout of a master", at: 1500 * time.Millisecond, do: func(g *Group, now time.Time) []Action { return g.Timeout(now) }},
		{name: "timeout of both", at: 3500 * time.Millisecond, do: func(g *Group, now time.Time) []Action { return g.Timeout(now) }},
		{name: "timeout of both while demoted", demotion: 1, at: 3500 * time.Millisecond, do: func(g *Group, now time.Time) []Action { return g.Timeout(now) }},
		{name: "timeout far too late", at: time.Hour, do: func(g *Group, now time.Time) []Action { return g.Timeout(now) }},
		{name: "demoted", do: func(g *Group, now time.Time) []Action { return g.Demote(now, 7) }},
		{name: "demoted beyond what fits", do: func(g *Group, now time.Time) []Action { return g.Demote(now, 1000) }},
		{name: "demoted below zero", do: func(g *Group, now time.Time) []Action { return g.Demote(now, -240) }},
		{name: "demoted as before", demotion: 7, do: func(g *Group, now time.Time) []Action { return g.Demote(now, 7) }},
		{name: "sound again", demotion: 7, do: func(g *Group, now time.Time) []Action { return g.Demote(now, 0) }},
		{name: "configured as before", do: reconfigure(func(*Config) {})},
		{name: "configured with another skew", do: reconfigure(func(c *Config) { c.AdvSkew = 0 })},
		{name: "configured with preempt", do: reconfigure(func(c *Config) { c.Preempt = true })},
		{name: "configured with another key", do: reconfigure(func(c *Config) { c.VHosts[0].Send.Key[0] = 1 })},
		{name: "configured with another host", do: reconfigure(func(c *Config) { c.VHosts[0].VHID = 9 })},
		{name: "better", do: hear(upper, 1, 127, 0)},
		{name: "better by base", do: hear(upper, 0, 255, 0)},
		{name: "better by base, preempt", preempt: true, do: hear(upper, 0, 255, 0)},
		{name: "equal of a lower address", do: hear(lower, 1, 128, 0)},
		{name: "equal of a greater address", do: hear(upper, 1, 128, 0)},
		{name: "equal of the same address", do: hear(self, 1, 128, 0)},
		{name: "equal of a greater address, preempt", preempt: true, do: hear(upper, 1, 128, 0)},
		{name: "worse", do: hear(upper, 1, 129, 0)},
		{name: "worse, preempt", preempt: true, do: hear(upper, 1, 129, 0)},
		{name: "worse by base, preempt", preempt: true, do: hear(upper, 2, 0, 0)},
		{name: "demoted as OpenBSD is", do: hear(upper, 1, 0, 1)},
		{name: "demoted as FreeBSD is", do: hear(upper, 1, 240, 0)},
		{name: "demoted as FreeBSD is, preempt", preempt: true, do: hear(upper, 1, 240, 0)},
		{name: "sound while demoted", demotion: 1, do: hear(upper, 1, 239, 0)},
		{name: "sound while demoted, preempt", preempt: true, demotion: 1, do: hear(upper, 1, 239, 0)},
		{name: "both demoted, better", demotion: 2, do: hear(upper, 1, 240, 1)},
		{name: "both demoted alike, greater address", demotion: 2, do: hear(upper, 1, 240, 2)},
		{name: "both demoted alike, lower address", demotion: 2, do: hear(lower, 1, 240, 2)},
		{name: "both demoted, worse", demotion: 2, do: hear(upper, 1, 0, 3)},
		{name: "both demoted, it as FreeBSD is", demotion: 2, do: hear(lower, 1, 240, 0)},
		{name: "both demoted, it as FreeBSD is, preempt", preempt: true, demotion: 2, do: hear(lower, 2, 240, 0)},
		{name: "both demoted, it as FreeBSD is and faster", demotion: 2, do: hear(lower, 0, 240, 0)},
		{name: "bow-out", do: hear(upper, 255, 255, 0)},
		{name: "bow-out, preempt", preempt: true, do: hear(upper, 255, 255, 0)},
		{name: "bow-out of a sound one while demoted", demotion: 1, do: hear(upper, 255, 255, 0)},
		{name: "too slow", do: hear(upper, 3, 1, 0)},
		{name: "just not too slow", do: hear(upper, 3, 0, 0)},
		{name: "an unknown vhid", do: func(g *Group, now time.Time) []Action {
			return g.Receive(now, Heard{Link: "wan", Src: upper, Own: self, Ad: Ad{VHID: 2}})
		}},
		{name: "an unknown link", do: func(g *Group, now time.Time) []Action {
			return g.Receive(now, Heard{Link: "lan", Src: upper, Own: self, Ad: Ad{VHID: 1}})
		}},
	}
}
