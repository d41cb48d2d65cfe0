package firewall

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/lab"
)

const lanPasses = "[[rule]]\nname = \"lan\"\nfrom = \"lan\"\naction = \"pass\"\n"

// TestTrafficDrift takes away what the policy put on the devices: it comes back.
func TestTrafficDrift(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply(t, lanPasses)
	for _, tt := range []struct{ what, by, want string }{
		{"an address", "ip addr del 10.1.2.1/24 dev lan0", "ip -4 addr show dev lan0"},
		{"an IPv6 address", "ip addr del 2001:db8:2::1/64 dev lan0", "ip -6 addr show dev lan0"},
		{"the default route", "ip route del default", "ip route show default"},
		{"a device that is up", "ip link set dmz0 down", "ip -br link show dmz0"},
		{"forwarding", "sysctl -qw net.ipv4.ip_forward=0", "sysctl net.ipv4.ip_forward"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			run := func(line string) string {
				t.Helper()
				words := strings.Fields(line)
				out, err := s.gw.Run(t.Context(), words[0], words[1:]...)
				if err != nil {
					t.Fatal(err)
				}
				return out
			}
			before := run(tt.want)
			begin := time.Now()
			run(tt.by)
			await(t, tt.what, func() bool { return run(tt.want) == before })
			t.Logf("back after %s", time.Since(begin).Round(time.Millisecond))
			if r := s.send(t, probe{try: "office tcp 198.51.100.7:80"}); r.Outcome != lab.Open {
				t.Errorf("to the Internet: %s", r)
			}
			if r := s.send(t, probe{try: "office tcp [2001:db8:3::10]:80"}); r.Outcome != lab.Open {
				t.Errorf("to the servers: %s", r)
			}
		})
	}
}

// TestTrafficApplyTwice finds nothing left to do after an apply, neither by
// asking the kernel nor by what a second gateway would send.
func TestTrafficApplyTwice(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, policy := range []string{base + lanPasses, base + scanners + watched + forwards, base + later()} {
		s.applyDraft(t, policy, 0)
		have, err := s.kernel.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if a := s.applyDraft(t, policy, 0); !a.Unchanged {
			t.Errorf("the same policy again: %+v", a)
		}
		if now, err := s.kernel.Generation(t.Context()); err != nil || now != have.Generation {
			t.Errorf("the kernel was sent something: generation %d was %d, %v", now, have.Generation, err)
		}
		running, err := do(t.Context(), s.Firewall, func(context.Context) (*running, error) { return s.running, nil })
		if err != nil {
			t.Fatal(err)
		}
		// The kernel cannot tell which rules it has; nft can, below.
		have.Rules = running.ruleset.Digest()
		if plan := nft.Plan(have, running.ruleset); len(plan) > 0 {
			t.Errorf("the kernel has to be sent\n%s", plan[0])
		}
		ops, err := s.Links.Plan(t.Context(), Network(running.world))
		if err != nil || len(ops) > 0 {
			t.Errorf("links still to be changed: %v, %v", ops, err)
		}
		s.sameAsListed(t)
	}
}

