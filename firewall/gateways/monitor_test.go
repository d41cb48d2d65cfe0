package gateways

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules/steer"
)

// stage is a Monitor over a Fake, in a bubble of synctest.
type stage struct {
	t    *testing.T
	fake *Fake
	*Monitor
	stop func()
}

// newStage makes one in which hosts answer after ten milliseconds.
func newStage(t *testing.T, hosts ...string) *stage {
	t.Helper()
	s := &stage{t: t, fake: NewFake()}
	for _, h := range hosts {
		s.fake.Answer(netip.MustParseAddr(h), FakeHost{Delay: 10 * ms})
	}
	s.Monitor = New(Parts{Kernel: s.fake})
	return s
}

// run runs the Monitor until stop.
func (s *stage) run() {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	s.stop = func() {
		s.t.Helper()
		cancel()
		if err := <-ended; err != nil {
			s.t.Error(err)
		}
		if n := s.fake.Open(); n > 0 {
			s.t.Errorf("%d questions are open after the end", n)
		}
	}
	synctest.Wait()
}

// after lets time go by.
func (s *stage) after(d time.Duration) {
	time.Sleep(d) // in the bubble, where it takes none
	synctest.Wait()
}

func (s *stage) silence(host string) {
	s.fake.Answer(netip.MustParseAddr(host), FakeHost{Silent: true})
}

func (s *stage) speak(host string) {
	s.fake.Answer(netip.MustParseAddr(host), FakeHost{Delay: 10 * ms})
}

// states are those of all gateways, by name, and whether a change was told.
func (s *stage) is(want map[string]steer.State, told bool) {
	s.t.Helper()
	got := make(map[string]steer.State)
	for name, h := range s.Lines() {
		got[name] = h.State
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("(-want +got):\n%s", diff)
	}
	heard := false
	select {
	case <-s.Changed():
		heard = true
	default:
	}
	if heard != told {
		s.t.Errorf("a change was told: %v, want %v", heard, told)
	}
}

// watched is a gateway at 192.0.2.N, of which the own address is asked.
func watched(name string, number uint8) Watched {
	m := defaults()
	m.Targets = []config.Probe{{Kind: config.ProbeICMP}}
	return Watched{
		Name: name, Number: number, Interface: name, Device: "eth-" + name,
		NextHop: netip.AddrFrom4([4]byte{192, 0, 2, number}), Monitor: m,
	}
}

func TestLifeOfALine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, "192.0.2.1", "192.0.2.2")
		s.Set([]Watched{watched("fibre", 1), watched("cable", 2)})
		s.is(map[string]steer.State{"fibre": steer.Online, "cable": steer.Online}, true)
		s.run()
		s.after(time.Minute)
		s.is(map[string]steer.State{"fibre": steer.Online, "cable": steer.Online}, false)
		s.silence("192.0.2.1")
		s.after(1490 * ms)
		s.is(map[string]steer.State{"fibre": steer.Online, "cable": steer.Online}, false)
		s.after(600 * ms)
		s.is(map[string]steer.State{"fibre": steer.Down, "cable": steer.Online}, true)
		s.speak("192.0.2.1")
		s.after(9 * time.Second)
		s.is(map[string]steer.State{"fibre": steer.Down, "cable": steer.Online}, false)
		s.after(2 * time.Second)
		s.is(map[string]steer.State{"fibre": steer.Online, "cable": steer.Online}, true)
		s.stop()

		got := s.History("fibre", time.Time{})
		var reasons []string
		for _, c := range got.Transitions {
			reasons = append(reasons, c.From.State.String()+" > "+c.To.State.String()+": "+c.Reason)
		}
		want := []string{"online > down: no answer from 192.0.2.1 for 2s", "down > online: it answers"}
		if diff := cmp.Diff(want, reasons); diff != "" {
			t.Errorf("transitions (-want +got):\n%s", diff)
		}
		var samples []steer.State
		for _, p := range got.Samples {
			samples = append(samples, p.State)
		}
		o, d := steer.Online, steer.Down
		if diff := cmp.Diff([]steer.State{o, o, o, o, o, o, o, d}, samples); diff != "" {
			t.Errorf("samples (-want +got):\n%s", diff)
		}
		if other := s.History("cable", time.Time{}); len(other.Transitions) != 0 || len(other.Samples) != 8 {
			t.Errorf("of the other line: %+v", other)
		}
	})
}

