package firewall

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/firewall/trace"
	"github.com/rempart/rempart/lab"
)

// livePolicy has every way in which a packet can be decided about.
const livePolicy = `
[[port_forward]]
name = "www"
on = "wan"
protocol = "tcp"
port = 8080
target = "10.1.3.10"
target_port = 80
pass = true

[[port_forward]]
name = "names"
on = "wan"
protocol = "udp"
port = 5353
target = "10.1.3.10"
target_port = 53

[[rule]]
name = "web"
from = "lan"
protocol = "tcp"
port = [80, 443]
action = "pass"

[[rule]]
name = "no-ssh"
from = "lan"
protocol = "tcp"
port = 22
action = "block"

[[rule]]
name = "no-dns"
from = "lan"
protocol = "udp"
port = 53
action = "reject"

[[rule]]
name = "few"
from = "lan"
protocol = "udp"
port = 5000
action = "pass"
limits = { flows = 1 }

[[rule]]
name = "inward"
from = "wan"
protocol = "udp"
port = 53
action = "pass"

[[rule]]
name = "pings"
from = "lan"
protocol = ["icmp", "icmpv6"]
action = "pass"
`

// lineOf is where the rule or translation with a name begins.
func lineOf(t *testing.T, policy, name string) int {
	t.Helper()
	lines := strings.Split(policy, "\n")
	for i, l := range lines {
		if l == fmt.Sprintf("name = %q", name) {
			return i // the line before, counted from 1
		}
	}
	t.Fatalf("no rule %q", name)
	return 0
}

