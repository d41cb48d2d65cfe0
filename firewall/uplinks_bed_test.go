package firewall

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

// plain has the site's gateway be a router by hand: the first line is the default, and each
// line translates what leaves by it.
func (s *uplinks) plain(t testing.TB) {
	t.Helper()
	s.gw.Forward()
	s.gw.AddAddr("lan0", prefixesOf("10.1.2.1/24 2001:db8:2::1/64")...)
	s.gw.AddAddr("pub0", prefixesOf("203.0.113.65/28 2001:db8:5::1/64")...)
	var outside []string
	for _, l := range s.lines {
		s.gw.AddAddr(l.device, prefixesOf(fmt.Sprintf("%s/%d %s/64", l.own(), l.net.Bits(), l.own6()))...)
		outside = append(outside, l.device)
	}
	s.gw.Default(s.lines[0].hop())
	s.gw.Default(s.lines[0].hop6())
	s.run(t, "nft", fmt.Sprintf(`table inet plain {
	chain post {
		type nat hook postrouting priority srcnat;
		oifname { %s } ip saddr 10.0.0.0/8 masquerade
		oifname { %[1]s } ip6 saddr 2001:db8:2::/64 masquerade
	}
	chain forward {
		type filter hook forward priority filter;
	}
}`, strings.Join(outside, ", ")))
}

// run runs a command on the gateway.
func (s *uplinks) run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := s.gw.Run(t.Context(), name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestUplinksBed tries the network of the tests of several lines itself, with a gateway of hand-made
// routes: what those tests look for has to show when it is there.
func TestUplinksBed(t *testing.T) {
	t.Parallel()
	s := buildUplinks(t, 3)
	s.plain(t)
	for i, l := range s.lines {
		s.gw.Default(l.hop())
		s.gw.Default(l.hop6())
		s.routePublic(l)
		for _, to := range []string{"192.0.2.7:80", "[2001:db8:ff::7]:80"} {
			if got := s.leaves(t, s.office, to); got != l.name {
				t.Errorf("to %s by %q, want %s", to, got, l.name)
			}
			if r := s.public.TCP(t.Context(), addrPort(to), lab.Within(waitAtMost)); r.Outcome != lab.Open || r.Seen.Addr() != r.From.Addr() {
				t.Errorf("public to %s by %s: %s", to, l.name, r)
			}
		}
		for _, monitor := range []string{l.monitor().String(), l.monitor6().String()} {
			if r := s.gw.Ping(t.Context(), addr(monitor), lab.Within(waitAtMost)); r.Outcome != lab.Open {
				t.Errorf("monitor %s of %s: %s", monitor, l.name, r)
			}
		}
		other := s.lines[(i+1)%len(s.lines)]
		if r := s.gw.Ping(t.Context(), addr("192.0.2.7"), lab.Within(waitAtMost)); r.Outcome != lab.Open {
			t.Errorf("from %s by %s: %s", l.own(), l.name, r)
		}
		wrong := lab.From(addrPort(other.own().String() + ":0"))
		if r := s.gw.Ping(t.Context(), addr("192.0.2.7"), wrong, lab.Within(patience)); r.Outcome != lab.Timeout {
			t.Errorf("from %s by %s: %s", other.own(), l.name, r)
		}
	}
}

// TestUplinksBedSees has packets leave that are not to.
func TestUplinksBedSees(t *testing.T) {
	t.Parallel()
	s := buildUplinks(t, 2)
	s.plain(t)
	fibre, cable := s.lines[0], s.lines[1]
	strays, toInternet := s.capture(t, s.lines, stray), s.capture(t, []*line{fibre}, func(_ *line, d lab.Datagram) bool { return d.Dst.Addr() == addr("192.0.2.7") })
	s.leaves(t, s.office, "192.0.2.7:80")
	for _, src := range []string{cable.own().String(), "172.16.0.9", fibre.own().String(), "203.0.113.66"} {
		d := lab.Datagram{Src: addrPort(src + ":9"), Dst: addrPort("192.0.2.8:9"), Protocol: lab.UDP}
		if err := s.gw.Send(d.Append(nil)); err != nil {
			t.Fatal(err)
		}
	}
	if got := strays(); len(got) != 2 || !strings.Contains(got[0], "fibre: 198.51.100.2:9 >") || !strings.Contains(got[1], "fibre: 172.16.0.9:9 >") {
		t.Errorf("strays %q", got)
	}
	if got := toInternet(); len(got) < 4 || !strings.Contains(got[0], "syn") {
		t.Errorf("to the Internet %q", got)
	}
}

// TestCrowd sees connections live, be reset, and hear what they did not say.
func TestCrowd(t *testing.T) {
	t.Parallel()
	s := buildUplinks(t, 2)
	s.plain(t)
	fibre := s.lines[0]
	c := openCrowd(t, s.office, 50, addrPort("192.0.2.7:80"))
	if got := len(c.over(fibre)); got != len(c.callers) || len(c.over(s.lines[1])) != 0 {
		t.Errorf("%d of %d by %s", got, len(c.callers), fibre.name)
	}
	awaitEchoes(t, c.callers)
	begin := time.Now()
	// A gateway that resets: what has been said meanwhile is answered so, at each end.
	s.run(t, "nft", "insert rule inet plain forward meta l4proto tcp reject with tcp reset")
	talkers := slices.DeleteFunc(slices.Clone(c.callers), func(one *caller) bool { one.mu.Lock(); defer one.mu.Unlock(); return one.sent == crowdChunk })
	awaitResets(t, talkers, begin)
	for _, one := range c.callers {
		if _, err := one.fate(); err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("connection %d: %v", one.id, err)
		}
	}
	s.run(t, "nft", "flush chain inet plain forward")
	one := openCrowd(t, s.office, 1, addrPort("192.0.2.7:80")).callers[0]
	if _, err := one.conn.Write([]byte{^one.letter(0)}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "what was not said", func() bool { _, err := one.fate(); return err != nil })
}
