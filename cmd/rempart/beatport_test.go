package main

import (
	"testing"

	"github.com/rempart/rempart/ha/wire"
	"github.com/rempart/rempart/rules"
)

// TestRulesHearTheBeat: the ruleset lets in the port that heartbeats are sent to. The two
// packages do not know each other.
func TestRulesHearTheBeat(t *testing.T) {
	if rules.BeatPort != wire.BeatPort {
		t.Errorf("rules let in port %d, heartbeats go to %d", rules.BeatPort, wire.BeatPort)
	}
}
