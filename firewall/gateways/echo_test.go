package gateways

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
)

func TestEchoRequestBytes(t *testing.T) {
	e := echo{id: 0x1234, seq: 7, token: 0x0102030405060708}
	for _, c := range []struct {
		is6  bool
		want string
	}{
		{false, "0800d5b0123400070102030405060708"},
		{true, "80000000123400070102030405060708"}, // the kernel fills the checksum in
	} {
		if got := hex.EncodeToString(e.append(nil, c.is6)); got != c.want {
			t.Errorf("IPv6 %v: %s, want %s", c.is6, got, c.want)
		}
	}
	if got := e.append([]byte("before"), false); sum(got[len("before"):]) != 0xffff {
		t.Error("the checksum covers what stands before the message")
	}
}

// withOptions is an IPv4 packet with four bytes of options.
func withOptions(packet []byte) []byte {
	packet = slices.Insert(slices.Clone(packet), ipv4HeaderMin, 1, 1, 1, 1)
	packet[0]++
	return packet
}

func TestEchoRoundTrip(t *testing.T) {
	for _, e := range []echo{{}, {1, 2, 3}, {0xffff, 0xffff, ^uint64(0)}} {
		packet := echoReply(e.append(nil, false), false)
		for name, b := range map[string][]byte{"plain": packet, "with options": withOptions(packet)} {
			if got, err := parseReply4(b); err != nil || got != e {
				t.Errorf("IPv4 %s: %v, %v, want %v", name, got, err, e)
			}
		}
		if got, err := parseReply6(echoReply(e.append(nil, true), true)); err != nil || got != e {
			t.Errorf("IPv6: %v, %v, want %v", got, err, e)
		}
	}
}

func TestMalformedReplies(t *testing.T) {
	good4 := echoReply(echo{1, 2, 3}.append(nil, false), false)
	good6 := echoReply(echo{1, 2, 3}.append(nil, true), true)
	change := func(b []byte, at int, to byte) []byte {
		b = slices.Clone(b)
		b[at] = to
		return b
	}
	for _, c := range []struct {
		name  string
		parse func([]byte) (echo, error)
		b     []byte
		want  error
	}{
		{"nothing", parseReply4, nil, errShort},
		{"version 6", parseReply4, change(good4, 0, 0x65), errNoReply},
		{"a header of four words", parseReply4, change(good4, 0, 0x44), errNoReply},
		{"a header longer than the packet", parseReply4, change(good4, 0, 0x4f), errShort},
		{"a request", parseReply4, change(good4, ipv4HeaderMin, echoRequest4), errNoReply},
		{"a code", parseReply4, change(good4, ipv4HeaderMin+1, 1), errNoReply},
		{"a flipped bit", parseReply4, change(good4, len(good4)-1, 2), errChecksum},
		{"more data than ours", parseReply4, append(slices.Clone(good4), 0), errLength},
		{"nothing of IPv6", parseReply6, nil, errShort},
		{"a request of IPv6", parseReply6, change(good6, 0, echoRequest6), errNoReply},
		{"more data than ours of IPv6", parseReply6, append(slices.Clone(good6), 0), errLength},
	} {
		if got, err := c.parse(c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v, want %v", c.name, got, err, c.want)
		}
	}
	for n := range good4 {
		if got, err := parseReply4(good4[:n]); err == nil {
			t.Errorf("the first %d bytes: %v", n, got)
		}
	}
	for n := range good6 {
		if got, err := parseReply6(good6[:n]); err == nil {
			t.Errorf("the first %d bytes of IPv6: %v", n, got)
		}
	}
}

func FuzzReply(f *testing.F) {
	f.Add(echoReply(echo{1, 2, 3}.append(nil, false), false))
	f.Add(withOptions(echoReply(echo{1, 2, 3}.append(nil, false), false)))
	f.Add(echoReply(echo{1, 2, 3}.append(nil, true), true))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := parseReply4(b); err == nil {
			again := echoReply(e.append(nil, false), false)
			if message := b[len(b)-echoLen:]; !bytes.Equal(again[ipv4HeaderMin:], message) {
				t.Errorf("%x reads as %v, which is %x", message, e, again)
			}
		}
		if e, err := parseReply6(b); err == nil {
			again := echoReply(e.append(nil, true), true)
			if !bytes.Equal(again[4:], b[4:]) {
				t.Errorf("%x reads as %v, which is %x", b, e, again)
			}
		}
	})
}
