//go:build !race

package firewall

const (
	differentialPackets = 1_000_000 // at least
	classBenchRules     = 10_000    // in the largest set
	kernelPackets       = 50_000
	spoiledRulesets     = 25 // of each kind
)
