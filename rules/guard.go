package rules

import (
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/rules/steer"
)

// The chains and counters that every policy has.
const (
	chainGuard  = "guard"
	chainAdmin  = "admin"
	chainReject = "reject_packet"

	blockDefault = "block_default"
	blockInvalid = "block_invalid"
	blockNoSYN   = "block_nosyn"
	blockSpoofed = "block_spoofed"
	blockBogon   = "block_bogon"
	blockGateway = "block_gateway"

	// CounterAdmin, CounterForwarded and CounterNeighbour count what the
	// automatic rules let in: admin access, port forwards that pass, and what
	// IPv6 needs to live.
	CounterAdmin     = "auto_admin"
	CounterForwarded = "auto_forwarded"
	CounterNeighbour = "auto_neighbour"
)

// DropReason is one reason for which packets are dropped without a rule.
type DropReason struct {
	Counter string // and the name of its chain
	Cause   packetlog.Cause
	Setting string // of the policy that brings it about
	Text    string
}

// Drops is the reasons of automatic drops: the default first, then those that come before the rules.
var Drops = []DropReason{
	{blockDefault, packetlog.CauseDefault, "always", "what no rule decided"},
	{blockInvalid, packetlog.CauseInvalid, "always", "packets that belong to no flow and cannot begin one"},
	{blockNoSYN, packetlog.CauseNoSYN, "always", "new TCP flows that do not begin with SYN"},
	{blockSpoofed, packetlog.CauseSpoofed, "interface.antispoof", "sources that live behind another interface"},
	{blockBogon, packetlog.CauseBogon, "interface.block_bogons, block_private", "sources that cannot be honest there"},
	{blockGateway, packetlog.CauseGateway, "gateway", "what has no gateway to leave by"},
}

// Drops is the reasons that the policy has: that of gateways only where one blocks while it is down.
func (w *World) Drops() []DropReason {
	if len(w.lines()) > 0 || slices.ContainsFunc(w.Steered(), func(g steer.Group) bool { return g.OnDown == config.OnDownBlock }) {
		return Drops
	}
	return Drops[:len(Drops)-1]
}

// base makes the chains that the kernel enters. Established flows are accepted
// in the first rule, so that the length of a policy costs them nothing.
func (c *compiler) base() {
	c.part.Counters = append(c.part.Counters, CounterAdmin, CounterForwarded, CounterNeighbour)
	established := rule(nft.CTState{States: nft.StateEstablished | nft.StateRelated}, accept())
	invalid := rule(nft.CTState{States: nft.StateInvalid}, gotoChain(blockInvalid))
	// What is not tracked is discovery, multicast listening and a pair: it speaks of its own link.
	beyond := rule(nft.CTState{States: nft.StateInvalid | nft.StateUntracked}, gotoChain(blockInvalid))
	c.part.Chains = append(c.part.Chains,
		nft.Chain{Name: chainInput, Hook: filterHook(nft.Input), Rules: []nft.Rule{
			established,
			rule(Devices(nft.IIFName, []string{"lo"}), accept()),
			c.neighbours(),
			c.listeners(),
			invalid,
			rule(jump(chainGuard)),
			rule(jump(chainAdmin)),
		}},
		nft.Chain{Name: chainForward, Hook: filterHook(nft.Forward), Rules: []nft.Rule{established, beyond, noSYN()}},
	)
	input, forward := &c.part.Chains[0], &c.part.Chains[1]
	input.Rules = slices.Insert(input.Rules, 5, c.begins(0)...)
	input.Rules = slices.Insert(input.Rules, 2, c.hears()...)
	forward.Rules = slices.Concat(c.tells(), forward.Rules, c.begins(eventsBegun))
	for i := range c.part.Chains {
		base := &c.part.Chains[i]
		if len(c.w.Config.Interfaces) > 0 {
			base.Rules = append(base.Rules, c.byInterface(base.Name))
		}
		base.Rules = append(base.Rules, rule(gotoChain(blockDefault)))
	}
}

func filterHook(point string) *nft.Hook {
	return &nft.Hook{Type: "filter", Point: point, Priority: 0, Policy: nft.Verdict{Kind: nft.Drop}}
}

