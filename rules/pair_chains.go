package rules

import (
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
)

// The chains of a pair, and what counts what its nodes hear of each other.
const (
	chainPairIn   = "pair_in"
	chainPairOut  = "pair_out"
	chainPairNear = "pair_near"
	chainPairLink = "pair_link"

	// CounterPair counts what the nodes of a pair say to each other.
	CounterPair = "auto_pair"
)

// untracked takes what the nodes say out of connection tracking, both ways.
func (c *compiler) untracked() {
	if c.pair == nil {
		return
	}
	segments, cable := c.segments(), c.cable()
	in := nft.Chain{Name: chainPairIn, Hook: after(nft.Prerouting, priorityRaw), Rules: otherTraffic()}
	out := nft.Chain{Name: chainPairOut, Hook: after(nft.Output, priorityRaw)}
	for _, s := range c.spoken() {
		in.Rules = append(in.Rules, ruleOf(s.match, Devices(nft.IIFName, s.on), jump(chainPairNear)))
		out.Rules = append(out.Rules, ruleOf(s.match, Devices(nft.OIFName, s.on), jump(chainPairLink)))
	}
	in.Rules = append(in.Rules, ruleOf(asksListeners(), Devices(nft.IIFName, segments), sentTo(fibMulticast), nft.NoTrack{}))
	out.Rules = append(out.Rules, ruleOf(asksListeners(), Devices(nft.OIFName, segments), nft.NoTrack{}))
	for _, link := range linked(true) {
		for _, peer := range c.peers(nft.IPSaddr, nft.IP6Saddr) {
			in.Rules = append(in.Rules, ruleOf(slices.Concat(link, peer), Devices(nft.IIFName, cable), sentTo(fibLocal), nft.NoTrack{}))
		}
	}
	for _, link := range linked(false) {
		for _, peer := range c.peers(nft.IPDaddr, nft.IP6Daddr) {
			out.Rules = append(out.Rules, ruleOf(slices.Concat(link, peer), Devices(nft.OIFName, cable), nft.NoTrack{}))
		}
	}
	near := nft.Chain{Name: chainPairNear, Rules: []nft.Rule{rule(sentTo(fibLocal, fibMulticast), gotoChain(chainPairLink))}}
	link := nft.Chain{Name: chainPairLink}
	for _, f := range []nft.Field{nft.IPTTL, nft.IP6HopLimit} {
		link.Rules = append(link.Rules, nft.Rule{Comment: "of the link alone", Exprs: []nft.Expr{nft.Match{Field: f, Values: hopsOf(255)}, nft.NoTrack{}}})
	}
	c.part.Chains = append(c.part.Chains, in, out, near, link)
}

// otherTraffic lets go at once of what nearly every packet is. Asked first are the ports, since
// the name of an interface costs as much as all of them.
func otherTraffic() []nft.Rule {
	const comment = "nothing of the pair"
	port := func(f nft.Field, lo, hi uint32) nft.Match {
		return nft.Match{Field: f, Not: true, Values: []nft.Value{nft.Numbers(nft.TypePort, lo, hi)}}
	}
	// A range costs less than a set of two, and what it lets go on is asked again below.
	tcp := rule(port(nft.TCPSport, BeatPort, PairPort), port(nft.TCPDport, BeatPort, PairPort), accept())
	udp := rule(port(nft.UDPDport, BeatPort, FlowPort), accept())
	tcp.Comment, udp.Comment = comment, comment
	return []nft.Rule{tcp, udp}
}

// sentTo asks for destinations of some kinds.
func sentTo(kinds ...uint32) nft.Expr {
	m := nft.Match{Field: nft.FIBDaddrType}
	for _, k := range kinds {
		m.Values = append(m.Values, nft.Number(nft.TypeFIB, k))
	}
	return m
}

