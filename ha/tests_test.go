package ha

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/view"
)

func TestTestFrames(t *testing.T) {
	frame := func(id int, name string) []byte {
		return append(fmt.Appendf(nil, "%s%d %s", testPrefix, id, name), 0, 0, 0)
	}
	cases := map[string]struct {
		payload    []byte
		ours, here bool // it is a test frame; it counts
	}{
		"of this test":       {frame(7, "lan/IPv4/multicast"), true, true},
		"of another":         {frame(8, "lan/IPv4/multicast"), true, false},
		"without a name":     {[]byte(testPrefix + "7"), true, false},
		"without anything":   {[]byte(testPrefix), true, false},
		"a heartbeat":        {[]byte("rpb\x01........"), false, false},
		"empty":              {nil, false, false},
		"with a huge name":   {frame(7, strings.Repeat("x", 5000)), true, true},
		"with a signed id":   {[]byte(testPrefix + "+7 lan"), true, false},
		"with a padded id":   {[]byte(testPrefix + "07 lan"), true, false},
		"with NUL in the id": {[]byte(testPrefix + "7\x00 lan"), true, false},
	}
	for name, c := range cases {
		var e testEar
		if got := e.take(c.payload); got != c.ours {
			t.Errorf("%s: taken before anybody listens: %v", name, got)
		}
		e.begin(7)
		e.take(c.payload)
		if got := e.end(); len(got) > 0 != c.here || c.here && len(got[0]) > longestTest {
			t.Errorf("%s: heard %q", name, got)
		}
	}
}

func TestTestFramesAreBounded(t *testing.T) {
	var e testEar
	e.begin(1)
	for i := range 3 * mostTests {
		e.take(fmt.Appendf(nil, "%s1 %d", testPrefix, i))
	}
	if got := len(e.end()); got != mostTests {
		t.Errorf("%d are remembered", got)
	}
}

func TestTally(t *testing.T) {
	host := view.DrillHost{Address: addr("10.0.1.9")}
	here, there := collected{"10.0.1.9": {1<<0 | 1<<1 | 1<<2 | 1<<7}}, collected{"10.0.1.9": {1<<6 | 1<<7, 1 << 1}, "10.0.1.8": {1<<3 | 1<<4 | 1<<5, 1}}
	got := tally(host, 10, 100, here, there)
	if got.Sent != 10 || got.Lost != 4 || got.Gap != 30*time.Millisecond {
		t.Errorf("%+v", got)
	}
	if got := tally(host, 0, 100); got.Lost != 0 || got.Gap != 0 {
		t.Errorf("nobody asked: %+v", got)
	}
}

func TestDoctorFindsAHealthyPairHealthy(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a, _ := s.pair()
		for _, f := range a.examine(t) {
			if f.Result != view.Good && f.Result != view.Skipped {
				t.Errorf("%+v", f)
			}
		}
	})
}

func TestDoctorFinds(t *testing.T) {
	silence := func(string, string, []byte) []time.Duration { return nil }
	cases := map[string]struct {
		harm  func(s *stage, a, b *actor)
		check string
		on    string
	}{
		"a network without multicast": {func(s *stage, _, _ *actor) { s.ether.Impair("lan", silence) }, "IPv4 multicast", "lan"},
		"one way only": {func(s *stage, _, _ *actor) {
			s.ether.Impair("wan", func(from, _ string, _ []byte) []time.Duration {
				if from == "fw1" {
					return nil
				}
				return []time.Duration{0}
			})
		}, "IPv4 multicast", "wan"},
		"no carrier":    {func(_ *stage, _, b *actor) { b.machine.Carrier("lan", false) }, "IPv4 multicast", "lan"},
		"own echoes":    {func(s *stage, _, _ *actor) { s.ether.Reflect("lan", true) }, "own echo", ""},
		"a dead peer":   {func(_ *stage, _, b *actor) { b.machine.Freeze(true) }, "peer", ""},
		"a broken link": {func(_ *stage, _, b *actor) { b.link.part(false) }, "link", "sync"},
		"another limit": {func(_ *stage, a, _ *actor) {
			a.limits.Store(&map[string]string{"nf_conntrack_max": "1"})
		}, "kernel limits", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, s *stage) {
				a, b := s.pair()
				c.harm(s, a, b)
				s.pass(3 * time.Second)
				found := a.examine(t)
				if !slices.ContainsFunc(found, func(f view.Finding) bool {
					return f.Check == c.check && f.On == c.on && f.Result != view.Good && f.Remedy != ""
				}) {
					t.Errorf("nothing about %s on %q: %+v", c.check, c.on, found)
				}
			})
		})
	}
}

func TestDrillCountsWhatIsLost(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a, _ := s.pair()
		host := s.ether.Machine("host")
		host.Plug("eth0", "lan", [6]byte{2, 0, 0, 9, 9, 9}, prefix("10.0.1.9/24"))
		s.ether.Impair("lan", func(from, to string, _ []byte) []time.Duration { return []time.Duration{time.Millisecond} })
		order := view.DrillOrder{Rate: 100, By: "test", Hosts: []view.DrillTarget{{Interface: "lan", Address: addr("10.0.1.9")}}}
		var legs []view.DrillLeg
		d, err := a.node.Drill(t.Context(), order, func(l view.DrillLeg) error { legs = append(legs, l); return nil })
		if err != nil {
			t.Fatalf("%v\n%s", err, s.histories())
		}
		if len(legs) != 2 || d.Legs[0].Failed != "" || d.Legs[1].Failed != "" || d.From != "fw1" || d.To != "fw2" {
			t.Errorf("%+v", d)
		}
		if len(d.Hosts) != 1 || d.Hosts[0].Sent < 200 || d.Hosts[0].Lost > 1 {
			t.Errorf("%+v", d.Hosts)
		}
		s.want(map[string]string{"fw1": "MASTER", "fw2": "BACKUP"})
		order.Hosts[0].Interface = "moon"
		if _, err := a.node.Drill(t.Context(), order, func(view.DrillLeg) error { return nil }); err == nil {
			t.Error("a host on no interface can be asked")
		}
	})
}
