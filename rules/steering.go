package rules

import (
	"slices"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
)

// The chains in which flows get and keep their line. A rule that names a gateway
// has to be tried before the routing decision; what it chooses stands in the
// flow's mark, and each further packet takes it from there.
//
//	lines_begin   prerouting: further packets get their line, and what belongs to flows that were ended is refused
//	lines_in      prerouting: new flows meet the rules that choose
//	lines_own     output: what the gateway itself answers goes back by the line it came in by
//	lines_input   a new flow to the gateway that came in by a line is answered by it
//	lines_out     postrouting: a new flow that leaves by a line keeps to it, or else is answered by the one it came in by
//
// The last two are of type nat: the kernel asks them about new flows alone. And
// last, lines_guard lets nothing leave by a line with the address of another one.
const (
	chainLinesBegin = "lines_begin"
	chainLinesEnded = "lines_ended"
	chainLinesIn    = "lines_in"
	chainLinesOwn   = "lines_own"
	chainLinesInput = "lines_input"
	chainLinesOut   = "lines_out"
	chainLinesKeep  = "lines_keep"
	chainLinesRaw   = "lines_raw"
	chainLinesGuard = "lines_guard"
)

// Priorities of those chains: after connection tracking and inbound translation,
// before outbound translation, and the guard after it.
const (
	prioritySteer  = -90
	priorityRoute  = -150
	priorityMangle = -150
	priorityGuard  = 150
	priorityPin    = 90
	priorityRaw    = -300
)

// The kinds of addresses that the gateway takes itself, as rtnetlink(7) numbers
// them. What has no route is of another kind in IPv6 than in IPv4, and all the
// same beyond the gateway.
const (
	fibLocal     = 2
	fibBroadcast = 3
	fibAnycast   = 4
	fibMulticast = 5
)

// SteerSeed makes sources keep their slot on both nodes of a pair, among steer.Slots.
const SteerSeed = 0x6c696e65

func gatewayChain(name string) string { return "gateway_" + name }
func slotMap(name string) string      { return "slots_" + name }
func upSet(name string) string        { return "up_" + name }
func viaChain(name string) string     { return "via_" + name }

// KeptBits is the bits of a flow's mark that stay when a rule writes its number:
// none where flows carry no gateways.
func (w *World) KeptBits() uint32 {
	if len(w.lines()) > 0 || len(w.Steered()) > 0 {
		return ^RuleMask
	}
	return 0
}

// ruleBits is the mask by which a mark is asked for its rule; 0 where it holds nothing else.
func (c *compiler) ruleBits() uint32 {
	if c.kept != 0 {
		return RuleMask
	}
	return 0
}

// SteeredFrom is the interfaces by which packets come in for which some rule may
// choose a gateway. All of them are asked about before they are routed.
func (w *World) SteeredFrom() map[string]bool {
	out := map[string]bool{}
	for _, r := range w.Config.Rules {
		if r.Gateway == "" || r.Disabled || !leaves(r, chainSteer) {
			continue
		}
		from := w.Config.InterfacesOf(r.From)
		for _, i := range w.Config.Interfaces {
			if r.From.Kind == config.PlaceAny || slices.Contains(from, i.Name) {
				out[i.Name] = true
			}
		}
	}
	return out
}

// decided is what goes through the gateway when its rules were tried before: it
// carries the number of the one that passed it.
func (c *compiler) decided() []nft.Rule {
	passed := nft.Match{Field: nft.CTMark, Not: true, Mask: RuleMask, Values: []nft.Value{nft.Number(nft.TypeMark, 0)}}
	return []nft.Rule{{Exprs: []nft.Expr{passed, accept()}, Comment: "passed before it was routed"}}
}

// steering makes the chains of lines, where a policy has any that matter.
func (c *compiler) steering() {
	if c.kept == 0 {
		return
	}
	c.begin()
	c.steerIn()
	c.part.Chains = append(c.part.Chains, nft.Chain{
		Name: chainLinesRaw, Hook: after(nft.Output, priorityRaw),
		Rules: []nft.Rule{{Comment: "tells ends of flows that they ended", Exprs: []nft.Expr{
			nft.Match{Field: nft.MetaMark, Values: []nft.Value{nft.Number(nft.TypeMark, NudgeMark)}}, nft.NoTrack{},
		}}},
	})
	c.restoring()
	c.part.Chains = append(c.part.Chains, c.own())
	if len(c.lines) > 0 {
		c.pinning()
	}
	vias := map[string]bool{}
	for _, g := range c.w.Steered() {
		c.group(g, vias)
	}
}

// own gives what the gateway itself sends the line of its flow. What the routing
// table sends to the inside needs none: an error about a flow (ICMP) carries its
// mark as well, and is for whoever opened it.
func (c *compiler) own() nft.Chain {
	chain := nft.Chain{Name: chainLinesOwn, Hook: &nft.Hook{Type: "route", Point: nft.Output, Priority: priorityRoute, Policy: accepted}}
	if inside := c.insideDevices(); len(inside) > 0 {
		chain.Rules = append(chain.Rules, nft.Rule{Comment: "goes to the inside", Exprs: []nft.Expr{
			Devices(nft.OIFName, inside), nft.Verdict{Kind: nft.Return},
		}})
	}
	chain.Rules = append(chain.Rules, rule(gatewayBits(true, 0), restore()))
	return chain
}

