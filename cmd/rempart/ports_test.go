package main

import (
	"testing"

	"github.com/rempart/rempart/ha/flowwire"
	"github.com/rempart/rempart/ha/pairing"
	"github.com/rempart/rempart/ha/peer"
	"github.com/rempart/rempart/ha/wire"
	"github.com/rempart/rempart/rules"
)

// TestRulesHearThePair: the ruleset lets in the ports at which the nodes of a pair find each other. It
// does not know who listens there, and they do not know it.
func TestRulesHearThePair(t *testing.T) {
	for _, c := range []struct {
		what         string
		lets, listen int
	}{
		{"heartbeats", rules.BeatPort, wire.BeatPort},
		{"the link", rules.BeatPort, peer.Port},
		{"flow sync", rules.FlowPort, flowwire.Port},
		{"pairing", rules.PairPort, pairing.Port},
	} {
		if c.lets != c.listen {
			t.Errorf("rules let in port %d, and %s goes to %d", c.lets, c.what, c.listen)
		}
	}
}
