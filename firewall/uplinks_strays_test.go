package firewall

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"

	"github.com/rempart/rempart/lab"
)

// watchLines looks at all that leaves by any line until the function that it
// returns is called, which fails the test when a packet had a source that is not
// of its line: one of another line, or of the inside.
func (s *uplinks) watchLines(t testing.TB) (done func()) {
	t.Helper()
	return none(t, s.capture(t, s.lines, stray))
}

// watchSilence does the same for packets to an address, whatever their source.
func (s *uplinks) watchSilence(t testing.TB, to netip.Addr, lines ...*line) (done func()) {
	t.Helper()
	return none(t, s.capture(t, lines, func(_ *line, d lab.Datagram) bool { return d.Dst.Addr() == to }))
}

// stray says whether a packet that leaves by a line has a source that its provider did not give out.
func stray(l *line, d lab.Datagram) bool {
	src := d.Src.Addr()
	return !l.owns(src) && !publicNet.Contains(src) && !publicNet6.Contains(src) && !src.IsUnspecified() && !src.IsLinkLocalUnicast()
}

func none(t testing.TB, stop func() []string) (done func()) {
	return func() {
		t.Helper()
		for i, packet := range stop() {
			if i == 10 {
				t.Error("and more")
				return
			}
			t.Errorf("it was not to leave: %s", packet)
		}
	}
}

// capture collects what leaves by lines and is wrong there, until it is stopped.
func (s *uplinks) capture(t testing.TB, lines []*line, wrong func(*line, lab.Datagram) bool) (stop func() []string) {
	t.Helper()
	captures := map[*line]*lab.Capture{}
	for _, l := range lines {
		mac := s.gw.MAC(l.device)
		captures[l] = s.gw.Capture(l.device, func(frame []byte) bool {
			d, err := lab.Packet{Frame: frame}.Datagram()
			return err == nil && bytes.Equal(frame[6:12], mac) && wrong(l, d)
		})
	}
	return func() []string {
		t.Helper()
		var out []string
		for l, c := range captures {
			for _, p := range c.Stop() {
				d, _ := p.Datagram() // it was read before
				out = append(out, fmt.Sprintf("%s: %s", l.name, d))
			}
			if c.Dropped() > 0 {
				t.Errorf("%s: %d packets were not looked at", l.name, c.Dropped())
			}
		}
		return out
	}
}
