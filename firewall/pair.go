package firewall

import "github.com/rempart/rempart/rules/steer"

// What follows may be asked by whoever may not wait for the loop of Run, as the pair may not.

// Hash is that of the policy that runs; empty: none does.
func (f *Firewall) Hash() string {
	if r := f.now.Load(); r != nil {
		return r.revision.Hash
	}
	return ""
}

// LineDown says whether a gateway, or all of a group of gateways, takes no flows now. One that
// the policy does not know is not down.
func (f *Firewall) LineDown(name string) bool {
	r := f.now.Load()
	if r == nil {
		return false
	}
	g, ok := steer.Find(r.world.Config, name)
	return ok && len(g.Choose(f.Gateways.Lines()).Members) == 0
}
