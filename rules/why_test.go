package rules

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/schedules"
)

// trialRule is what each case changes in a rule that matches.
const trialRule = `
[schedule.day]
times = ["mon-fri 08:00-18:00"]

[schedule.once]
times = ["2026-12-24 08:00-12:00"]

[schedule.past]
times = ["2020-12-24 08:00-12:00"]

[alias.nobody]
dynamic = true

[alias.fetched]
url = "https://lists.example.org/fetched.txt"
refresh = "12h"

[[rule]]
name = "r"
action = "pass"
`

func TestWhy(t *testing.T) {
	noon := time.Date(2026, 11, 23, 11, 0, 0, 0, time.UTC) // a Monday, 12:00 in Paris
	const web = "dmz tcp 10.1.3.10:40000 -> 198.51.100.7:443"
	for _, tt := range []struct{ rule, packet, want string }{
		{`from = "dmz"`, web, ""},
		{`disabled = true`, web, "it is disabled"},
		{`from = "lan"`, web, "interface dmz is not lan"},
		{`from = "inside"`, "wan udp 198.51.100.7 -> 10.1.3.10:53", "interface wan is not in zone inside (lan, dmz)"},
		{`to = "lan"`, web, "it leaves by wan, not lan"},
		{`to = "inside"`, web, "it leaves by wan, which is not in zone inside (lan, dmz)"},
		{`to = "self"`, web, "it leaves by wan, not to self"},
		{`to = "lan"`, "dmz udp 10.1.3.10 -> 10.1.3.1:53", "it goes to self, not lan"},
		{`to = "inside"`, "dmz udp 10.1.3.10 -> 10.1.3.1:53", "it goes to self, not to zone inside"},
		{`to = "wan"`, "lan udp [2001:db8:2::9] -> [2001:db8:9::1]:53", "no route leads to 2001:db8:9::1"},
		{`schedule = "day"`, web, ""},
		{`schedule = "once"`, web, "schedule once is off until Thu 2026-12-24 08:00"},
		{`schedule = "past"`, web, "schedule past is off and never comes on again"},
		{`protocol = "udp"`, web, "protocol tcp is not udp"},
		{`protocol = ["icmp", "gre"]`, web, "protocol tcp is none of icmp, gre"},
		{"protocol = \"icmp\"\nicmp = [\"echo-request\"]", "lan icmp 10.1.2.9 -> 198.51.100.7 timestamp-request", "type timestamp-request is not echo-request"},
		{"protocol = \"icmp\"\nicmp = [\"13\", \"17\"]", "lan icmp 10.1.2.9 -> 198.51.100.7", "type echo-request is none of timestamp-request, address-mask-request"},
		{"protocol = \"icmp\"\nicmp = [\"8/1\"]", "lan icmp 10.1.2.9 -> 198.51.100.7", "type echo-request is not echo-request/1"},
		{"protocol = \"tcp\"\ntcp_flags = [\"syn\", \"!ece\"]", web + " syn,ece,cwr", `flags "syn ece cwr" are not "syn !ece"`},
		{`source = ["10.1.3.11"]`, web, "source 10.1.3.10 is not 10.1.3.11"},
		{`source = ["10.1.4.0/24"]`, web, "source 10.1.3.10 is not in 10.1.4.0/24"},
		{`source = ["10.1.4.1-10.1.4.9"]`, web, "source 10.1.3.10 is not in 10.1.4.1-10.1.4.9"},
		{`source = ["@admins"]`, web, "source 10.1.3.10 is not in @admins"},
		{`source = ["@servers"]`, "dmz tcp 10.1.3.25 -> 198.51.100.7:443", "source 10.1.3.25 is not in @servers"},
		{`source = ["@scanners"]`, web, "source 10.1.3.10 is not in @scanners"},
		{`source = ["@nobody"]`, web, "source 10.1.3.10 is not in @nobody, which is empty"},
		{`source = ["@fetched"]`, web, "source 10.1.3.10 is not in @fetched, which is empty"},
		{`source = ["@listed", "@nobody", "10.1.4.4"]`, web, "source 10.1.3.10 is in none of @listed, @nobody (empty), 10.1.4.4"},
		{`source = ["10.2.0.1", "10.2.0.2", "10.2.0.3", "10.2.0.4", "10.2.0.5", "10.2.0.6"]`, web,
			"source 10.1.3.10 is in none of 10.2.0.1, 10.2.0.2, 10.2.0.3, 10.2.0.4 and 2 more"},
		{`source = ["any", "!10.1.3.10"]`, web, "source 10.1.3.10 is excluded by !10.1.3.10"},
		{`source = ["!@web"]`, web, "source 10.1.3.10 is excluded by !@web"},
		{`source = ["!@scanners"]`, "wan tcp 198.51.100.66 -> 10.1.3.10:443", "source 198.51.100.66 is excluded by !@scanners"},
		{`source = ["lan:network"]`, web, "source 10.1.3.10 is not in lan:network (10.1.2.0/24, 2001:db8:2::/64)"},
		{`destination = ["lan:address"]`, web, "destination 198.51.100.7 is not lan:address (10.1.2.1, 2001:db8:2::1)"},
		{`destination = ["self"]`, web, "destination 198.51.100.7 is no address of the gateway"},
		{`destination = ["@updates"]`, web, "destination 198.51.100.7 is not in @updates"},
		{`destination = ["2001:db8:3::/64"]`, web, "destination 198.51.100.7 is not in 2001:db8:3::/64"},
		{"protocol = \"tcp\"\nport = [22]", web, "port 443 is not 22"},
		{"protocol = \"tcp\"\nport = [\"ssh\", 25]", web, "port 443 is none of 22, 25"},
		{"protocol = \"tcp\"\nport = [\"1-99\"]", web, "port 443 is not in 1-99"},
		{"protocol = \"tcp\"\nport = [\"@ports\"]", "dmz tcp 10.1.3.10 -> 198.51.100.7:8040", "port 8040 is not in @ports (80, 443, 8000-8039, 8041-8080)"},
		{"protocol = \"tcp\"\nport = [\"@ports\", 22]", "dmz tcp 10.1.3.10 -> 198.51.100.7:23", "port 23 is none of @ports (80, 443, 8000-8039, 8041-8080), 22"},
		{"protocol = \"tcp\"\nport = [\"!443\"]", web, "port 443 is excluded by !443"},
		{"protocol = \"tcp\"\nport = [\"!@ports\"]", web, "port 443 is excluded by !@ports"},
		{"protocol = \"tcp\"\nsource_port = [123]", web, "source port 40000 is not 123"},
		{"from = \"lan\"\nprotocol = \"udp\"\nsource = [\"10.1.2.9\"]\nport = [53]", web,
			"interface dmz is not lan; protocol tcp is not udp; source 10.1.3.10 is not 10.1.2.9; port 443 is not 53"},
		{"protocol = \"tcp\"\nport = [53]", "dmz gre 10.1.3.10 -> 198.51.100.7", "protocol gre is not tcp"},
	} {
		w := world(t, trialRule+tt.rule)
		for _, s := range w.Config.Schedules {
			w.Schedules[s.Name] = schedules.Intervals(s, w.Config.System.Location, noon.AddDate(0, 0, -1), noon.AddDate(0, 0, 40))
		}
		e, p := NewEvaluator(w), sent(t, tt.packet, noon)
		trials := e.Trials(p)
		if len(trials) != 1 {
			t.Fatalf("%s: %d trials", tt.rule, len(trials))
		}
		if got := strings.Join(e.Why(trials[0], p), "; "); got != tt.want {
			t.Errorf("%s\n%s\n%q, want\n%q", tt.rule, tt.packet, got, tt.want)
		}
	}
}

