package wire

import (
	"bytes"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Ether is segments of Ethernet and machines on them, in memory. It keeps time by package time
// alone, and so lives in a bubble of testing/synctest; a program that ends closes its ports.
type Ether struct {
	mu            sync.Mutex
	segments      map[string]*segment
	announcements []Announcement
}

// Impairment is what a segment does to a frame between two machines: it returns the delays of the
// copies that arrive, none if it is lost. It must not call the Ether, nor keep the frame.
type Impairment func(from, to string, frame []byte) []time.Duration

// Announcement is a gratuitous ARP or an unsolicited advertisement that a machine sent.
type Announcement struct {
	At              time.Time
	Machine, Device string
	Addr            netip.Addr
	MAC             MAC
	Reply           bool
}

// segment is the devices that hear each other.
type segment struct {
	plugs    []*plug
	impair   Impairment
	reflects bool
}

// NewEther makes an Ether without segments.
func NewEther() *Ether { return &Ether{segments: make(map[string]*segment)} }

// Machine adds a machine without devices.
func (e *Ether) Machine(name string) *Machine {
	return &Machine{ether: e, name: name, watchers: make(map[chan struct{}]bool)}
}

// Impair sets what a segment does to frames from now on; nil delivers each at once.
func (e *Ether) Impair(segment string, f Impairment) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.segmentLocked(segment).impair = f
}

// Reflect has a segment send each frame back to the device that it came from, as some
// switches and hypervisors do.
func (e *Ether) Reflect(segment string, on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.segmentLocked(segment).reflects = on
}

// Announced is what machines have announced so far, in order.
func (e *Ether) Announced() []Announcement {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.announcements)
}

func (e *Ether) segmentLocked(name string) *segment {
	s := e.segments[name]
	if s == nil {
		s = new(segment)
		e.segments[name] = s
	}
	return s
}

// sendLocked puts a frame on the segment of a device.
func (e *Ether) sendLocked(from *plug, frame []byte) {
	if !from.liveLocked() {
		return
	}
	if p, err := Parse(frame); err == nil && p.Gratuitous() {
		a := Announcement{At: time.Now(), Machine: from.machine.name, Device: from.device, MAC: p.Link, Reply: p.Reply}
		if a.Addr = p.Src; p.Kind == Neighbour {
			a.Addr = p.Target
		}
		e.announcements = append(e.announcements, a)
	}
	s := from.segment
	for _, to := range slices.Clone(s.plugs) {
		if to == from && !s.reflects {
			continue
		}
		delays := []time.Duration{0}
		if s.impair != nil {
			delays = s.impair(from.machine.name, to.machine.name, frame)
		}
		for _, d := range delays {
			e.arriveLocked(to, bytes.Clone(frame), d)
		}
	}
}

// arriveLocked has a frame arrive after a delay.
func (e *Ether) arriveLocked(to *plug, frame []byte, delay time.Duration) {
	if delay <= 0 {
		to.hearLocked(frame)
		return
	}
	time.AfterFunc(delay, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		to.hearLocked(frame)
	})
}
