package rules

import (
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/packetlog"
	"go4.org/netipx"
)

// Guard is one kind of source that an interface refuses, whatever the rules say.
type Guard struct {
	Cause   packetlog.Cause
	Setting string // key of the interface that brings it about
	Sources *netipx.IPSet

	set   string // begins the names of its sets
	chain string // where such packets go
}

// Guards is what an interface of the policy refuses, in the order in which it is
// asked. The interface's own subnets are never refused.
func (w *World) Guards(i config.Interface) []Guard {
	var out []Guard
	add := func(on bool, g Guard) {
		if !on {
			return
		}
		var b netipx.IPSetBuilder
		b.AddSet(g.Sources)
		for _, p := range w.Networks(i.Name) {
			b.RemovePrefix(p)
		}
		if g.Cause == packetlog.CauseSpoofed {
			for _, a := range w.OwnAddresses("") {
				b.Add(a)
			}
		}
		g.Sources = mustSet(&b)
		out = append(out, g)
	}
	add(i.AntiSpoof, Guard{packetlog.CauseSpoofed, "antispoof", w.others(i.Name), "inside", blockSpoofed})
	add(i.BlockPrivate, Guard{packetlog.CauseBogon, "block_private", privateSources, "private", blockBogon})
	add(i.BlockBogons, Guard{packetlog.CauseBogon, "block_bogons", bogonSources, "bogons", blockBogon})
	return out
}

// Refuses is the guard by which the interface that a packet comes in by refuses
// its source; nil when it takes it. Checked says whether it looks at sources at all.
func (e *Evaluator) Refuses(p Packet) (by *Guard, checked bool) {
	guards := e.guards[p.In]
	for i := range guards {
		if guards[i].Sources.Contains(p.Src) {
			return &guards[i], true
		}
	}
	return nil, len(guards) > 0
}

// others is the addresses that live behind interfaces other than this one and not out in the Internet.
func (w *World) others(iface string) *netipx.IPSet {
	var b netipx.IPSetBuilder
	b.AddSet(w.Inside())
	for _, p := range w.Networks(iface) {
		b.RemovePrefix(p)
	}
	for _, r := range w.Config.Routes {
		if slices.Contains(w.Behind(r.Gateway), iface) {
			for _, p := range w.Destinations(r) {
				if p.Bits() > 0 {
					b.RemovePrefix(p)
				}
			}
		}
	}
	return mustSet(&b)
}

// privateSources are the networks that never route in the Internet but do live
// in offices (RFC 1918, RFC 4193, RFC 6598).
var privateSources = prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")

// bogonSources are the addresses that nobody can honestly send from (RFC 6890
// and the IANA special-purpose registries). The documentation networks are left
// out: examples and laboratories are built from them, and nobody else has a use for them.
var bogonSources = prefixes(
	"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "198.18.0.0/15", "224.0.0.0/3",
	"::/8", "100::/64", "2001::/23", "2002::/16", "3ffe::/16", "5f00::/8", "fec0::/10", "ff00::/8",
)

// prefixes is the addresses of networks that are written out.
func prefixes(list ...string) *netipx.IPSet {
	var b netipx.IPSetBuilder
	for _, s := range list {
		b.AddPrefix(netip.MustParsePrefix(s))
	}
	return mustSet(&b)
}
