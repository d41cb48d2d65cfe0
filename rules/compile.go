package rules

import (
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/rules/dispatch"
	"github.com/rempart/rempart/rules/space"
	"github.com/rempart/rempart/rules/steer"
)

// LogGroup is the NFLOG group that the packet log reads, and OverloadGroup the
// one that tells the daemon of a source that went over a limit.
const (
	LogGroup      = 1
	OverloadGroup = 2
	logSnaplen    = 128 // bytes of each packet: both headers with their options
)

// Part is what a room gives to the ruleset.
type Part struct {
	Helpers  []nft.Helper
	Counters []string
	Chains   []nft.Chain
}

// Compile turns the filter rules and the automatic rules around them into
// chains. Sets that they use are added to sets.
//
// A new flow walks: input or forward, guard (new without SYN, spoofed, bogon),
// admin access, the chain of the interface it came in by with the policy's
// rules, as they are written or as maps (package dispatch), and block_default.
func Compile(w *World, sets *Sets) Part {
	c := &compiler{w: w, sets: sets, lines: w.lines(), kept: w.KeptBits(), done: map[string]*compiled{}, places: map[config.Place]map[string]bool{}}
	c.steered = w.SteeredFrom()
	c.pair = w.Pair()
	c.base()
	c.guard()
	c.admin()
	c.rules()
	c.steering()
	c.untracked()
	c.quiet()
	c.blocks()
	return c.part
}

type compiler struct {
	w       *World
	sets    *Sets
	part    Part
	done    map[string]*compiled             // rules that some chain has needed
	places  map[config.Place]map[string]bool // interfaces, by place
	guarded map[string]bool                  // interfaces that refuse sources
	steered map[string]bool                  // interfaces for which some rule chooses a gateway
	lines   []Line
	pair    *Pair       // nil: a single gateway
	kept    uint32      // bits of a flow's mark that are not the rule's
	over    []nft.Chain // where what is over a limit goes
}

// The chains in which rules are tried: what goes to the gateway, what goes
// through it, and instead of the latter, where rules choose a gateway, before
// the routing decision.
const (
	chainInput   = "input"
	chainForward = "forward"
	chainSteer   = "steer"
)

// tried is all of them.
var tried = []string{chainInput, chainForward, chainSteer}

// rules makes a chain for what comes in by each interface, to the gateway
// (input) or through it (forward).
func (c *compiler) rules() {
	var devices []string
	for _, i := range c.w.Config.Interfaces {
		devices = append(devices, c.w.Device(i.Name))
	}
	b := dispatch.New(devices, dispatch.Measured())
	end := nft.Verdict{Kind: nft.Goto, Chain: blockDefault}
	for _, i := range c.w.Config.Interfaces {
		b.Add(ruleChain(chainInput, i.Name), nil, c.list(i, chainInput), end)
		if c.steered[i.Name] {
			b.Add(ruleChain(chainForward, i.Name), c.decided(), nil, end)
			b.Add(ruleChain(chainSteer, i.Name), c.head(i.Name, chainSteer), c.list(i, chainSteer), end)
		} else {
			b.Add(ruleChain(chainForward, i.Name), c.head(i.Name, chainForward), c.list(i, chainForward), end)
		}
	}
	r := b.Result()
	c.part.Chains = append(append(c.part.Chains, r.Chains...), c.over...)
	for _, m := range r.Maps {
		c.sets.Add(m)
	}
}

// list is the policy's rules for what comes in by an interface, in order.
func (c *compiler) list(i config.Interface, base string) []*dispatch.Rule {
	var out []*dispatch.Rule
	for _, r := range c.w.Config.Rules {
		if !r.Disabled && leaves(r, base) && c.belongs(r.From, i.Name) {
			out = append(out, c.compiled(r).by[base]...)
		}
	}
	return out
}

// compiled is a rule compiled once: what is done with a packet that matches, and
// the ways to match in each chain where rules are tried.
type compiled struct {
	by map[string][]*dispatch.Rule
}

// ruleChain names the chain of an interface: input_lan, forward_lan.
func ruleChain(base, iface string) string { return base + "_" + iface }

