package conntrack

import (
	"net/netip"
	"testing"
)

// tupleOf is a tuple of ports between two addresses.
func tupleOf(src, dst string) Tuple {
	a, b := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	return Tuple{Src: BytesOf(a.Addr()), Dst: BytesOf(b.Addr()), SrcPort: a.Port(), DstPort: b.Port()}
}

// between is an answered, untranslated flow.
func between(proto uint8, src, dst string) Flow {
	f := Flow{Key: Key{Orig: tupleOf(src, dst), Family: IPv4, Proto: proto}, Status: Confirmed | SeenReply}
	if netip.MustParseAddrPort(src).Addr().Is6() {
		f.Family = IPv6
	}
	f.Reply = f.Orig.Inverse(proto)
	if proto == TCP {
		f.State, f.Status = Established, f.Status|Assured
		f.Flags = [2]TCPFlags{WindowScale | SACK | AckSeen, WindowScale | SACK}
		f.Scale = [2]uint8{7, 10}
	}
	return f
}

// pinging is an echo request; the tuple's ports are ID, and type and code.
func pinging(proto uint8, kind uint8, id uint16, src, dst string) Flow {
	f := between(proto, netip.AddrPortFrom(netip.MustParseAddr(src), id).String(), netip.AddrPortFrom(netip.MustParseAddr(dst), uint16(kind)<<8).String())
	return f
}

// as translates the source; a port of zero leaves the port, and of ICMP the ID.
func (f Flow) as(addr string, port uint16) Flow {
	f.Reply.Dst = BytesOf(netip.MustParseAddr(addr))
	switch {
	case port == 0:
	case f.Proto == ICMP || f.Proto == ICMPv6:
		f.Reply.SrcPort = port
	default:
		f.Reply.DstPort = port
	}
	f.Status |= SrcNAT
	return f
}

// to translates the destination; a port of zero leaves the port.
func (f Flow) to(addr string, port uint16) Flow {
	f.Reply.Src = BytesOf(netip.MustParseAddr(addr))
	if port != 0 {
		f.Reply.SrcPort = port
	}
	f.Status |= DstNAT
	return f
}

// named fills a name that ends with a zero byte.
func named[T [16]byte | [32]byte](s string) (name T) {
	for i := range len(s) {
		name[i] = s[i]
	}
	return name
}

// sample is a flow with what few flows have.
type sample struct {
	name  string
	flow  Flow
	extra Extra
	needs *sample // its master
}

