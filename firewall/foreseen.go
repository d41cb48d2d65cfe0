package firewall

import (
	"net/netip"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/flows"
)

// foreseen judges the flows that helpers foresaw, such as those that carry the
// files of FTP. No rule speaks of them: they came with the flow that named them,
// have its mark, and may stay as long as it may.
type foreseen struct {
	all  []flows.Flow
	with map[kinship]bool // of the flows that have a helper: whether one of them may stay
}

// kinship is what a flow has in common with those that it named.
type kinship struct {
	rule uint16
	a, b netip.Addr // its hosts, in a fixed order
}

// kinshipOf knows the hosts of a flow as they are, whatever is translated: each
// sends from its own address.
func kinshipOf(fl flows.Flow) kinship {
	k := kinship{fl.Rule(), fl.Orig.Src.Addr(), fl.Reply.Src.Addr()}
	if k.b.Less(k.a) {
		k.a, k.b = k.b, k.a
	}
	return k
}

// learn takes note of a flow that is none of them.
func (f *foreseen) learn(fl flows.Flow, stays bool) {
	if fl.Status&flows.Helper == 0 {
		return
	}
	if f.with == nil {
		f.with = map[kinship]bool{}
	}
	k := kinshipOf(fl)
	f.with[k] = f.with[k] || stays
}

// stale is those that may not stay. Where the flow that named one has ended, its
// rule has to be there still.
func (f *foreseen) stale(c *config.Config, names map[uint16]string) []flows.Flow {
	var out []flows.Flow
	for _, fl := range f.all {
		stays, known := f.with[kinshipOf(fl)]
		if !known {
			stays = letsIn(c, names[fl.Rule()])
		}
		if !stays {
			out = append(out, fl)
		}
	}
	return out
}

// letsIn says whether a rule or a port forward of that name lets something in.
func letsIn(c *config.Config, name string) bool {
	if r := c.Rule(name); r != nil {
		return !r.Disabled && r.Action == config.Pass
	}
	for _, p := range c.PortForwards {
		if p.Name == name {
			return !p.Disabled && p.Pass
		}
	}
	return false
}