// TestQuestions: what leaves, by which path, and how it is spread.
func TestQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		w := watched("fibre", 7)
		w.Source = netip.MustParseAddr("192.0.2.77")
		w.Monitor.Targets = append(w.Monitor.Targets,
			config.Probe{Kind: config.ProbeTCP, Address: netip.MustParseAddr("198.51.100.7"), Port: 443},
			config.Probe{Kind: config.ProbeDNS, Address: netip.MustParseAddr("198.51.100.53"), Port: 53, Name: "example.org."},
			icmp("198.51.100.9"))
		s.Set([]Watched{w})
		s.run()
		defer s.stop()
		s.fake.Sent()
		began := time.Now()
		at := make(map[netip.AddrPort]time.Duration)
		for range 20 {
			s.after(25 * ms)
			for _, q := range s.fake.Sent() {
				if q.Path != (Path{Device: "eth-fibre", Source: w.Source, Mark: 7 << 16}) {
					t.Errorf("path %+v", q.Path)
				}
				if (q.Packet == nil) != (q.Kind == config.ProbeTCP) {
					t.Errorf("packet %x of a question of kind %d", q.Packet, q.Kind)
				}
				at[q.To] = time.Since(began)
			}
		}
		if len(at) != 4 {
			t.Fatalf("within an interval were asked: %v", at)
		}
		var times []time.Duration
		for _, d := range at {
			times = append(times, d)
		}
		slices.Sort(times)
		for i := 1; i < len(times); i++ {
			if gap := times[i] - times[i-1]; gap < 50*ms {
				t.Errorf("two targets are asked %v after each other: %v", gap, times)
			}
		}
	})
}

// TestSetKeeps: what stays keeps its state and statistics.
func TestSetKeeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, "192.0.2.1", "192.0.2.2", "198.51.100.9")
		first, second := watched("fibre", 1), watched("cable", 2)
		first.Monitor.Targets = append(first.Monitor.Targets, icmp("198.51.100.9"))
		s.Set([]Watched{first, second})
		s.run()
		defer s.stop()
		s.silence("192.0.2.2")
		s.after(20 * time.Second)
		s.is(map[string]steer.State{"fibre": steer.Online, "cable": steer.Down}, true)
		before := s.Status()

		first.Monitor.LossWarning, first.Number = 5, 3
		s.Set([]Watched{second, first})
		s.is(map[string]steer.State{"fibre": steer.Online, "cable": steer.Down}, false)
		if diff := cmp.Diff(before, s.Status(), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("after the same again (-before +after):\n%s", diff)
		}

		first.Monitor.Targets = first.Monitor.Targets[1:]
		second.Device = "eth9"
		s.Set([]Watched{first, second})
		s.is(map[string]steer.State{"fibre": steer.Online, "cable": steer.Online}, true)
		after := s.Status()
		if diff := cmp.Diff(before[1].Targets[1:], after[1].Targets, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("the target that stays (-before +after):\n%s", diff)
		}
		if got := after[0].Targets[0]; got.Sent != 0 {
			t.Errorf("another device, and its statistics are %+v", got)
		}
		s.Set([]Watched{first})
		s.is(map[string]steer.State{"fibre": steer.Online}, true)
		if got := s.fake.Paths(); len(got) != 1 {
			t.Errorf("paths that are kept: %v", got)
		}
	})
}

// TestNewTargets: one that never answered does not take a living gateway down at once.
func TestNewTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, "192.0.2.1", "192.0.2.3")
		w := watched("fibre", 1)
		s.Set([]Watched{w})
		s.run()
		defer s.stop()
		s.after(time.Minute)
		s.is(map[string]steer.State{"fibre": steer.Online}, true)
		w.NextHop = netip.MustParseAddr("192.0.2.3")
		s.Set([]Watched{w})
		s.after(time.Minute)
		s.is(map[string]steer.State{"fibre": steer.Online}, false)
		w.NextHop = netip.MustParseAddr("192.0.2.4")
		s.Set([]Watched{w})
		s.is(map[string]steer.State{"fibre": steer.Online}, false)
		s.after(2 * time.Second)
		s.is(map[string]steer.State{"fibre": steer.Down}, true)
	})
}

func TestLearnedAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, "192.0.2.1")
		w := watched("fibre", 1)
		hop := w.NextHop
		w.NextHop = netip.Addr{}
		s.Set([]Watched{w})
		s.is(map[string]steer.State{"fibre": steer.Down}, true)
		if got := s.Status()[0].Reason; got != "no address learned" {
			t.Errorf("reason %q", got)
		}
		s.run()
		defer s.stop()
		s.after(time.Minute)
		if sent := s.fake.Sent(); sent != nil {
			t.Errorf("without an address was sent: %v", sent)
		}
		w.NextHop = hop
		s.Set([]Watched{w})
		s.is(map[string]steer.State{"fibre": steer.Down}, false)
		s.after(600 * ms)
		s.is(map[string]steer.State{"fibre": steer.Online}, true)
		w.NextHop = netip.IPv4Unspecified()
		s.Set([]Watched{w})
		s.after(time.Hour)
		s.is(map[string]steer.State{"fibre": steer.Online}, false)
		if got := s.Status()[0]; len(got.Targets) != 0 {
			t.Errorf("the link itself is asked: %+v", got)
		}
	})
}

