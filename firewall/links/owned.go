package links

import (
	"net/netip"
	"slices"
)

// Owned is the record of what we changed, and what to put back. It is a value:
// its methods return a new one.
type Owned struct {
	// Identity is the boot and network namespace that it speaks of.
	Identity  string         `json:"identity"`
	Addresses []OwnedAddress `json:"addresses,omitempty"`
	Links     []OwnedLink    `json:"links,omitempty"`
	Sysctls   []OwnedSysctl  `json:"sysctls,omitempty"`
}

// OwnedAddress is an address that we added. The device is told by its index,
// which a device that was removed and made again does not share.
type OwnedAddress struct {
	Index  int          `json:"index"`
	Device string       `json:"device"` // its name then, for people
	Prefix netip.Prefix `json:"prefix"`
}

// OwnedLink is a device that we changed.
type OwnedLink struct {
	Index     int    `json:"index"`
	Device    string `json:"device"`               // its name then, for people
	MTU       int    `json:"mtu,omitempty"`        // what we set
	MTUBefore int    `json:"mtu_before,omitempty"` // zero: never changed
	Raised    bool   `json:"raised,omitempty"`     // it was down
}

// OwnedSysctl is a setting that we want, whether or not it had to be changed:
// the write of another one may have changed it.
type OwnedSysctl struct {
	Path   string `json:"path"`
	Value  string `json:"value"` // what we want
	Before string `json:"before"`
}

func (o Owned) address(index int, prefix netip.Prefix) bool {
	return slices.ContainsFunc(o.Addresses, func(a OwnedAddress) bool { return a.Index == index && a.Prefix == prefix })
}

func (o Owned) link(index int) (OwnedLink, bool) {
	i := slices.IndexFunc(o.Links, func(l OwnedLink) bool { return l.Index == index })
	if i < 0 {
		return OwnedLink{}, false
	}
	return o.Links[i], true
}

// next is the record to write before ops are done: with all that they claim,
// so that nothing we add can be taken for somebody else's after a crash, and
// without what is not there any more.
func (o Owned) next(have Machine, want State, ops []Op) Owned {
	t := resolve(have.Devices, want)
	o = o.pruned(have, t)
	for _, s := range t.sysctls {
		if !have.Fixed[s.Path] {
			o.wantSysctl(s, have.Sysctls)
		}
	}
	for _, op := range ops {
		o = o.claimed(op)
	}
	return o
}

// pruned drops what has left the machine, what another hand moves now, and what somebody
// else changed after us and is not wanted any more. A wanted address that was removed is claimed
// again when it is added again.
func (o Owned) pruned(have Machine, t target) Owned {
	o.Addresses = slices.DeleteFunc(slices.Clone(o.Addresses), func(a OwnedAddress) bool {
		d, ok := have.device(a.Index)
		l, _ := t.on(a.Index)
		return !ok || !slices.Contains(d.Addresses, a.Prefix) || l.moves(a.Prefix.Addr())
	})
	o.Links = slices.DeleteFunc(slices.Clone(o.Links), func(l OwnedLink) bool {
		d, ok := have.device(l.Index)
		return !ok || t.letsGo(d, l)
	})
	o.Sysctls = slices.DeleteFunc(slices.Clone(o.Sysctls), func(s OwnedSysctl) bool {
		value, ok := have.Sysctls[s.Path]
		return !ok || value != s.Value && !t.sets(s.Path) && !t.lost
	})
	return o
}

// letsGo reports whether a device has nothing left of what we changed of it,
// and is not asked for it.
func (t target) letsGo(d Device, o OwnedLink) bool {
	l, _ := t.on(d.Index)
	mtu := l.MTU != 0 || o.MTUBefore != 0 && d.MTU == o.MTU
	up := l.Up || o.Raised && d.Up
	return !mtu && !up && !t.undecided(d)
}

func (m Machine) device(index int) (Device, bool) {
	i := slices.IndexFunc(m.Devices, func(d Device) bool { return d.Index == index })
	if i < 0 {
		return Device{}, false
	}
	return m.Devices[i], true
}

func (m Machine) named(device string) (Device, bool) {
	i := slices.IndexFunc(m.Devices, func(d Device) bool { return d.Name == device })
	if i < 0 {
		return Device{}, false
	}
	return m.Devices[i], true
}

func (o *Owned) wantSysctl(s Sysctl, have map[string]string) {
	before, ok := have[s.Path]
	if !ok {
		return
	}
	i := slices.IndexFunc(o.Sysctls, func(owned OwnedSysctl) bool { return owned.Path == s.Path })
	if i < 0 {
		o.Sysctls = append(o.Sysctls, OwnedSysctl{Path: s.Path, Value: s.Value, Before: before})
		return
	}
	o.Sysctls[i].Value = s.Value
}

// claimed is the record with what op takes. The slices are fresh from pruned.
func (o Owned) claimed(op Op) Owned {
	switch op := op.(type) {
	case AddAddress:
		if !o.address(op.Index, op.Prefix) {
			o.Addresses = append(o.Addresses, OwnedAddress{Index: op.Index, Device: op.Device, Prefix: op.Prefix})
		}
	case SetMTU:
		if op.Restore {
			break
		}
		o.onLink(op.Index, op.Device, func(l *OwnedLink) {
			l.MTU = op.To
			if l.MTUBefore == 0 {
				l.MTUBefore = op.From
			}
		})
	case SetUp:
		if op.Up {
			o.onLink(op.Index, op.Device, func(l *OwnedLink) { l.Raised = true })
		}
	}
	return o
}

func (o *Owned) onLink(index int, device string, change func(*OwnedLink)) {
	i := slices.IndexFunc(o.Links, func(l OwnedLink) bool { return l.Index == index })
	if i < 0 {
		i = len(o.Links)
		o.Links = append(o.Links, OwnedLink{Index: index, Device: device})
	}
	change(&o.Links[i])
}

// failed is the record after op was not done: an address that is not added
// was not ours.
func (o Owned) failed(op Op) Owned {
	if add, ok := op.(AddAddress); ok {
		return o.withoutAddress(add.Index, add.Prefix)
	}
	return o
}

// done is the record after op was done: what was given back is forgotten.
func (o Owned) done(op Op) Owned {
	switch op := op.(type) {
	case DeleteAddress:
		return o.withoutAddress(op.Index, op.Prefix)
	case SetMTU:
		if op.Restore {
			o.Links = slices.Clone(o.Links)
			o.onLink(op.Index, op.Device, func(l *OwnedLink) { l.MTU, l.MTUBefore = 0, 0 })
		}
	case SetUp:
		if !op.Up {
			o.Links = slices.Clone(o.Links)
			o.onLink(op.Index, op.Device, func(l *OwnedLink) { l.Raised = false })
		}
	case SetSysctl:
		if op.Restore {
			o.Sysctls = slices.DeleteFunc(slices.Clone(o.Sysctls), func(s OwnedSysctl) bool { return s.Path == op.Path })
		}
	}
	o.Links = slices.DeleteFunc(slices.Clone(o.Links), func(l OwnedLink) bool { return l.MTUBefore == 0 && !l.Raised })
	return o
}

func (o Owned) withoutAddress(index int, prefix netip.Prefix) Owned {
	o.Addresses = slices.DeleteFunc(slices.Clone(o.Addresses), func(a OwnedAddress) bool {
		return a.Index == index && a.Prefix == prefix
	})
	return o
}
