package ha

import (
	"errors"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rempart/rempart/ha/carp"
	"github.com/rempart/rempart/ha/pulse"
	"github.com/rempart/rempart/ha/wire"
)

// port is one link with the socket on its device.
type port struct {
	name   string // of the link
	device wire.Device
	wire   wire.Port // nil: there is no such device yet
	fault  string    // why
	ear    atomic.Pointer[ear]

	ad    time.Time  // when the last advertisement of another came
	adSrc netip.Addr // from whom
	// errors counts sends that failed, in a row.
	errors atomic.Int32
}

// ear is what a port's goroutine tells the pair's frames from others by. It is replaced as a
// whole; what it points to is that goroutine's alone.
type ear struct {
	keys pulse.Keyring
	// unpaired is the key of a node that is not paired; nothing where keys has it or this one is not paired either.
	unpaired pulse.Keyring
	hosts    map[uint8]*carp.VHost // by vhid; they understand what was before a change as well
	known    map[netip.Addr]bool   // virtual addresses, and the peer's own
}

// frame is one that is of the pair, as the loop gets it.
type frame struct {
	link string
	at   time.Time
	kind wire.Kind
	// packet has no payload.
	packet   wire.Packet
	beat     pulse.Beat
	unpaired bool // beat is of a node that is not paired
	ad       carp.Ad
}

// The names of what is refused.
const (
	refusedVHID   = "advertisements of an unknown vhid"
	refusedBeat   = "heartbeats with another secret"
	refusedKeys   = "heartbeats of a node that is not paired with this one any more"
	refusedAd     = "advertisements with another secret or other addresses"
	refusedOwn    = "own frames that came back"
	refusedReplay = "replayed or forged heartbeats"
	refusedForged = "replayed or forged advertisements"
	refusedThird  = "heartbeats of a third node"
	refusedPath   = "heartbeats of another network"
	lostFrames    = "frames lost because the program was busy"
	lostUnread    = "frames lost because nobody read them in time"
)

// hear takes a frame from a port's goroutine: what is not of the pair ends here.
func (n *Node) hear(p *port, h wire.Heard) {
	e := p.ear.Load()
	if e == nil {
		return
	}
	f := frame{link: p.name, at: h.At, kind: h.Kind, packet: h.Packet}
	f.packet.Payload = nil
	switch h.Kind {
	case wire.Beat:
		if n.tests.take(h.Payload) {
			return
		}
		b, err := e.keys.Open(h.Payload)
		if errors.Is(err, pulse.ErrAuth) {
			if b, err = e.unpaired.Open(h.Payload); err == nil {
				f.unpaired = true
			}
		}
		if err != nil {
			n.refuse(p, h, beatFault(err))
			return
		}
		f.beat = b
	case wire.CARP:
		ad, err := e.parse(h)
		if err != nil {
			n.refuse(p, h, adFault(err))
			return
		}
		f.ad = ad
	case wire.ARP:
		if !e.known[h.Src] {
			return
		}
	case wire.Neighbour:
		if !e.known[h.Src] && !(h.Reply && e.known[h.Target]) {
			return
		}
	default:
		if n.drill.heard(h) {
			n.stats.count("answers heard in a drill")
		}
		return
	}
	select {
	case n.frames <- f:
	default:
		n.stats.note(h.At, lostFrames, p.name, netip.Addr{})
	}
}

// parse authenticates an advertisement. Its error is a carp.Check.
func (e *ear) parse(h wire.Heard) (carp.Ad, error) {
	vhid, ok := carp.VHIDOf(h.Payload)
	if !ok {
		return carp.Ad{}, carp.Short
	}
	host := e.hosts[vhid]
	if host == nil {
		return carp.Ad{}, carp.UnknownVHID
	}
	return host.Parse(h.Payload, h.TTL, h.Src.Is6())
}

func adFault(err error) string {
	switch {
	case errors.Is(err, carp.BadAuth):
		return refusedAd
	case errors.Is(err, carp.UnknownVHID):
		return refusedVHID
	}
	return "advertisements: " + err.Error()
}

func beatFault(err error) string {
	if errors.Is(err, pulse.ErrAuth) {
		return refusedBeat
	}
	// Without what is wrong with this one: it is the name of a counter.
	for _, kind := range []error{pulse.ErrShort, pulse.ErrMagic, pulse.ErrVersion, pulse.ErrMalformed} {
		if errors.Is(err, kind) {
			return "heartbeats: " + kind.Error()
		}
	}
	return "heartbeats: " + err.Error()
}

// refuse counts a frame that is not taken, and says so once in a while.
func (n *Node) refuse(p *port, h wire.Heard, why string) {
	if n.stats.note(h.At, why, p.name, h.Src) {
		n.log.Warn("refused", "what", why, "interface", p.name, "from", h.Src, "mac", h.From)
	}
}

// openPorts makes the ports those of the settings, and looks at their devices again.
func (n *Node) openPorts(now time.Time) {
	wanted := map[string]bool{}
	if n.settings != nil {
		for _, l := range n.settings.links {
			wanted[l.name] = true
			n.openPort(now, l)
		}
	}
	for name, p := range n.ports {
		if !wanted[name] {
			p.close()
			delete(n.ports, name)
		}
	}
	n.listen()
	n.speak()
}