// hears lets in what was taken out of connection tracking before. Nothing else comes to
// the port of flows, whatever the rules say.
func (c *compiler) hears() []nft.Rule {
	if c.pair == nil {
		return nil
	}
	c.part.Counters = append(c.part.Counters, CounterPair)
	var out []nft.Rule
	all := append(c.spoken(), speech{asksListeners(), c.segments()})
	for _, link := range linked(true) {
		all = append(all, speech{link, c.cable()})
	}
	for _, s := range all {
		untracked := []nft.Expr{nft.CTState{States: nft.StateUntracked}}
		r := ruleOf(slices.Concat(untracked, s.match), Devices(nft.IIFName, s.on), nft.Count{Counter: CounterPair}, accept())
		r.Comment = "the other node"
		out = append(out, r)
	}
	return append(out, nft.Rule{Comment: "not the other node", Exprs: []nft.Expr{
		nft.Match{Field: nft.UDPDport, Values: portOf(FlowPort)}, gotoChain(blockInvalid),
	}})
}

// speech is something that the nodes say to each other, and the devices by which it goes.
type speech struct {
	match []nft.Expr
	on    []string
}

// spoken is what proves by its hop limit that it comes from the link: CARP, heartbeats and
// frames of flows.
func (c *compiler) spoken() []speech {
	return []speech{
		{[]nft.Expr{nft.Match{Field: nft.L4Proto, Values: []nft.Value{nft.Number(nft.TypeProto, uint32(CARP))}}}, c.segments()},
		{[]nft.Expr{nft.Match{Field: nft.UDPDport, Values: portOf(BeatPort)}}, c.segments()},
		{[]nft.Expr{nft.Match{Field: nft.UDPDport, Values: portOf(FlowPort)}}, c.cable()},
	}
}

// asksListeners is what a switch asks on its link and is answered, which has hop limit 1.
func asksListeners() []nft.Expr {
	return []nft.Expr{
		nft.Match{Field: nft.IPTTL, Values: hopsOf(1)},
		nft.Match{Field: nft.L4Proto, Values: []nft.Value{nft.Number(nft.TypeProto, uint32(IGMP))}},
	}
}

// linked is the connections between the nodes, which either may have opened: the link, and that by which
// they are paired. In those from their ports nothing comes in that opens another one.
func linked(in bool) [][]nft.Expr {
	ports := append(portOf(BeatPort), portOf(PairPort)...)
	back := []nft.Expr{nft.Match{Field: nft.TCPSport, Values: ports}}
	if in {
		back = append(back, nft.TCPFlags{Not: true, Mask: config.FlagSYN | config.FlagACK, Value: config.FlagSYN})
	}
	return [][]nft.Expr{{nft.Match{Field: nft.TCPDport, Values: ports}}, back}
}

// peers is matches of the other node's addresses on the cable, one a family; one
// that asks nothing where they are not known.
func (c *compiler) peers(four, six nft.Field) [][]nft.Expr {
	if len(c.pair.Peers) == 0 {
		return [][]nft.Expr{nil}
	}
	var out [][]nft.Expr
	for _, f := range []nft.Field{four, six} {
		m := nft.Match{Field: f}
		for _, a := range c.pair.Peers {
			if a.Is6() == (f == six) {
				m.Values = append(m.Values, nft.Address(a))
			}
		}
		if len(m.Values) > 0 {
			out = append(out, []nft.Expr{m})
		}
	}
	return out
}

// segments is the devices on which the nodes hear each other.
func (c *compiler) segments() []string {
	var out []string
	for _, name := range c.pair.Segments {
		out = append(out, c.w.Device(name))
	}
	return out
}

// cable is the device of the cable.
func (c *compiler) cable() []string { return []string{c.w.Device(c.pair.Cable)} }

func portOf(n uint32) []nft.Value { return []nft.Value{nft.Number(nft.TypePort, n)} }

func hopsOf(n uint32) []nft.Value { return []nft.Value{nft.Number(nft.TypeHops, n)} }

func ruleOf(match []nft.Expr, then ...nft.Expr) nft.Rule { return rule(slices.Concat(match, then)...) }
