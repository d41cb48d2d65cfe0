package lab

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// datagrams are of every protocol and family.
func datagrams() map[string]Datagram {
	four, six := [2]string{"192.0.2.1", "198.51.100.7"}, [2]string{"2001:db8::1", "2001:db8::7"}
	ds := make(map[string]Datagram)
	for name, a := range map[string][2]string{"4": four, "6": six} {
		src, dst := port(a[0], 40000), port(a[1], 443)
		ds["tcp"+name] = Datagram{Src: src, Dst: dst, Protocol: TCP, TTL: 64, Flags: SYN | FIN, Seq: 1, Ack: 0xffffffff, Payload: []byte("odd")}
		ds["udp"+name] = Datagram{Src: src, Dst: dst, Protocol: UDP, TTL: 1, Payload: []byte("payload")}
		ds["carp"+name] = Datagram{Src: port(a[0], 0), Dst: port(a[1], 0), Protocol: 112, TTL: 255, Payload: []byte{0x21}}
	}
	ds["icmp4"] = Datagram{Src: port(four[0], 0), Dst: port(four[1], 0), Protocol: ICMP4, TTL: 64, Payload: []byte{8, 0, 0xf7, 0xff, 0, 0, 0, 0}}
	ds["icmp6"] = Datagram{Src: port(six[0], 0), Dst: port(six[1], 0), Protocol: ICMP6, TTL: 64, Payload: []byte{128, 0, 0x24, 0x43, 0, 0, 0, 0}}
	return ds
}

var compareAddrs = cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })

func TestDatagramRoundTrip(t *testing.T) {
	for name, want := range datagrams() {
		t.Run(name, func(t *testing.T) {
			got, err := ParseDatagram(append(want.Append(nil), "padding"...))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, compareAddrs); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestDatagramBytes holds against bytes worked out by hand after RFC 791, RFC 768 and RFC 1071.
func TestDatagramBytes(t *testing.T) {
	d := Datagram{Src: port("10.0.0.1", 1), Dst: port("10.0.0.2", 2), Protocol: UDP, Payload: []byte{1, 2, 3}}
	want := "4500001f00000000401166cc" + "0a000001" + "0a000002" + // header, addresses
		"00010002000b" + "e7d0" + "010203"
	if got := hex.EncodeToString(d.Append(nil)); got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}

// TestDatagramChecksums uses that a sum over data and its checksum is all ones.
func TestDatagramChecksums(t *testing.T) {
	for name, d := range datagrams() {
		if d.Protocol == 112 {
			continue
		}
		b := d.Append(nil)
		header := ipv6Header
		if d.Src.Addr().Is4() {
			header = ipv4Header
			if got := checksum(0, b[:header]); got != 0 {
				t.Errorf("%s: header sum %#04x", name, got)
			}
		}
		if got := checksum(d.pseudoHeader(len(b)-header), b[header:]); got != 0 {
			t.Errorf("%s: sum %#04x", name, got)
		}
	}
}

func TestDatagramTruncated(t *testing.T) {
	for name, d := range datagrams() {
		b := d.Append(nil)
		for i := range b {
			if got, err := ParseDatagram(b[:i]); err == nil {
				t.Errorf("%s: %d of %d bytes: %s", name, i, len(b), got)
			}
		}
	}
}

func TestParseDatagramMalformed(t *testing.T) {
	ds := datagrams()
	spoil := func(name string, at int, value byte) []byte {
		b := ds[name].Append(nil)
		b[at] = value
		return b
	}
	tests := []struct {
		name  string
		bytes []byte
		want  string
	}{
		{"version", spoil("udp4", 0, 0x55), "parse datagram: version 5"},
		{"short header", spoil("udp4", 0, 0x44), "header of 16 bytes, 35 in all, of 35"},
		{"total below header", spoil("udp4", 3, 19), "header of 20 bytes, 19 in all, of 35"},
		{"no room for udp", spoil("udp4", 3, 27), "udp: too short"},
		{"no room for tcp", spoil("tcp4", 3, 39), "tcp: too short"},
		{"short tcp header", spoil("tcp4", 32, 0x40), "tcp: header of 16 bytes in 23"},
		{"long tcp header", spoil("tcp4", 32, 0xf0), "tcp: header of 60 bytes in 23"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ParseDatagram(tt.bytes); !strings.Contains(errText(err), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestParseDatagramFragment(t *testing.T) {
	b := datagrams()["udp4"].Append(nil)
	b[7] = 1 // offset
	d, err := ParseDatagram(b)
	if err != nil || d.Dst.Port() != 0 || len(d.Payload) != len(b)-ipv4Header {
		t.Errorf("got %s, %v, want a payload without ports", d, err)
	}
}

func TestDatagramString(t *testing.T) {
	want := map[string]string{
		"tcp4":  "192.0.2.1:40000 > 198.51.100.7:443: tcp fin|syn, seq 1, ack 4294967295, length 3",
		"udp6":  "[2001:db8::1]:40000 > [2001:db8::7]:443: udp, length 7",
		"icmp4": "192.0.2.1 > 198.51.100.7: icmp, length 8",
		"icmp6": "2001:db8::1 > 2001:db8::7: icmp6, length 8",
		"carp4": "192.0.2.1 > 198.51.100.7: protocol 112, length 1",
	}
	ds := datagrams()
	for name, text := range want {
		if got := ds[name].String(); got != text {
			t.Errorf("got %q, want %q", got, text)
		}
	}
	if got := Flags(0).String(); got != "none" {
		t.Errorf("no flags: %q", got)
	}
}

func FuzzParseDatagram(f *testing.F) {
	for _, d := range datagrams() {
		f.Add(d.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := ParseDatagram(b)
		if err != nil || d.Protocol == ICMP4 || d.Protocol == ICMP6 || d.TTL == 0 {
			return // of these Append changes the checksum or the TTL
		}
		canonical := d.Append(nil)
		again, err := ParseDatagram(canonical)
		if len(b) < ipv4Header+4 || b[0]>>4 == 4 && (b[6]&0x1f != 0 || b[7] != 0) {
			return // a fragment is not written as one
		}
		if err != nil || !bytes.Equal(again.Append(nil), canonical) {
			t.Errorf("%x becomes %x, %v", canonical, again.Append(nil), err)
		}
	})
}
