package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRoundTrip(t *testing.T) {
	for _, c := range frameCases() {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, mustParse(t, c.frame), comparePackets); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if len(c.frame) < etherMin {
				t.Errorf("%d bytes are too short for Ethernet", len(c.frame))
			}
		})
	}
}

// TestFrameBytes holds against bytes worked out by another implementation of the RFCs.
func TestFrameBytes(t *testing.T) {
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"CARP", AppendCARP(nil, macA, addr("10.9.0.1"), []byte{1, 2, 3}),
			"01005e000012" + "02000000000a" + "0800" +
				"45100017000040" + "00ff70" + "914a" + "0a090001" + "e0000012" + "010203" + "0000000000000000000000000000000000000000000000"},
		{"heartbeat", AppendBeat(nil, macA, addr("fe80::a"), []byte{1, 2, 3}),
			"333300000012" + "02000000000a" + "86dd" +
				"61000000000b11ff" + "fe80000000000000000000000000000a" + "ff020000000000000000000000000012" +
				"1bc81bc8000b" + "c6a6" + "010203"},
		{"announcement", Announcements(macA, addr("192.0.2.1"))[0],
			"ffffffffffff" + "02000000000a" + "0806" +
				"0001080006040001" + "02000000000a" + "c0000201" + "000000000000" + "c0000201" + "000000000000000000000000000000000000"},
		{"announcement IPv6", Announcements(macA, addr("2001:db8::1"))[0],
			"333300000001" + "02000000000a" + "86dd" +
				"6100000000203aff" + "20010db8000000000000000000000001" + "ff020000000000000000000000000001" +
				"8800" + "7921" + "a0000000" + "20010db8000000000000000000000001" + "0201" + "02000000000a"},
	} {
		if got := hex.EncodeToString(c.got); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

// TestChecksums uses that a sum over data and its checksum is all ones.
func TestChecksums(t *testing.T) {
	for _, c := range frameCases() {
		ip := c.frame[etherHeader:]
		var body []byte
		switch binary.BigEndian.Uint16(c.frame[12:]) {
		case etherIPv4:
			if got := checksum(0, ip[:ipv4Header]); got != 0 {
				t.Errorf("%s: header sum %#04x", c.name, got)
			}
			body = ip[ipv4Header:binary.BigEndian.Uint16(ip[2:])]
		case etherIPv6:
			body = ip[ipv6Header:][:binary.BigEndian.Uint16(ip[4:])]
		}
		var cover uint32
		switch {
		case c.want.Kind == Beat:
			cover = pseudo(c.want.Src, c.want.Dst, protocolUDP, len(body))
		case c.want.Kind == Neighbour, c.want.Kind == Echo && c.want.Src.Is6():
			cover = pseudo(c.want.Src, c.want.Dst, protocolICMPv6, len(body))
		case c.want.Kind != Echo:
			continue
		}
		if got := checksum(cover, body); got != 0 {
			t.Errorf("%s: sum %#04x", c.name, got)
		}
	}
}

// TestZeroChecksum looks for a heartbeat whose checksum comes out as zero, which would
// say that there is none.
func TestZeroChecksum(t *testing.T) {
	for i := range 1 << 16 {
		frame := AppendBeat(nil, macA, addr("fe80::1"), []byte{byte(i >> 8), byte(i)})
		if c := binary.BigEndian.Uint16(frame[etherHeader+ipv6Header+6:]); c == 0 {
			t.Fatalf("payload %04x has checksum zero", i)
		}
	}
}

func TestAppendKeepsWhatStandsBefore(t *testing.T) {
	before := []byte("odd")
	src, dst := addr("192.0.2.1"), addr("192.0.2.2")
	for name, build := range map[string]func(b []byte) []byte{
		"CARP":           func(b []byte) []byte { return AppendCARP(b, macA, src, []byte{1}) },
		"heartbeat":      func(b []byte) []byte { return AppendBeat(b, macA, src, []byte{1}) },
		"heartbeat IPv6": func(b []byte) []byte { return AppendBeat(b, macA, addr("fe80::1"), []byte{1}) },
		"knock":          func(b []byte) []byte { return AppendKnock(b, macA, src, dst) },
		"knock IPv6":     func(b []byte) []byte { return AppendKnock(b, macA, src, addr("fe80::1")) },
		"echo":           func(b []byte) []byte { return AppendEchoRequest(b, macA, macB, src, dst, 1, 2) },
	} {
		alone, after := build(nil), build(slices.Clone(before))
		if !bytes.Equal(after, append(slices.Clone(before), alone...)) {
			t.Errorf("%s: %x after 3 bytes, %x alone", name, after, alone)
		}
	}
}

// TestForeignCARP is a packet that ucarp 1.5.2 sent, with a header's options put in.
func TestForeignCARP(t *testing.T) {
	packet, err := hex.DecodeString("45100038f4e74000ff709c410a090001e0000012" +
		"212a0a0700016140473bbe04e463ec0a77c8d9b38a808b302d42cb32eff7b1ee35256730")
	if err != nil {
		t.Fatal(err)
	}
	ether := appendEther(nil, MAC{1, 0, 0x5e, 0, 0, 0x12}, MAC{0, 0, 0x5e, 0, 0, 42}, etherIPv4)
	plain := mustParse(t, slices.Concat(ether, packet))
	if len(plain.Payload) != 36 || plain.Kind != CARP || plain.TTL != 255 || plain.Src != addr("10.9.0.1") {
		t.Errorf("got %+v", plain)
	}
	optioned := slices.Insert(slices.Clone(packet), ipv4Header, 1, 1, 1, 1)
	optioned[0]++
	optioned[3] += 4
	fixHeader(optioned)
	if got := mustParse(t, slices.Concat(ether, optioned)); !bytes.Equal(got.Payload, plain.Payload) {
		t.Errorf("with options the payload is %x, want %x", got.Payload, plain.Payload)
	}
}

// fixHeader makes the checksum of an IPv4 header right.
func fixHeader(ip []byte) {
	ip[10], ip[11] = 0, 0
	binary.BigEndian.PutUint16(ip[10:], checksum(0, ip[:int(ip[0]&15)*4]))
}

func TestMalformed(t *testing.T) {
	frames := make(map[string][]byte)
	for _, c := range frameCases() {
		frames[c.name] = c.frame
	}
	const ip, udp4, icmp6 = etherHeader, etherHeader + ipv4Header, etherHeader + ipv6Header
	set := func(at int, to ...byte) func([]byte) []byte {
		return func(b []byte) []byte { copy(b[at:], to); return b }
	}
	for _, c := range []struct {
		name, of string
		spoil    func([]byte) []byte
		want     Fault
	}{
		{"a VLAN tag", "CARP", set(12, 0x81, 0), Foreign},
		{"version 5", "CARP", set(ip, 0x55), BadHeader},
		{"header of 16 bytes", "CARP", set(ip, 0x44), BadLength},
		{"total shorter than the header", "CARP", set(ip+2, 0, 19), BadLength},
		{"total longer than the frame", "CARP", set(ip+2, 1, 0), Short},
		{"a bit turned", "CARP", set(ip+8, 254), BadChecksum},
		{"first fragment", "CARP", set(ip+6, 0x20), Fragmented},
		{"last fragment", "CARP", set(ip+6, 0, 1), Fragmented},
		{"protocol TCP", "CARP", set(ip+9, 6), Foreign},
		{"IPv6 version 4", "CARP IPv6", set(ip, 0x40), BadHeader},
		{"IPv6 length beyond the frame", "CARP IPv6", set(ip+4, 1), Short},
		{"hop-by-hop options", "CARP IPv6", set(ip+6, 0), Foreign},
		{"IPv6 fragment", "CARP IPv6", set(ip+6, 44), Foreign},
		{"another port", "heartbeat", set(udp4+2, 0, 53), Foreign},
		{"UDP length 7", "heartbeat", set(udp4+4, 0, 7), BadLength},
		{"UDP length beyond the datagram", "heartbeat", set(udp4+4, 0, 255), Short},
		{"UDP without its header", "heartbeat", set(ip+2, 0, 27), Short},
		{"ARP of token ring", "knock", set(ip, 0, 6), Foreign},
		{"ARP for IPX", "knock", set(ip+2, 0x81, 0x37), Foreign},
		{"ARP with long addresses", "knock", set(ip+4, 8), BadLength},
		{"ARP with short protocol addresses", "knock", set(ip+5, 3), BadLength},
		{"RARP", "knock", set(ip+6, 0, 3), Foreign},
		{"solicitation through a router", "knock IPv6", set(ip+7, 254), BadHops},
		{"solicitation with a code", "knock IPv6", set(icmp6+1, 1), BadHeader},
		{"solicitation for a group", "knock IPv6", set(icmp6+8, 0xff), BadHeader},
		{"option without length", "knock IPv6", set(icmp6+25, 0), BadOption},
		{"link option of another size", "knock IPv6", func(b []byte) []byte {
			b[ip+5] += 8 // payload length
			b[icmp6+25] = 2
			return append(b, make([]byte, 8)...)
		}, BadOption},
		{"option beyond the packet", "knock IPv6", set(icmp6+25, 2), Short},
		{"half an option", "knock IPv6", set(ip+5, neighbourLen+1), Short},
		{"probe with a link option", "knock IPv6", set(ip+8, make([]byte, 16)...), BadOption},
		{"solicited advertisement to all", "announcement IPv6", set(icmp6+4, 0xe0), BadHeader},
		{"router advertisement", "announcement IPv6", set(icmp6, 134), Foreign},
		{"ICMPv6 without a type", "announcement IPv6", set(ip+4, 0, 0), Short},
		{"echo request", "echo", set(udp4, 8), Foreign},
		{"echo reply with a code", "echo", set(udp4+1, 1), BadHeader},
		{"echo of IPv4 in IPv6", "echo IPv6", set(icmp6, 0), Foreign},
	} {
		t.Run(c.name, func(t *testing.T) {
			frame := c.spoil(slices.Clone(frames[c.of]))
			if c.want != BadChecksum && c.want != BadLength && frame[ip]>>4 == 4 && frame[12] == 8 && frame[13] == 0 {
				fixHeader(frame[ip:])
			}
			p, err := Parse(frame)
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if diff := cmp.Diff(Packet{}, p, comparePackets); diff != "" {
				t.Errorf("a packet was returned with the fault:\n%s", diff)
			}
		})
	}
}

// TestUnknownOptions stand before the one that is looked for.
func TestUnknownOptions(t *testing.T) {
	h := headers{from: macA, to: macB, src: addr("fe80::1"), dst: addr("fe80::2"), protocol: protocolICMPv6}
	b := h.append(nil, neighbourLen+24)
	b = append(b, advertisement, 0, 0, 0, 0, 0, 0, 0)
	b = append(b, h.src.AsSlice()...)
	b = append(b, 14, 1, 1, 2, 3, 4, 5, 6) // a nonce
	b = append(b, sourceLink, 1, 9, 9, 9, 9, 9, 9)
	b = append(b, targetLink, 1, 1, 2, 3, 4, 5, 6)
	if got := mustParse(t, b); got.Link != (MAC{1, 2, 3, 4, 5, 6}) {
		t.Errorf("link is %s", got.Link)
	}
}

// TestTruncated cuts every frame at every length. What a frame says ends before its padding, so
// that those cuts that leave it whole are read as before.
func TestTruncated(t *testing.T) {
	for _, c := range frameCases() {
		for i := range c.frame {
			p, err := Parse(c.frame[:i])
			if i < saidLen(c.frame) {
				if !errors.Is(err, Short) {
					t.Errorf("%s: %d of %d bytes: %v, want %v", c.name, i, len(c.frame), err, Short)
				}
				continue
			}
			if diff := cmp.Diff(c.want, p, comparePackets); diff != "" || err != nil {
				t.Errorf("%s: %d of %d bytes: %v\n%s", c.name, i, len(c.frame), err, diff)
			}
		}
	}
}

// saidLen is the length of a frame without its padding.
func saidLen(frame []byte) int {
	switch binary.BigEndian.Uint16(frame[12:]) {
	case etherIPv4:
		return etherHeader + int(binary.BigEndian.Uint16(frame[16:]))
	case etherIPv6:
		return etherHeader + ipv6Header + int(binary.BigEndian.Uint16(frame[18:]))
	}
	return etherHeader + arpLen
}

func TestGratuitous(t *testing.T) {
	want := map[string]bool{"announcement": true, "announcement as a reply": true, "announcement IPv6": true}
	for _, c := range frameCases() {
		if got := mustParse(t, c.frame).Gratuitous(); got != want[c.name] {
			t.Errorf("%s: gratuitous is %v", c.name, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range frameCases() {
		f.Add(c.frame)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		before := slices.Clone(frame)
		p, err := Parse(frame)
		if !bytes.Equal(before, frame) {
			t.Fatal("the frame was changed")
		}
		var fault Fault
		switch {
		case err != nil && !errors.As(err, &fault):
			t.Fatalf("%v is no Fault", err)
		case err != nil:
			return
		case kinds[p.Kind] == "", !p.Src.IsValid(), !p.Dst.IsValid(), p.Src.Is4() != p.Dst.Is4():
			t.Fatalf("not whole: %+v", p)
		case p.Kind == Neighbour != p.Target.IsValid():
			t.Fatalf("target: %+v", p)
		}
		_ = p.Gratuitous()
		again(t, p)
	})
}

// again builds the frame of what was heard, and hears it.
func again(t *testing.T, p Packet) {
	h := headers{from: p.From, to: p.To, src: p.Src, dst: p.Dst}
	var frame []byte
	switch p.Kind {
	case CARP:
		h.protocol = protocolCARP
		frame = h.appendCARP(nil, p.Payload)
	case Beat:
		h.protocol = protocolUDP
		frame = h.appendBeat(nil, p.Payload)
	default:
		return
	}
	p.TTL = linkTTL
	if diff := cmp.Diff(p, mustParse(t, frame), comparePackets); diff != "" {
		t.Errorf("-heard +heard again:\n%s", diff)
	}
}
