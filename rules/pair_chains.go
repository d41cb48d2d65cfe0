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
	segments, cable := c.segments(), c.w.Device(c.pair.Cable)
	in := nft.Chain{Name: chainPairIn, Hook: after(nft.Prerouting, priorityRaw)}
	out := nft.Chain{Name: chainPairOut, Hook: after(nft.Output, priorityRaw)}
	for _, spoken := range spoken() {
		in.Rules = append(in.Rules, ruleOf(spoken, Devices(nft.IIFName, segments), jump(chainPairNear)))
		out.Rules = append(out.Rules, ruleOf(spoken, Devices(nft.OIFName, segments), jump(chainPairLink)))
	}
	in.Rules = append(in.Rules, ruleOf(asksListeners(), Devices(nft.IIFName, segments), sentTo(fibMulticast), nft.NoTrack{}))
	out.Rules = append(out.Rules, ruleOf(asksListeners(), Devices(nft.OIFName, segments), nft.NoTrack{}))
	for _, link := range linked(true) {
		for _, peer := range c.peers(nft.IPSaddr, nft.IP6Saddr) {
			in.Rules = append(in.Rules, ruleOf(slices.Concat(link, peer), Devices(nft.IIFName, []string{cable}), sentTo(fibLocal), nft.NoTrack{}))
		}
	}
	for _, link := range linked(false) {
		for _, peer := range c.peers(nft.IPDaddr, nft.IP6Daddr) {
			out.Rules = append(out.Rules, ruleOf(slices.Concat(link, peer), Devices(nft.OIFName, []string{cable}), nft.NoTrack{}))
		}
	}
	near := nft.Chain{Name: chainPairNear, Rules: []nft.Rule{rule(sentTo(fibLocal, fibMulticast), gotoChain(chainPairLink))}}
	link := nft.Chain{Name: chainPairLink}
	for _, f := range []nft.Field{nft.IPTTL, nft.IP6HopLimit} {
		link.Rules = append(link.Rules, nft.Rule{Comment: "of the link alone", Exprs: []nft.Expr{nft.Match{Field: f, Values: hopsOf(255)}, nft.NoTrack{}}})
	}
	c.part.Chains = append(c.part.Chains, in, out, near, link)
}

// sentTo asks for destinations of some kinds.
func sentTo(kinds ...uint32) nft.Expr {
	m := nft.Match{Field: nft.FIBDaddrType}
	for _, k := range kinds {
		m.Values = append(m.Values, nft.Number(nft.TypeFIB, k))
	}
	return m
}

// hears lets in what was taken out of connection tracking before.
func (c *compiler) hears() []nft.Rule {
	if c.pair == nil {
		return nil
	}
	c.part.Counters = append(c.part.Counters, CounterPair)
	var out []nft.Rule
	add := func(devices []string, what []nft.Expr) {
		untracked := []nft.Expr{nft.CTState{States: nft.StateUntracked}}
		r := ruleOf(slices.Concat(untracked, what), Devices(nft.IIFName, devices), nft.Count{Counter: CounterPair}, accept())
		r.Comment = "the other node"
		out = append(out, r)
	}
	for _, spoken := range append(spoken(), asksListeners()) {
		add(c.segments(), spoken)
	}
	for _, link := range linked(true) {
		add([]string{c.w.Device(c.pair.Cable)}, link)
	}
	return out
}

// spoken is CARP and heartbeats.
func spoken() [][]nft.Expr {
	return [][]nft.Expr{
		{nft.Match{Field: nft.L4Proto, Values: []nft.Value{nft.Number(nft.TypeProto, uint32(CARP))}}},
		{nft.Match{Field: nft.UDPDport, Values: beatPort()}},
	}
}

// asksListeners is what a switch asks on its link and is answered, which has hop limit 1.
func asksListeners() []nft.Expr {
	return []nft.Expr{
		nft.Match{Field: nft.IPTTL, Values: hopsOf(1)},
		nft.Match{Field: nft.L4Proto, Values: []nft.Value{nft.Number(nft.TypeProto, uint32(IGMP))}},
	}
}

// linked is the connection between the nodes, which either may have opened. In
// that from the port nothing comes in that opens another one.
func linked(in bool) [][]nft.Expr {
	back := []nft.Expr{nft.Match{Field: nft.TCPSport, Values: beatPort()}}
	if in {
		back = append(back, nft.TCPFlags{Not: true, Mask: config.FlagSYN | config.FlagACK, Value: config.FlagSYN})
	}
	return [][]nft.Expr{{nft.Match{Field: nft.TCPDport, Values: beatPort()}}, back}
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

func beatPort() []nft.Value { return []nft.Value{nft.Number(nft.TypePort, BeatPort)} }

func hopsOf(n uint32) []nft.Value { return []nft.Value{nft.Number(nft.TypeHops, n)} }

func ruleOf(match []nft.Expr, then ...nft.Expr) nft.Rule { return rule(slices.Concat(match, then)...) }