// sent reads a packet as rules see it.
func sent(t *testing.T, s string, at time.Time) Packet {
	t.Helper()
	p, err := config.ParsePacket(s)
	if err != nil {
		t.Fatal(err)
	}
	return Packet{
		In: p.In, Protocol: p.Protocol, Src: p.Src, Dst: p.Dst, SrcPort: p.SrcPort, DstPort: p.DstPort,
		ICMPType: p.ICMPType, ICMPCode: p.ICMPCode, TCPFlags: p.TCPFlags, At: at,
	}
}

func TestUntil(t *testing.T) {
	w := world(t, trialRule)
	noon := time.Date(2026, 11, 23, 11, 0, 0, 0, time.UTC)
	for schedule, want := range map[string]string{"day": "until Mon 18:00", "past": "for ever", "none": ""} {
		if got := w.Until(schedule, noon); got != want {
			t.Errorf("%s: %q, want %q", schedule, got, want)
		}
	}
}

// someRules overlap on purpose, so that packets come close to many of them.
func someRules(r *rand.Rand) string {
	one := func(list ...string) string { return list[r.IntN(len(list))] }
	var b strings.Builder
	b.WriteString("\n[schedule.on]\ntimes = [\"00:00-24:00\"]\n[schedule.off]\ntimes = [\"2020-01-01\"]\n")
	for i := range 1 + r.IntN(6) {
		fmt.Fprintf(&b, "\n[[rule]]\nname = \"r%d\"\naction = %q\n", i, one("pass", "block", "reject"))
		key := func(name, value string) {
			if r.IntN(2) == 0 {
				fmt.Fprintf(&b, "%s = %s\n", name, value)
			}
		}
		key("disabled", one("false", "false", "true"))
		key("from", one(`"lan"`, `"dmz"`, `"inside"`, `"any"`))
		key("to", one(`"wan"`, `"lan"`, `"self"`, `"inside"`))
		key("schedule", one(`"on"`, `"off"`))
		key("source", one(`["10.1.3.10"]`, `["@web"]`, `["any", "!@web"]`, `["@scanners"]`, `["lan:network", "10.1.3.11"]`))
		key("destination", one(`["10.1.2.9"]`, `["self"]`, `["any", "!10.1.2.9"]`, `["@listed"]`, `["198.51.100.7"]`))
		switch r.IntN(4) {
		case 0:
			b.WriteString("protocol = " + one(`"tcp"`, `["tcp", "udp"]`) + "\n")
			key("port", one(`[443]`, `["@ports"]`, `["!443"]`))
			key("source_port", one(`[40000]`, `["1-1023"]`))
		case 1:
			b.WriteString("protocol = \"icmp\"\n")
			key("icmp", one(`["echo-request"]`, `["timestamp-request"]`))
		case 2:
			b.WriteString("protocol = \"tcp\"\n")
			key("tcp_flags", one(`["syn", "!ece"]`, `["ece"]`))
		}
	}
	return b.String()
}

