package ha

import (
	"bytes"
	"fmt"
	"strings"
	"sync"

	"github.com/rempart/rempart/ha/wire"
)

// Test frames are datagrams to the port of heartbeats that say which test they are of. They are not
// authenticated: they only count while a doctor listens for their id, which he was told over
// the link, and they change nothing.
const testPrefix = "rempart doctor "

// testEar collects the test frames that come in. Ports fill it.
type testEar struct {
	mu    sync.Mutex
	id    uint16 // zero: nobody listens
	heard map[string]bool
}

func (e *testEar) begin(id uint16) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.id, e.heard = id, map[string]bool{}
}

// end returns the names of the tests that came.
func (e *testEar) end() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := []string{}
	for name := range e.heard {
		out = append(out, name)
	}
	e.id, e.heard = 0, nil
	return out
}

// mostTests bounds what is remembered of tests, and longestTest a name: that of an interface has 64 bytes at most.
const (
	mostTests   = 1024
	longestTest = 128
)

// take takes a payload that is of a test, and says whether it is.
func (e *testEar) take(payload []byte) bool {
	text, ok := bytes.CutPrefix(payload, []byte(testPrefix))
	if !ok {
		return false
	}
	text, _, _ = bytes.Cut(text, []byte{0}) // the rest fills the frame
	id, name, ok := strings.Cut(string(text[:min(len(text), longestTest)]), " ")
	e.mu.Lock()
	defer e.mu.Unlock()
	if ok && e.id != 0 && id == fmt.Sprint(e.id) && len(e.heard) < mostTests {
		e.heard[name] = true
	}
	return true
}

// testName names a test: on which link, in which family, and how.
func testName(link string, is6 bool, how string) string {
	family := "IPv4"
	if is6 {
		family = "IPv6"
	}
	return link + "/" + family + "/" + how
}

// The ways of test frames.
const (
	byMulticast = "multicast"
	byUnicast   = "unicast"
	byVirtual   = "virtual-MAC"
	bySize      = "full-size"
)

// testRounds is how often each test frame is sent: one that is lost by chance is no finding.
const testRounds = 3

// speakTests sends the test frames of an id on every link.
func (n *Node) speakTests(id uint16) {
	if n.settings == nil {
		return
	}
	for _, l := range n.settings.links {
		p := n.ports[l.name]
		if p == nil || !p.carrier() {
			continue
		}
		for range testRounds {
			for _, is6 := range []bool{false, true} {
				n.speakTest(p, id, is6)
			}
		}
	}
}

// speakTest sends the test frames of one family on a link. What cannot be sent is not heard,
// which is the finding.
func (n *Node) speakTest(p *port, id uint16, is6 bool) {
	payload := func(how string, size int) []byte {
		b := fmt.Appendf(nil, "%s%d %s", testPrefix, id, testName(p.name, is6, how))
		return append(b, make([]byte, max(1, size-len(b)))...)
	}
	own := n.own(p, is6)
	if own.IsValid() || !is6 {
		_ = p.wire.Send(wire.AppendBeat(nil, p.device.MAC, own, payload(byMulticast, 0)))
	}
	if vhid := n.vhidOn(p.name); n.settings.virtual && vhid != 0 && (own.IsValid() || !is6) {
		_ = p.wire.Send(wire.AppendBeat(nil, wire.VirtualMAC(vhid), own, payload(byVirtual, 0)))
	}
	for _, to := range n.peer.addresses[p.name] {
		if to.Is6() != is6 {
			continue
		}
		_ = p.wire.SendTo(wire.Beat, to, payload(byUnicast, 0))
		if headers := 28 + 20*bit(is6); p.name == n.settings.cable {
			_ = p.wire.SendTo(wire.Beat, to, payload(bySize, p.device.MTU-headers))
		}
	}
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// vhidOn is the first vhid on a link; zero: there is none.
func (n *Node) vhidOn(link string) uint8 {
	for _, g := range n.groups {
		for _, h := range g.settings.carp.VHosts {
			if h.Link == link {
				return h.VHID
			}
		}
	}
	return 0
}