// belongs says whether an interface is of a place.
func (c *compiler) belongs(to config.Place, iface string) bool {
	if to.Kind == config.PlaceAny {
		return true
	}
	of := c.places[to]
	if of == nil {
		of = map[string]bool{}
		for _, name := range c.w.Config.InterfacesOf(to) {
			of[name] = true
		}
		c.places[to] = of
	}
	return of[iface]
}

// leaves says whether a rule can match what goes to the gateway (input) or through it (forward).
func leaves(r config.Rule, base string) bool {
	return r.To.Kind == config.PlaceAny || (r.To.Kind == config.PlaceSelf) == (base == chainInput)
}

// leaving demands the way out of what goes through the gateway. Before the
// routing decision it is asked of the routing table.
func (c *compiler) leaving(r config.Rule, base string) []dispatch.Term {
	if r.To.Kind == config.PlaceAny || r.To.Kind == config.PlaceSelf {
		return nil
	}
	dim, field := dispatch.Out, nft.OIFName
	if base == chainSteer {
		dim, field = dispatch.Route, nft.FIBDaddrOIFName
	}
	var within []uint64
	for n, i := range c.w.Config.Interfaces {
		if c.belongs(r.To, i.Name) {
			within = append(within, uint64(n))
		}
	}
	match := []nft.Expr{Devices(field, c.w.DevicesOf(r.To))}
	return []dispatch.Term{{Dim: dim, Within: space.Points(within...), Exact: true, Match: match}}
}

// Devices is a match of iifname, oifname or fib daddr oifname with any of the devices.
func Devices(field nft.Field, devices []string) nft.Expr {
	m := nft.Match{Field: field}
	for _, d := range devices {
		m.Values = append(m.Values, nft.Ifname(d))
	}
	return m
}

// inlineAlternatives is how many alternatives a rule may have before its
// statements move to a chain of their own, so that a listing stays readable.
const inlineAlternatives = 4

// compiled compiles a rule the first time that a chain needs it.
func (c *compiler) compiled(r config.Rule) *compiled {
	if done := c.done[r.Name]; done != nil {
		return done
	}
	alternatives := c.sets.Alternatives(Selector{
		Name: r.Name, Source: r.Source, Destination: r.Destination, Protocols: r.Protocols,
		SourcePorts: r.SourcePorts, Ports: r.Ports, ICMP: r.ICMP, TCPFlags: r.TCPFlags,
	})
	group, steers := steer.Find(c.w.Config, r.Gateway)
	if steers {
		alternatives = ofFamily(alternatives, group.Is6)
	}
	c.part.Counters = append(c.part.Counters, RuleCounter(r.Name))
	body := dispatch.Body{
		Chain: "rule_" + r.Name, Statements: c.statements(r, nft.Verdict{Kind: nft.Accept}), Comment: r.Name,
		Own: r.Limits != nil || len(alternatives) > inlineAlternatives,
	}
	if r.Limits != nil {
		body.Before = c.limits(r)
	}
	out := &compiled{by: map[string][]*dispatch.Rule{}}
	bodies := map[string]*dispatch.Body{chainInput: &body, chainForward: &body, chainSteer: &body}
	if steers {
		steered := body
		steered.Chain = "steered_" + r.Name
		steered.Statements = c.statements(r, nft.Verdict{Kind: nft.Goto, Chain: gatewayChain(r.Gateway)})
		bodies[chainSteer] = &steered
	}
	for _, base := range tried {
		if leaves(r, base) {
			out.by[base] = ways(alternatives, c.circumstances(r, base), bodies[base])
			if near := c.near(r, base); near != nil {
				out.by[base] = append(out.by[base], ways(alternatives, near, bodies[base])...)
			}
		}
	}
	c.done[r.Name] = out
	return out
}

// ways is the ways to match a rule in a chain.
func ways(alternatives []Alternative, also []dispatch.Term, body *dispatch.Body) []*dispatch.Rule {
	var out []*dispatch.Rule
	for _, a := range alternatives {
		terms := slices.Concat(a.Terms, also)
		slices.SortStableFunc(terms, func(a, b dispatch.Term) int { return a.Weight() - b.Weight() })
		out = append(out, &dispatch.Rule{Terms: terms, Body: body})
	}
	return out
}