// somePacket aims at the rules of someRules.
func somePacket(r *rand.Rand, at time.Time) Packet {
	address := func(list ...string) netip.Addr { return netip.MustParseAddr(list[r.IntN(len(list))]) }
	p := Packet{
		In: []string{"lan", "dmz", "wan"}[r.IntN(3)], At: at,
		Src:      address("10.1.3.10", "10.1.3.11", "10.1.2.9", "198.51.100.66", "10.1.3.99"),
		Dst:      address("10.1.2.9", "10.1.2.1", "198.51.100.7", "192.0.2.5", "10.1.3.9"),
		Protocol: []config.Protocol{config.TCP, config.UDP, config.ICMP, 47}[r.IntN(4)],
	}
	switch {
	case p.Protocol == config.ICMP:
		p.ICMPType = []uint8{8, 13}[r.IntN(2)]
	case p.Protocol.HasPorts():
		p.SrcPort, p.DstPort = []uint16{40000, 99}[r.IntN(2)], []uint16{443, 22, 8000}[r.IntN(3)]
	}
	if p.Protocol == config.TCP && r.IntN(2) == 0 {
		p.TCPFlags = config.FlagSYN | config.FlagECE | config.FlagCWR
	}
	return p
}

// TestTrialsAgree holds what trials say against the verdict: they end at the
// rule that decided, and every reason is one.
func TestTrialsAgree(t *testing.T) {
	at := time.Date(2026, 11, 23, 11, 0, 0, 0, time.UTC)
	const seed = 3
	r := rand.New(rand.NewPCG(seed, seed))
	decided, alone := 0, map[Reasons]int{}
	for range 150 {
		policy := someRules(r)
		w := world(t, policy)
		w.Schedules["on"] = []schedules.Interval{{Start: at.Add(-time.Hour), End: at.Add(time.Hour)}}
		e := NewEvaluator(w)
		for range 60 {
			p := somePacket(r, at)
			d, trials := e.Evaluate(p), e.Trials(p)
			last := trials[len(trials)-1]
			if d.Cause == packetlog.CauseRule && (last.Misses != 0 || last.Rule.Name != d.Rule) {
				t.Fatalf("seed %d: %s decided about %+v, the trials end at %s with %b\n%s", seed, d.Rule, p, last.Rule.Name, last.Misses, policy)
			}
			if d.Cause == packetlog.CauseDefault && last.Misses == 0 {
				t.Fatalf("seed %d: no rule decided about %+v, the trials end at %s\n%s", seed, p, last.Rule.Name, policy)
			}
			if last.Misses == 0 {
				decided++
			}
			for _, tr := range trials {
				if len(e.Why(tr, p)) != tr.Misses.Count() {
					t.Fatalf("seed %d: %d reasons, told %q", seed, tr.Misses.Count(), e.Why(tr, p))
				}
				if tr.Misses.Count() == 1 {
					alone[tr.Misses]++
					if !matchesWithout(w, tr, p) {
						t.Fatalf("seed %d: only %q keeps %s from matching %+v, but more does\n%s", seed, e.Why(tr, p), tr.Rule.Name, p, policy)
					}
				}
			}
		}
	}
	if decided < 500 {
		t.Errorf("rules decided about %d packets only", decided)
	}
	for reason := MissDisabled; reason <= MissPort; reason <<= 1 {
		if alone[reason] == 0 {
			t.Errorf("reason %b was never alone", reason)
		}
	}
}

// matchesWithout takes away from a rule the one condition that it missed, and
// says whether it matches then.
func matchesWithout(w *World, tr Trial, p Packet) bool {
	rule := *tr.Rule
	switch tr.Misses {
	case MissDisabled:
		rule.Disabled = false
	case MissFrom:
		rule.From = config.Place{}
	case MissTo:
		rule.To = config.Place{}
	case MissSchedule:
		rule.Schedule = ""
	case MissProtocol:
		rule.Protocols = append(slices.Clone(rule.Protocols), p.Protocol)
	case MissICMP:
		rule.ICMP = nil
	case MissFlags:
		rule.TCPFlags = nil
	case MissSource:
		rule.Source = nil
	case MissSourcePort:
		rule.SourcePorts = nil
	case MissDestination:
		rule.Destination = nil
	case MissPort:
		rule.Ports = nil
	}
	c, world := *w.Config, *w
	c.Rules = []config.Rule{rule}
	world.Config = &c
	trials := NewEvaluator(&world).Trials(p)
	return trials[0].Misses == 0
}