// neighbours lets in what IPv6 needs to live on a link: neighbour and router
// discovery. Hop limit 255 proves that it comes from the link (RFC 4861).
func (c *compiler) neighbours() nft.Rule {
	types := nft.Match{Field: nft.ICMPv6TypeF}
	for t := uint32(133); t <= 137; t++ {
		types.Values = append(types.Values, nft.Number(nft.TypeICMPv6, t))
	}
	hops := nft.Match{Field: nft.IP6HopLimit, Values: []nft.Value{nft.Number(nft.TypeHops, 255)}}
	return nft.Rule{Exprs: []nft.Expr{hops, types, nft.Count{Counter: CounterNeighbour}, accept()}, Comment: "neighbour discovery"}
}

// listeners lets in what says who listens to which multicast address on a link,
// with hop limit 1 (RFC 2710, RFC 3810): the gateway is one of those who do.
func (c *compiler) listeners() nft.Rule {
	types := nft.Match{Field: nft.ICMPv6TypeF}
	for _, t := range []uint32{130, 131, 132, 143} {
		types.Values = append(types.Values, nft.Number(nft.TypeICMPv6, t))
	}
	hops := nft.Match{Field: nft.IP6HopLimit, Values: []nft.Value{nft.Number(nft.TypeHops, 1)}}
	return nft.Rule{Exprs: []nft.Expr{hops, types, nft.Count{Counter: CounterNeighbour}, accept()}, Comment: "multicast listeners"}
}

// noSYN drops new TCP flows that do not begin with SYN.
func noSYN() nft.Rule {
	return rule(nft.TCPFlags{Not: true, Mask: config.FlagFIN | config.FlagSYN | config.FlagRST | config.FlagACK, Value: config.FlagSYN}, gotoChain(blockNoSYN))
}

// head is what comes before the rules in the chain of an interface. Of what goes
// through the gateway that is the interface's guard and the port forwards: the
// interface is looked up once for all of it. What comes to the gateway itself
// was guarded before, for administrators come in by any interface.
func (c *compiler) head(iface, base string) []nft.Rule {
	if base == chainInput {
		return nil
	}
	var out []nft.Rule
	if base == chainSteer { // what is not for one machine beyond the gateway has no line to choose
		near := nft.Match{Field: nft.FIBDaddrType}
		for _, kind := range []uint32{fibLocal, fibBroadcast, fibAnycast, fibMulticast} {
			near.Values = append(near.Values, nft.Number(nft.TypeFIB, kind))
		}
		out = append(out, rule(near, nft.Verdict{Kind: nft.Return}))
		out = append(out, noSYN())
	}
	if c.guarded[iface] {
		out = append(out, rule(jump(guardChain(iface))))
	}
	if slices.ContainsFunc(c.w.Config.PortForwards, func(f config.PortForward) bool { return f.Pass && !f.Disabled }) {
		marked := nft.Match{Field: nft.CTMark, Not: true, Mask: c.ruleBits(), Values: []nft.Value{nft.Number(nft.TypeMark, 0)}}
		out = append(out, nft.Rule{Comment: "port forwards with pass", Exprs: []nft.Expr{
			nft.CTStatus{Bits: nft.StatusDNAT}, marked, nft.Count{Counter: CounterForwarded}, accept(),
		}})
	}
	return out
}

func guardChain(iface string) string { return chainGuard + "_" + iface }

// byInterface sends a new flow to the rules of the interface that it came in by.
func (c *compiler) byInterface(base string) nft.Rule {
	m := nft.VMap{Fields: []nft.Field{nft.IIFName}}
	for _, i := range c.w.Config.Interfaces {
		m.Elements = append(m.Elements, nft.Element{
			Key:     []nft.Value{nft.Ifname(c.w.Device(i.Name))},
			Verdict: nft.Verdict{Kind: nft.Goto, Chain: ruleChain(base, i.Name)},
		})
	}
	return rule(m)
}