// ofFamily is the alternatives for one family: those of both ask for it.
func ofFamily(all []Alternative, six bool) []Alternative {
	f := V4
	if six {
		f = V6
	}
	var out []Alternative
	for _, a := range all {
		switch a.Family {
		case 0:
			out = append(out, a.with([]dispatch.Term{f.term()}, nil))
		case f:
			out = append(out, a)
		}
	}
	return out
}

// circumstances is what a rule demands beside the packet: its way out, and the time.
func (c *compiler) circumstances(r config.Rule, base string) []dispatch.Term {
	var out []dispatch.Term
	if base != chainInput {
		out = c.leaving(r, base)
	}
	if g, ok := steer.Find(c.w.Config, r.Gateway); ok && g.OnDown == config.OnDownNext && base != chainInput {
		up := nft.Lookup{Fields: []nft.Field{nft.NFProto}, Set: upSet(g.Name)}
		out = append(out, dispatch.Term{Dim: dispatch.Other, Match: []nft.Expr{up}})
	}
	return append(out, c.onTime(r)...)
}

// onTime demands that the rule's schedule is on.
func (c *compiler) onTime(r config.Rule) []dispatch.Term {
	if r.Schedule == "" {
		return nil
	}
	on := nft.Lookup{Fields: []nft.Field{nft.MetaTime}, Set: c.sets.schedule(r.Schedule)}
	return []dispatch.Term{{Dim: dispatch.Other, Match: []nft.Expr{on}}}
}

// near is what a rule demands of packets that its gateway is not used for, since
// the routing table sends them to the inside: that the gateway is up is no matter
// there. nil: there are none, or the rule asks for no more anyway.
func (c *compiler) near(r config.Rule, base string) []dispatch.Term {
	g, ok := steer.Find(c.w.Config, r.Gateway)
	if !ok || base != chainSteer || g.OnDown != config.OnDownNext || !c.w.Outward(g) {
		return nil
	}
	var within []uint64
	var devices []string
	for n, i := range c.w.Config.Interfaces {
		if !i.External && c.belongs(r.To, i.Name) {
			within = append(within, uint64(n))
			devices = append(devices, c.w.Device(i.Name))
		}
	}
	if len(within) == 0 {
		return nil
	}
	inside := dispatch.Term{Dim: dispatch.Route, Within: space.Points(within...), Exact: true, Match: []nft.Expr{Devices(nft.FIBDaddrOIFName, devices)}}
	return append([]dispatch.Term{inside}, c.onTime(r)...)
}

// RuleCounter names the counter of a rule or a translation.
func RuleCounter(name string) string { return "rule_" + name }

// statements is what a rule does with a new flow that it matches; pass is how it goes on when it passes.
func (c *compiler) statements(r config.Rule, pass nft.Verdict) []nft.Expr {
	var out []nft.Expr
	if r.Log {
		out = append(out, logRule(r.Action, r.Name))
	}
	out = append(out, nft.Count{Counter: RuleCounter(r.Name)})
	switch r.Action {
	case config.Pass:
		if n := c.w.Numbers[r.Name]; n != 0 {
			out = append(out, nft.SetMark{Field: nft.CTMark, Keep: c.kept, Value: uint32(n)})
		}
		return append(out, pass)
	case config.Reject:
		return append(out, nft.Verdict{Kind: nft.Goto, Chain: chainReject})
	}
	return append(out, nft.Verdict{Kind: nft.Drop})
}

// logRule is the log statement of a rule.
func logRule(a config.Action, name string) nft.Expr {
	action := map[config.Action]packetlog.Action{
		config.Pass: packetlog.Pass, config.Block: packetlog.Block, config.Reject: packetlog.Reject,
	}[a]
	return Log(packetlog.Reason{Action: action, Cause: packetlog.CauseRule, Rule: name})
}

// Log is the statement that puts a packet into the packet log with the reason of what happens to it.
func Log(r packetlog.Reason) nft.Expr { return logTo(LogGroup, r) }

func logTo(group uint16, r packetlog.Reason) nft.Expr {
	return nft.Log{Prefix: r.Prefix(), Group: group, Snaplen: logSnaplen}
}
