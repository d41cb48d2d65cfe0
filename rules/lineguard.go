package rules

import (
	"github.com/rempart/rempart/firewall/nft"
	"go4.org/netipx"
)

// guardLines drops what would leave by a line with the address of another one.
// Whatever becomes of routes and flows while a policy or a line changes: nobody
// can answer there. Answers are left alone, for a neighbour on one line may ask
// for the address of another.
func (c *compiler) guardLines() {
	m := nft.VMap{Fields: []nft.Field{nft.OIFName}}
	var chains []nft.Chain
	for _, name := range c.lineInterfaces() {
		chain := nft.Chain{Name: "leave_" + name}
		for _, f := range families {
			set := SetName("foreign", name, f)
			c.sets.addresses(set, f, c.sets.ranges(c.foreign(name), f))
			chain.Rules = append(chain.Rules, rule(
				nft.Match{Field: nft.CTDirection, Values: []nft.Value{nft.Number(nft.TypeDirection, 0)}},
				nft.Lookup{Fields: []nft.Field{f.Source()}, Set: set}, gotoChain(blockGateway),
			))
		}
		chains = append(chains, chain)
		m.Elements = append(m.Elements, nft.Element{
			Key: []nft.Value{nft.Ifname(c.w.Device(name))}, Verdict: nft.Verdict{Kind: nft.Goto, Chain: chain.Name},
		})
	}
	guard := nft.Chain{Name: chainLinesGuard, Hook: after(nft.Postrouting, priorityGuard), Rules: []nft.Rule{rule(m)}}
	c.part.Chains = append(append(c.part.Chains, guard), chains...)
}

// foreign is the addresses of the gateway on other lines than that of an
// interface, without those by which the policy itself lets flows leave there.
func (c *compiler) foreign(iface string) *netipx.IPSet {
	var b netipx.IPSetBuilder
	for _, name := range c.lineInterfaces() {
		if name != iface {
			for _, a := range c.w.OwnAddresses(name) {
				b.Add(a)
			}
		}
	}
	for _, a := range c.w.OwnAddresses(iface) {
		b.Remove(a)
	}
	for _, o := range c.w.Config.Outbound {
		if o.On == iface && !o.Disabled {
			if o.Address.IsValid() {
				b.Remove(o.Address)
			}
			if len(o.Pool) > 0 {
				b.RemoveSet(c.w.Resolve(o.Pool).Set)
			}
		}
	}
	for _, o := range c.w.Config.OneToOne {
		if o.On == iface {
			b.RemovePrefix(o.External)
		}
	}
	for _, p := range c.w.Config.Prefixes {
		if p.On == iface {
			b.RemovePrefix(p.External)
		}
	}
	return mustSet(&b)
}
