package nat

import (
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules"
)

// entries is the interfaces by which a port forward is reached: its own and,
// with reflection, the inside ones. A forward for any destination is not
// reflected: it would take what the inside sends anywhere else.
func entries(w *rules.World, f config.PortForward) []string {
	out := []string{f.On}
	if !w.Config.NAT.Reflection || len(f.Destination) > 0 && w.Resolve(f.Destination).All {
		return out
	}
	for _, i := range w.Config.Interfaces {
		if !i.External && i.Name != f.On {
			out = append(out, i.Name)
		}
	}
	return out
}

// hairpins changes the source of flows that a port forward sends back by the
// interface that they came in by: the server would answer its neighbour
// directly, from an address that the neighbour never asked.
func (c *compiler) hairpins() []nft.Rule {
	var out []nft.Rule
	for _, i := range c.w.Config.Interfaces {
		if i.External || !slices.ContainsFunc(forwards(c.w.Config), func(f config.PortForward) bool {
			return slices.Contains(entries(c.w, f), i.Name)
		}) {
			continue
		}
		for _, f := range []rules.Family{rules.V4, rules.V6} {
			if a := Outside(c.w, i.Name, f); a.IsValid() {
				out = append(out, nft.Rule{Comment: "reflection", Exprs: []nft.Expr{
					c.by(nft.IIFName, i.Name), c.by(nft.OIFName, i.Name), f.Match(), nft.CTStatus{Bits: nft.StatusDNAT},
					c.count(CounterReflected), nft.NAT{Kind: nft.SNAT, Addrs: []netip.Addr{a}},
				}})
			}
		}
	}
	return out
}
