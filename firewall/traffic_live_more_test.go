package firewall

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/lab"
)

// one follows one packet that a probe sends.
func (s *site) one(t *testing.T, flow, try string, want lab.Outcome) report.LivePacket {
	t.Helper()
	packets, _ := s.live(t, report.LiveQuestion{Flow: flow}, func() { s.send(t, probe{try: try, want: want}) })
	if len(packets) != 1 {
		t.Fatalf("%s: %d packets", flow, len(packets))
	}
	return packets[0]
}

// TestTrafficLiveForeign names what drops a packet when it is not us.
func TestTrafficLiveForeign(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply(t, livePolicy)
	for _, tt := range []struct{ name, table, want string }{
		{"a rule behind ours", "ip filter { chain FORWARD { type filter hook forward priority 10; tcp dport 443 drop; }; }",
			"dropped by table ip filter chain FORWARD (not ours), rule handle 2: see `nft -a list chain ip filter FORWARD`"},
		{"a policy before ours", "inet early { chain first { type filter hook prerouting priority -300; policy drop; }; }",
			"dropped by table inet early chain first (not ours), its policy: see `nft -a list chain inet early first`"},
		{"a chain of the same name", "ip rempart { chain forward { type filter hook forward priority 5; jump more; }; chain more { counter drop; }; }",
			"dropped by table ip rempart chain more (not ours), rule handle "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			words := strings.Fields(tt.table)
			if out, err := s.gw.Run(t.Context(), "nft", "add table "+tt.table); err != nil {
				t.Fatal(out, err)
			}
			defer s.gw.Run(t.Context(), "nft", "delete", "table", words[0], words[1])
			p := s.one(t, "lan tcp 10.1.2.9 -> any:443", "office tcp 198.51.100.7:443", lab.Timeout)
			if p.Verdict != "block" || p.Cause != "foreign" || !strings.HasPrefix(p.Why, tt.want) || p.Left != "" || p.Rule != "" {
				t.Errorf("%s by %s %s: %s, left %q", p.Verdict, p.Cause, p.Rule, p.Why, p.Left)
			}
			if !slices.ContainsFunc(p.Steps, func(s report.LiveStep) bool { return s.Foreign && s.Note == p.Why }) {
				t.Errorf("no step says so: %+v", p.Steps)
			}
		})
	}
	s.nothingStays(t)
}

// TestTrafficLiveFlows follows packets of flows that stand, and their answers through the translation.
func TestTrafficLiveFlows(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply(t, livePolicy)
	call, r := s.office.Call(t.Context(), addrPort("198.51.100.7:443"), lab.From(addrPort("10.1.2.9:4001")), lab.Within(waitAtMost))
	if call == nil {
		t.Fatal(r)
	}
	defer call.Close()
	echo := func() {
		if err := call.Echo(within(t, waitAtMost)); err != nil {
			t.Error(err)
		}
	}
	const flow = "lan tcp 10.1.2.9 -> 198.51.100.7:443"
	packets, _ := s.live(t, report.LiveQuestion{Flow: flow, Count: 2}, echo)
	if len(packets) != 2 {
		t.Fatalf("%d packets", len(packets))
	}
	for _, p := range packets {
		want := "lan: tcp 10.1.2.9:4001 > 198.51.100.7:443\n" +
			"  a flow that stands, or one that belongs to it, passes it\n" +
			"  its flow, or a table that is not ours, translates it: tcp 203.0.113.2:4001 > 198.51.100.7:443\n" +
			"pass established :0, wan: tcp 203.0.113.2:4001 > 198.51.100.7:443"
		if got := told(p); got != want {
			t.Errorf("told\n%s\nwant\n%s", got, want)
		}
	}
	answers, _ := s.live(t, report.LiveQuestion{Flow: flow, Reply: true}, echo)
	want := "wan: tcp 198.51.100.7:443 > 203.0.113.2:4001\n" +
		"  its flow, or a table that is not ours, translates it: tcp 198.51.100.7:443 > 10.1.2.9:4001\n" +
		"  a flow that stands, or one that belongs to it, passes it\n" +
		"pass established :0, lan: tcp 198.51.100.7:443 > 10.1.2.9:4001"
	if len(answers) != 1 || told(answers[0]) != want {
		t.Errorf("answers %+v\nwant\n%s", answers, want)
	}
	s.nothingStays(t)
}

