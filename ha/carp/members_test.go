package carp

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// pair is a group of two virtual hosts: vhid 1 on lan in both families, vhid 2 on wan.
// Its master-down time is 3.5 s and its interval 1.5 s.
func pair(preempt bool) Config {
	return Config{Preempt: preempt, AdvBase: 1, AdvSkew: 128, VHosts: []VHost{
		{VHID: 1, Link: "lan", V4: true, V6: true},
		{VHID: 2, Link: "wan", V4: true},
	}}
}

var (
	lan4 = netip.MustParseAddr("10.0.0.9")
	lan6 = netip.MustParseAddr("fe80::9")
	wan4 = netip.MustParseAddr("192.0.2.9")
)

// step is an advertisement or, without one, a timeout, and what comes of it.
type step struct {
	at   time.Duration
	from netip.Addr
	ad   Ad // of vhid 1 when it comes from lan, else 2
	want string
}

func play(t *testing.T, g *Group, steps []step) {
	t.Helper()
	for _, s := range steps {
		var actions []Action
		if s.from.IsValid() {
			h := Heard{Link: "lan", Src: s.from, Ad: s.ad}
			h.Ad.VHID = 1
			switch s.from {
			case lan4:
				h.Own = netip.MustParseAddr("10.0.0.8")
			case lan6:
				h.Own = netip.MustParseAddr("fe80::10%eth1")
			case wan4:
				h.Link, h.Ad.VHID, h.Own = "wan", 2, netip.MustParseAddr("192.0.2.10")
			}
			actions = g.Receive(after(s.at), h)
		} else {
			actions = g.Timeout(after(s.at))
		}
		if got := show(actions, g.Deadline()); got != s.want {
			t.Errorf("%v, %v:\n got %s\nwant %s", s.at, s.from, got, s.want)
		}
	}
}

var (
	good  = Ad{AdvBase: 1}
	equal = Ad{AdvBase: 1, AdvSkew: 128}
	bad   = Ad{AdvBase: 1, AdvSkew: 200}
	bye   = Ad{AdvBase: BowOut, AdvSkew: BowOut}
)

func TestMembers(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	const both = "send 1:1/128/0, send 2:1/128/0"
	for _, tt := range []struct {
		name    string
		preempt bool
		master  bool
		steps   []step
	}{
		{"one that is heard is enough, in either family", false, false, []step{
			{1 * s, wan4, good, "due 4.5s"},
			{4 * s, lan4, good, "due 7.5s"},
			{7 * s, lan6, good, "due 10.5s"},
			{10 * s, lan6, good, "due 13.5s"},
			{13 * s, netip.Addr{}, Ad{}, "due 13.5s"},
			{13500 * ms, netip.Addr{}, Ad{}, "MASTER (vhid 1 on lan, vhid 2 on wan: no advertisement for 3.5s), " + both + ", due 15s"},
		}},
		{"a master leaves them all", false, false, []step{
			{1 * s, lan4, good, "due 4.5s"},
			{1 * s, wan4, good, "due 4.5s"},
			{2 * s, lan4, bye, "due 4.5s"},
			{2 * s, lan6, bye, "due 4.5s"},
			{2100 * ms, wan4, bye, "MASTER (vhid 2 on wan: 192.0.2.9 leaves), " + both + ", due 3.6s"},
		}},
		{"a master leaves one, and the other falls silent", false, false, []step{
			{1 * s, wan4, good, "due 4.5s"},
			{2 * s, lan4, bye, "due 4.5s"},
			{4500 * ms, netip.Addr{}, Ad{}, "MASTER (vhid 1 on lan, vhid 2 on wan: no advertisement for 3.5s), " + both + ", due 6s"},
		}},
		{"one that left is back", false, false, []step{
			{1 * s, lan4, bye, "due 3.5s"},
			{2 * s, lan4, good, "due 5.5s"},
			{2 * s, wan4, bye, "due 5.5s"},
		}},
		{"one that leaves a host has not left the other", true, false, []step{
			{1 * s, lan4, good, "due 4.5s"},
			{1 * s, wan4, good, "due 4.5s"},
			{2 * s, lan4, bye, "due 4.5s"},
			{2 * s, wan4, bye, "MASTER (vhid 2 on wan: 192.0.2.9 leaves), " + both + ", due 3.5s"},
		}},
		{"preempt, and nothing is known of the other host", true, false, []step{
			{1 * s, lan4, bad, "MASTER (vhid 1 on lan: 10.0.0.9 advertises base 1 skew 200, worse than ours), " + both + ", due 2.5s"},
		}},
		{"no preempt while the other host has a better master", true, false, []step{
			{1 * s, wan4, good, "due 4.5s"},
			{1500 * ms, lan4, bad, "due 5s"},
			{2 * s, wan4, good, "due 5.5s"},
			{2500 * ms, lan4, bad, "due 6s"},
			// One that should have spoken is no reason to wait for its whole time.
			{3500 * ms, lan4, bad, "MASTER (vhid 1 on lan: 10.0.0.9 advertises base 1 skew 200, worse than ours), " + both + ", due 5s"},
		}},
		{"preempt when the master of both becomes worse", true, false, []step{
			{1 * s, lan4, good, "due 4.5s"},
			{1 * s, wan4, good, "due 4.5s"},
			{2 * s, lan4, bad, "due 5.5s"},
			{2 * s, wan4, bad, "MASTER (vhid 2 on wan: 192.0.2.9 advertises base 1 skew 200, worse than ours), " + both + ", due 3.5s"},
		}},
		{"a better one of one host takes both", false, true, []step{
			{1 * s, wan4, good, "BACKUP (vhid 2 on wan: 192.0.2.9 advertises base 1 skew 0, better than ours), " + both + ", due 4.5s"},
		}},
		{"announced once a second", false, true, []step{
			{1 * s, lan4, bad, "announce, due 1.5s"},
			{1 * s, wan4, bad, "due 1.5s"},
			{1999 * ms, wan4, bad, "due 1.5s"},
			{2 * s, wan4, bye, "announce, due 1.5s"},
		}},
		// Here lan by IPv4 is for this node, and all others against it.
		{"a tie is settled by the first that is heard", false, true, []step{
			{1 * s, wan4, equal, "due 1.5s"},
			{1 * s, lan6, equal, "due 1.5s"},
			{1 * s, lan4, equal, "announce, due 1.5s"},
			{4 * s, wan4, equal, "due 1.5s"},
			{4400 * ms, lan6, equal, "due 1.5s"},
			{4500 * ms, lan6, equal, "BACKUP (vhid 1 on lan: fe80::9 advertises base 1 skew 128, as good as ours, and the addresses decide for it), due 8s"},
		}},
		{"a tie is not settled by the second, whichever family of the first is heard", false, true, []step{
			{3400 * ms, lan4, equal, "announce, due 1.5s"},
			{3600 * ms, wan4, equal, "due 1.5s"},
			{6800 * ms, lan6, equal, "due 1.5s"},
			{10 * s, wan4, equal, "due 1.5s"},
		}},
		{"a tie is settled by the only one that is heard", false, true, []step{
			{3400 * ms, wan4, equal, "due 1.5s"},
			{3500 * ms, wan4, equal, "BACKUP (vhid 2 on wan: 192.0.2.9 advertises base 1 skew 128, as good as ours, and the addresses decide for it), due 7s"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := NewGroup(pair(tt.preempt))
			g.Start(t0)
			if tt.master {
				g.Take(t0, "test")
			}
			play(t, g, tt.steps)
		})
	}
}

// One that was master a moment ago, and told its neighbours then, tells them anew.
func TestAnnouncesAsNewMaster(t *testing.T) {
	g := NewGroup(pair(false))
	g.Start(t0)
	for at := range 3 {
		now := after(time.Duration(at) * time.Millisecond)
		g.Take(now, "asked")
		play(t, g, []step{{now.Sub(t0), lan4, bad, fmt.Sprintf("announce, due %v", now.Add(1500*time.Millisecond).Sub(t0))}})
		g.Yield(now, "asked", false)
	}
}

func TestStates(t *testing.T) {
	for s, want := range map[State]string{Init: "INIT", Backup: "BACKUP", Master: "MASTER", 3: "state 3"} {
		if s.String() != want {
			t.Errorf("%d is %v, want %s", int(s), s, want)
		}
	}
}

func TestPrecedes(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"192.0.2.3", "192.0.2.4", true},
		{"10.0.2.3", "10.0.1.4", true}, // as ucarp has it
		{"fe80::1%eth0", "fe80::2", true},
		{"fe80::1:2", "fe80::2:1", true},
		{"::ffff:192.0.2.3", "192.0.2.4", true},
	} {
		a, b := netip.MustParseAddr(tt.a), netip.MustParseAddr(tt.b)
		if !precedes(a, b) || precedes(b, a) {
			t.Errorf("%v, %v: %t and %t", a, b, precedes(a, b), precedes(b, a))
		}
		if precedes(a, a) || precedes(netip.Addr{}, a) {
			t.Errorf("%v: goes before itself, or after no address", a)
		}
	}
}