// samples are flows of each kind that is written in its own way, each with tuples of its own.
func samples() []sample {
	office := between(TCP, "10.1.2.9:40000", "198.51.100.7:443")
	control := sample{name: "helper", flow: between(TCP, "10.1.2.9:40021", "198.51.100.7:21").as("203.0.113.2", 0),
		extra: Extra{Helper: named[[16]byte]("ftp")}}
	child := between(TCP, "198.51.100.7:20", "203.0.113.2:41000").to("10.1.2.9", 0)
	child.Status |= Expected
	zoned, marked, closing := office, office, office
	zoned.Zone = 513
	marked.Orig.SrcPort, marked.Reply.DstPort, marked.Mark = 40001, 40001, 0xdeadbeef
	closing.Orig.SrcPort, closing.Reply.DstPort, closing.State = 40002, 40002, FinWait
	unscaled := between(TCP, "10.1.2.9:40003", "198.51.100.7:443")
	unscaled.Flags, unscaled.Scale = [2]TCPFlags{SACK, 0}, [2]uint8{}
	offloaded := between(TCP, "10.1.2.9:40004", "198.51.100.7:443").as("203.0.113.2", 0)
	offloaded.State, offloaded.Flags, offloaded.Scale, offloaded.Status = 0, [2]TCPFlags{}, [2]uint8{}, offloaded.Status|Offload
	unanswered := between(UDP, "10.1.2.9:5353", "198.51.100.7:53")
	unanswered.Status = Confirmed
	adjusted := between(TCP, "10.1.2.9:40005", "198.51.100.7:21").as("203.0.113.2", 0)
	adjusted.Status |= SeqAdjust
	origZone, replyZone := between(UDP, "10.1.2.9:5001", "198.51.100.7:53"), between(UDP, "10.1.2.9:5002", "198.51.100.7:53")
	origZone.Zone = 7
	sctp := between(SCTP, "10.1.2.9:2905", "198.51.100.7:36412")
	sctp.State = 4
	dccp := between(DCCPNum, "10.1.2.9:5001", "198.51.100.7:5002")
	dccp.State = 4
	return []sample{
		{name: "tcp", flow: office},
		{name: "tcp6", flow: between(TCP, "[2001:db8::9]:40000", "[2001:db8:1::7]:443")},
		{name: "zone", flow: zoned},
		{name: "mark", flow: marked},
		{name: "fin", flow: closing},
		{name: "no scales", flow: unscaled},
		{name: "offloaded", flow: offloaded},
		{name: "udp", flow: between(UDP, "10.1.2.9:5000", "198.51.100.7:53")},
		{name: "udp6", flow: between(UDP, "[2001:db8::9]:5000", "[2001:db8:1::7]:53")},
		{name: "unanswered", flow: unanswered},
		{name: "icmp", flow: pinging(ICMP, 8, 0x1234, "10.1.2.9", "198.51.100.7")},
		{name: "icmp id", flow: pinging(ICMP, 8, 0x1235, "10.1.2.9", "198.51.100.7").as("203.0.113.2", 0x4321)},
		{name: "icmp to", flow: pinging(ICMP, 8, 0x1236, "10.1.2.9", "203.0.113.9").to("10.2.0.4", 0)},
		{name: "icmp both", flow: pinging(ICMP, 13, 0x1237, "10.1.2.9", "203.0.113.9").as("10.2.0.1", 0x9999).to("10.2.0.4", 0)},
		{name: "icmpv6", flow: pinging(ICMPv6, 128, 0x1234, "2001:db8::9", "2001:db8:1::7")},
		{name: "icmpv6 id", flow: pinging(ICMPv6, 128, 0x1235, "2001:db8::9", "2001:db8:1::7").as("2001:db8:ffff::2", 0x4321)},
		{name: "gre", flow: between(GRE, "10.1.2.9:0", "198.51.100.7:0")},
		{name: "gre as", flow: between(GRE, "10.1.2.10:0", "198.51.100.7:0").as("203.0.113.2", 0)},
		{name: "esp", flow: between(50, "10.1.2.9:0", "198.51.100.7:0")},
		{name: "esp as", flow: between(50, "10.1.2.10:0", "198.51.100.7:0").as("203.0.113.2", 0)},
		{name: "as", flow: between(TCP, "10.1.2.9:40010", "198.51.100.7:443").as("203.0.113.2", 0)},
		{name: "as port", flow: between(TCP, "10.1.2.9:40011", "198.51.100.7:443").as("203.0.113.2", 1025)},
		{name: "as port alone", flow: between(UDP, "203.0.113.2:40011", "198.51.100.7:53").as("203.0.113.2", 1025)},
		{name: "to", flow: between(TCP, "198.51.100.7:40012", "203.0.113.2:443").to("10.2.0.4", 0)},
		{name: "to port", flow: between(TCP, "198.51.100.7:40013", "203.0.113.2:443").to("10.2.0.4", 8443)},
		{name: "both", flow: between(UDP, "10.1.2.9:40014", "203.0.113.2:53").as("10.2.0.1", 2000).to("10.2.0.4", 5353)},
		{name: "both6", flow: between(TCP, "[2001:db8::9]:40015", "[2001:db8:ffff::2]:443").as("2001:db8:2::1", 2001).to("2001:db8:2::4", 8443)},
		{name: "adjusted", flow: adjusted, extra: Extra{Helper: named[[16]byte]("ftp"),
			Adjust: [2]Adjust{{1000, 2, 3}, {0x80000001, 0xfffffffe, 0xfffffffd}}}},
		{name: "proxy", flow: between(TCP, "198.51.100.7:40016", "10.2.0.4:443"), extra: Extra{Proxy: Proxy{1, 2, 3}}},
		{name: "labels", flow: between(TCP, "10.1.2.9:40017", "198.51.100.7:443"), extra: Extra{Labels: [16]byte{2, 15: 0x80}}},
		{name: "zone of original", flow: origZone, extra: Extra{Zones: [2]uint16{7, 0}}},
		{name: "zone of reply", flow: replyZone, extra: Extra{Zones: [2]uint16{0, 8}}},
		control,
		{name: "child", flow: child, extra: Extra{Master: control.flow.Key}, needs: &control},
		{name: "sctp", flow: sctp, extra: Extra{VTag: [2]uint32{0xaabbccdd, 0x11223344}}},
		{name: "sctp as", flow: sctpAs(sctp), extra: Extra{VTag: [2]uint32{1, 2}}},
		{name: "dccp", flow: dccp, extra: Extra{DCCP: DCCP{Role: 1, Handshake: 0x0000a1b2c3d4e5f6}}},
	}
}

func sctpAs(f Flow) Flow {
	f.Orig.SrcPort, f.Reply.DstPort = 2906, 2906
	return f.as("203.0.113.2", 3000)
}

// expected is an expectation of the master of the samples: data from the server, to the address that the master leaves with.
func expected() sample {
	master := samples()[0]
	for _, s := range samples() {
		if s.name == "helper" {
			master = s
		}
	}
	return sample{name: "expectation", needs: &master,
		flow: Flow{Key: Key{Kind: KindExpect, Family: IPv4, Proto: TCP, Orig: tupleOf("198.51.100.7:0", "203.0.113.2:41001")}},
		extra: Extra{Helper: named[[16]byte]("ftp"), Master: master.flow.Key, Expects: Expect{
			Mask:   Tuple{Src: ones(4), Dst: ones(4), DstPort: 0xffff},
			HasNAT: true, NATDir: 1, NAT: Tuple{Src: BytesOf(netip.MustParseAddr("10.1.2.9")), SrcPort: 41001},
			Fn: named[[32]byte]("nat-follow-master"),
		}}}
}

// ones is the mask of an address of n bytes.
func ones(n int) (b [16]byte) {
	for i := range n {
		b[i] = 0xff
	}
	return b
}

// parsed reads one message that must be whole and sound.
func parsed(t testing.TB, b []byte) Message {
	t.Helper()
	msg, rest, err := Split(b)
	if err != nil || len(rest) != 0 {
		t.Fatalf("%d of %d bytes are left over: %v", len(rest), len(b), err)
	}
	var m Message
	if err := m.Parse(msg); err != nil {
		t.Fatalf("parse %x: %v", b, err)
	}
	return m
}
