package firewall

import (
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules"
	"github.com/rempart/rempart/rules/steer"
	"go4.org/netipx"
)

// learned is what aliases of a drawn policy know from elsewhere. It follows
// from their names alone, so that it stays the same while a policy is made small.
func learned(c *config.Config) (Outside, Dynamic) {
	o := Outside{Names: map[string][]netip.Addr{}, Lists: map[string]*netipx.IPSet{}}
	d := Dynamic{}
	for _, a := range c.Aliases {
		switch a.Kind {
		case config.AliasDynamic:
			d[a.Name] = content(a.Name, true)
		case config.AliasList:
			o.Lists[a.Name] = content(a.Name, false)
		}
		for _, t := range a.Addresses {
			if t.Kind != config.TermDomain {
				continue
			}
			for _, r := range content(t.Name, true).Ranges() {
				o.Names[t.Name] = append(o.Names[t.Name], r.From())
			}
		}
	}
	return o, d
}

// content is the addresses that a name stands for; singly when they are hosts.
func content(name string, hosts bool) *netipx.IPSet {
	h := fnv.New64a()
	h.Write([]byte(name))
	g := rand.New(rand.NewPCG(h.Sum64(), 1))
	var b netipx.IPSetBuilder
	if g.IntN(5) > 0 { // an empty one matters as well
		for range 1 + g.IntN(4) {
			p := netip.MustParsePrefix(pick(g, []string{
				"198.51.100.7/32", "198.51.100.0/25", "10.1.2.0/28", "10.1.2.9/32", "10.1.4.2/32", "192.0.2.0/24", "203.0.113.1/32", "10.20.30.0/24",
				"2001:db8:2::9/128", "2001:db8:2::/112", "2001:db8:4::/64", "fd00:7::2/128", "2001:db8:100::7/128", "2001:db8:ff::1/128",
			}))
			if hosts {
				b.Add(p.Addr().Next())
			} else {
				b.AddPrefix(p)
			}
		}
	}
	s, err := b.IPSet()
	if err != nil {
		panic(err) // a constant of this file is wrong
	}
	return s
}

// drawnWorld is what a drawn policy means at an instant.
func drawnWorld(c *config.Config, at time.Time) *rules.World {
	outside, dynamic := learned(c)
	lines := map[string]steer.Health{}
	for i, g := range c.Gateways { // always the same ones of a policy
		if (len(c.Rules)+3*i+len(c.GatewayGroups))%3 == 0 {
			lines[g.Name] = steer.Health{State: steer.Down}
		}
	}
	w := withDynamic(NewWorld(c, Learned{Outside: outside, Lines: lines}, at), dynamic)
	w.Silent, w.Addresses = silent(w), map[string][]netip.Prefix{}
	for _, i := range c.Interfaces {
		if w.Learns(i.Name) {
			w.Addresses[i.Name] = fromElsewhere(i.Name)
		}
	}
	return w
}

// silent is the targets of drawn port forwards that do not answer: none of one, some or all of another.
func silent(w *rules.World) map[string][]netip.Addr {
	out := map[string][]netip.Addr{}
	for _, f := range w.Config.PortForwards {
		if f.Check == nil {
			continue
		}
		h := fnv.New64a()
		h.Write([]byte(f.Name))
		g := rand.New(rand.NewPCG(h.Sum64(), 2))
		share := g.IntN(4)
		for _, r := range w.Resolve(f.Target).Set.Ranges() {
			for a := r.From(); a.IsValid() && a.Compare(r.To()) <= 0 && a.Less(plus(r.From(), 8)); a = a.Next() {
				if g.IntN(3) < share {
					out[f.Name] = append(out[f.Name], a)
				}
			}
		}
	}
	return out
}

// fromElsewhere is what an interface has without addresses in the policy.
func fromElsewhere(iface string) []netip.Prefix {
	return map[string][]netip.Prefix{
		"wan":   prefixesOf("203.0.113.2/24 2001:db8:ff::2/64"),
		"lan":   prefixesOf("10.1.2.1/24 2001:db8:2::1/64"),
		"dmz":   prefixesOf("10.1.4.1/24"),
		"wan2":  prefixesOf("198.51.100.2/26 198.51.100.3/26 2001:db8:fe::2/48"),
		"guest": prefixesOf("fd00:7::1/64"),
	}[iface]
}