func TestTrafficLiveLimit(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	policy := base + livePolicy
	s.apply(t, livePolicy)
	const flow = "lan udp -> any:5000"
	if p := s.one(t, flow, "office 10.1.2.9:4001 udp 198.51.100.7:5000", lab.Open); p.Verdict != "pass" || p.Rule != "few" {
		t.Errorf("first flow: %s", told(p))
	}
	p := s.one(t, flow, "office 10.1.2.9:4002 dgram 198.51.100.7:5000", lab.Timeout)
	if p.Verdict != "block" || p.Cause != "limit" || p.Rule != "few" || p.Line != lineOf(t, policy, "few") || !strings.Contains(p.Why, `limit of rule few`) {
		t.Errorf("second flow: %s: %s", told(p), p.Why)
	}
}

// TestTrafficLiveManyRules names a rule among so many that they became maps and short chains.
func TestTrafficLiveManyRules(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var many strings.Builder
	for i := range 300 {
		fmt.Fprintf(&many, "\n[[rule]]\nname = \"r%d\"\nfrom = \"lan\"\nprotocol = \"tcp\"\ndestination = \"198.51.100.0/24\"\nport = %d\naction = \"block\"\n", i, 300+i)
	}
	s.apply(t, many.String())
	p := s.one(t, "lan tcp -> any", "office 10.1.2.9:0 tcp 198.51.100.7:443", lab.Timeout)
	if p.Verdict != "block" || p.Rule != "r143" || p.Line != lineOf(t, base+many.String(), "r143") {
		t.Errorf("told %s: %s", told(p), p.Why)
	}
	p = s.one(t, "lan tcp -> any", "office 10.1.2.9:0 tcp 198.51.100.7:22", lab.Timeout)
	if p.Verdict != "block" || p.Cause != "default" {
		t.Errorf("told %s: %s", told(p), p.Why)
	}
}

// TestTrafficLiveGone is of packets that no rule drops.
func TestTrafficLiveGone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply(t, livePolicy)
	if out, err := s.gw.Run(t.Context(), "ip", "route", "add", "blackhole", "198.51.100.9/32"); err != nil {
		t.Fatal(out, err)
	}
	p := s.one(t, "lan -> 198.51.100.9", "office tcp 198.51.100.9:443", lab.Timeout)
	if p.Verdict != "gone" || !strings.Contains(p.Why, "no route") || p.Cause != "" {
		t.Errorf("%s: %s", told(p), p.Why)
	}
	packets, end := s.live(t, report.LiveQuestion{Flow: "dmz tcp -> any:443", Seconds: 1}, func() {
		s.send(t, probe{try: "office tcp 198.51.100.7:443", want: lab.Open}) // by another interface
	})
	if len(packets) != 0 || end.Packets != 0 || !strings.Contains(end.Hint, "dmz (dmz0)") {
		t.Errorf("%+v, end %+v", packets, end)
	}
	s.nothingStays(t)
}

// TestTrafficLiveApply follows a packet that comes after an apply, which exchanged all rules.
func TestTrafficLiveApply(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply(t, livePolicy)
	const changed = "\n\n" + livePolicy
	packets, _ := s.live(t, report.LiveQuestion{Flow: "lan tcp -> any:443", Count: 1}, func() {
		s.apply(t, changed)
		s.send(t, probe{try: "office tcp 198.51.100.7:443", want: lab.Open})
	})
	if len(packets) != 1 || packets[0].Line != lineOf(t, base+changed, "web") {
		t.Errorf("after the apply: %+v", packets)
	}
}

