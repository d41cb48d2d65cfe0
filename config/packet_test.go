package config

import (
	"net/netip"
	"testing"
)

func TestPacket(t *testing.T) {
	v4 := func(p Packet) Packet {
		p.In, p.Src, p.Dst = "lan", addr("10.1.2.9"), addr("198.51.100.7")
		return p
	}
	v6 := func(p Packet) Packet {
		p.In, p.Src, p.Dst = "lan", addr("2001:db8::9"), addr("2001:db8:1::1")
		return p
	}
	for _, tt := range []struct {
		text string
		want Packet
		back string // empty: the text
	}{
		{"lan tcp 10.1.2.9:40001 -> 198.51.100.7:443", v4(Packet{Protocol: TCP, SrcPort: 40001, DstPort: 443}), ""},
		{"lan 6 10.1.2.9 -> 198.51.100.7:https", v4(Packet{Protocol: TCP, SrcPort: 40000, DstPort: 443}), "lan tcp 10.1.2.9:40000 -> 198.51.100.7:443"},
		{" lan\ttcp 10.1.2.9:x11->198.51.100.7:http-alt ", v4(Packet{Protocol: TCP, SrcPort: 6000, DstPort: 8080}), "lan tcp 10.1.2.9:6000 -> 198.51.100.7:8080"},
		{"lan tcp 10.1.2.9:1 -> 198.51.100.7:2 syn,ack", v4(Packet{Protocol: TCP, SrcPort: 1, DstPort: 2, TCPFlags: 0x12}), ""},
		{"lan tcp 10.1.2.9:1 -> 198.51.100.7:2 cwr,fin", v4(Packet{Protocol: TCP, SrcPort: 1, DstPort: 2, TCPFlags: 0x81}), "lan tcp 10.1.2.9:1 -> 198.51.100.7:2 fin,cwr"},
		{"lan tcp 10.1.2.9:1 -> 198.51.100.7:2 syn", v4(Packet{Protocol: TCP, SrcPort: 1, DstPort: 2}), "lan tcp 10.1.2.9:1 -> 198.51.100.7:2"},
		{"lan sctp 10.1.2.9:1 -> 198.51.100.7:2", v4(Packet{Protocol: SCTP, SrcPort: 1, DstPort: 2}), ""},
		{"lan gre 10.1.2.9 -> 198.51.100.7", v4(Packet{Protocol: 47}), ""},
		{"lan 200 10.1.2.9 -> 198.51.100.7", v4(Packet{Protocol: 200}), ""},
		{"lan icmp 10.1.2.9 -> 198.51.100.7", v4(Packet{Protocol: ICMP, ICMPType: 8}), "lan icmp 10.1.2.9 -> 198.51.100.7 echo-request"},
		{"lan icmp 10.1.2.9 -> 198.51.100.7 port-unreachable", v4(Packet{Protocol: ICMP, ICMPType: 3, ICMPCode: 3}), ""},
		{"lan icmp 10.1.2.9 -> 198.51.100.7 net-unreachable", v4(Packet{Protocol: ICMP, ICMPType: 3}), "lan icmp 10.1.2.9 -> 198.51.100.7 destination-unreachable"},
		{"lan icmp 10.1.2.9 -> 198.51.100.7 200/7", v4(Packet{Protocol: ICMP, ICMPType: 200, ICMPCode: 7}), ""},
		{"lan udp [2001:db8::9]:5 -> [2001:db8:1::1]:53", v6(Packet{Protocol: UDP, SrcPort: 5, DstPort: 53}), ""},
		{"lan udp 2001:db8::9 -> [2001:DB8:1:0::1]:domain", v6(Packet{Protocol: UDP, SrcPort: 40000, DstPort: 53}), "lan udp [2001:db8::9]:40000 -> [2001:db8:1::1]:53"},
		{"lan icmpv6 2001:db8::9 -> [2001:db8:1::1]", v6(Packet{Protocol: ICMPv6, ICMPType: 128}), "lan icmpv6 2001:db8::9 -> 2001:db8:1::1 echo-request"},
		{"lan esp 2001:db8::9 -> 2001:db8:1::1", v6(Packet{Protocol: 50}), ""},
		{"lan udp 0.0.0.0:bootpc -> 255.255.255.255:bootps", Packet{In: "lan", Protocol: UDP, Src: netip.IPv4Unspecified(), Dst: addr("255.255.255.255"), SrcPort: 68, DstPort: 67}, "lan udp 0.0.0.0:68 -> 255.255.255.255:67"},
	} {
		got, err := ParsePacket(tt.text)
		if err != nil || got != tt.want {
			t.Errorf("ParsePacket(%q) = %+v, %v, want %+v", tt.text, got, err, tt.want)
		}
		back := tt.back
		if back == "" {
			back = tt.text
		}
		if got.String() != back {
			t.Errorf("%q prints as %q, want %q", tt.text, got, back)
		}
	}
}

