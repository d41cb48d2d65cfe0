package wire

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Machine is a Kernel on an Ether. It answers ARP and neighbour solicitations for the addresses
// that it has, and echo requests, as a kernel does.
type Machine struct {
	ether    *Ether
	name     string
	plugs    []*plug // the index of a device is its place here, from 1; nil once it is gone
	watchers map[chan struct{}]bool
	// A frozen machine is stopped as a whole, of a stunned one the program is.
	frozen, stunned bool
}

var _ Kernel = (*Machine)(nil)

// Plug adds a device that is up and puts it on a segment, which is made if there is none. The
// addresses stay for ever.
func (m *Machine) Plug(device, segment string, mac MAC, addrs ...netip.Prefix) {
	m.ether.mu.Lock()
	defer m.ether.mu.Unlock()
	s := m.ether.segmentLocked(segment)
	p := &plug{
		machine: m, segment: s, device: device, index: len(m.plugs) + 1, mac: mac, carrier: true,
		neighbours: make(map[netip.Addr]MAC), waiting: make(map[netip.Addr][]unresolved),
	}
	for _, a := range addrs {
		p.addrs = append(p.addrs, &held{prefix: a})
	}
	s.plugs = append(s.plugs, p)
	m.plugs = append(m.plugs, p)
	m.tellLocked()
}

// Unplug removes a device: its ports hear no more, and cannot send.
func (m *Machine) Unplug(device string) {
	m.ether.mu.Lock()
	defer m.ether.mu.Unlock()
	p := m.plugLocked(device)
	if p == nil {
		return
	}
	p.segment.plugs = slices.DeleteFunc(p.segment.plugs, func(other *plug) bool { return other == p })
	m.plugs[p.index-1] = nil
	p.gone = true
	p.dropLocked(func(*held) bool { return true })
	m.tellLocked()
}

// Rename gives a device another name. Its index, addresses and ports stay.
func (m *Machine) Rename(device, name string) {
	m.ether.mu.Lock()
	defer m.ether.mu.Unlock()
	if p := m.plugLocked(device); p != nil {
		p.device = name
		m.tellLocked()
	}
}

// Carrier takes the carrier of a device away, or gives it back.
func (m *Machine) Carrier(device string, up bool) {
	m.ether.mu.Lock()
	defer m.ether.mu.Unlock()
	if p := m.plugLocked(device); p != nil && p.carrier != up {
		p.carrier = up
		m.tellLocked()
	}
}

// Freeze stops the machine, its kernel too, or lets it go on. It hears nothing in the meantime, and
// what its program does has no effect.
func (m *Machine) Freeze(frozen bool) {
	m.ether.mu.Lock()
	defer m.ether.mu.Unlock()
	m.frozen = frozen
}

// Stun stops the machine's program, or lets it go on, while its kernel lives. What came in is
// heard late, and what the program does in the meantime has no effect.
func (m *Machine) Stun(stunned bool) {
	m.ether.mu.Lock()
	defer m.ether.mu.Unlock()
	m.stunned = stunned
	for _, p := range m.plugs {
		if p == nil {
			continue
		}
		for _, port := range p.ports {
			port.ring()
		}
	}
}

// Addresses are those that a device has, in the order in which they came.
func (m *Machine) Addresses(device string) []netip.Prefix {
	m.ether.mu.Lock()
	defer m.ether.mu.Unlock()
	if p := m.plugLocked(device); p != nil {
		return p.prefixesLocked()
	}
	return nil
}

// Believes is the hardware address that the machine's kernel would send to, for an address on the
// link of a device.
func (m *Machine) Believes(device string, a netip.Addr) (MAC, bool) {
	m.ether.mu.Lock()
	defer m.ether.mu.Unlock()
	if p := m.plugLocked(device); p != nil {
		mac, ok := p.neighbours[a]
		return mac, ok
	}
	return MAC{}, false
}

// Resolve has the kernel ask who has an address; see Believes.
func (m *Machine) Resolve(device string, a netip.Addr) {
	m.ether.mu.Lock()
	defer m.ether.mu.Unlock()
	if p := m.plugLocked(device); p != nil {
		p.resolveLocked(a)
	}
}