// TestTrafficLiveIsNoTampering shows that following packets is not taken for a
// change of our table, nor for a table of somebody else's.
func TestTrafficLiveIsNoTampering(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply(t, livePolicy)
	ctx, stop := context.WithCancel(t.Context())
	events, done := make(chan nft.Event, 100), make(chan error, 1)
	go func() { done <- s.kernel.Watch(ctx, func(e nft.Event) { events <- e }) }()
	tamper := func(name string) {
		t.Helper()
		for i, end := 0, time.Now().Add(waitAtMost); len(events) == 0; i++ {
			if time.Now().After(end) {
				t.Fatal("no change was told")
			}
			chain := name + strings.Repeat("x", i)
			if out, err := s.gw.Run(t.Context(), "nft", "add", "chain", "inet", TableName, chain); err != nil {
				t.Fatal(out, err)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	tamper("before")              // now it listens
	for quiet := false; !quiet; { // several chains may have been made, and are told of late
		select {
		case <-events:
		case <-time.After(500 * time.Millisecond):
			quiet = true
		}
	}
	before := s.generation(t)
	packets, _ := s.live(t, report.LiveQuestion{Flow: "lan tcp -> any:443"}, func() {
		status, err := s.Status(t.Context())
		if err != nil || len(status.Warnings) > 0 {
			t.Errorf("status warns %q, %v", status.Warnings, err)
		}
		s.send(t, probe{try: "office tcp 198.51.100.7:443", want: lab.Open})
	})
	if len(packets) != 1 || s.generation(t) == before {
		t.Errorf("%d packets, generation %d: the table was not made", len(packets), before)
	}
	if len(events) > 0 {
		t.Errorf("taken for tampering: %+v", <-events)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	s.apply(t, livePolicy+"\n# changed\n")
}

func (s *site) generation(t *testing.T) uint32 {
	t.Helper()
	n, err := s.kernel.Generation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestTrafficLiveTogether follows the same packet several times at once, and bounds how many times.
func TestTrafficLiveTogether(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply(t, livePolicy)
	const flow = "lan tcp -> any:443"
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var work sync.WaitGroup
	begun, packets := make(chan bool, livesAtOnce), make(chan report.LivePacket, livesAtOnce)
	for range livesAtOnce {
		work.Go(func() {
			err := s.Live(ctx, report.LiveQuestion{Flow: flow, Seconds: 60}, func(l report.LiveLine) error {
				if l.Begin != nil {
					begun <- true
				}
				if l.Packet != nil {
					packets <- *l.Packet
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	for range livesAtOnce {
		<-begun
	}
	if err := s.Live(ctx, report.LiveQuestion{Flow: flow}, nil); !errors.Is(err, report.ErrConflict) {
		t.Errorf("one more: %v", err)
	}
	s.send(t, probe{try: "office 10.1.2.9:4001 tcp 198.51.100.7:443", want: lab.Open})
	var all []string
	for range livesAtOnce {
		all = append(all, told(<-packets))
	}
	if all = slices.Compact(all); len(all) != 1 || !strings.Contains(all[0], "pass rule web") {
		t.Errorf("told\n%s", strings.Join(all, "\n"))
	}
	work.Wait()
	s.nothingStays(t)
}

// TestTrafficLiveEnds shows what ends it early: the asker who goes away, and one who cannot be told.
func TestTrafficLiveEnds(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply(t, livePolicy)
	q := report.LiveQuestion{Flow: "lan tcp -> any:443", Seconds: 600}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	if err := s.Live(ctx, q, func(report.LiveLine) error { stop(); return nil }); err != nil {
		t.Errorf("the asker went away: %v", err)
	}
	s.nothingStays(t)
	deaf := errors.New("deaf")
	if err := s.Live(t.Context(), q, func(report.LiveLine) error { return deaf }); !errors.Is(err, deaf) {
		t.Errorf("the asker cannot be told: %v", err)
	}
	s.nothingStays(t)
	for _, q := range []report.LiveQuestion{
		{Flow: "no arrow"}, {Flow: "attic tcp -> any:443"}, {Flow: "->", Seconds: 601}, {Flow: "->", Seconds: -1}, {Flow: "->", Count: 1001}, {Flow: "->", Count: -1},
	} {
		if err := s.Live(t.Context(), q, nil); !errors.Is(err, report.ErrRequest) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}