// Nobody sends and nobody is heard, so only others know who is master.
func TestNoHosts(t *testing.T) {
	g := NewGroup(Config{AdvBase: 1})
	play(t, g, []step{{0, netip.Addr{}, Ad{}, "due never"}})
	g.Start(t0)
	play(t, g, []step{
		{2 * time.Second, netip.Addr{}, Ad{}, "due 3s"},
		{3 * time.Second, netip.Addr{}, Ad{}, "MASTER (no virtual host to hear), due 4s"},
	})
}

func TestConfigureKeepsWhatIsKnown(t *testing.T) {
	g := NewGroup(pair(false))
	g.Start(t0)
	play(t, g, []step{
		{1 * time.Second, lan4, good, "due 4.5s"},
		{2 * time.Second, wan4, bye, "due 4.5s"},
	})
	c := pair(false)
	// The same in another order, with a host that has the vhid of another link.
	c.VHosts = []VHost{c.VHosts[1], {VHID: 1, Link: "dmz", V4: true}, c.VHosts[0]}
	g.Configure(after(3*time.Second), c)
	c.VHosts[0].VHID = 99 // the caller's own again
	play(t, g, []step{
		{4 * time.Second, netip.Addr{}, Ad{}, "due 6.5s"}, // of dmz
		{5 * time.Second, lan4, good, "due 8.5s"},
	})
	want := []Seen{
		{Link: "wan", VHID: 2, Src: wan4, AdvBase: BowOut, AdvSkew: BowOut, At: after(2 * time.Second)},
		{Link: "lan", VHID: 1, Src: lan4, AdvBase: 1, At: after(5 * time.Second)},
	}
	if diff := gocmp.Diff(want, g.Heard(), gocmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("Heard (-want +got):\n%s", diff)
	}
	c = pair(false)
	c.VHosts = c.VHosts[1:]
	g.Configure(after(6*time.Second), c)
	play(t, g, []step{{6 * time.Second, netip.Addr{}, Ad{},
		"MASTER (vhid 2 on wan: no advertisement for 3.5s), send 2:1/128/0, due 7.5s"}})
}
