package rules

import (
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/packetlog"
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
	Counters []string
	Chains   []nft.Chain
}

// Compile turns the filter rules and the automatic rules around them into
// chains. Sets that they use are added to sets.
//
// A new flow walks: input or forward, guard (new without SYN, spoofed, bogon),
// admin access, the chain of the interface it came in by with the policy's
// rules in order, and block_default.
func Compile(w *World, sets *Sets) Part {
	c := &compiler{w: w, sets: sets}
	c.base()
	c.guard()
	c.admin()
	for _, i := range w.Config.Interfaces {
		c.dispatch(i, chainInput)
		c.dispatch(i, chainForward)
	}
	for _, r := range w.Config.Rules {
		if c.shared[r.Name] != nil {
			c.part.Chains = append(c.part.Chains, *c.shared[r.Name])
		}
	}
	c.blocks()
	return c.part
}

type compiler struct {
	w      *World
	sets   *Sets
	part   Part
	bodies map[string]*body
	shared map[string]*nft.Chain // statements of a rule in a chain of their own
}

// The two chains in which rules are tried.
const (
	chainInput   = "input"
	chainForward = "forward"
)

// body is a rule compiled once: its alternatives and what is done with a packet that passes one.
type body struct {
	alternatives []Alternative
	statements   []nft.Expr
}

// dispatch makes the chain of rules for what comes in by an interface, to the
// gateway (input) or through it (forward).
func (c *compiler) dispatch(i config.Interface, base string) {
	chain := nft.Chain{Name: ruleChain(base, i.Name)}
	for _, r := range c.w.Config.Rules {
		out, ok := c.leaving(r, base)
		if r.Disabled || !ok || !c.entersBy(r, i.Name) {
			continue
		}
		b := c.body(r)
		for _, a := range b.alternatives {
			exprs := append(append([]nft.Expr{}, out...), a.Matches...)
			exprs = append(exprs, b.statements...)
			chain.Rules = append(chain.Rules, nft.Rule{Exprs: exprs, Comment: r.Name})
		}
	}
	chain.Rules = append(chain.Rules, nft.Rule{Exprs: []nft.Expr{nft.Verdict{Kind: nft.Goto, Chain: blockDefault}}})
	c.part.Chains = append(c.part.Chains, chain)
}

// ruleChain names the chain of an interface: input_lan, forward_lan.
func ruleChain(base, iface string) string { return base + "_" + iface }

func (c *compiler) entersBy(r config.Rule, iface string) bool {
	if r.From.Kind == config.PlaceAny {
		return true
	}
	for _, n := range c.w.Config.InterfacesOf(r.From) {
		if n == iface {
			return true
		}
	}
	return false
}

// leaving is the match on the way out, and whether the rule can match in that chain at all.
func (c *compiler) leaving(r config.Rule, base string) ([]nft.Expr, bool) {
	switch {
	case r.To.Kind == config.PlaceAny:
		return nil, true
	case base == chainInput:
		return nil, r.To.Kind == config.PlaceSelf
	case r.To.Kind == config.PlaceSelf:
		return nil, false
	}
	return []nft.Expr{Devices(nft.OIFName, c.w.DevicesOf(r.To))}, true
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

// body compiles a rule the first time that a chain needs it.
func (c *compiler) body(r config.Rule) *body {
	if b := c.bodies[r.Name]; b != nil {
		return b
	}
	b := &body{alternatives: c.sets.Alternatives(Selector{
		Name: r.Name, Source: r.Source, Destination: r.Destination, Protocols: r.Protocols,
		SourcePorts: r.SourcePorts, Ports: r.Ports, ICMP: r.ICMP, TCPFlags: r.TCPFlags,
	})}
	if r.Schedule != "" {
		on := nft.Lookup{Fields: []nft.Field{nft.MetaTime}, Set: c.sets.schedule(r.Schedule)}
		for i, a := range b.alternatives {
			b.alternatives[i].Matches = append([]nft.Expr{on}, a.Matches...)
		}
	}
	c.part.Counters = append(c.part.Counters, RuleCounter(r.Name))
	b.statements = c.statements(r)
	if r.Limits != nil || len(b.alternatives) > inlineAlternatives {
		chain := c.chainOf(r, b.statements)
		if c.shared == nil {
			c.shared = map[string]*nft.Chain{}
		}
		c.shared[r.Name] = chain
		b.statements = []nft.Expr{nft.Verdict{Kind: nft.Goto, Chain: chain.Name}}
	}
	if c.bodies == nil {
		c.bodies = map[string]*body{}
	}
	c.bodies[r.Name] = b
	return b
}

// chainOf is a chain of a rule's own: its limits, then its statements.
func (c *compiler) chainOf(r config.Rule, statements []nft.Expr) *nft.Chain {
	chain := &nft.Chain{Name: "rule_" + r.Name}
	if r.Limits != nil {
		chain.Rules = c.limits(r)
	}
	chain.Rules = append(chain.Rules, nft.Rule{Exprs: statements, Comment: r.Name})
	return chain
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
