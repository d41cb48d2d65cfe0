package rules

import (
	"strconv"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/packetlog"
)

const second = time.Second

// limitSources bounds how many sources a limit can watch at once. A source for
// which there is no room is refused: a full set must not switch a limit off.
const limitSources = 65536

// LimitCounter names the counter of what a rule's limits refused.
func LimitCounter(rule string) string { return "limit_" + rule }

// limits is the rules at the head of a limited rule's chain. Limits a source
// come first, so that one loud source does not use up the room of all.
func (c *compiler) limits(r config.Rule) []nft.Rule {
	l := r.Limits
	c.part.Counters = append(c.part.Counters, LimitCounter(r.Name))
	over := nft.Verdict{Kind: nft.Goto, Chain: "limit_" + r.Name}
	overSource := nft.Verdict{Kind: nft.Goto, Chain: over.Chain}
	if l.Overload != "" {
		overSource.Chain = "overload_" + r.Name
		c.over = append(c.over, c.overloadChain(r))
	}
	c.over = append(c.over, c.limitChain(r))
	var out []nft.Rule
	for _, f := range families {
		if l.RatePerSource.Count > 0 {
			set := SetName("rate", figured(r.Name, l.RatePerSource.Count, int(l.RatePerSource.Per/second)), f)
			c.sets.Add(nft.Set{Name: set, Key: []nft.Type{f.Type()}, Dynamic: true, HasTimeout: true, Timeout: rateMemory(l.RatePerSource), Size: limitSources})
			rate, unit := perUnit(l.RatePerSource)
			limit := nft.Limit{Rate: rate, Unit: unit, Burst: uint32(l.RatePerSource.Count), Over: true}
			out = append(out, watched(r.Name, f.Source(), set, nft.DynSet{Update: true, Set: set, Fields: []nft.Field{f.Source()}, Stmt: limit}, overSource, over)...)
		}
		if l.FlowsPerSource > 0 {
			set := SetName("flows", figured(r.Name, l.FlowsPerSource), f)
			c.sets.Add(nft.Set{Name: set, Key: []nft.Type{f.Type()}, Dynamic: true, Size: limitSources})
			count := nft.ConnLimit{Over: uint32(l.FlowsPerSource)}
			out = append(out, watched(r.Name, f.Source(), set, nft.DynSet{Set: set, Fields: []nft.Field{f.Source()}, Stmt: count}, overSource, over)...)
		}
	}
	if l.Flows > 0 {
		out = append(out, c.limitAll(r, over)...)
	}
	return out
}

// limitAll limits the flows of a rule as a whole. A count in a rule is lost
// when rules are exchanged, with all the flows that it knew; one in a set stays.
// The set has one element: new flows go in the original direction.
func (c *compiler) limitAll(r config.Rule, over nft.Verdict) []nft.Rule {
	set := "total_" + figured(r.Name, r.Limits.Flows)
	c.sets.Add(nft.Set{Name: set, Key: []nft.Type{nft.TypeDirection}, Dynamic: true, Size: limitSources})
	count := nft.DynSet{Set: set, Fields: []nft.Field{nft.CTDirection}, Stmt: nft.ConnLimit{Over: uint32(r.Limits.Flows)}}
	return watched(r.Name, nft.CTDirection, set, count, over, over)
}

// figured is a rule's name with the figures of a limit, for the set that holds
// it. An element keeps the limit that it was made with for as long as it lives,
// so another limit needs another set.
func figured(rule string, figures ...int) string {
	for _, n := range figures {
		rule += "_" + strconv.Itoa(n)
	}
	return rule
}

// watched asks a set about a field of the packet, such as its source, and refuses what found no room in it.
func watched(name string, field nft.Field, set string, ask nft.DynSet, over, full nft.Verdict) []nft.Rule {
	return []nft.Rule{
		{Exprs: []nft.Expr{ask, over}, Comment: name},
		{Exprs: []nft.Expr{nft.Lookup{Fields: []nft.Field{field}, Not: true, Set: set}, full}, Comment: name},
	}
}

func (c *compiler) limitChain(r config.Rule) nft.Chain {
	reason := packetlog.Reason{Action: packetlog.Block, Cause: packetlog.CauseLimit, Rule: r.Name}
	return nft.Chain{Name: "limit_" + r.Name, Rules: []nft.Rule{
		rule(nft.Count{Counter: LimitCounter(r.Name)}),
		rule(nft.Limit{Rate: logRate, Unit: second, Burst: 2 * logRate}, Log(reason)),
		rule(nft.Verdict{Kind: nft.Drop}),
	}}
}

// overloadChain puts the source into the overload alias and tells the daemon, which ends the source's flows.
func (c *compiler) overloadChain(r config.Rule) nft.Chain {
	chain := nft.Chain{Name: "overload_" + r.Name}
	for _, f := range families {
		add := nft.DynSet{Update: true, Set: SetName("alias", r.Limits.Overload, f), Fields: []nft.Field{f.Source()}}
		chain.Rules = append(chain.Rules, rule(add))
	}
	reason := packetlog.Reason{Action: packetlog.Block, Cause: packetlog.CauseLimit, Rule: r.Name}
	chain.Rules = append(chain.Rules,
		rule(nft.Limit{Rate: logRate, Unit: second, Burst: 2 * logRate}, logTo(OverloadGroup, reason)),
		rule(gotoChain("limit_"+r.Name)))
	return chain
}

// perUnit is a rate in the units that nftables knows: the smallest one in
// which the rate is a whole number, or else the nearest rate a week, which is
// less than one part in ten thousand away for anything an office would write.
func perUnit(r config.Rate) (uint64, time.Duration) {
	units := []time.Duration{time.Second, time.Minute, time.Hour, 24 * time.Hour, 7 * 24 * time.Hour}
	for _, u := range units {
		if n := int64(r.Count) * int64(u/time.Second); n >= int64(r.Per/time.Second) && n%int64(r.Per/time.Second) == 0 {
			return uint64(n / int64(r.Per/time.Second)), u
		}
	}
	week := units[len(units)-1]
	return uint64(max(1, int64(r.Count)*int64(week/time.Second)/int64(r.Per/time.Second))), week
}

// rateMemory is how long a silent source is remembered: until its bucket is full again, and some more.
func rateMemory(r config.Rate) time.Duration { return max(2*r.Per, time.Minute).Round(time.Second) }
