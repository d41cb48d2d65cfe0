package wire

import (
	"net/netip"
	"slices"
	"time"
)

// maxWaiting is how many packets wait for a neighbour's hardware address.
const maxWaiting = 3

// plug is a device of a Machine.
type plug struct {
	machine       *Machine
	segment       *segment
	device        string
	index         int
	mac           MAC
	carrier, gone bool
	received      uint64
	addrs         []*held
	ports         []*fakePort
	neighbours    map[netip.Addr]MAC
	waiting       map[netip.Addr][]unresolved
}

// held is an address of a device, with the end of its lease if it has one.
type held struct {
	prefix netip.Prefix
	expiry *time.Timer
}

// unresolved is a packet that waits for a hardware address.
type unresolved struct {
	headers headers
	payload []byte
}

// liveLocked says whether frames pass.
func (p *plug) liveLocked() bool { return p.carrier && !p.gone && !p.machine.frozen }

func (p *plug) prefixesLocked() []netip.Prefix {
	var all []netip.Prefix
	for _, h := range p.addrs {
		all = append(all, h.prefix)
	}
	return all
}

func (p *plug) heldLocked(a netip.Prefix) *held {
	for _, h := range p.addrs {
		if h.prefix == a {
			return h
		}
	}
	return nil
}

func (p *plug) hasLocked(a netip.Addr) bool {
	return slices.ContainsFunc(p.addrs, func(h *held) bool { return h.prefix.Addr() == a })
}

// expire ends a lease, unless it was renewed while this waited for the lock.
func (p *plug) expire(h *held) {
	p.machine.ether.mu.Lock()
	defer p.machine.ether.mu.Unlock()
	if p.dropLocked(func(other *held) bool { return other == h && h.expiry != nil }) {
		p.machine.tellLocked()
	}
}

// dropLocked takes addresses away.
func (p *plug) dropLocked(which func(*held) bool) (dropped bool) {
	before := len(p.addrs)
	p.addrs = slices.DeleteFunc(p.addrs, func(h *held) bool {
		drop := which(h)
		if drop && h.expiry != nil {
			h.expiry.Stop()
		}
		return drop
	})
	return len(p.addrs) != before
}

// hearLocked takes a frame off the segment.
func (p *plug) hearLocked(frame []byte) {
	if !p.liveLocked() {
		return
	}
	p.received++
	if len(frame) < etherHeader {
		return
	}
	to := MAC(frame[0:6])
	mine := to == p.mac || to.Multicast()
	if !mine && to != VirtualMAC(to[5]) {
		return
	}
	if _, err := Parse(frame); err == nil {
		for _, port := range p.ports {
			port.queueLocked(frame)
		}
	}
	if mine {
		p.answerLocked(frame)
	}
}

// answerLocked does what the kernel does about a frame.
func (p *plug) answerLocked(frame []byte) {
	if reply, request, ok := answerEcho(frame); ok {
		if p.hasLocked(request.Dst) {
			p.machine.ether.sendLocked(p, reply)
		}
		return
	}
	got, err := Parse(frame)
	switch {
	case err != nil:
	case got.Kind == ARP:
		p.answerARPLocked(got)
	case got.Kind == Neighbour:
		p.answerNeighbourLocked(got)
	}
}

// answerARPLocked learns and answers as Linux does: what is not for us only changes what
// is known already.
func (p *plug) answerARPLocked(got Packet) {
	mine := p.hasLocked(got.Dst)
	if !got.Src.IsUnspecified() && !p.hasLocked(got.Src) {
		p.learnLocked(got.Src, got.Link, mine)
	}
	if mine && !got.Reply && got.Src != got.Dst {
		reply := arpFrame{to: got.From, from: p.mac, operation: arpReply, sender: got.Dst, target: got.Src, link: got.Link}
		p.machine.ether.sendLocked(p, reply.append(nil))
	}
}

func (p *plug) answerNeighbourLocked(got Packet) {
	if got.Reply {
		p.learnLocked(got.Target, got.Link, !got.Dst.IsMulticast())
		return
	}
	if !p.hasLocked(got.Target) {
		return
	}
	h := headers{from: p.mac, to: got.From, src: got.Target, dst: got.Src}
	m := neighbourMessage{kind: advertisement, flags: isRouter | solicited | override, option: targetLink, target: got.Target, link: p.mac}
	if got.Src.IsUnspecified() {
		h.to, h.dst, m.flags = groupMAC(allNodes), allNodes, isRouter|override
	} else {
		p.learnLocked(got.Src, got.Link, true)
	}
	p.machine.ether.sendLocked(p, m.append(nil, h))
}

// learnLocked takes a neighbour's hardware address down, and sends what waited for it.
func (p *plug) learnLocked(a netip.Addr, mac MAC, anew bool) {
	_, known := p.neighbours[a]
	_, asked := p.waiting[a]
	if mac == (MAC{}) || !known && !anew && !asked {
		return
	}
	p.neighbours[a] = mac
	waiting := p.waiting[a]
	delete(p.waiting, a)
	for _, w := range waiting {
		w.headers.to = mac
		p.machine.ether.sendLocked(p, w.headers.appendPayload(nil, w.payload))
	}
}

// resolveLocked asks for a hardware address.
func (p *plug) resolveLocked(a netip.Addr) {
	if _, ok := p.waiting[a]; !ok {
		p.waiting[a] = nil
	}
	p.machine.ether.sendLocked(p, AppendKnock(nil, p.mac, p.sourceLocked(a), a))
}

// sendToLocked sends a packet as by a socket.
func (p *plug) sendToLocked(h headers, payload []byte) {
	h.from, h.src = p.mac, sourceFor(p.sourceLocked(h.dst), h.dst)
	if mac, ok := p.neighbours[h.dst]; ok {
		h.to = mac
		p.machine.ether.sendLocked(p, h.appendPayload(nil, payload))
		return
	}
	if w := p.waiting[h.dst]; len(w) < maxWaiting {
		p.waiting[h.dst] = append(w, unresolved{h, slices.Clone(payload)})
	}
	p.resolveLocked(h.dst)
}

// sourceLocked is the address to speak to another from: one of the same subnet if there is any.
func (p *plug) sourceLocked(to netip.Addr) (src netip.Addr) {
	for _, h := range p.addrs {
		a := h.prefix.Addr()
		switch {
		case h.prefix.Contains(to):
			return a
		case !src.IsValid() && a.Is4() == to.Is4():
			src = a
		}
	}
	return src
}
