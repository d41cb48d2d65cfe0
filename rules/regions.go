package rules

import (
	"github.com/rempart/rempart/firewall/packetlog"
	"go4.org/netipx"
)

// What follows is what a policy decides without a rule, as sets of addresses:
// for who compares policies, and not packets.

// Local is every address that the gateway itself takes.
func (w *World) Local() *netipx.IPSet { return w.self() }

// Ways is every way of the policy to send to an address; the first whose
// network has the address is taken.
func (w *World) Ways() []Way { return w.ways() }

// Guard is some sources that an interface refuses.
type Guard struct {
	Cause   packetlog.Cause
	Setting string // key of the interface that brings it about
	Sources *netipx.IPSet
}

// Guards is what an interface of the policy refuses, whatever the rules say.
func (w *World) Guards(iface string) []Guard {
	i := w.Config.Interface(iface)
	if i == nil {
		return nil
	}
	var out []Guard
	for _, g := range w.guards(*i) {
		out = append(out, Guard{g.cause, guardSetting(g.set), g.sources})
	}
	return out
}
