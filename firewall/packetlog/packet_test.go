package packetlog

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func equalAddrs() cmp.Option {
	return cmp.Options{
		cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	}
}

// Headers that the packets of the tests begin with.
const (
	tcpSYN   = "9c40 01bb 00000001 00000000 a002 faf0 0000 0000 020405b4 0402080a 00000001 00000000 01030307"
	udpDNS   = "14e9 0035 0018 0000"
	v4To     = "0a010209 c6336407"                                                 // 10.1.2.9 to 198.51.100.7
	v6To     = "20010db8000000000000000000000009 20010db8000100000000000000000007" // 2001:db8::9 to 2001:db8:1::7
	v6Prefix = "20010db8000000000000000000000009 ff020000000000000000000000000016" // 2001:db8::9 to ff02::16
)

func TestParsePacket(t *testing.T) {
	for _, tc := range []struct{ name, packet, want string }{
		{"TCP SYN", "4500 003c 0001 4000 40 06 0000" + v4To + tcpSYN,
			"tcp 10.1.2.9:40000 > 198.51.100.7:443 S len 60"},
		{"options before TCP", "4600 0040 0001 4000 40 06 0000" + v4To + "01010101" + tcpSYN,
			"tcp 10.1.2.9:40000 > 198.51.100.7:443 S len 64"},
		{"UDP", "4500 002c 0001 0000 40 11 0000" + v4To + udpDNS,
			"udp 10.1.2.9:5353 > 198.51.100.7:53 len 44"},
		{"SCTP", "4500 0020 0001 0000 40 84 0000" + v4To + "0b59 0b5a 00000000 00000000",
			"sctp 10.1.2.9:2905 > 198.51.100.7:2906 len 32"},
		{"echo request", "4500 0054 0001 4000 40 01 0000" + v4To + "0800 0000 004d 0001",
			"icmp 10.1.2.9 > 198.51.100.7 echo-request len 84"},
		{"port unreachable", "4500 0038 0001 0000 40 01 0000" + v4To + "0303 0000 0000 0000",
			"icmp 10.1.2.9 > 198.51.100.7 destination-unreachable code 3 len 56"},
		{"an ICMP type without a name", "4500 001c 0001 0000 40 01 0000" + v4To + "c801 0000 0000 0000",
			"icmp 10.1.2.9 > 198.51.100.7 type 200 code 1 len 28"},
		{"CARP", "4510 0038 0001 4000 ff 70 0000" + v4To + "2101 0007",
			"carp 10.1.2.9 > 198.51.100.7 len 56"},
		{"a protocol without a name", "4500 0014 0001 0000 40 fd 0000" + v4To,
			"253 10.1.2.9 > 198.51.100.7 len 20"},
		{"first fragment", "4500 05dc 0001 2000 40 11 0000" + v4To + udpDNS,
			"udp 10.1.2.9:5353 > 198.51.100.7:53 frag 0+ len 1500"},
		{"last fragment", "4500 0064 0001 00b9 40 11 0000" + v4To + "dead beef dead beef",
			"udp 10.1.2.9 > 198.51.100.7 frag 1480 len 100"},
		{"TCP without flags", "4500 0028 0001 0000 40 06 0000" + v4To + "9c40 01bb 00000001 00000000 5000 0000 0000 0000",
			"tcp 10.1.2.9:40000 > 198.51.100.7:443 none len 40"},
		{"snap ends in TCP", "4500 003c 0001 4000 40 06 0000" + v4To + "9c40 01bb 0000",
			"tcp 10.1.2.9:40000 > 198.51.100.7:443 len 60 truncated"},
		{"snap ends before TCP", "4500 003c 0001 4000 40 06 0000" + v4To + "9c40",
			"tcp 10.1.2.9 > 198.51.100.7 len 60 truncated"},
		{"snap ends in the options", "4f00 003c 0001 4000 40 06 0000" + v4To + "0101",
			"tcp 10.1.2.9 > 198.51.100.7 len 60 truncated"},
		{"bytes behind the packet", "4500 0016 0001 4000 40 06 0000" + v4To + tcpSYN,
			"tcp 10.1.2.9 > 198.51.100.7 len 22 truncated"},
		{"a length that is a lie", "4500 0000 0001 4000 40 06 0000" + v4To + tcpSYN,
			"tcp 10.1.2.9 > 198.51.100.7 len 0 truncated"},

		{"TCP over IPv6", "6000 0000 0028 06 40" + v6To + tcpSYN,
			"tcp [2001:db8::9]:40000 > [2001:db8:1::7]:443 S len 80"},
		{"neighbour solicitation", "6000 0000 0018 3a ff" + v6To + "8700 0000 0000 0000",
			"icmpv6 2001:db8::9 > 2001:db8:1::7 nd-neighbor-solicit len 64"},
		{"router alert before ICMPv6", "6000 0000 0024 00 01" + v6Prefix + "3a00 0502 0000 0000" + "8f00 0000 0000 0001",
			"icmpv6 2001:db8::9 > ff02::16 mld2-listener-report len 76"},
		{"all headers in a row", "6000 0000 0060 00 40" + v6To + "2b00 0000 0000 0000" + "3c00 0000 0000 0000" +
			"3301 0000 0000 0000 0000 0000 0000 0000" + "2c01 0000 0000 0000 0000 0000" + "1100 0000 0000 0001" + udpDNS,
			"udp [2001:db8::9]:5353 > [2001:db8:1::7]:53 len 136"},
		{"first fragment over IPv6", "6000 0000 05b0 2c 40" + v6To + "1100 0001 0000 0001" + udpDNS,
			"udp [2001:db8::9]:5353 > [2001:db8:1::7]:53 frag 0+ len 1496"},
		{"last fragment over IPv6", "6000 0000 0018 2c 40" + v6To + "1100 05a8 0000 0001" + "dead beef dead beef",
			"udp 2001:db8::9 > 2001:db8:1::7 frag 1448 len 64"},
		{"no next header", "6000 0000 0000 3b 40" + v6To,
			"59 2001:db8::9 > 2001:db8:1::7 len 40"},
		{"snap ends in an extension header", "6000 0000 0030 3c 40" + v6To + "0601 0000",
			"60 2001:db8::9 > 2001:db8:1::7 len 88 truncated"},
		{"an extension header longer than the snap", "6000 0000 0030 3c 40" + v6To + "0604 0000 0000 0000",
			"tcp 2001:db8::9 > 2001:db8:1::7 len 88 truncated"},
		{"headers without end", "6000 0000 0080 3c 40" + v6To + strings.Repeat("3c00 0000 0000 0000", 16),
			"60 2001:db8::9 > 2001:db8:1::7 len 168 truncated"},
	} {
		p, err := ParsePacket(unhex(t, tc.packet))
		if err != nil || p.String() != tc.want {
			t.Errorf("%s: %q, %v, want %q", tc.name, p, err, tc.want)
		}
	}
}

