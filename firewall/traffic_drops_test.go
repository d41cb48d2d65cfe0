package firewall

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/lab"
)

// letAll is what the guard has to hold against: rules that pass everything.
const letAll = `
[[rule]]
name = "all"
action = "pass"
`

// TestTrafficDrops shows each reason of a drop that no rule brings about by
// its counter and by its line in the log.
func TestTrafficDrops(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	wan := func(keys string) string { return strings.Replace(base, "external = true", "external = true\n"+keys, 1) }
	lan := func(keys string) string {
		return strings.Replace(base, `device = "lan0"`, "device = \"lan0\"\n"+keys, 1)
	}
	for _, tt := range []struct {
		name   string
		policy string
		probes []probe
	}{
		{"defaults of an external interface", base + letAll, []probe{
			{try: "internet 198.51.100.7:4000 syn|fin 10.1.3.10:80", want: lab.Timeout, by: "block_invalid", log: "block invalid wan -> dmz tcp 198.51.100.7:4000"},
			{try: "internet 198.51.100.7:4000 rst 203.0.113.2:80", want: lab.Timeout, by: "block_invalid", log: "block invalid wan -> self tcp 198.51.100.7:4000"},
			{try: "office 10.1.2.9:4001 ack 10.1.3.10:80", want: lab.Timeout, by: "block_nosyn", log: "block nosyn lan -> dmz tcp 10.1.2.9:4001"},
			{try: "office 10.1.2.9:4002 syn|ack 10.1.2.1:80", want: lab.Timeout, by: "block_invalid", log: "block invalid lan -> self tcp 10.1.2.9:4002"},
			{try: "office [2001:db8:2::9]:4003 ack [2001:db8:3::10]:80", want: lab.Timeout, by: "block_nosyn", log: "block nosyn lan -> dmz tcp"},
			{try: "internet 10.1.2.99:4000 syn 10.1.3.10:80", want: lab.Timeout, by: "block_spoofed", log: "block spoofed wan -> dmz tcp 10.1.2.99:4000"},
			{try: "internet [2001:db8:2::99]:4000 dgram [2001:db8:3::10]:53", want: lab.Timeout, by: "block_spoofed", log: "block spoofed wan -> dmz udp"},
			{try: "internet [2001:db8:3::1]:4000 syn [2001:db8:3::10]:80", want: lab.Timeout, by: "block_spoofed"},
			{try: "internet 192.168.5.5:4000 syn 10.1.3.10:80", want: lab.Timeout, by: "block_bogon", log: "block bogon wan -> dmz tcp 192.168.5.5:4000"},
			{try: "internet 10.9.9.9:4000 dgram 10.1.3.10:53", want: lab.Timeout, by: "block_bogon", log: "block bogon wan -> dmz udp 10.9.9.9:4000"},
			{try: "internet [fc00::5]:4000 syn [2001:db8:3::10]:80", want: lab.Timeout, by: "block_bogon", log: "block bogon wan -> dmz tcp"},
			{try: "internet 198.18.0.5:4000 syn 10.1.3.10:80", want: lab.Timeout, by: "block_bogon", log: "block bogon wan -> dmz tcp 198.18.0.5:4000"},
			{try: "internet [2002::5]:4000 syn 	[2001:db8:3::10]:80", want: lab.Timeout, by: "block_bogon"},
			{try: "internet 203.0.113.9:4000 syn 10.1.3.10:80", want: lab.Open, by: "all"},
			{try: "internet 198.51.100.7:4100 syn 10.1.3.10:80", want: lab.Open, by: "all"},
			// An inside interface asks for no such thing by default.
			{try: "office 192.168.5.5:4000 syn 10.1.3.10:80", want: lab.Open, by: "all"},
		}},
		{"an external interface that may see private sources", wan("block_private = false") + letAll, []probe{
			{try: "internet 192.168.5.5:4001 syn 10.1.3.10:80", want: lab.Open, by: "all"},
			{try: "internet 198.18.0.5:4001 syn 10.1.3.10:80", want: lab.Timeout, by: "block_bogon"},
			{try: "internet 10.1.2.99:4001 syn 10.1.3.10:80", want: lab.Timeout, by: "block_spoofed"},
		}},
		{"an external interface that guards nothing", wan("block_private = false\nblock_bogons = false\nantispoof = false") + letAll, []probe{
			{try: "internet 198.18.0.5:4002 syn 10.1.3.10:80", want: lab.Open, by: "all"},
			{try: "internet 10.1.2.99:4002 syn 10.1.3.10:80", want: lab.Open, by: "all"},
		}},
		{"an inside interface that guards", lan("antispoof = true\nblock_private = true") + letAll, []probe{
			{try: "office 10.1.3.99:4003 syn 10.1.3.10:80", want: lab.Timeout, by: "block_spoofed", log: "block spoofed lan -> dmz tcp 10.1.3.99:4003"},
			{try: "office 10.9.9.9:4003 syn 10.1.3.10:80", want: lab.Timeout, by: "block_bogon"},
			{try: "office 10.1.2.9:0 tcp 10.1.3.10:80", want: lab.Open, by: "all"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.applyDraft(t, tt.policy, 0)
			s.forget(t)
			for _, p := range tt.probes {
				s.check(t, p)
			}
		})
	}
}

func TestTrafficDropsWithoutLog(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	policy := strings.Replace(base, "[interface.wan]", "[system]\nlog_default = false\n\n[interface.wan]", 1)
	s.applyDraft(t, policy+"[[rule]]\nname = \"r\"\nfrom = \"lan\"\nprotocol = \"tcp\"\naction = \"pass\"\nlog = true\n", 0)
	s.check(t, probe{try: "office udp 10.1.3.10:53", want: lab.Timeout, by: "block_default"})
	// What is logged comes in its order, so that after this line there is nothing more to wait for.
	s.check(t, probe{try: "office tcp 10.1.3.10:80", want: lab.Open, by: "r", log: "pass rule r lan -> dmz tcp"})
	entries, err := s.Log(t.Context(), []string{"reason", "default"}, 10)
	if err != nil || len(entries) > 0 {
		t.Errorf("log_default is off and the log says %v, %v", entries, err)
	}
}

// TestTrafficAdmin shows that administrators get in whatever the rules say, and nobody else.
func TestTrafficAdmin(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const rules = `
[alias.admins]
addresses = ["10.1.2.10", "2001:db8:2::9"]

[[rule]]
name = "nobody"
action = "block"
`
	with := func(system string) string {
		return strings.Replace(base, "[interface.wan]", "[system]\n"+system+"\n\n[interface.wan]", 1) + rules
	}
	for _, tt := range []struct {
		name   string
		policy string
		probes []probe
	}{
		{"by default SSH and the page", with(`admin = ["@admins"]`), []probe{
			{try: "office 10.1.2.10:0 tcp 10.1.2.1:22", want: lab.Open, by: "auto_admin"},
			{try: "office 10.1.2.10:0 tcp 10.1.2.1:443", want: lab.Open, by: "auto_admin"},
			{try: "office tcp [2001:db8:2::1]:22", want: lab.Open, by: "auto_admin"},
			{try: "office 10.1.2.10:0 tcp 203.0.113.2:22", want: lab.Open, by: "auto_admin"},
			{try: "office 10.1.2.10:0 tcp 10.1.2.1:80", want: lab.Timeout, by: "nobody"},
			{try: "office 10.1.2.9:0 tcp 10.1.2.1:22", want: lab.Timeout, by: "nobody"},
			{try: "office 10.1.2.10:0 tcp 10.1.3.10:22", want: lab.Timeout, by: "nobody"},
			{try: "internet 10.1.2.10:4000 syn 203.0.113.2:22", want: lab.Timeout, by: "block_spoofed"},
		}},
		{"ports of his own", with("admin = [\"10.1.2.0/28\", \"!10.1.2.9\"]\nadmin_ports = [\"8000-8001\"]"), []probe{
			{try: "office 10.1.2.11:0 tcp 10.1.2.1:8001", want: lab.Open, by: "auto_admin"},
			{try: "office 10.1.2.9:0 tcp 10.1.2.1:8001", want: lab.Timeout, by: "nobody"},
			{try: "office 10.1.2.11:0 tcp 10.1.2.1:22", want: lab.Timeout, by: "nobody"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.applyDraft(t, tt.policy, 0)
			s.forget(t)
			for _, p := range tt.probes {
				s.check(t, p)
			}
		})
	}
}

// TestTrafficRelated sends datagrams to ports where nobody listens: the ICMP
// error belongs to the flow and comes back although no rule lets it in.
func TestTrafficRelated(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply(t, "[[rule]]\nname = \"out\"\nfrom = \"lan\"\nprotocol = \"udp\"\naction = \"pass\"\n")
	for to, from := range map[string]string{
		"10.1.3.10:5999": "10.1.3.10", "[2001:db8:3::10]:5999": "2001:db8:3::10", "198.51.100.7:5999": "198.51.100.7",
	} {
		r := s.check(t, probe{try: "office udp " + to, want: lab.Unreachable, by: "out"})
		if got := r.ICMP.From.String(); got != from {
			t.Errorf("the error to %s came from %s", to, got)
		}
	}
}

// TestTrafficEstablished holds a connection open while policies change: it
// lives as long as some rule would let it in, and no longer.
func TestTrafficEstablished(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const lanOut = "[[rule]]\nname = \"lan-out\"\nfrom = \"lan\"\naction = \"pass\"\nlog = true\n"
	s.apply(t, lanOut)
	begin := time.Now()
	call, r := s.office.Call(t.Context(), addrPort("10.1.3.10:80"), lab.Within(waitAtMost))
	if call == nil {
		t.Fatal(r)
	}
	defer call.Close()
	lives := func(when string) {
		t.Helper()
		if err := call.Echo(within(t, waitAtMost)); err != nil {
			t.Fatalf("%s: %v", when, err)
		}
	}
	lives("at first")
	s.logged(t, "pass rule lan-out lan -> dmz tcp", begin)
	list, err := s.Flows(t.Context(), []string{"rule", "lan-out"})
	if err != nil || len(list) != 1 {
		t.Fatalf("flows of the rule: %v, %v", list, err)
	}
	if a := s.apply(t, "[[rule]]\nname = \"first\"\nfrom = \"dmz\"\naction = \"reject\"\n"+lanOut); a.FlowsEnded != 0 {
		t.Errorf("a rule before it ended %d flows", a.FlowsEnded)
	}
	lives("with another rule before its own")
	if a := s.apply(t, strings.Replace(lanOut, "lan-out", "office-out", 1)); a.FlowsEnded != 0 {
		t.Errorf("another rule that lets it in ended %d flows", a.FlowsEnded)
	}
	lives("with its rule gone and another that lets it in")
	if a := s.apply(t, strings.Replace(lanOut, "pass", "block", 1)); a.FlowsEnded != 1 {
		t.Errorf("a policy that blocks it ended %d flows, want 1", a.FlowsEnded)
	}
	before := s.counters(t)["block_nosyn"]
	if err := call.Echo(within(t, 5*patience)); err == nil {
		t.Error("it lives although no rule lets it in")
	}
	if after := s.counters(t)["block_nosyn"]; after == before {
		t.Error("what was left of it is not counted as nosyn")
	}
	if n := entries(t, s, "reason", "nosyn"); n == 0 {
		t.Error("what was left of it is not logged as nosyn")
	}
}

// entries waits for an entry of the packet log that the words select, and counts them.
func entries(t *testing.T, s *site, words ...string) int {
	t.Helper()
	var list []packetlog.Entry
	await(t, "log of "+strings.Join(words, " "), func() bool {
		var err error
		if list, err = s.Log(t.Context(), words, 1000); err != nil {
			t.Fatal(err)
		}
		return len(list) > 0
	})
	if slices.ContainsFunc(list, func(e packetlog.Entry) bool { return e.InName == "" }) {
		t.Errorf("entries without the name of their interface: %v", list)
	}
	return len(list)
}
