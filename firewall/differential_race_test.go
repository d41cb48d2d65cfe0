//go:build race

package firewall

// Under the race detector everything takes ten times as long: some of the
// packets show that nothing is shared that must not be, and the full number is
// asked about without it.
const (
	differentialPackets = 40_000
	classBenchRules     = 1000
	kernelPackets       = 5_000
	spoiledRulesets     = 0
)