func TestParsePacketRefuses(t *testing.T) {
	for _, tc := range []struct{ packet, want string }{
		{"", "packet: empty"},
		{"0000", "packet: IP version 0"},
		{"5500 0000", "packet: IP version 5"},
		{"4500 0014", "packet: 4 bytes of an IPv4 header"},
		{"4400 0014 0001 0000 40 06 0000" + v4To, "packet: IPv4 header of 16 bytes"},
		{"6000 0000", "packet: 4 bytes of an IPv6 header"},
	} {
		if p, err := ParsePacket(unhex(t, tc.packet)); err == nil || err.Error() != tc.want {
			t.Errorf("%s: %v, %v, want %s", tc.packet, p, err, tc.want)
		}
	}
}

// TestParsePacketAtEachLength cuts packets everywhere: what is read must be a part of what the whole packet says.
func TestParsePacketAtEachLength(t *testing.T) {
	for _, s := range []string{
		"4600 0040 0001 4000 40 06 0000" + v4To + "01010101" + tcpSYN,
		"6000 0000 0038 00 40" + v6To + "2c00 0000 0000 0000" + "0600 0000 0000 0001" + tcpSYN,
	} {
		b := unhex(t, s)
		whole, err := ParsePacket(b)
		if err != nil || whole.Truncated {
			t.Fatalf("%v, %v", whole, err)
		}
		header, flags := ipv4Len, 24+14
		if b[0]>>4 == 6 {
			header, flags = ipv6Len, 56+14
		}
		for n := range len(b) {
			p, err := ParsePacket(b[:n])
			switch {
			case n < header:
				if err == nil {
					t.Errorf("%d bytes were read as %v", n, p)
				}
			case err != nil:
				t.Errorf("%d bytes: %v", n, err)
			case p.Truncated != (n < flags):
				t.Errorf("%d bytes: truncated is %v", n, p.Truncated)
			case p.Src != whole.Src || p.Dst != whole.Dst || p.Length != whole.Length || p.TTL != whole.TTL:
				t.Errorf("%d bytes: %+v", n, p)
			case p.SrcPort != 0 && (p.SrcPort != whole.SrcPort || p.DstPort != whole.DstPort):
				t.Errorf("%d bytes: ports %d, %d", n, p.SrcPort, p.DstPort)
			}
		}
	}
}

