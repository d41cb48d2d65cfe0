package rules

import (
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/rules/dispatch"
	"github.com/rempart/rempart/rules/space"
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
	c := &compiler{w: w, sets: sets, done: map[string]*compiled{}, ways: map[config.Place][]dispatch.Term{}, places: map[config.Place]map[string]bool{}}
	c.base()
	c.guard()
	c.admin()
	c.rules()
	c.blocks()
	return c.part
}

type compiler struct {
	w       *World
	sets    *Sets
	part    Part
	done    map[string]*compiled             // rules that some chain has needed
	places  map[config.Place]map[string]bool // interfaces, by place
	ways    map[config.Place][]dispatch.Term // demands of the way out, by where it leads
	guarded map[string]bool                  // interfaces that refuse sources
	over    []nft.Chain                      // where what is over a limit goes
}

// The two chains in which rules are tried.
const (
	chainInput   = "input"
	chainForward = "forward"
)

// rules makes a chain for what comes in by each interface, to the gateway
// (input) or through it (forward).
func (c *compiler) rules() {
	var devices []string
	for _, i := range c.w.Config.Interfaces {
		devices = append(devices, c.w.Device(i.Name))
	}
	b := dispatch.New(devices, dispatch.Measured())
	for _, i := range c.w.Config.Interfaces {
		for _, base := range []string{chainInput, chainForward} {
			b.Add(ruleChain(base, i.Name), c.head(i.Name, base), c.list(i, base), nft.Verdict{Kind: nft.Goto, Chain: blockDefault})
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
	dispatch.Body
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

// leaving demands the way out of what goes through the gateway.
func (c *compiler) leaving(r config.Rule) []dispatch.Term {
	if r.To.Kind == config.PlaceAny || r.To.Kind == config.PlaceSelf {
		return nil
	}
	if t, ok := c.ways[r.To]; ok {
		return t
	}
	var within []uint64
	for n, i := range c.w.Config.Interfaces {
		if c.belongs(r.To, i.Name) {
			within = append(within, uint64(n))
		}
	}
	match := []nft.Expr{Devices(nft.OIFName, c.w.DevicesOf(r.To))}
	c.ways[r.To] = []dispatch.Term{{Dim: dispatch.Out, Within: space.Points(within...), Exact: true, Match: match}}
	return c.ways[r.To]
}

// Devices is a match of iifname or oifname with any of the devices.
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
	c.part.Counters = append(c.part.Counters, RuleCounter(r.Name))
	out := &compiled{by: map[string][]*dispatch.Rule{}, Body: dispatch.Body{
		Chain: "rule_" + r.Name, Statements: c.statements(r), Comment: r.Name,
		Own: r.Limits != nil || len(alternatives) > inlineAlternatives,
	}}
	if r.Limits != nil {
		out.Before = c.limits(r)
	}
	for _, base := range []string{chainInput, chainForward} {
		if !leaves(r, base) {
			continue
		}
		also := c.circumstances(r, base)
		for _, a := range alternatives {
			terms := slices.Concat(a.Terms, also)
			slices.SortStableFunc(terms, func(a, b dispatch.Term) int { return a.Weight() - b.Weight() })
			out.by[base] = append(out.by[base], &dispatch.Rule{Terms: terms, Body: &out.Body})
		}
	}
	c.done[r.Name] = out
	return out
}

// circumstances is what a rule demands beside the packet: its way out, and the time.
func (c *compiler) circumstances(r config.Rule, base string) []dispatch.Term {
	var out []dispatch.Term
	if base == chainForward {
		out = slices.Clone(c.leaving(r))
	}
	if r.Schedule != "" {
		on := nft.Lookup{Fields: []nft.Field{nft.MetaTime}, Set: c.sets.schedule(r.Schedule)}
		out = append(out, dispatch.Term{Dim: dispatch.Other, Match: []nft.Expr{on}})
	}
	return out
}

// RuleCounter names the counter of a rule or a translation.
func RuleCounter(name string) string { return "rule_" + name }

// statements is what a rule does with a new flow that it matches.
func (c *compiler) statements(r config.Rule) []nft.Expr {
	var out []nft.Expr
	if r.Log {
		out = append(out, logRule(r.Action, r.Name))
	}
	out = append(out, nft.Count{Counter: RuleCounter(r.Name)})
	switch r.Action {
	case config.Pass:
		if n := c.w.Numbers[r.Name]; n != 0 {
			out = append(out, nft.SetMark{Field: nft.CTMark, Value: uint32(n)})
		}
		return append(out, nft.Verdict{Kind: nft.Accept})
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