func TestPacketFaults(t *testing.T) {
	const noPacket = ` is no packet such as "lan tcp 10.1.2.9:40000 -> 198.51.100.7:443"`
	for text, want := range map[string]string{
		"":                                      `""` + noPacket,
		"lan tcp 10.1.2.9:1 198.51.100.7:2":     `"lan tcp 10.1.2.9:1 198.51.100.7:2"` + noPacket,
		"lan 10.1.2.9:1 -> 198.51.100.7:2":      `"lan 10.1.2.9:1 -> 198.51.100.7:2"` + noPacket,
		"lan tcp 10.1.2.9 ->":                   `"lan tcp 10.1.2.9 ->"` + noPacket,
		"lan tcp 1.2.3.4 -> 1.2.3.5:1 syn more": `"lan tcp 1.2.3.4 -> 1.2.3.5:1 syn more"` + noPacket,
		"self tcp 1.2.3.4 -> 1.2.3.5:1":         "what the gateway itself sends may always leave: write the interface that a packet comes in by, as in" + noPacket[len(" is no packet such as"):],
		"1an tcp 1.2.3.4 -> 1.2.3.5:1":          `interface: the name "1an" has to begin with a letter`,
		"lan tpc 1.2.3.4 -> 1.2.3.5:1":          `no protocol "tpc"; did you mean "tcp"?`,
		"lan tcp 1.2.3 -> 1.2.3.5:1":            `source: "1.2.3" is no address`,
		"lan tcp 1.2.3.4 -> host:1":             `destination: "host" is no address`,
		"lan tcp 1.2.3.4/8 -> 1.2.3.5:1":        `source: "1.2.3.4/8" is no address`,
		"lan tcp fe80::1%e -> fe80::2":          "source: fe80::1%e has a zone: write fe80::1",
		"lan udp ::ffff:1.2.3.4 -> ::1":         "source: ::ffff:1.2.3.4 is an IPv4 address written as IPv6: write 1.2.3.4",
		"lan tcp 1.2.3.4 -> 1.2.3.5":            "the destination lacks its port: write 1.2.3.5:443",
		"lan tcp 1.2.3.4 -> 1.2.3.5:":           `destination: "" is no port: write a number, a range such as "8000-8080", a service name or "@alias"`,
		"lan tcp 1.2.3.4 -> 1.2.3.5:0":          "destination: port 0 is out of range: 1 to 65535",
		"lan tcp 1.2.3.4:70000 -> 1.2.3.5:1":    "source: port 70000 is out of range: 1 to 65535",
		"lan tcp 1.2.3.4 -> 1.2.3.5:1-2":        "destination: a packet has one port, not 1-2",
		"lan tcp 1.2.3.4 -> 1.2.3.5:htps":       `destination: no service "htps"; did you mean "ftps"?`,
		"lan tcp ::1 -> [::2:443":               `destination: "[::2:443" is no address with a port such as "[2001:db8::9]:443"`,
		"lan tcp ::1 -> [::2]443":               `destination: "[::2]443" is no address with a port such as "[2001:db8::9]:443"`,
		"lan tcp ::1 -> 1.2.3.4:1":              "::1 and 1.2.3.4 are of two families",
		"lan icmp ::1 -> ::2":                   "icmp is IPv4's own: write icmpv6 between ::1 and ::2",
		"lan icmpv6 1.2.3.4 -> 1.2.3.5":         "icmpv6 is IPv6's own: write icmp between 1.2.3.4 and 1.2.3.5",
		"lan icmp 1.2.3.4 -> 1.2.3.5 pong":      `no icmp type "pong"`,
		"lan icmp 1.2.3.4:8 -> 1.2.3.5":         "source: icmp has no ports: write 1.2.3.4",
		"lan gre 1.2.3.4 -> 1.2.3.5:1":          "destination: gre has no ports: write 1.2.3.5",
		"lan udp 1.2.3.4 -> 1.2.3.5:1 syn":      `"syn" after the destination: only tcp has flags there, and icmp a type`,
		"lan tcp 1.2.3.4 -> 1.2.3.5:1 synack":   `no TCP flag "synack"; there is ack, cwr, ece, fin, psh, rst, syn, urg`,
		"lan tcp 1.2.3.4 -> 1.2.3.5:1 syn,":     `no TCP flag ""; there is ack, cwr, ece, fin, psh, rst, syn, urg`,
		"lan tcp 1.2.3.4 -> 1.2.3.5:1 syn,syn":  `flag "syn" stands twice`,
		"lan tcp 1.2.3.4 -> 1.2.3.5:1 syn,!ack": `"syn,!ack": name the flags that are set, such as "syn,ack"`,
	} {
		got, err := ParsePacket(text)
		if err == nil || err.Error() != want {
			t.Errorf("ParsePacket(%q) = %+v\n got %v\nwant %s", text, got, err, want)
		}
		if got != (Packet{}) {
			t.Errorf("ParsePacket(%q) returns %+v beside its fault", text, got)
		}
	}
}

// TestPacketCutShort reads a packet that ends at any place: it is a fault or
// another packet, and prints as what it was read as.
func TestPacketCutShort(t *testing.T) {
	for _, text := range []string{
		"lan tcp 10.1.2.9:40000 -> 198.51.100.7:443 syn,ack", "lan icmpv6 [2001:db8::9] -> [2001:db8::1] echo-reply",
	} {
		for n := range text {
			again(t, text[:n], ParsePacket, Packet.String, sameValue)
		}
	}
}

func FuzzPacket(f *testing.F) {
	for _, s := range []string{
		"lan tcp 10.1.2.9:40000 -> 198.51.100.7:443 syn,ack", "lan udp [2001:db8::9]:5 -> [2001:db8::1]:domain",
		"wan icmp 10.1.2.9 -> 10.1.2.1 3/4", "wan icmpv6 fe80::1 -> ff02::1 nd-router-advert", "lan gre 10.1.2.9->198.51.100.7",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { again(t, s, ParsePacket, Packet.String, sameValue) })
}

func TestPacketOfAPolicy(t *testing.T) {
	c := parseText(t, twoInterfaces)
	if p, err := c.Packet("lan gre 10.1.2.9 -> 198.51.100.7"); err != nil || p.In != "lan" {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := c.Packet("lam gre 10.1.2.9 -> 198.51.100.7"); err == nil || err.Error() != `no interface "lam"; did you mean "lan"?` {
		t.Errorf("an interface that is not there: %v", err)
	}
}
