package rules

import "github.com/rempart/rempart/firewall/nft"

// chainPairOwn is where the gateway's own new flows go through.
const chainPairOwn = "pair_own"

// What the kernel tells of a flow to who listens for the other node.
//
// A message says where the flow stands, its mark and its helper, whichever event it is sent
// for, and both are set before the first answer: nothing waits for EventMark and EventHelper,
// which nft 1.0.6 lists but cannot read.
const (
	// eventsAnswered is that of a flow that was answered: all that changes from then on, and its end.
	eventsAnswered = nft.EventDestroy | nft.EventReply | nft.EventAssured | nft.EventProtoinfo | nft.EventSeqadj | nft.EventLabel
	// eventsBegun is that of a new one, of which nothing is told before somebody answers: not even
	// its end, so that a scan costs nothing.
	eventsBegun = nft.EventReply | nft.EventAssured
)

// tells makes the kernel tell of flows through the gateway from the first answer on. Packets
// of flows that are assured, which most are, pay nothing for it: they are accepted first, at
// the price of the rule for established flows. No flow is assured by its first answer, but by
// a later packet, so that none gets past the mask. Children of helpers keep the kernel's own
// mask, which is all: only what is told of their beginning names the flow that they belong to.
func (c *compiler) tells() []nft.Rule {
	if c.pair == nil {
		return nil
	}
	return []nft.Rule{
		{Exprs: []nft.Expr{nft.CTStatus{Bits: nft.StatusAssured}, accept()}, Comment: "told of already"},
		{Exprs: []nft.Expr{nft.CTStatus{Bits: nft.StatusSeenReply}, nft.SetEvents{Events: eventsAnswered}}, Comment: "for the other node"},
	}
}

// begins sets what is told of new flows.
func (c *compiler) begins(events nft.EventBits) []nft.Rule {
	if c.pair == nil {
		return nil
	}
	return []nft.Rule{{Exprs: []nft.Expr{nft.SetEvents{Events: events}}, Comment: "for the other node"}}
}

// quiet has nothing told of flows that the gateway itself begins, for they end with it. Errors
// that it sends about a flow through it belong to that one, and are not new.
func (c *compiler) quiet() {
	if c.pair == nil {
		return
	}
	own := nft.Chain{Name: chainPairOwn, Hook: after(nft.Output, 0)}
	own.Rules = append(own.Rules, rule(nft.CTState{States: nft.StateNew}, nft.SetEvents{}))
	own.Rules[0].Comment = "nothing for the other node"
	c.part.Chains = append(c.part.Chains, own)
}
