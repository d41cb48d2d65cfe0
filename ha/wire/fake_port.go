package wire

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"
)

// maxQueue is how many frames wait in a port.
const maxQueue = 4096

// fakePort is a Port of a Machine. Its plug's Ether guards it.
type fakePort struct {
	plug    *plug
	heard   func(Heard)
	queue   []arrived
	bell    chan struct{} // rung when there may be something to hear
	done    chan struct{} // closed with the port
	closed  bool
	dropped uint64
}

// arrived is a frame with its time.
type arrived struct {
	frame []byte
	at    time.Time
}

// run hands over what came in.
func (p *fakePort) run() {
	for {
		a, ok := p.next()
		if !ok {
			select {
			case <-p.done:
				return
			case <-p.bell:
				continue
			}
		}
		got, err := Parse(a.frame)
		if err != nil {
			panic("wire: a port queued " + err.Error())
		}
		p.heard(Heard{Packet: got, At: a.at})
		clear(a.frame) // as the kernel's Port writes the next one there
	}
}

// next takes a frame off the queue.
func (p *fakePort) next() (a arrived, ok bool) {
	p.plug.machine.ether.mu.Lock()
	defer p.plug.machine.ether.mu.Unlock()
	if p.closed || p.plug.machine.stunned || len(p.queue) == 0 {
		return arrived{}, false
	}
	a = p.queue[0]
	p.queue = slices.Delete(p.queue, 0, 1)
	return a, true
}

func (p *fakePort) queueLocked(frame []byte) {
	if len(p.queue) == maxQueue {
		p.dropped++
		return
	}
	p.queue = append(p.queue, arrived{bytes.Clone(frame), time.Now()})
	p.ring()
}

func (p *fakePort) ring() {
	select {
	case p.bell <- struct{}{}:
	default:
	}
}

// Send sends a whole frame.
func (p *fakePort) Send(frame []byte) error {
	p.plug.machine.ether.mu.Lock()
	defer p.plug.machine.ether.mu.Unlock()
	if err := p.usableLocked(); err != nil {
		return fmt.Errorf("send on %s: %w", p.plug.device, err)
	}
	if !p.plug.machine.stunned {
		p.plug.machine.ether.sendLocked(p.plug, frame)
	}
	return nil
}

// SendTo sends a payload to one host, when its hardware address is known.
func (p *fakePort) SendTo(k Kind, to netip.Addr, payload []byte) error {
	p.plug.machine.ether.mu.Lock()
	defer p.plug.machine.ether.mu.Unlock()
	h, err := unicast(k, to)
	if err == nil {
		err = p.usableLocked()
	}
	if err != nil {
		return fmt.Errorf("send %s to %s on %s: %w", k, to, p.plug.device, err)
	}
	if !p.plug.machine.stunned {
		p.plug.sendToLocked(h, payload)
	}
	return nil
}

func (p *fakePort) usableLocked() error {
	switch {
	case p.closed:
		return net.ErrClosed
	case p.plug.gone:
		return ErrNoDevice
	}
	return nil
}

// Dropped is how many frames found the queue full.
func (p *fakePort) Dropped() uint64 {
	p.plug.machine.ether.mu.Lock()
	defer p.plug.machine.ether.mu.Unlock()
	return p.dropped
}

// Close ends the port.
func (p *fakePort) Close() error {
	p.plug.machine.ether.mu.Lock()
	defer p.plug.machine.ether.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	close(p.done)
	p.plug.ports = slices.DeleteFunc(p.plug.ports, func(other *fakePort) bool { return other == p })
	return nil
}
