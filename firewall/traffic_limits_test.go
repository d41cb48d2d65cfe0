package firewall

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

// open opens n connections that the test closes.
func (s *site) open(t *testing.T, n int, to string, from string) []*lab.Call {
	t.Helper()
	var out []*lab.Call
	for range n {
		c, r := s.office.Call(t.Context(), addrPort(to), lab.From(addrPort(from)), lab.Within(waitAtMost))
		if c == nil {
			t.Fatalf("connection %d of %d from %s to %s: %s", len(out)+1, n, from, to, r)
		}
		t.Cleanup(func() { c.Close() })
		out = append(out, c)
	}
	return out
}

// comesBack waits until a rule lets a probe in again.
func (s *site) comesBack(t *testing.T, try, rule string) {
	t.Helper()
	await(t, try, func() bool {
		// A busy machine may answer too late; what passed is counted all the same.
		before := s.counters(t)
		r := s.send(t, probe{try: try, want: lab.Timeout})
		return r.Outcome == lab.Open || s.counters(t)[rule] > before[rule]
	})
}

func TestTrafficFlowLimits(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, tt := range []struct {
		name, limits, to string
		other            lab.Outcome // of another source while the first is at its limit
		by               string      // what counts it
	}{
		{"flows of a rule", "flows = 3", "10.1.3.10:80", lab.Timeout, "limit_r"},
		{"flows of a source", "flows_per_source = 3", "10.1.3.10:80", lab.Open, "r"},
		{"the smaller one counts", "flows = 4, flows_per_source = 3", "10.1.3.10:80", lab.Open, "r"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.apply(t, "[[rule]]\nname = \"r\"\nprotocol = \"tcp\"\naction = \"pass\"\nlimits = { "+tt.limits+" }\n")
			s.forget(t)
			calls := s.open(t, 3, tt.to, "10.1.2.9:0")
			try := "office 10.1.2.9:0 tcp " + tt.to
			s.check(t, probe{try: try, want: lab.Timeout, by: "limit_r", log: "block limit r lan -> dmz tcp 10.1.2.9"})
			s.check(t, probe{try: "office 10.1.2.10:0 tcp " + tt.to, want: tt.other, by: tt.by})
			for _, c := range calls {
				if err := c.Echo(within(t, waitAtMost)); err != nil {
					t.Errorf("a connection below the limit: %v", err)
				}
			}
			calls[0].Close()
			s.comesBack(t, try, "r")
		})
	}
}

// TestTrafficFlowLimitsOfIPv6 counts the sources of IPv6 as well.
func TestTrafficFlowLimitsOfIPv6(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply(t, "[[rule]]\nname = \"r\"\nprotocol = \"tcp\"\naction = \"pass\"\nlimits = { flows_per_source = 2 }\n")
	s.open(t, 2, "[2001:db8:3::10]:80", "[2001:db8:2::9]:0")
	s.check(t, probe{try: "office tcp [2001:db8:3::10]:80", want: lab.Timeout, by: "limit_r", log: "block limit r lan -> dmz tcp"})
	s.check(t, probe{try: "office 10.1.2.9:0 tcp 10.1.3.10:80", want: lab.Open, by: "r"})
}

func TestTrafficRateLimit(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply(t, "[[rule]]\nname = \"r\"\nprotocol = \"udp\"\naction = \"pass\"\nlimits = { rate_per_source = \"5/5s\" }\n")
	const tries = 20
	begin := time.Now()
	for range tries {
		s.send(t, probe{try: "office 10.1.2.9:0 udp 10.1.3.10:53", want: lab.Timeout})
	}
	var passed, refused uint64
	await(t, "all datagrams counted", func() bool {
		n := s.counters(t)
		passed, refused = n["r"], n["limit_r"]
		return passed+refused == tries
	})
	// Five at once, and one more each second.
	if most := 5 + uint64(time.Since(begin)/time.Second) + 1; passed < 5 || passed > most {
		t.Errorf("%d of %d new flows passed in %s, want 5 to %d", passed, tries, time.Since(begin), most)
	}
	entries(t, s, "rule", "r", "reason", "limit", "on", "lan")
	s.check(t, probe{try: "office 10.1.2.10:0 udp 10.1.3.10:53", want: lab.Open, by: "r"})
	s.comesBack(t, "office 10.1.2.9:0 udp 10.1.3.10:53", "r")
}