func TestPacketJSONRoundTrip(t *testing.T) {
	for _, s := range []string{
		"4500 003c 0001 4000 40 06 0000" + v4To + tcpSYN,
		"4500 0054 0001 4000 40 01 0000" + v4To + "0000 0000 004d 0001",
		"6000 0000 05b0 2c 40" + v6To + "1100 0001 0000 0001" + udpDNS,
		"4500 003c 0001 4000 40 06 0000" + v4To + "9c40",
	} {
		want, err := ParsePacket(unhex(t, s))
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Packet
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if diff := cmp.Diff(want, got, equalAddrs()); diff != "" {
			t.Errorf("changed on the way (-want +got):\n%s\nin %s", diff, b)
		}
	}
}

func TestNamesReadBack(t *testing.T) {
	for i := range 256 {
		p, f := Proto(i), TCPFlags(i)
		if got, err := ParseProto(p.String()); err != nil || got != p {
			t.Errorf("ParseProto(%q) = %v, %v", p.String(), got, err)
		}
		var got TCPFlags
		if err := got.UnmarshalText([]byte(f.String())); err != nil || got != f {
			t.Errorf("flags %q read as %v, %v", f.String(), got, err)
		}
	}
	m := MAC{2, 0, 0x5e, 0x10, 0, 1}
	var got MAC
	if err := got.UnmarshalText([]byte(m.String())); err != nil || got != m {
		t.Errorf("%v read as %v, %v", m, got, err)
	}
	for _, s := range []string{"", "02:00:5e:10:00", "02:00:5e:10:00:0", "02005e100001", "02:00:5e:10:00:zz", "02:00:5e:10:00:01:02"} {
		if err := got.UnmarshalText([]byte(s)); err == nil {
			t.Errorf("%q was read as %v", s, got)
		}
	}
	var f TCPFlags
	if err := f.UnmarshalText([]byte("SX")); err == nil {
		t.Errorf("SX was read as %v", f)
	}
}

func FuzzParsePacket(f *testing.F) {
	for _, s := range []string{
		"4500 003c 0001 4000 40 06 0000" + v4To + tcpSYN,
		"4500 05dc 0001 2000 40 11 0000" + v4To + udpDNS,
		"6000 0000 0038 00 40" + v6To + "2c00 0000 0000 0000" + "0600 0000 0000 0001" + tcpSYN,
		"6000 0000 0080 3c 40" + v6To + strings.Repeat("33ff 0000 0000 0000", 16),
	} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePacket(b)
		if err != nil {
			if p != (Packet{}) {
				t.Errorf("both %+v and %v", p, err)
			}
			return
		}
		if !p.Src.IsValid() || p.Src.Is4() != p.Dst.Is4() || p.FragmentOffset%8 != 0 {
			t.Errorf("%+v", p)
		}
		if p.FragmentOffset != 0 && (p.SrcPort|p.DstPort != 0 || p.ICMP != nil) {
			t.Errorf("a later fragment has a transport header: %+v", p)
		}
		if len(p.String()) == 0 {
			t.Error("nothing to print")
		}
	})
}

// FuzzParseMessage feeds the attributes of NFLOG messages.
func FuzzParseMessage(f *testing.F) {
	attr := func(kind uint16, value string) []byte {
		b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(value)))
		b = append(binary.NativeEndian.AppendUint16(b, kind), value...)
		return append(b, make([]byte, -len(b)&3)...)
	}
	f.Add([]byte{2, 0, 0, 1})
	f.Add(append([]byte{2, 0, 0, 1}, attr(attrPrefix, "rempart block default\x00")...))
	f.Add(append([]byte{2, 0, 0, 1}, attr(attrHWAddr, "\x00\x06\x00\x00\x02\x00\x5e\x10\x00\x01\x00\x00")...))
	f.Add(append([]byte{2, 0, 0, 1}, attr(attrTimestamp, "0123456789abcdef")...))
	f.Add(append([]byte{2, 0, 0, 1}, attr(attrSeq, "\x00")...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m := parseMessage(b); m.malformed && (m.prefix != "" || m.payload != nil) {
			t.Errorf("malformed, and yet %+v", m)
		}
	})
}
