package main

import "testing"

// linesPolicy is a policy with two lines.
const linesPolicy = `schema = 1
interface.wan = { device = "eth0", addresses = ["203.0.113.2/29"], external = true }
interface.wan2 = { device = "eth2", external = true }
interface.lan = { device = "eth1", addresses = ["10.1.2.1/24"] }
gateway.fibre = { interface = "wan", address = "203.0.113.1" }
gateway.lte = { interface = "wan2", address = "dhcp" }
gateway_group.internet = { tiers = [["fibre", "lte"]], on_down = "block" }
route = [{ destination = "default", gateway = "internet" }]
rule = [{ name = "lan-out", from = "lan", gateway = "internet", action = "pass" }]
`

// TestGoldenDown holds what becomes of a packet while lines are up, and if they were down.
func TestGoldenDown(t *testing.T) {
	s := newStage(t)
	s.tty, s.stdin = true, linesPolicy
	const packet = "lan tcp 10.1.2.9 -> 198.51.100.7:https"
	at := []string{"--file", "-", "--at", "2026-11-23T12:00:00+01:00"}
	ask := func(name string, more ...string) {
		t.Helper()
		s.golden(t, name, append(append([]string{"explain", packet}, at...), more...)...)
	}
	ask("explain-lines")
	ask("explain-down", "--down", "fibre")
	ask("explain-down-all", "--down", "fibre", "--down", "lte")
	ask("explain-down-json", "--down", "lte", "--json")
	ask("explain-down-unknown", "--down", "fiber")
}