func TestCarrierAndForce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, "192.0.2.1")
		w := watched("fibre", 1)
		s.Carrier(map[string]bool{"fibre": false, "dsl": false})
		s.Set([]Watched{w})
		s.is(map[string]steer.State{"fibre": steer.Down}, true)
		s.run()
		defer s.stop()
		s.Carrier(map[string]bool{"fibre": true})
		s.is(map[string]steer.State{"fibre": steer.Down}, false)
		s.after(10 * ms)
		s.is(map[string]steer.State{"fibre": steer.Online}, true) // asked at once, and the first answer suffices
		s.after(time.Minute)
		s.Carrier(map[string]bool{"fibre": false})
		s.is(map[string]steer.State{"fibre": steer.Down}, true)
		if got := s.Status()[0].Reason; got != "no carrier on fibre" {
			t.Errorf("reason %q", got)
		}
		s.after(time.Second)
		s.Carrier(map[string]bool{"fibre": true})
		if got := s.Status()[0].Reason; got != "no answer since the link came back" {
			t.Errorf("reason %q", got)
		}
		s.after(9 * time.Second)
		s.is(map[string]steer.State{"fibre": steer.Down}, false)
		if at := s.Status()[0].Up; time.Until(at) > 1100*ms || time.Until(at) < 0 {
			t.Errorf("up at %v, and it is %v", at, time.Now())
		}
		s.after(1100 * ms)
		s.is(map[string]steer.State{"fibre": steer.Online}, true)
		w.ForceDown = true
		s.Set([]Watched{w})
		s.is(map[string]steer.State{"fibre": steer.Forced}, true)
		w.ForceDown = false
		s.Set([]Watched{w})
		s.is(map[string]steer.State{"fibre": steer.Online}, true)
	})
}

// TestForwards: three misses and two answers.
func TestForwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, "10.0.0.1", "10.0.0.2")
		web := Targets{
			Forward:   "web",
			Check:     config.TargetCheck{Kind: config.ProbeTCP, Port: 8080, Interval: 5 * time.Second},
			Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")},
		}
		s.SetTargets([]Targets{web})
		s.run()
		defer s.stop()
		want := func(what string, silent map[string][]netip.Addr, told bool) {
			t.Helper()
			if diff := cmp.Diff(silent, s.Silent(), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
			s.is(map[string]steer.State{}, told)
		}
		none := map[string][]netip.Addr{}
		first := map[string][]netip.Addr{"web": web.Addresses[:1]}
		s.after(time.Minute)
		want("all answer", none, false)
		for _, q := range s.fake.Sent() {
			if q.Path != (Path{}) || q.To.Port() != 8080 {
				t.Fatalf("%+v", q)
			}
		}
		s.silence("10.0.0.1")
		s.after(11 * time.Second)
		want("two misses", none, false)
		s.after(6 * time.Second)
		want("three misses", first, true)
		s.SetTargets([]Targets{web})
		want("the same again", first, false)
		s.speak("10.0.0.1")
		s.after(4 * time.Second)
		want("one answer at most", first, false)
		s.after(6 * time.Second)
		want("two answers", none, true)
		s.silence("10.0.0.1")
		s.silence("10.0.0.2")
		s.after(20 * time.Second)
		want("all are silent", map[string][]netip.Addr{"web": web.Addresses}, true)
		got := s.Forwards()
		if len(got) != 1 || got[0].Forward != "web" || got[0].Targets[1].Target != "tcp://10.0.0.2:8080" || !got[0].Targets[1].Silent {
			t.Errorf("%+v", got)
		}
		s.SetTargets(nil)
		want("none is watched", none, true)
	})
}

// TestRefusals: a line on which connections are refused lives, and a service
// that refuses them does not.
func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		host := netip.MustParseAddr("10.0.0.1")
		s.fake.Answer(host, FakeHost{Shut: true})
		line := watched("fibre", 1)
		line.Monitor.Targets = []config.Probe{{Kind: config.ProbeTCP, Address: host, Port: 8080}}
		s.Set([]Watched{line})
		check := config.TargetCheck{Kind: config.ProbeTCP, Port: 8080, Interval: time.Second}
		s.SetTargets([]Targets{{Forward: "web", Check: check, Addresses: []netip.Addr{host}}})
		s.run()
		defer s.stop()
		s.after(time.Minute)
		s.is(map[string]steer.State{"fibre": steer.Online}, true)
		got := s.Forwards()[0].Targets[0]
		if !got.Silent || got.Fault != "connection refused" {
			t.Errorf("%+v", got)
		}
	})
}

// TestRunBeginsLate: nobody is blamed for the time in which nobody asked.
func TestRunBeginsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, "192.0.2.1")
		s.Set([]Watched{watched("fibre", 1)})
		s.is(map[string]steer.State{"fibre": steer.Online}, true)
		for range 2 {
			s.after(time.Hour)
			s.run()
			s.is(map[string]steer.State{"fibre": steer.Online}, false)
			s.after(time.Minute)
			s.stop()
			s.is(map[string]steer.State{"fibre": steer.Online}, false)
		}
	})
}
