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
	if !f.Reflection || len(f.Destination) > 0 && w.Resolve(f.Destination).All {
		return []string{f.On}
	}
	return withInside(w, f.On)
}

// withInside is an interface, and those that are not external.
func withInside(w *rules.World, on string) []string {
	out := []string{on}
	for _, i := range w.Config.Interfaces {
		if !i.External && i.Name != on {
			out = append(out, i.Name)
		}
	}
	return out
}

// mirrors is the inside interfaces that a translation of the destination may
// send packets back by. Their sources have to change then: the server would
// answer its neighbour directly, from an address that the neighbour never asked.
func mirrors(w *rules.World) []string {
	entered := map[string]bool{}
	for _, f := range forwards(w.Config) {
		for _, name := range entries(w, f) {
			entered[name] = entered[name] || !f.Exclude
		}
	}
	for _, p := range pairs(w.Config) {
		for _, name := range p.entries(w) {
			entered[name] = true
		}
	}
	var out []string
	for _, i := range w.Config.Interfaces {
		if !i.External && entered[i.Name] {
			out = append(out, i.Name)
		}
	}
	return out
}

// hairpins changes the source of flows that go back by the interface that they came in by.
func (c *compiler) hairpins() []nft.Rule {
	var out []nft.Rule
	for _, name := range mirrors(c.w) {
		for _, f := range families {
			var as nft.Expr = nft.Masquerade{}
			if settled(c.w, name, f) {
				a := Outside(c.w, name, f)
				if !a.IsValid() {
					continue
				}
				as = nft.NAT{Kind: nft.SNAT, Addrs: []netip.Addr{a}}
			}
			out = append(out, nft.Rule{Comment: "reflection", Exprs: []nft.Expr{
				c.by(nft.IIFName, name), c.by(nft.OIFName, name), f.Match(), nft.CTStatus{Bits: nft.StatusDNAT},
				c.count(CounterReflected), as,
			}})
		}
	}
	return out
}

// reflects says whether a packet goes back where it came from and leaves as the
// gateway there; the address is invalid where only the kernel knows it.
func (e *Evaluator) reflects(p Outgoing) (as netip.Addr, ok bool) {
	if !p.Translated || p.In != p.Out || !slices.Contains(e.mirrors, p.In) {
		return netip.Addr{}, false
	}
	f := familyOf(p.Src)
	as = leavesAs(e.w, p.In, f)
	return as, as.IsValid() || !settled(e.w, p.In, f)
}