// Open opens a port.
func (m *Machine) Open(device string, heard func(Heard)) (Port, error) {
	m.ether.mu.Lock()
	defer m.ether.mu.Unlock()
	p := m.plugLocked(device)
	if p == nil {
		return nil, fmt.Errorf("open port on %s: %w", device, ErrNoDevice)
	}
	port := &fakePort{plug: p, heard: heard, bell: make(chan struct{}, 1), done: make(chan struct{})}
	p.ports = append(p.ports, port)
	go port.run()
	return port, nil
}

// Device reads a device.
func (m *Machine) Device(name string) (Device, error) {
	m.ether.mu.Lock()
	defer m.ether.mu.Unlock()
	p := m.plugLocked(name)
	if p == nil {
		return Device{}, fmt.Errorf("read device %s: %w", name, ErrNoDevice)
	}
	return Device{
		Index: p.index, Name: p.device, MAC: p.mac, MTU: 1500, Up: true, Carrier: p.carrier,
		Addresses: p.prefixesLocked(), Received: p.received,
	}, nil
}

// Watch calls changed after each change that the machine knows of.
func (m *Machine) Watch(ctx context.Context, changed func()) error {
	news := make(chan struct{}, 1)
	m.watch(news, true)
	defer m.watch(news, false)
	changed()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-news:
			changed()
		}
	}
}

func (m *Machine) watch(news chan struct{}, on bool) {
	m.ether.mu.Lock()
	defer m.ether.mu.Unlock()
	if on {
		m.watchers[news] = true
	} else {
		delete(m.watchers, news)
	}
}

// tellLocked tells of a change.
func (m *Machine) tellLocked() {
	for news := range m.watchers {
		select {
		case news <- struct{}{}:
		default: // there is something to be told anyway
		}
	}
}

// Place gives a device an address. A lease lasts a whole number of seconds, rounded up.
func (m *Machine) Place(index int, a netip.Prefix, lease time.Duration) error {
	m.ether.mu.Lock()
	defer m.ether.mu.Unlock()
	p := m.indexedLocked(index)
	switch {
	case m.frozen || m.stunned:
		return nil
	case p == nil:
		return fmt.Errorf("place %s: %w", a, ErrNoDevice)
	}
	h := p.heldLocked(a)
	if h == nil {
		h = &held{prefix: a}
		p.addrs = append(p.addrs, h)
	}
	if h.expiry != nil {
		h.expiry.Stop()
		h.expiry = nil
	}
	if life := leaseSeconds(lease); life != forEver {
		h.expiry = time.AfterFunc(time.Duration(life)*time.Second, func() { p.expire(h) })
	}
	m.tellLocked()
	return nil
}

// Remove takes an address away.
func (m *Machine) Remove(index int, a netip.Prefix) error {
	m.ether.mu.Lock()
	defer m.ether.mu.Unlock()
	p := m.indexedLocked(index)
	if p == nil || m.frozen || m.stunned {
		return nil
	}
	if p.dropLocked(func(h *held) bool { return h.prefix == a }) {
		m.tellLocked()
	}
	return nil
}

// Neighbours are the hosts that the kernel knows the hardware addresses of.
func (m *Machine) Neighbours(index int) ([]netip.Addr, error) {
	m.ether.mu.Lock()
	defer m.ether.mu.Unlock()
	p := m.indexedLocked(index)
	if p == nil {
		return nil, fmt.Errorf("list neighbours: %w", ErrNoDevice)
	}
	var all []netip.Addr
	for a := range p.neighbours {
		all = append(all, a)
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return all, nil
}

func (m *Machine) plugLocked(device string) *plug {
	for _, p := range m.plugs {
		if p != nil && p.device == device {
			return p
		}
	}
	return nil
}

func (m *Machine) indexedLocked(index int) *plug {
	if index < 1 || index > len(m.plugs) {
		return nil
	}
	return m.plugs[index-1]
}
