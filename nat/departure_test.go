package nat

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules"
)

func TestOutbound(t *testing.T) {
	w := world(t, office)
	e := NewEvaluator(w)
	for _, tt := range []struct {
		what       string
		in, out    string
		src, dst   string
		protocol   config.Protocol
		translated bool
		want       string // KIND NAME SOURCE
	}{
		{"automatic", "lan", "wan", "10.1.2.9", "192.0.2.7", config.TCP, false, "nat.outbound 203.0.113.2"},
		{"automatic, without ports", "lan", "wan", "10.1.2.9", "192.0.2.7", config.ICMP, false, "nat.outbound 203.0.113.2"},
		{"automatic, from one outside to another", "wan", "ppp", "10.1.2.9", "192.0.2.7", config.TCP, false, "nat.outbound invalid IP"},
		{"whichever address the interface has", "dmz", "ppp", "10.1.3.9", "192.0.2.7", config.TCP, false, "nat.outbound invalid IP"},
		{"not of an inside network", "lan", "wan", "10.9.9.9", "192.0.2.7", config.TCP, false, "none 10.9.9.9"},
		{"IPv6 stays", "dmz", "ppp", "fd00:1:2:2::9", "2001:db8:9::1", config.TCP, false, "none fd00:1:2:2::9"},
		{"inside stays inside", "lan", "dmz", "10.1.2.9", "10.1.3.9", config.TCP, false, "none 10.1.2.9"},
		{"written before automatic", "dmz", "wan", "10.1.3.20", "192.0.2.7", config.TCP, false, "outbound mail 203.0.113.3"},
		{"written for another way out", "dmz", "ppp", "10.1.3.20", "192.0.2.7", config.TCP, false, "nat.outbound invalid IP"},
		{"1:1 before written", "dmz", "wan", "10.1.3.29", "192.0.2.7", config.TCP, false, "one_to_one erp 203.0.113.4"},
		{"1:1 of a network", "dmz", "wan", "10.1.3.70", "192.0.2.7", 47, false, "one_to_one machines 198.51.100.6"},
		{"1:1 of a host in IPv6 comes before its prefix", "lan", "wan", "fd00:1:2:9::25", "2001:db8:9::1", config.TCP, false, "one_to_one six 2001:db8:f00:2::25"},
		{"a prefix", "lan", "wan", "fd00:1:2:2:a:b:c:d", "2001:db8:9::1", config.UDP, false, "prefix ula 2001:db8:f00:2:a:b:c:d"},
		{"disabled 1:1", "lan", "wan", "10.1.2.99", "192.0.2.7", config.TCP, false, "nat.outbound 203.0.113.2"},
		{"back into its own segment", "dmz", "dmz", "10.1.3.50", "10.1.3.10", config.TCP, true, "nat.reflection 10.1.3.1"},
		{"into its own segment, untranslated", "dmz", "dmz", "10.1.3.50", "10.1.3.10", config.TCP, false, "none 10.1.3.50"},
		{"reflected to another segment", "lan", "dmz", "10.1.2.9", "10.1.3.10", config.TCP, true, "none 10.1.2.9"},
		{"back to the outside", "wan", "wan", "192.0.2.7", "192.0.2.9", config.TCP, true, "none 192.0.2.7"},
		{"no address of the family to reflect with", "dmz", "dmz", "fd00:9::1", "fd00:9::2", config.TCP, true, "none fd00:9::1"},
		{"the gateway itself", "lo", "wan", "10.1.2.1", "192.0.2.7", config.TCP, false, "none 10.1.2.1"},
	} {
		p := rules.Packet{
			In: tt.in, Protocol: tt.protocol, Src: netip.MustParseAddr(tt.src), Dst: netip.MustParseAddr(tt.dst), SrcPort: 40000, DstPort: 80,
		}
		d := e.Outbound(Outgoing{Packet: p, Out: tt.out, Translated: tt.translated})
		got := strings.Join(strings.Fields(d.Kind.String()+" "+d.Name+" "+d.Source.String()), " ")
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.what, got, tt.want)
		}
	}
}

// outboundKeys is an [[outbound]] with every key that limits it.
const outboundKeys = `
[[outbound]]
name = "o"
on = "wan"
source = ["lan:network", "!10.1.2.66"]
destination = ["192.0.2.0/24"]
protocol = ["tcp", "udp"]
port = ["8000-8010"]
address = "203.0.113.3"
`

func TestOutboundKeys(t *testing.T) {
	plain := office[:strings.Index(office, "[nat]")] + "[nat]\noutbound = \"MODE\"\n"
	for _, tt := range []struct {
		mode, rule string
		change     func(*Outgoing)
		want       Kind
	}{
		{"manual", outboundKeys, func(*Outgoing) {}, Outbound},
		{"manual", outboundKeys, func(p *Outgoing) { p.Out = "ppp" }, None},
		{"manual", outboundKeys, func(p *Outgoing) { p.Src = netip.MustParseAddr("10.1.2.66") }, None},
		{"manual", outboundKeys, func(p *Outgoing) { p.Dst = netip.MustParseAddr("198.51.100.1") }, None},
		{"manual", outboundKeys, func(p *Outgoing) { p.Protocol = config.SCTP }, None},
		{"manual", outboundKeys, func(p *Outgoing) { p.Protocol = config.UDP }, Outbound},
		{"manual", outboundKeys, func(p *Outgoing) { p.DstPort = 80 }, None},
		{"hybrid", outboundKeys, func(p *Outgoing) { p.DstPort = 80 }, Automatic},
		{"hybrid", outboundKeys, func(*Outgoing) {}, Outbound},
		{"automatic", "", func(*Outgoing) {}, Automatic},
		{"off", "", func(*Outgoing) {}, None},
		{"manual", "[[outbound]]\nname = \"o\"\non = \"wan\"\n", func(p *Outgoing) {
			p.Src, p.Dst = netip.MustParseAddr("fd00:1:2:2::9"), netip.MustParseAddr("2001:db8:9::1")
		}, None}, // without an address it is for IPv4 alone
	} {
		e := NewEvaluator(world(t, strings.Replace(plain, "MODE", tt.mode, 1)+tt.rule))
		p := Outgoing{Out: "wan", Packet: rules.Packet{
			In: "lan", Protocol: config.TCP, Src: netip.MustParseAddr("10.1.2.9"), Dst: netip.MustParseAddr("192.0.2.7"), DstPort: 8000,
		}}
		tt.change(&p)
		if got := e.Outbound(p); got.Kind != tt.want {
			t.Errorf("%s, %+v: %s, want %s", tt.mode, p, got.Kind, tt.want)
		}
	}
}

// A port forward to where the packet goes anyway changes nothing, so the kernel
// does not take the packet for a forwarded one: a rule has to let it in.
func TestForwardThatChangesNothing(t *testing.T) {
	e := NewEvaluator(world(t, office+`
[[port_forward]]
name = "same"
on = "wan"
destination = ["10.1.3.40"]
protocol = "tcp"
port = [80]
target = ["10.1.3.40"]
pass = true
`))
	a := e.Inbound(rules.Packet{In: "wan", Protocol: config.TCP, Src: netip.MustParseAddr("192.0.2.7"), Dst: netip.MustParseAddr("10.1.3.40"), DstPort: 80})
	if a.Name != "same" || a.Pass || a.Changes(netip.MustParseAddrPort("10.1.3.40:80")) {
		t.Errorf("arrived as %+v", a)
	}
}
