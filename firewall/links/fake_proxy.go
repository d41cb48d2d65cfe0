package links

import "slices"

// Proxies lists the proxy entries.
func (f *Fake) Proxies() ([]FoundProxy, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.proxies), nil
}

func (f *Fake) dropProxies(device string) {
	f.proxies = slices.DeleteFunc(f.proxies, func(p FoundProxy) bool { return p.Device == device })
}

func (f *Fake) addVoid() {
	if d := f.device(VoidDevice); d != nil {
		d.Up = true
		return
	}
	index := 1
	for _, d := range f.devices {
		index = max(index, d.Index+1)
	}
	f.devices = append(f.devices, Device{Index: index, Name: VoidDevice, Kind: voidKinds[0], MTU: 1500, Up: true})
}
