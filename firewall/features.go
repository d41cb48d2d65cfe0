package firewall

import (
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
)

// Missing is what a policy needs and the kernel lacks, at the places of the
// policy that need it; nil when there is nothing.
func Missing(c *config.Config, have nft.Features) MissingFeatures {
	var out MissingFeatures
	need := func(needed bool, feature, key string, at config.Position) {
		if needed && !have.Has(feature) {
			out = append(out, &config.Error{Position: at, Key: key, Msg: "this kernel cannot do it: it lacks " + feature})
		}
	}
	for _, r := range c.Rules {
		if r.Disabled {
			continue
		}
		need(r.Log, nft.FeatureLog, "rule.log", r.Pos)
		need(r.Schedule != "", nft.FeatureTime, "rule.schedule", r.Pos)
		need(r.Action == config.Reject, nft.FeatureReject, "rule.action", r.Pos)
		if l := r.Limits; l != nil {
			need(l.Flows+l.FlowsPerSource > 0, nft.FeatureSetCount, "rule.limits", r.Pos)
			need(l.RatePerSource.Count > 0, nft.FeatureSetLimit, "rule.limits.rate_per_source", r.Pos)
		}
	}
	for _, p := range c.PortForwards {
		need(!p.Disabled, nft.FeatureNAT, "port_forward", p.Pos)
	}
	for _, i := range c.Interfaces {
		automatic := c.NAT.Outbound == config.NATAutomatic || c.NAT.Outbound == config.NATHybrid
		need(i.External && automatic && len(i.Addresses) == 0, nft.FeatureMasquerade, "nat.outbound", i.Pos)
		need(i.External && automatic, nft.FeatureNAT, "nat.outbound", i.Pos)
	}
	return out
}
