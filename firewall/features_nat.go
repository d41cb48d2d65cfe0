package firewall

import (
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/nat"
)

// need asks for a feature that a key of the policy needs, where it is needed at all.
type need func(needed bool, feature, key string, at config.Position)

// translations asks for what the translations of a policy need.
func (ask need) translations(c *config.Config) {
	for _, h := range c.NAT.Helpers {
		for _, kind := range nat.HelperTypes(h) {
			ask(true, nft.FeatureHelper(kind), "nat.helpers", c.NAT.Pos)
		}
	}
	for _, p := range c.PortForwards {
		ask(!p.Disabled && !p.Exclude, nft.FeatureNAT, "port_forward", p.Pos)
		ask.dealt(!p.Disabled, p.Target, p.Spread, "port_forward.target", p.Pos)
	}
	for _, o := range c.OneToOne {
		ask(!o.Disabled, nft.FeatureNAT, "one_to_one", o.Pos)
	}
	for _, t := range c.Prefixes {
		ask(!t.Disabled, nft.FeatureNAT, "prefix", t.Pos)
	}
	ask.outbound(c)
}

// outbound asks for what outbound translation needs.
func (ask need) outbound(c *config.Config) {
	automatic := c.NAT.Outbound == config.NATAutomatic || c.NAT.Outbound == config.NATHybrid
	written := c.NAT.Outbound == config.NATManual || c.NAT.Outbound == config.NATHybrid
	for _, i := range c.Interfaces {
		ask(i.External && automatic && len(i.Addresses) == 0, nft.FeatureMasquerade, "nat.outbound", i.Pos)
		ask(i.External && automatic, nft.FeatureNAT, "nat.outbound", i.Pos)
	}
	for _, o := range c.Outbound {
		in := written && !o.Disabled && !o.Exclude
		i := c.Interface(o.On)
		ask(in, nft.FeatureNAT, "outbound", o.Pos)
		ask(in && !o.Address.IsValid() && len(o.Pool) == 0 && i != nil && len(i.Addresses) == 0, nft.FeatureMasquerade, "outbound.address", o.Pos)
		ask.dealt(in, o.Pool, o.Spread, "outbound.pool", o.Pos)
	}
}

// dealt asks for what it takes to deal flows out to several addresses. A list of
// anything but one address may come to several.
func (ask need) dealt(in bool, to []config.AddressTerm, spread config.Spread, key string, at config.Position) {
	in = in && len(to) > 0 && (len(to) > 1 || to[0].Kind != config.TermRange || to[0].Range.From != to[0].Range.To)
	ask(in, nft.FeatureSlotMap, key, at)
	ask(in && spread != config.SpreadSource, nft.FeatureDeal, key, at)
}