// guard drops new flows that cannot be honest, whatever the rules say.
func (c *compiler) guard() {
	head := nft.Chain{Name: chainGuard, Rules: []nft.Rule{noSYN()}}
	c.guarded = map[string]bool{}
	m := nft.VMap{Fields: []nft.Field{nft.IIFName}}
	var chains []nft.Chain
	for _, i := range c.w.Config.Interfaces {
		chain := nft.Chain{Name: guardChain(i.Name)}
		for _, g := range c.w.Guards(i) {
			for _, f := range families {
				// A set an interface: each leaves out its own subnets.
				name := SetName(g.set, i.Name, f)
				sources := c.sets.ranges(g.Sources, f)
				if len(sources) == 0 {
					continue
				}
				c.sets.addresses(name, f, sources)
				chain.Rules = append(chain.Rules, rule(nft.Lookup{Fields: []nft.Field{f.Source()}, Set: name}, gotoChain(g.chain)))
			}
		}
		if len(chain.Rules) == 0 {
			continue
		}
		chains = append(chains, chain)
		c.guarded[i.Name] = true
		m.Elements = append(m.Elements, nft.Element{
			Key:     []nft.Value{nft.Ifname(c.w.Device(i.Name))},
			Verdict: nft.Verdict{Kind: nft.Jump, Chain: chain.Name},
		})
	}
	if len(m.Elements) > 0 {
		head.Rules = append(head.Rules, rule(m))
	}
	c.part.Chains = append(append(c.part.Chains, head), chains...)
}

// admin lets the administrators reach the gateway before any rule is asked.
func (c *compiler) admin() {
	chain := nft.Chain{Name: chainAdmin}
	ports := portValues(merged(c.w.Config.System.AdminPorts))
	if len(c.w.Config.System.Admin) > 0 && len(ports) > 0 {
		// No rule can have that name: its sets are nobody else's.
		for _, a := range c.sets.Alternatives(Selector{Name: "_admin", Source: c.w.Config.System.Admin}) {
			exprs := append(a.Matches(), nft.Match{Field: nft.TCPDport, Values: ports}, nft.Count{Counter: CounterAdmin}, accept())
			chain.Rules = append(chain.Rules, nft.Rule{Exprs: exprs, Comment: "admin access"})
		}
	}
	c.part.Chains = append(c.part.Chains, chain)
}

// logRate bounds how many automatic drops a second are logged, so that a flood
// costs counters and not the log; every packet is counted all the same.
const logRate = 100

// blocks makes the ends of the road: one chain and counter a reason, and the refusal.
func (c *compiler) blocks() {
	for _, d := range c.w.Drops() {
		chain := nft.Chain{Name: d.Counter, Rules: []nft.Rule{rule(nft.Count{Counter: d.Counter})}}
		if c.w.Config.System.LogDefault {
			limit := nft.Limit{Rate: logRate, Unit: second, Burst: 2 * logRate}
			reason := packetlog.Reason{Action: packetlog.Block, Cause: d.Cause}
			chain.Rules = append(chain.Rules, rule(limit, Log(reason)))
		}
		chain.Rules = append(chain.Rules, rule(nft.Verdict{Kind: nft.Drop}))
		c.part.Counters = append(c.part.Counters, d.Counter)
		c.part.Chains = append(c.part.Chains, chain)
	}
	reject := nft.Chain{Name: chainReject}
	if len(c.lines) > 0 {
		// A reset leaves in the name of whom the packet was for, and has to go back by
		// the line that the packet came in by: it takes that from the packet's flow.
		by := c.lineMap(nft.IIFName)
		for i := range by.Elements {
			by.Elements[i].Verdict.Kind = nft.Jump
		}
		reject.Rules = append(reject.Rules, rule(append(fresh(), by)...))
	}
	reject.Rules = append(reject.Rules, rule(nft.Reject{With: nft.RejectTCPReset}), rule(nft.Reject{With: nft.RejectPortUnreachable}))
	c.part.Chains = append(c.part.Chains, reject)
}

func rule(exprs ...nft.Expr) nft.Rule { return nft.Rule{Exprs: exprs} }
func accept() nft.Expr                { return nft.Verdict{Kind: nft.Accept} }
func jump(chain string) nft.Expr      { return nft.Verdict{Kind: nft.Jump, Chain: chain} }
func gotoChain(chain string) nft.Expr { return nft.Verdict{Kind: nft.Goto, Chain: chain} }