var accepted = nft.Verdict{Kind: nft.Accept}

func after(point string, priority int) *nft.Hook {
	return &nft.Hook{Type: "filter", Point: point, Priority: priority, Policy: accepted}
}

// EndedSet holds the ends of flows that were ended because of their line, for so
// long: what either end still sends is refused with a reset. The daemon fills it.
func EndedSet(f Family) nft.Set {
	return nft.Set{
		Name: "ended_" + f.String(), Key: []nft.Type{f.Type(), nft.TypePort, f.Type(), nft.TypePort},
		Dynamic: true, HasTimeout: true, Timeout: EndedFor, Size: EndedRoom,
	}
}

// NudgeMark is the packet mark of what the daemon sends to the ends of ended
// flows, in the name of their peers: it is no flow of the gateway's own.
const NudgeMark = 0x00005252

// EndedFor is how long the ends of ended flows are remembered, and EndedRoom how
// many of one family.
const (
	EndedFor  = time.Minute
	EndedRoom = 262144
)

// begin takes packets on: those of flows that have a line get it, and what belongs
// to flows that were ended is refused, before anything can take it for the
// beginning of another one. SYNs do begin another one, and resets are answers to
// what the daemon sent.
func (c *compiler) begin() {
	begin := nft.Chain{Name: chainLinesBegin, Hook: after(nft.Prerouting, priorityMangle), Rules: []nft.Rule{
		rule(gatewayBits(true, 0), jump(chainLinesKeep)),
		rule(nft.CTState{States: nft.StateEstablished | nft.StateRelated}, accept()),
	}}
	for _, f := range families {
		c.sets.Add(EndedSet(f))
		ends := []nft.Field{f.Source(), nft.TCPSport, f.Destination(), nft.TCPDport}
		begin.Rules = append(begin.Rules, rule(nft.Lookup{Fields: ends, Set: EndedSet(f).Name}, gotoChain(chainLinesEnded)))
	}
	refuse := nft.Chain{Name: chainLinesEnded, Rules: []nft.Rule{
		rule(nft.TCPFlags{Mask: config.FlagSYN, Value: config.FlagSYN}, accept()),
		rule(nft.TCPFlags{Mask: config.FlagRST, Value: config.FlagRST}, nft.Verdict{Kind: nft.Drop}),
	}}
	if devices := c.lineDevices(); len(devices) > 0 {
		refuse.Rules = append(refuse.Rules, nft.Rule{Comment: "its reset would not know its line", Exprs: []nft.Expr{
			nft.CTState{States: nft.StateInvalid}, Devices(nft.IIFName, devices), nft.Verdict{Kind: nft.Drop},
		}})
	}
	refuse.Rules = append(refuse.Rules, rule(gotoChain(chainReject)))
	c.part.Chains = append(c.part.Chains, begin, refuse)
}

// once is a hook that the kernel comes to with new flows alone.
func once(point string) *nft.Hook {
	return &nft.Hook{Type: "nat", Point: point, Priority: priorityPin, Policy: accepted}
}

// gatewayBits asks which gateway a flow has, or with not, that it has none of those.
func gatewayBits(not bool, marks ...uint32) nft.Expr {
	m := nft.Match{Field: nft.CTMark, Not: not, Mask: GatewayMask}
	for _, mark := range marks {
		m.Values = append(m.Values, nft.Number(nft.TypeMark, mark))
	}
	return m
}

// restore gives the packet the line of its flow: routing looks at it.
func restore() nft.Expr {
	return nft.CopyMark{To: nft.MetaMark, From: nft.CTMark, Mask: GatewayMask}
}

// steerIn takes packets on before they are routed.
func (c *compiler) steerIn() {
	m := nft.VMap{Fields: []nft.Field{nft.IIFName}}
	for _, i := range c.w.Config.Interfaces {
		if c.steered[i.Name] {
			m.Elements = append(m.Elements, nft.Element{
				Key:     []nft.Value{nft.Ifname(c.w.Device(i.Name))},
				Verdict: nft.Verdict{Kind: nft.Goto, Chain: ruleChain(chainSteer, i.Name)},
			})
		}
	}
	if len(m.Elements) > 0 {
		c.part.Chains = append(c.part.Chains, nft.Chain{
			Name: chainLinesIn, Hook: after(nft.Prerouting, prioritySteer), Rules: []nft.Rule{rule(nft.CTState{States: nft.StateNew}, m)},
		})
	}
}

