package firewall

import "github.com/rempart/rempart/firewall/report"

// interfaces is the interfaces of the policy with the state of their devices.
func (f *Firewall) interfaces() []report.Link {
	list, err := f.Links.Status()
	if err != nil {
		f.log.Warn("devices could not be read", "cause", err)
	}
	out := make([]report.Link, 0, len(list))
	for _, s := range list {
		out = append(out, report.Link{
			Name: s.Name, Device: s.Device, Present: s.Device != "", Up: s.Up && s.Carrier, MAC: s.MAC, MTU: s.MTU, Addresses: s.Addresses,
			RxBytes: s.RxBytes, TxBytes: s.TxBytes, RxErrors: s.RxErrors, TxErrors: s.TxErrors, RxDropped: s.RxDrops, TxDropped: s.TxDrops,
		})
	}
	return out
}
