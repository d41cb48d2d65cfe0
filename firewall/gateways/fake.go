package gateways

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/rempart/rempart/config"
)

// Fake is a Kernel in memory, with hosts that answer as they are told to. It
// keeps package time, so that tests may run it under testing/synctest.
type Fake struct {
	replies chan Reply
	wake    chan struct{}

	mu     sync.Mutex // guards what follows
	hosts  map[netip.Addr]FakeHost
	sent   []Question
	open   map[uint64]bool
	paths  []Path
	refuse error
}

// FakeHost is how a host of a Fake answers.
type FakeHost struct {
	Delay  time.Duration // of its answers
	Silent bool
	Shut   bool  // ProbeTCP is refused
	Err    error // in place of an answer to ProbeTCP and ProbeDNS
}

// NewFake returns a Kernel without any hosts: nobody answers.
func NewFake() *Fake {
	return &Fake{
		replies: make(chan Reply, 1024), wake: make(chan struct{}, 1),
		hosts: make(map[netip.Addr]FakeHost), open: make(map[uint64]bool),
	}
}

// Answer has a host answer from now on.
func (f *Fake) Answer(address netip.Addr, as FakeHost) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hosts[address] = as
}

// Refuse has Send fail; nil: no more.
func (f *Fake) Refuse(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse = err
}

// Sent are the questions since the last call.
func (f *Fake) Sent() []Question {
	f.mu.Lock()
	defer f.mu.Unlock()
	sent := f.sent
	f.sent = nil
	return sent
}

// Open is how many questions were sent and not dropped.
func (f *Fake) Open() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.open)
}

// Paths are those that were kept last.
func (f *Fake) Paths() []Path {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.paths
}

// Inject has a reply arrive.
func (f *Fake) Inject(r Reply) { f.replies <- r }

// Send has the host answer that is asked.
func (f *Fake) Send(q Question) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		return f.refuse
	}
	f.sent = append(f.sent, q)
	f.open[q.ID] = true
	if h, known := f.hosts[q.To.Addr()]; known && !h.Silent {
		time.AfterFunc(h.Delay, func() { f.replies <- h.Reply(q) })
	}
	return nil
}

// Drop forgets a question.
func (f *Fake) Drop(id uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.open, id)
}

// Keep keeps paths.
func (f *Fake) Keep(paths []Path) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.paths = paths
}

// Receive hands over what hosts have answered.
func (f *Fake) Receive(until time.Time, got func(Reply)) error {
	due := time.NewTimer(time.Until(until))
	defer due.Stop()
	for {
		select {
		case <-due.C:
			return nil
		case <-f.wake:
			return nil
		case r := <-f.replies:
			got(r)
		}
	}
}

// Wake ends a Receive.
func (f *Fake) Wake() { signal(f.wake) }

// Reply is what the host answers to a question.
func (h FakeHost) Reply(q Question) Reply {
	r := Reply{Kind: q.Kind, ID: q.ID, Device: q.Path.Device, From: q.To.Addr()}
	switch q.Kind {
	case config.ProbeICMP:
		r.ID, r.Packet = 0, echoReply(q.Packet, q.To.Addr().Is6())
	case config.ProbeDNS:
		r.Packet, r.Err = dnsAnswer(q.Packet), h.Err
	case config.ProbeTCP:
		r.Refused, r.Err = h.Shut, h.Err
	}
	return r
}

// echoReply is the packet that answers a request, as a raw socket gets it.
func echoReply(request []byte, is6 bool) []byte {
	m := append([]byte(nil), request...)
	if is6 {
		m[0] = echoReply6
		return m
	}
	m[0], m[2], m[3] = echoReply4, 0, 0
	binary.BigEndian.PutUint16(m[2:], ^sum(m))
	header := make([]byte, ipv4HeaderMin)
	header[0] = 4<<4 | ipv4HeaderMin/4
	return append(header, m...)
}

func dnsAnswer(question []byte) []byte {
	var q dns.Msg
	if err := q.Unpack(question); err != nil {
		return nil
	}
	wire, err := new(dns.Msg).SetRcode(&q, dns.RcodeRefused).Pack()
	if err != nil {
		return nil
	}
	return wire
}