// live follows packets and returns what was told. As soon as they are followed, send sends some.
func (s *site) live(t *testing.T, q report.LiveQuestion, send func()) (packets []report.LivePacket, end report.LiveEnd) {
	t.Helper()
	if q.Seconds == 0 {
		q.Seconds = int(waitAtMost / time.Second)
	}
	sent := make(chan struct{})
	err := s.Live(t.Context(), q, func(l report.LiveLine) error {
		switch {
		case l.Begin != nil:
			go func() { defer close(sent); send() }()
		case l.Packet != nil:
			packets = append(packets, *l.Packet)
		case l.End != nil:
			end = *l.End
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", q.Flow, err)
	}
	<-sent
	return packets, end
}

// told is what is compared of a packet: how it came, what was noted on its way, and what became of it.
func told(p report.LivePacket) string {
	head := func(packet string) string { // without flags and length, and with the port that the system chose left out
		words := strings.Fields(packet)
		return strings.Join(words[:min(4, len(words))], " ")
	}
	lines := []string{p.InName + ": " + head(p.Packet)}
	for _, s := range p.Steps {
		if s.Note != "" {
			line := "  " + s.Note
			if s.Packet != "" {
				line += ": " + head(s.Packet)
			}
			lines = append(lines, line)
		}
	}
	last := fmt.Sprintf("%s %s %s:%d", p.Verdict, p.Cause, p.Rule, p.Line)
	if p.Left != "" {
		last += ", " + p.OutName + ": " + head(p.Left)
	}
	return strings.Join(append(lines, last), "\n")
}

// TestTrafficLive follows real packets to every end that they can come to.
func TestTrafficLive(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	policy := base + livePolicy
	s.apply(t, livePolicy)
	at := func(name string) int { return lineOf(t, policy, name) }
	for _, tt := range []struct {
		name, flow, try string
		open            bool
		want            string
	}{
		{"passed and masqueraded", "lan tcp 10.1.2.9 -> 198.51.100.7:443", "office 10.1.2.9:4001 tcp 198.51.100.7:443", true, fmt.Sprintf(
			`lan: tcp 10.1.2.9:4001 > 198.51.100.7:443
  rule web passes it (line %[1]d)
  automatic outbound NAT translates it: tcp 203.0.113.2:4001 > 198.51.100.7:443
pass rule web:%[1]d, wan: tcp 203.0.113.2:4001 > 198.51.100.7:443`, at("web"))},
		{"blocked by a rule", "lan tcp -> any:22", "office 10.1.2.9:4002 tcp 198.51.100.7:22", false, fmt.Sprintf(
			`lan: tcp 10.1.2.9:4002 > 198.51.100.7:22
  rule no-ssh blocks it (line %[1]d)
block rule no-ssh:%[1]d`, at("no-ssh"))},
		{"rejected", "lan udp any -> 198.51.100.7:domain", "office 10.1.2.9:4003 udp 198.51.100.7:53", false, fmt.Sprintf(
			`lan: udp 10.1.2.9:4003 > 198.51.100.7:53
  rule no-dns rejects it (line %[1]d)
reject rule no-dns:%[1]d`, at("no-dns"))},
		{"by default", "10.1.2.9 -> 198.51.100.7", "office 10.1.2.9:4004 dgram 198.51.100.7:8080", false,
			`lan: udp 10.1.2.9:4004 > 198.51.100.7:8080
  automatic block default: what no rule decided
block default :0`},
		{"spoofed", "wan tcp 10.1.2.99 ->", "internet 10.1.2.99:4005 syn 10.1.3.10:80", false,
			`wan: tcp 10.1.2.99:4005 > 10.1.3.10:80
  automatic block spoofed: sources that live behind another interface
block spoofed :0`},
		{"forwarded without a rule", "wan tcp -> 203.0.113.2:8080 syn", "internet 198.51.100.7:4006 tcp 203.0.113.2:8080", true, fmt.Sprintf(
			`wan: tcp 198.51.100.7:4006 > 203.0.113.2:8080
  port forward www translates it (line %[1]d): tcp 198.51.100.7:4006 > 10.1.3.10:80
  port forward www passes it, no rule is needed (line %[1]d)
pass forward www:%[1]d, dmz: tcp 198.51.100.7:4006 > 10.1.3.10:80`, at("www"))},
		{"forwarded and passed by a rule", "wan udp -> 203.0.113.2:5353", "internet 198.51.100.7:4007 udp 203.0.113.2:5353", true, fmt.Sprintf(
			`wan: udp 198.51.100.7:4007 > 203.0.113.2:5353
  port forward names translates it (line %d): udp 198.51.100.7:4007 > 10.1.3.10:53
  rule inward passes it (line %[2]d)
pass rule inward:%[2]d, dmz: udp 198.51.100.7:4007 > 10.1.3.10:53`, at("names"), at("inward"))},
		{"to the gateway", "lan tcp -> 10.1.2.1:80", "office 10.1.2.9:4008 tcp 10.1.2.1:80", true, fmt.Sprintf(
			`lan: tcp 10.1.2.9:4008 > 10.1.2.1:80
  rule web passes it (line %[1]d)
pass rule web:%[1]d, : tcp 10.1.2.9:4008 > 10.1.2.1:80`, at("web"))},
		{"from the gateway", "self tcp -> any:443", "gw 203.0.113.2:4009 tcp 198.51.100.7:443", true,
			`: tcp 203.0.113.2:4009 > 198.51.100.7:443
pass own :0, wan: tcp 203.0.113.2:4009 > 198.51.100.7:443`},
		{"ICMP", "lan icmp any -> 10.1.3.10 echo-request", "office 10.1.2.9:7 ping 10.1.3.10", true, fmt.Sprintf(
			`lan: icmp 10.1.2.9 > 10.1.3.10
  rule pings passes it (line %[1]d)
pass rule pings:%[1]d, dmz: icmp 10.1.2.9 > 10.1.3.10`, at("pings"))},
		{"IPv6", "lan tcp [2001:db8:2::9]:4010 -> [2001:db8:3::/64]:443", "office [2001:db8:2::9]:4010 tcp [2001:db8:3::10]:443", true, fmt.Sprintf(
			`lan: tcp [2001:db8:2::9]:4010 > [2001:db8:3::10]:443
  rule web passes it (line %[1]d)
pass rule web:%[1]d, dmz: tcp [2001:db8:2::9]:4010 > [2001:db8:3::10]:443`, at("web"))},
		{"neighbour discovery", "lan icmpv6 -> ff02::1:ff00:1 nd-neighbor-solicit", "office [2001:db8:2::9]:0 ping 2001:db8:2::1", true,
			`lan: icmpv6 2001:db8:2::9 > ff02::1:ff00:1
  IPv6 neighbours, routers and multicast listeners passes it
pass automatic :0, : icmpv6 2001:db8:2::9 > ff02::1:ff00:1`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := lab.Timeout
			if tt.open {
				want = lab.Open
			}
			packets, end := s.live(t, report.LiveQuestion{Flow: tt.flow}, func() {
				if strings.Contains(tt.flow, "nd-") {
					if _, err := s.office.Run(t.Context(), "ip", "neigh", "flush", "all"); err != nil {
						t.Error(err)
					}
				}
				s.send(t, probe{try: tt.try, want: want})
			})
			if len(packets) != 1 || end.Packets != 1 || end.Hint != "" {
				t.Fatalf("%d packets, end %+v", len(packets), end)
			}
			if diff := cmp.Diff(tt.want, told(packets[0])); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if p := packets[0]; p.Why == "" || p.Time.IsZero() || p.Lost {
				t.Errorf("told %+v", p)
			}
		})
	}
	s.nothingStays(t)
}

// nothingStays looks for tables that mark.
func (s *site) nothingStays(t *testing.T) {
	t.Helper()
	if out, err := s.gw.Run(t.Context(), "nft", "list", "tables"); err != nil || strings.Contains(out, trace.TablePrefix) {
		t.Errorf("tables: %s %v", out, err)
	}
}
