package links

import (
	"fmt"
	"net/netip"
)

// LinkStatus is one interface of the policy as it is now.
type LinkStatus struct {
	Name      string         `json:"name"`
	Device    string         `json:"device"` // empty: missing
	MAC       string         `json:"mac"`
	Up        bool           `json:"up"`      // set up by an administrator
	Carrier   bool           `json:"carrier"` // the other end is there
	State     OperState      `json:"state"`
	MTU       int            `json:"mtu"`       // bytes
	Addresses []netip.Prefix `json:"addresses"` // all of the device, ours or not
	Fault     string         `json:"fault,omitempty"`
	Counters
}

// Trouble is what was not as the applied State wants it when the machine was
// last looked at, which is whenever something of it changes; empty: nothing.
func (o *Owner) Trouble() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.trouble
}

// Status is every link of the last applied State, in its order.
func (o *Owner) Status() ([]LinkStatus, error) {
	o.mu.Lock()
	want := o.want
	o.mu.Unlock()
	devices, err := o.kernel.Devices()
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	all := make([]LinkStatus, 0, len(want.Links))
	for _, l := range want.Links {
		d, fault := find(devices, l)
		s := LinkStatus{
			Name: l.Name, Device: d.Name, MAC: d.MAC.String(),
			Up: d.Up, Carrier: d.Carrier, State: d.State, MTU: d.MTU,
			// Never nil, which JSON would call null.
			Addresses: append([]netip.Prefix{}, d.Addresses...), Counters: d.Counters,
		}
		if fault != nil {
			s.Fault = fault.Error()
		}
		all = append(all, s)
	}
	return all, nil
}
