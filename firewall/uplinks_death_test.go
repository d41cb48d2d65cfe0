package firewall

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

// crowdSize is how many connections live while their line dies.
const crowdSize = 1000

// deaths are the ways in which a line dies; it is mended by good.
var deaths = map[string]func(l *line){
	"silent": func(l *line) { l.wire.Set(lab.Impairment{Loss: 100}) },
	"pulled": func(l *line) { l.wire.Pull() },
	"lossy":  func(l *line) { l.wire.Set(lab.Impairment{Loss: 60}) },
}

// TestUplinksDeath lets a line die under a thousand connections over two of
// them: those on the dead line end with a reset, idle or not, those on the
// other go on, and nothing of one line's leaves by the other.
func TestUplinksDeath(t *testing.T) {
	for how, die := range deaths {
		t.Run(how, func(t *testing.T) {
			s := newUplinks(t, 2)
			s.applyLines(t, nil, s.balanced(""))
			fibre, cable := s.line("fibre"), s.line("cable")
			c := openCrowd(t, s.office, crowdSize, addrPort(outside["IPv4"]))
			six := openCrowd(t, s.office, crowdSize/10, addrPort(outside["IPv6"]))
			dead, alive := append(c.over(cable), six.over(cable)...), append(c.over(fibre), six.over(fibre)...)
			if len(dead) < crowdSize/3 || len(alive) < crowdSize/3 {
				t.Fatalf("%d by cable, %d by fibre", len(dead), len(alive))
			}
			awaitEchoes(t, append(dead, alive...))
			strays := s.watchLines(t)
			begin := time.Now()
			die(cable)
			t.Logf("the last of %d was reset after %s", len(dead), awaitResets(t, dead, begin).Round(time.Millisecond))
			awaitEchoes(t, alive)
			for _, to := range outside {
				s.awaitNew(t, to, "fibre")
			}
			awaitEchoes(t, alive)
			strays()
		})
	}
}

// TestUplinksMove has a flow that is not translated go on by another line, with
// the connection none the wiser.
func TestUplinksMove(t *testing.T) {
	t.Parallel()
	s := newUplinks(t, 2)
	s.applyLines(t, nil, throughGroups(`["fibre"], ["cable"]`, `["fibre6"], ["cable6"]`, ""))
	fibre, cable := s.line("fibre"), s.line("cable")
	var crowds []*crowd
	for _, to := range outside {
		crowds = append(crowds, openCrowd(t, s.public, 20, addrPort(to)))
	}
	translated := openCrowd(t, s.office, 20, addrPort(outside["IPv4"]))
	toPublic := func(l *line) func() []string {
		return s.capture(t, []*line{l}, func(_ *line, d lab.Datagram) bool {
			return publicNet.Contains(d.Src.Addr()) || publicNet6.Contains(d.Src.Addr())
		})
	}
	strays, early := s.watchLines(t), toPublic(cable)
	for _, c := range crowds {
		awaitEchoes(t, c.callers)
	}
	if got := early(); len(got) > 0 {
		t.Errorf("by cable while fibre lives: %q", got[0])
	}
	fibre.wire.Set(lab.Impairment{Loss: 100})
	s.routePublic(cable)
	awaitResets(t, translated.callers, time.Now())
	for _, c := range crowds {
		awaitEchoes(t, c.callers)
	}
	strays()
}

// TestUplinksKeep has flows wait for their line, and end none that would move.
func TestUplinksKeep(t *testing.T) {
	t.Parallel()
	s := newUplinks(t, 2)
	s.applyLines(t, nil, throughGroups(`["fibre"], ["cable"]`, `["fibre6"], ["cable6"]`, "fail_over = \"keep\"\n"))
	fibre := s.line("fibre")
	c := openCrowd(t, s.office, 50, addrPort(outside["IPv4"]))
	awaitEchoes(t, c.callers)
	strays := s.watchLines(t)
	fibre.wire.Set(lab.Impairment{Loss: 100})
	s.awaitNew(t, outside["IPv4"], "cable")
	fibre.wire.Set(lab.Impairment{})
	awaitEchoes(t, c.callers)
	s.awaitNew(t, outside["IPv4"], "fibre")
	awaitEchoes(t, c.callers)
	strays()
}

// TestUplinksEnd ends what could move when the policy says so.
func TestUplinksEnd(t *testing.T) {
	t.Parallel()
	s := newUplinks(t, 2)
	s.applyLines(t, nil, throughGroups(`["fibre"], ["cable"]`, `["fibre6"], ["cable6"]`, "fail_over = \"end\"\n"))
	c := openCrowd(t, s.public, 20, addrPort(outside["IPv4"]))
	awaitEchoes(t, c.callers)
	s.line("fibre").wire.Pull()
	awaitResets(t, c.callers, time.Now())
}

// TestUplinksProbes asks beyond the next router: a line is dead when nothing behind it answers,
// questions never take another line, and one of two targets is enough.
func TestUplinksProbes(t *testing.T) {
	t.Parallel()
	s := newUplinks(t, 2)
	fibre, cable := s.line("fibre"), s.line("cable")
	keys := map[string]string{
		"fibre":  fmt.Sprintf("monitor = [\"%[1]s\", \"tcp://%[1]s:443\"]\n", fibre.monitor()),
		"fibre6": fmt.Sprintf("monitor = [\"tcp://[%s]:443\"]\n", fibre.monitor6()),
	}
	s.applyLines(t, keys, throughGroups(`["fibre"], ["cable"]`, `["fibre6"], ["cable6"]`, ""))
	targets := []netip.Addr{fibre.monitor(), fibre.monitor6()}
	strays := s.watchLines(t)
	astray := s.capture(t, []*line{cable}, func(_ *line, d lab.Datagram) bool { return slices.Contains(targets, d.Dst.Addr()) })
	asked := s.capture(t, []*line{fibre}, func(_ *line, d lab.Datagram) bool { return slices.Contains(targets, d.Dst.Addr()) })
	for _, to := range outside {
		s.awaitNew(t, to, "fibre")
	}
	// The router lives on, and what is behind it does not: both targets, and then one of them.
	guard := func(verdict string) string {
		return "table inet deaf { chain in { type filter hook input priority 0; " + verdict + "; }; }"
	}
	deaf := func(verdict string) {
		t.Helper()
		if _, err := fibre.isp.Run(t.Context(), "nft", "add table inet deaf; delete table inet deaf; "+guard(verdict)); err != nil {
			t.Fatal(err)
		}
	}
	deaf(fmt.Sprintf("ip daddr %s drop; ip6 daddr %s drop", targets[0], targets[1]))
	for _, to := range outside {
		s.awaitNew(t, to, "cable")
	}
	deaf(fmt.Sprintf("ip daddr %s icmp type echo-request drop", targets[0]))
	for _, to := range outside {
		s.awaitNew(t, to, "fibre")
	}
	if got := astray(); len(got) > 0 {
		t.Errorf("asked by another line: %q", got[0])
	}
	if got := asked(); len(got) < 20 {
		t.Errorf("asked %d times", len(got))
	}
	strays()
}
