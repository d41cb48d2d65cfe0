package rules

import (
	"net/netip"
	"testing"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/schedules"
)

const officeRules = `
[schedule.day]
times = ["08:00-18:00"]

[[rule]]
name = "drop-listed"
from = "wan"
source = ["@listed", "@scanners"]
action = "block"

[[rule]]
name = "off"
action = "block"
disabled = true

[[rule]]
name = "by-day"
from = "dmz"
to = "wan"
schedule = "day"
protocol = "tcp"
port = ["@ports"]
action = "pass"

[[rule]]
name = "lan-out"
from = "lan"
to = "wan"
source = ["lan:network"]
action = "pass"

[[rule]]
name = "dns"
from = "inside"
to = "self"
protocol = ["udp", "tcp"]
port = ["domain"]
action = "pass"

[[rule]]
name = "ping"
protocol = "icmp"
icmp = ["echo-request"]
action = "pass"

[[rule]]
name = "no-lateral"
from = "dmz"
to = "lan"
action = "reject"
`

func TestEvaluate(t *testing.T) {
	w := world(t, officeRules)
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	w.Schedules["day"] = []schedules.Interval{{Start: noon.Add(-time.Hour), End: noon.Add(time.Hour)}}
	e := NewEvaluator(w)
	for _, tt := range []struct {
		name, in, src, dst string
		proto              config.Protocol
		port               uint16
		change             func(*Packet)
		want               string
	}{
		{"office to the Internet", "lan", "10.1.2.9", "198.51.100.7", config.TCP, 443, nil, "pass lan-out"},
		{"a stranger's source in the office", "lan", "10.9.9.9", "198.51.100.7", config.TCP, 443, nil, "block default"},
		{"office to servers", "lan", "10.1.2.9", "10.1.3.10", config.TCP, 443, nil, "block default"},
		{"servers to office", "dmz", "10.1.3.10", "10.1.2.9", config.TCP, 22, nil, "reject no-lateral"},
		{"servers by day", "dmz", "10.1.3.10", "198.51.100.7", config.TCP, 8000, nil, "pass by-day"},
		{"excluded port", "dmz", "10.1.3.10", "198.51.100.7", config.TCP, 8040, nil, "block default"},
		{"servers by night", "dmz", "10.1.3.10", "198.51.100.7", config.TCP, 8000, func(p *Packet) { p.At = noon.Add(time.Hour) }, "block default"},
		{"dns", "dmz", "10.1.3.10", "10.1.3.1", config.UDP, 53, nil, "pass dns"},
		{"dns elsewhere", "dmz", "10.1.3.10", "198.51.100.7", config.UDP, 53, nil, "block default"},
		{"broadcast is for the gateway", "dmz", "10.1.3.10", "10.1.3.255", config.UDP, 53, nil, "pass dns"},
		{"anycast is for the gateway", "lan", "2001:db8:2::9", "2001:db8:2::", config.UDP, 53, nil, "pass dns"},
		{"multicast is for the gateway", "lan", "10.1.2.9", "224.0.0.251", config.UDP, 53, nil, "pass dns"},
		{"ping", "wan", "198.51.100.7", "203.0.113.2", config.ICMP, 0, func(p *Packet) { p.ICMPType = 8 }, "pass ping"},
		{"timestamp", "wan", "198.51.100.7", "203.0.113.2", config.ICMP, 0, func(p *Packet) { p.ICMPType = 13 }, "block default"},
		{"admin", "lan", "10.1.2.10", "10.1.2.1", config.TCP, 22, nil, "pass admin"},
		{"not an admin", "lan", "10.1.2.12", "10.1.2.1", config.TCP, 22, nil, "block default"},
		{"listed", "wan", "192.0.2.1", "203.0.113.2", config.ICMP, 0, func(p *Packet) { p.ICMPType = 8 }, "block drop-listed"},
		{"dynamic", "wan", "198.51.100.66", "203.0.113.2", config.TCP, 22, nil, "block drop-listed"},
		{"spoofed", "wan", "10.1.3.10", "10.1.2.9", config.TCP, 22, nil, "block spoofed"},
		{"spoofed behind a router", "wan", "10.20.0.9", "10.1.2.9", config.TCP, 22, nil, "block spoofed"},
		{"our own address", "wan", "203.0.113.2", "10.1.2.9", config.TCP, 22, nil, "block spoofed"},
		{"private", "wan", "192.168.1.1", "203.0.113.2", config.TCP, 22, nil, "block bogon"},
		{"bogon", "wan", "240.0.0.1", "203.0.113.2", config.TCP, 22, nil, "block bogon"},
		{"neighbour on the wan", "wan", "203.0.113.1", "203.0.113.2", config.ICMP, 0, func(p *Packet) { p.ICMPType = 8 }, "pass ping"},
		{"ack", "lan", "10.1.2.9", "198.51.100.7", config.TCP, 443, func(p *Packet) { p.TCPFlags = config.FlagACK }, "block nosyn"},
		{"forwarded", "wan", "198.51.100.7", "10.1.3.10", config.TCP, 80, func(p *Packet) { p.Forward = "www" }, "pass www"},
		{"unknown interface", "tun9", "10.1.2.9", "198.51.100.7", config.TCP, 443, nil, "block default"},
		{"admin by an unknown interface", "tun9", "10.1.2.10", "10.1.2.1", config.TCP, 22, nil, "pass admin"},
		{"a reset", "lan", "10.1.2.9", "198.51.100.7", config.TCP, 443, func(p *Packet) { p.TCPFlags = config.FlagRST }, "block invalid"},
		{"an answer without a question", "lan", "10.1.2.9", "198.51.100.7", config.ICMP, 0, nil, "block invalid"},
		{"neighbour discovery", "wan", "fe80::1", "ff02::1:ff00:2", config.ICMPv6, 0, func(p *Packet) { p.ICMPType = 135 }, "pass automatic"},
		{"neighbour discovery through the gateway", "wan", "2001:db8:9::1", "2001:db8:2::9", config.ICMPv6, 0, func(p *Packet) { p.ICMPType = 135 }, "block invalid"},
		{"a listener's report", "lan", "fe80::1", "ff02::16", config.ICMPv6, 0, func(p *Packet) { p.ICMPType = 143 }, "pass automatic"},
		{"link-local is the gateway's own", "dmz", "fe80::9", "fe80::1", config.UDP, 53, nil, "pass dns"},
	} {
		p := Packet{In: tt.in, Protocol: tt.proto, Src: netip.MustParseAddr(tt.src), Dst: netip.MustParseAddr(tt.dst), SrcPort: 40000, DstPort: tt.port, At: noon}
		if tt.change != nil {
			tt.change(&p)
		}
		d := e.Evaluate(p)
		got := d.Action.String() + " "
		if d.Rule != "" {
			got += d.Rule
		} else {
			got += d.Cause.String()
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
