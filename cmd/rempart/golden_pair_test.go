package main

import (
	"maps"
	"slices"
	"testing"

	"github.com/rempart/rempart/ha/view"
)

// TestGoldenPair holds the screen of a pair in every state, and the line of it in the gateway's.
func TestGoldenPair(t *testing.T) {
	s := newStage(t)
	s.tty = true
	s.serve(t)
	states := pairStates()
	for _, name := range slices.Sorted(maps.Keys(states)) {
		s.gateway.pair = states[name]
		s.golden(t, "ha-"+name, "ha", "status")
		s.golden(t, "ha-"+name+"-status", "status")
	}
	s.colour = true
	s.gateway.pair = states["dead"]
	s.golden(t, "ha-colour", "ha", "status")
	s.golden(t, "ha-colour-status", "status")
	s.tty, s.colour = false, false
	s.gateway.pair = states["groups"]
	s.golden(t, "ha-pipe", "ha", "status")
	s.golden(t, "ha-json", "ha", "status", "--json")
	s.golden(t, "ha-json-status", "status", "--json")
}

// TestGoldenSwitch follows the role from node to node, step by step on one pair.
func TestGoldenSwitch(t *testing.T) {
	s := newStage(t)
	s.tty = true
	s.serve(t)
	s.golden(t, "switch-01-alone", "ha", "release")
	s.gateway.pair = samplePair()
	s.golden(t, "switch-02-release", "ha", "release")
	s.golden(t, "switch-03-again", "ha", "release", "main")
	s.golden(t, "switch-04-takeover", "ha", "takeover", "main")
	s.golden(t, "switch-05-no-group", "ha", "takeover", "guests")
	s.golden(t, "switch-06-json", "ha", "release", "--json")
	s.golden(t, "switch-07-maintenance", "ha", "maintenance", "on")
	s.golden(t, "switch-08-maintenance-off", "ha", "maintenance", "off")
	s.golden(t, "switch-09-maintenance-what", "ha", "maintenance", "of")
	s.gateway.pair.Peer.State = "dead"
	s.golden(t, "switch-10-dead", "ha", "release", "--force")
	s.gateway.pair, s.gateway.ill = samplePair(), true
	s.golden(t, "switch-11-worse", "ha", "release")
	s.golden(t, "switch-12-forced", "ha", "release", "--force")
	s.gateway.pair.Peer = view.Peer{State: "alive"} // a CARP speaker has no name
	s.gateway.pair.Groups[0].Role = "MASTER"
	s.golden(t, "switch-13-foreign", "ha", "release", "--force")
}

// TestGoldenDoctor holds what a doctor says of a pair that is well and of one that is not.
func TestGoldenDoctor(t *testing.T) {
	s := newStage(t)
	s.tty, s.gateway.ill = true, true
	s.serve(t)
	s.golden(t, "doctor-bad", "ha", "doctor")
	s.colour = true
	s.golden(t, "doctor-colour", "ha", "doctor")
	s.gateway.ill, s.colour = false, false
	s.golden(t, "doctor-good", "ha", "doctor")
	s.tty = false
	s.golden(t, "doctor-json", "ha", "doctor", "--json")
}

// TestGoldenDrill holds a drill, one that is declined and one that comes to nothing.
func TestGoldenDrill(t *testing.T) {
	s := newStage(t)
	s.tty, s.stdin = true, "y\n"
	s.serve(t)
	s.golden(t, "drill-alone", "ha", "drill")
	s.gateway.pair = samplePair()
	s.golden(t, "drill", "ha", "drill")
	s.golden(t, "drill-hosts", "ha", "drill", "--yes", "--host", "wan=203.0.113.1", "--host", "lan=10.1.2.11", "--rate", "1000")
	s.golden(t, "drill-no-host", "ha", "drill", "--host", "203.0.113.1")
	s.golden(t, "drill-no-address", "ha", "drill", "--host", "wan=router")
	s.golden(t, "drill-rate", "ha", "drill", "--yes", "--rate", "0")
	s.stdin = "n\n"
	s.golden(t, "drill-declined", "ha", "drill")
	s.gateway.quiet = true
	s.golden(t, "drill-failed", "ha", "drill", "--yes")
	s.gateway.quiet, s.tty = false, false
	s.golden(t, "drill-nobody-asked", "ha", "drill")
	s.golden(t, "drill-json", "ha", "drill", "--yes", "--json")
}

// TestGoldenFlows holds what is said of flow sync: both orders, on a pair that is well and on one that is not.
func TestGoldenFlows(t *testing.T) {
	s := newStage(t)
	s.tty = true
	s.serve(t)
	s.golden(t, "flows-alone", "ha", "flows", "diff")
	s.golden(t, "resync-alone", "ha", "resync")
	s.gateway.pair = samplePair()
	s.golden(t, "flows-equal", "ha", "flows", "diff")
	s.golden(t, "resync", "ha", "resync")
	s.gateway.ill = true
	s.golden(t, "flows-diff", "ha", "flows", "diff")
	s.golden(t, "flows-diff-more", "ha", "flows", "diff", "--limit", "1")
	s.golden(t, "flows-diff-usage", "ha", "flows", "diff", "--limit", "0")
	s.golden(t, "flows-what", "ha", "flows")
	s.tty = false
	s.golden(t, "flows-diff-json", "ha", "flows", "diff", "--json", "-n", "2")
	s.golden(t, "resync-json", "ha", "resync", "--json")
	s.gateway.pair.Sync = nil
	s.golden(t, "resync-none", "ha", "resync")
}