// openPort opens the port of a link, anew when the device behind it is another one.
func (n *Node) openPort(now time.Time, l link) {
	p := n.ports[l.name]
	if p == nil {
		p = &port{name: l.name}
		n.ports[l.name] = p
	}
	device, err := n.Kernel.Device(l.device)
	if l.device == "" {
		err = wire.ErrNoDevice
	}
	if err != nil || p.wire != nil && device.Index != p.device.Index {
		n.strip(p)
		p.close()
	}
	p.device, p.fault = device, ""
	if err == nil && p.wire == nil {
		p.wire, err = n.Kernel.Open(l.device, func(h wire.Heard) { n.hear(p, h) })
	}
	if err != nil {
		p.fault, p.device = err.Error(), wire.Device{}
		if n.once(now, "open "+l.name) {
			n.log.Warn("network of the pair cannot be used, tried again when devices change", "interface", l.name, "device", l.device, "cause", err)
		}
	}
	if n.judge != nil {
		n.judge.Carrier(now, l.name, p.carrier())
	}
}

// strip takes the virtual addresses from the device of a port that is about to be closed: it may live on
// under another name.
func (n *Node) strip(p *port) {
	if p.wire == nil {
		return
	}
	for _, g := range n.groups {
		for _, v := range g.settings.vips {
			if g.held && v.link == p.name {
				_ = n.Kernel.Remove(p.device.Index, v.prefix) // mostly the device is gone, and they with it
			}
		}
	}
}

// carrier says that frames can pass.
func (p *port) carrier() bool { return p.wire != nil && p.device.Up && p.device.Carrier }

// close ends what the port hears and says. Its goroutine may have an ear still, so the next one gets
// another: listen makes it.
func (p *port) close() {
	if p.wire != nil {
		p.wire.Close()
		p.wire = nil
	}
	p.ear.Store(nil)
}

func (n *Node) closePorts() {
	for _, p := range n.ports {
		p.close()
	}
}

// listen tells the ports what the pair's frames look like.
func (n *Node) listen() {
	for name, p := range n.ports {
		e := &ear{keys: n.keyring(), unpaired: n.unpairedKey(), hosts: map[uint8]*carp.VHost{}, known: map[netip.Addr]bool{}}
		for _, s := range n.agreements() {
			for _, g := range s.groups {
				for _, h := range g.carp.VHosts {
					if h.Link == name {
						e.understand(h)
					}
				}
			}
		}
		if n.settings != nil {
			for _, g := range n.settings.groups {
				for _, v := range g.vips {
					if v.link == name {
						e.known[v.prefix.Addr()] = true
					}
				}
			}
		}
		for _, a := range n.peer.addresses[name] {
			e.known[a] = true
		}
		for a := range n.sought {
			e.known[a] = true
		}
		p.ear.Store(e)
	}
}

// understand adds a virtual host, or to one of the same vhid what else it is spoken with. The contexts are
// the ear's own, since they are for one goroutine.
func (e *ear) understand(h carp.VHost) {
	own := carp.Context{Key: h.Send.Key, VHID: h.VHID, Addresses: h.Send.Addresses}
	host := e.hosts[h.VHID]
	if host == nil {
		e.hosts[h.VHID] = &carp.VHost{VHID: h.VHID, Link: h.Link, Send: own, V4: h.V4, V6: h.V6}
		return
	}
	host.Also = append(host.Also, own)
	host.V4, host.V6 = host.V4 || h.V4, host.V6 || h.V6
}

// own is the address of the device for a family: one of this node's own, never a
// virtual one; of IPv6 the link-local one.
func (n *Node) own(p *port, is6 bool) netip.Addr {
	for _, a := range n.ownAll(p) {
		if a.Is6() == is6 && (!is6 || a.IsLinkLocalUnicast()) {
			return a
		}
	}
	return netip.Addr{}
}

// dummy is an address that nodes may have and that is nobody's (RFC 7600 4.8).
var dummy = netip.AddrFrom4([4]byte{192, 0, 0, 8})

// ownAll is the addresses of a device that are this node's own.
func (n *Node) ownAll(p *port) []netip.Addr {
	var out []netip.Addr
	for _, a := range p.device.Addresses {
		if !n.isVIP(p.name, a.Addr()) && a.Addr() != dummy {
			out = append(out, a.Addr().WithZone(""))
		}
	}
	return out
}

// ownNetworks are they with their networks.
func (n *Node) ownNetworks(p *port) []netip.Prefix {
	return slices.DeleteFunc(slices.Clone(p.device.Addresses), func(a netip.Prefix) bool {
		return n.isVIP(p.name, a.Addr()) || a.Addr() == dummy
	})
}

// isVIP says whether an address is a virtual one of a link.
func (n *Node) isVIP(link string, a netip.Addr) bool {
	for _, s := range n.agreements() {
		for _, g := range s.groups {
			for _, v := range g.vips {
				if v.link == link && v.prefix.Addr() == a {
					return true
				}
			}
		}
	}
	return false
}