// sameAsListed holds what nft lists against what the gateway says that it enforces.
func (s *site) sameAsListed(t *testing.T) {
	t.Helper()
	listed, err := s.gw.Run(t.Context(), "env", "TZ=UTC", "nft", "list", "table", "inet", TableName)
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.Ruleset(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := nft.Canonical(listed), nft.Canonical(text); got != want {
		t.Errorf("nft lists\n%s\nand the gateway says\n%s", got, want)
	}
}

const foreign = `table inet other {
	counter seen {
		packets 0 bytes 0
	}
	chain pre {
		type filter hook prerouting priority mangle; policy accept;
		udp dport 9 counter name "seen" drop
	}
}
`

// TestTrafficForeignTables leaves the tables of others alone, through applies, a restart and the end.
func TestTrafficForeignTables(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	nftables := func(args ...string) string {
		t.Helper()
		out, err := s.gw.Run(t.Context(), "nft", args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	nftables(foreign)
	before := nftables("-a", "list", "table", "inet", "other")
	s.apply(t, lanPasses)
	s.apply(t, lanPasses+letAll)
	status, err := s.Status(t.Context())
	if err != nil || len(status.Warnings) != 1 || !strings.Contains(status.Warnings[0], "table other has a chain pre") {
		t.Errorf("status warns of %q, %v", status.Warnings, err)
	}
	s.stop()
	s.start(t)
	nftables("add table inet third") // a transaction that is not ours, between ours
	s.apply(t, lanPasses)
	s.check(t, probe{try: "office tcp 10.1.3.10:80", want: lab.Open, by: "lan"})
	s.stop()
	if after := nftables("-a", "list", "table", "inet", "other"); after != before {
		t.Errorf("the foreign table was\n%s\nand is\n%s", before, after)
	}
}

// TestTrafficRestart ends the gateway and starts it again under a stream and a
// connection: the rules stay in between, nothing is lost and nothing counted anew.
func TestTrafficRestart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply(t, lanPasses)
	call := s.open(t, 1, "198.51.100.7:80", "10.1.2.9:0")[0]
	stream := s.office.Stream(addrPort("10.1.3.10:53"), 500)
	await(t, "the stream", func() bool { return stream.Stats().Echoed > 20 })
	before := s.counters(t)
	for range 3 {
		s.stop()
		if err := call.Echo(within(t, waitAtMost)); err != nil {
			t.Fatalf("while no gateway runs: %v", err)
		}
		if r := s.send(t, probe{try: "server tcp 10.1.2.9:80", want: lab.Timeout}); r.Outcome != lab.Timeout {
			t.Errorf("a forbidden connection while no gateway runs: %s", r)
		}
		if r := s.send(t, probe{try: "office tcp 10.1.3.10:80"}); r.Outcome != lab.Open {
			t.Errorf("a new connection while no gateway runs: %s", r)
		}
		s.start(t)
		if err := call.Echo(within(t, waitAtMost)); err != nil {
			t.Fatalf("after a restart: %v", err)
		}
	}
	if got := stream.Stop(); got.Lost > 0 {
		t.Errorf("the stream: %s", got)
	}
	after := s.counters(t)
	if after["lan"] != before["lan"]+3 {
		t.Errorf("the rule counted %d, then %d, with 3 new connections", before["lan"], after["lan"])
	}
	if after["block_default"] < before["block_default"]+3 {
		t.Errorf("drops were counted %d, then %d, with 3 new ones", before["block_default"], after["block_default"])
	}
	if status, err := s.Status(t.Context()); err != nil || status.Revision != 1 || len(status.Warnings) > 0 {
		t.Errorf("status %+v, %v", status, err)
	}
}

// TestTrafficLockout applies a policy that locks the office out, and waits.
func TestTrafficLockout(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply(t, lanPasses)
	call := s.open(t, 1, "10.1.2.1:22", "10.1.2.9:0")[0]
	a := s.applyDraft(t, base, 2)
	if a.Deadline.IsZero() || a.Revision != 0 {
		t.Errorf("applied %+v", a)
	}
	if r := s.send(t, probe{try: "office tcp 10.1.2.1:22", want: lab.Timeout}); r.Outcome != lab.Timeout && time.Now().Before(a.Deadline) {
		t.Errorf("locked out: %s", r)
	}
	if err := call.Echo(within(t, 5*patience)); err == nil && time.Now().Before(a.Deadline) {
		t.Error("a connection that the policy does not allow lives on")
	}
	await(t, "the way back in", func() bool {
		return s.send(t, probe{try: "office tcp 10.1.2.1:22", want: lab.Timeout}).Outcome == lab.Open
	})
	if now := time.Now(); now.Before(a.Deadline) {
		t.Errorf("it came %s before the deadline", a.Deadline.Sub(now))
	}
	s.check(t, probe{try: "office tcp 10.1.3.10:80", want: lab.Open, by: "lan"})
}

func TestTrafficRollback(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	by := report.Caller{Name: "ann"}
	s.apply(t, lanPasses)
	s.apply(t, strings.Replace(lanPasses, "pass", "reject", 1))
	s.check(t, probe{try: "office tcp 10.1.3.10:80", want: lab.Refused, by: "lan"})
	if a, err := s.Rollback(t.Context(), 0, by); err != nil || a.Revision != 3 {
		t.Fatalf("rollback: %+v, %v", a, err)
	}
	s.check(t, probe{try: "office tcp 10.1.3.10:80", want: lab.Open, by: "lan"})
	if a, err := s.Rollback(t.Context(), 2, by); err != nil || a.Revision != 4 {
		t.Fatalf("rollback to revision 2: %+v, %v", a, err)
	}
	s.check(t, probe{try: "office tcp 10.1.3.10:80", want: lab.Refused, by: "lan"})
	s.applyDraft(t, base+lanPasses, 60)
	s.check(t, probe{try: "office tcp 10.1.3.10:80", want: lab.Open, by: "lan"})
	if a, err := s.Rollback(t.Context(), 0, by); err != nil || a.Revision != 4 {
		t.Fatalf("rollback of what waits for a confirm: %+v, %v", a, err)
	}
	s.check(t, probe{try: "office tcp 10.1.3.10:80", want: lab.Refused, by: "lan"})
}

// TestTrafficLoad does what early boot does: the last good policy, without a
// daemon; and where there is none, nothing comes in and nothing goes through.
func TestTrafficLoad(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply(t, "[alias.web]\naddresses = [\"10.1.3.10\"]\n[[rule]]\nname = \"web\"\nfrom = \"lan\"\ndestination = [\"@web\"]\naction = \"pass\"\n")
	s.stop()
	load := func(dir string) int {
		t.Helper()
		if err := s.kernel.Delete(t.Context()); err != nil {
			t.Fatal(err)
		}
		revision, err := Load(t.Context(), dir, s.kernel, time.Now())
		if (err != nil) != (revision == 0) {
			t.Errorf("load: revision %d, %v", revision, err)
		}
		return revision
	}
	expect := func(want map[string]lab.Outcome) {
		t.Helper()
		for try, outcome := range want {
			if r := s.send(t, probe{try: try, want: outcome}); r.Outcome != outcome {
				t.Errorf("%s: %s, want %s", try, r, outcome)
			}
		}
	}
	if revision := load(s.dir); revision != 1 {
		t.Errorf("loaded revision %d", revision)
	}
	expect(map[string]lab.Outcome{
		"office tcp 10.1.3.10:80": lab.Open, "office tcp 10.1.3.11:80": lab.Timeout,
		"office tcp 10.1.2.1:22": lab.Timeout, "internet tcp 203.0.113.2:22": lab.Timeout,
	})
	if revision := load(t.TempDir()); revision != 0 {
		t.Errorf("an empty directory: revision %d", revision)
	}
	expect(map[string]lab.Outcome{
		"office tcp 10.1.3.10:80": lab.Timeout, "office tcp 10.1.2.1:22": lab.Timeout,
		"internet tcp 203.0.113.2:22": lab.Timeout, "office tcp [2001:db8:2::1]:22": lab.Timeout,
		// Its own traffic leaves, and is answered.
		"gw tcp 10.1.3.10:80": lab.Open, "gw tcp [2001:db8:2::9]:80": lab.Open, "gw tcp 127.0.0.1:80": lab.Open,
	})
	// The daemon takes over from there.
	s.start(t)
	s.check(t, probe{try: "office tcp 10.1.3.10:80", want: lab.Open, by: "web"})
}