// TestTrafficLimitsOverApplies exchanges the rules under limits that are
// reached: what was counted stays counted. A limit that changes holds at once,
// for sources as well that were counted before.
func TestTrafficLimitsOverApplies(t *testing.T) {
	for _, limit := range []string{"flows = %d", "flows_per_source = %d", `rate_per_source = "%d/1h"`} {
		t.Run(limit, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			policy := func(n int) string {
				return "[[rule]]\nname = \"r\"\nprotocol = \"tcp\"\naction = \"pass\"\nlimits = { " + fmt.Sprintf(limit, n) + " }\n"
			}
			try := "office 10.1.2.9:0 tcp 10.1.3.10:80"
			refused := probe{try: try, want: lab.Timeout, by: "limit_r"}
			s.apply(t, policy(3))
			s.open(t, 3, "10.1.3.10:80", "10.1.2.9:0")
			s.check(t, refused)
			s.apply(t, policy(3)+"[[rule]]\nname = \"q\"\naction = \"block\"\n")
			s.check(t, refused)
			s.stop()
			s.start(t)
			s.check(t, refused)
			s.sameAsListed(t)
			s.apply(t, policy(10))
			s.check(t, probe{try: try, want: lab.Open, by: "r"})
		})
	}
}

const scanners = `
[alias.scanners]
dynamic = true
timeout = "1h"

[[rule]]
name = "no-scanners"
source = ["@scanners"]
action = "block"
log = true
`

const watched = `
[[rule]]
name = "watched"
protocol = "tcp"
port = [80]
action = "pass"
limits = { rate_per_source = "4/1h", overload = "@scanners" }

[[rule]]
name = "free"
from = "lan"
protocol = ["tcp", "udp"]
action = "pass"
`

// TestTrafficOverload runs a source into its limit: it gets into the alias,
// its flows are ended, and the rule that blocks the alias takes effect. What
// is in the alias outlives every apply and every restart.
func TestTrafficOverload(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply(t, scanners+watched)
	loud, calm := s.open(t, 1, "10.1.3.10:443", "10.1.2.9:0")[0], s.open(t, 1, "10.1.3.10:443", "10.1.2.10:0")[0]
	six := s.open(t, 1, "[2001:db8:3::10]:443", "[2001:db8:2::9]:0")[0]
	for range 4 {
		s.check(t, probe{try: "office 10.1.2.9:0 tcp 10.1.3.10:80", want: lab.Open, by: "watched"})
	}
	s.check(t, probe{try: "office 10.1.2.9:0 tcp 10.1.3.10:80", want: lab.Timeout, by: "limit_watched", log: "block limit watched lan -> dmz tcp 10.1.2.9"})
	holds := func(when string, want ...string) {
		t.Helper()
		a, err := s.Alias(t.Context(), "scanners")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range a.Entries {
			addr, _, _ := strings.Cut(e, " ")
			got = append(got, addr)
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s the alias holds %q, want %q", when, got, want)
		}
	}
	holds("over the limit", "10.1.2.9")
	await(t, "end of the source's flows", func() bool {
		list, err := s.Flows(t.Context(), []string{"src", "10.1.2.9"})
		return err == nil && len(list) == 0
	})
	if err := loud.Echo(within(t, 5*patience)); err == nil {
		t.Error("a connection of the source lives on")
	}
	for _, c := range []*lab.Call{calm, six} {
		if err := c.Echo(within(t, waitAtMost)); err != nil {
			t.Errorf("a connection of another source: %v", err)
		}
	}
	blocked := probe{try: "office 10.1.2.9:0 udp 10.1.3.10:53", want: lab.Timeout, by: "no-scanners", log: "block rule no-scanners lan -> dmz udp 10.1.2.9"}
	s.check(t, blocked)
	s.check(t, probe{try: "office 10.1.2.10:0 udp 10.1.3.10:53", want: lab.Open, by: "free"})

	// The alias alone, then used by other rules, then over a restart.
	s.apply(t, strings.Split(scanners, "[[rule]]")[0]+"[[rule]]\nname = \"free\"\nfrom = \"lan\"\naction = \"pass\"\n")
	holds("while no rule uses it", "10.1.2.9")
	s.check(t, probe{try: "office 10.1.2.9:0 udp 10.1.3.10:53", want: lab.Open, by: "free"})
	s.apply(t, scanners+watched)
	holds("with its rules back", "10.1.2.9")
	s.forget(t)
	s.check(t, blocked)
	s.stop()
	s.start(t)
	holds("after a restart", "10.1.2.9")
	s.check(t, blocked)
	for i := range 5 {
		s.send(t, probe{try: "office tcp [2001:db8:3::10]:80", want: []lab.Outcome{lab.Open, lab.Timeout}[i/4]})
	}
	await(t, "IPv6 in the alias", func() bool {
		a, err := s.Alias(t.Context(), "scanners")
		return err == nil && strings.Contains(fmt.Sprint(a.Entries), "2001:db8:2::9")
	})
}
