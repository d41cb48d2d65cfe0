package main

import (
	"testing"

	"github.com/rempart/rempart/firewall/report"
)

// TestGoldenLive holds what is seen of packets that are followed.
func TestGoldenLive(t *testing.T) {
	const flow = "lan tcp 10.1.2.9 -> any"
	s := newStage(t)
	s.tty = true
	s.serve(t)
	s.golden(t, "live", "explain", "--live", flow, "--count", "9", "--reply")
	s.golden(t, "live-verbose", "explain", "--live", flow, "--verbose")
	s.tty = false
	s.golden(t, "live-json", "explain", "--live", flow, "--count", "2", "--json")
	s.gateway.quiet = true
	s.golden(t, "live-none", "explain", "--live", flow, "--for", "90s")
	s.gateway.refuse = report.Requestf("flow: no interface %q", "lan")
	s.golden(t, "live-refused", "explain", "--live", flow)
}