// restoring says which packets go by the line of their flow: those that its
// opener sends, and the answers to what came in by the line. The others come
// from the line, and the routing table knows where they go.
func (c *compiler) restoring() {
	m := nft.VMap{Fields: []nft.Field{nft.IIFName}}
	chain := nft.Chain{Name: chainLinesKeep}
	var from []nft.Chain
	var outside []uint32
	reply := rule(replying(), nft.Verdict{Kind: nft.Return})
	for _, i := range c.w.Config.Interfaces {
		if !i.External {
			continue
		}
		came := nft.Chain{Name: "from_" + i.Name, Rules: []nft.Rule{reply}}
		if own := c.marksOn(i.Name); len(own) > 0 {
			outside = append(outside, own...)
			came.Rules = append(came.Rules, rule(gatewayBits(false, own...), nft.Verdict{Kind: nft.Return}))
		}
		if inside := c.insideDevices(); len(inside) > 0 { // it came in by another line than its flow did
			came.Rules = append(came.Rules, rule(Devices(nft.FIBDaddrOIFName, inside), nft.Verdict{Kind: nft.Return}))
		}
		came.Rules = append(came.Rules, rule(restore()))
		from = append(from, came)
		m.Elements = append(m.Elements, nft.Element{
			Key: []nft.Value{nft.Ifname(c.w.Device(i.Name))}, Verdict: nft.Verdict{Kind: nft.Goto, Chain: came.Name},
		})
	}
	if len(m.Elements) > 0 {
		chain.Rules = append(chain.Rules, rule(m))
	}
	if len(outside) > 0 {
		chain.Rules = append(chain.Rules, rule(replying(), gatewayBits(true, outside...), nft.Verdict{Kind: nft.Return}))
	} else {
		chain.Rules = append(chain.Rules, reply)
	}
	chain.Rules = append(chain.Rules, rule(restore()))
	c.part.Chains = append(append(c.part.Chains, chain), from...)
}

// replying asks for what goes against the direction that the flow was opened in.
func replying() nft.Expr {
	return nft.Match{Field: nft.CTDirection, Values: []nft.Value{nft.Number(nft.TypeDirection, 1)}}
}

// marksOn is the marks of the gateways of an interface.
func (c *compiler) marksOn(iface string) []uint32 {
	var out []uint32
	for _, g := range c.w.Config.Gateways {
		if g.Interface == iface {
			out = append(out, Line{Number: c.w.Gateways[g.Name]}.Mark())
		}
	}
	return out
}

// asked keeps what chose its gateway itself, as questions to gateways do, to that one.
func asked() nft.Rule {
	chose := nft.Match{Field: nft.MetaMark, Not: true, Mask: GatewayMask, Values: []nft.Value{nft.Number(nft.TypeMark, 0)}}
	return rule(append(fresh(), chose, nft.CopyMark{To: nft.CTMark, From: nft.MetaMark, Mask: GatewayMask})...)
}

// lineMap leads from the devices of lines to the chains that mark flows with them.
func (c *compiler) lineMap(field nft.Field) nft.VMap {
	m := nft.VMap{Fields: []nft.Field{field}}
	for _, name := range c.lineInterfaces() {
		m.Elements = append(m.Elements, nft.Element{
			Key: []nft.Value{nft.Ifname(c.w.Device(name))}, Verdict: nft.Verdict{Kind: nft.Goto, Chain: "line_" + name},
		})
	}
	return m
}

// lineDevices is the devices of lines.
func (c *compiler) lineDevices() []string {
	var out []string
	for _, name := range c.lineInterfaces() {
		out = append(out, c.w.Device(name))
	}
	return out
}

func (c *compiler) lineInterfaces() []string {
	var out []string
	for _, l := range c.lines {
		if !slices.Contains(out, l.Interface) {
			out = append(out, l.Interface)
		}
	}
	return out
}

// fresh asks for a new flow that has no line yet.
func fresh() []nft.Expr {
	return []nft.Expr{nft.CTState{States: nft.StateNew}, gatewayBits(false, 0)}
}

// pinning marks new flows with the line that they leave by, those of the gateway
// itself as well, or else with the one that they came in by.
func (c *compiler) pinning() {
	in := rule(append(fresh(), c.lineMap(nft.IIFName))...)
	c.part.Chains = append(c.part.Chains,
		nft.Chain{Name: chainLinesInput, Hook: once(nft.Input), Rules: []nft.Rule{in}},
		nft.Chain{Name: chainLinesOut, Hook: once(nft.Postrouting), Rules: []nft.Rule{
			asked(), rule(append(fresh(), c.lineMap(nft.OIFName))...), in,
		}},
	)
	c.guardLines()
	for _, name := range c.lineInterfaces() {
		chain := nft.Chain{Name: "line_" + name}
		for _, l := range c.lines {
			if l.Interface == name {
				f := V4
				if l.Is6() {
					f = V6
				}
				chain.Rules = append(chain.Rules, nft.Rule{Comment: "gateway " + l.Name, Exprs: []nft.Expr{f.Match(), flowMark(l)}})
			}
		}
		c.part.Chains = append(c.part.Chains, chain)
	}
}

func flowMark(l Line) nft.Expr {
	return nft.SetMark{Field: nft.CTMark, Keep: ^GatewayMask, Value: l.Mark()}
}
