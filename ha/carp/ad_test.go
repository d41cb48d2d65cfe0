package carp

import (
	"bytes"
	"encoding/hex"
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

func key(t testing.TB, secret string) Key {
	t.Helper()
	k, err := ParseKey([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func addrs(s ...string) []netip.Addr {
	var out []netip.Addr
	for _, a := range s {
		out = append(out, netip.MustParseAddr(a))
	}
	return out
}

type vector struct {
	context Context
	ad      Ad
	wire    []byte
}

// golden are advertisements whose HMAC an independent implementation made, in the order
// in which the sources of carp(4) hash.
func golden(t testing.TB) map[string]vector {
	row := func(k string, vhid uint8, addresses []netip.Addr, ad Ad, wire string) vector {
		v := vector{Context{Key: key(t, k), VHID: vhid, Addresses: addresses}, ad, unhex(t, wire)}
		v.ad.VHID = vhid
		copy(v.ad.MD[:], v.wire[atMD:])
		return v
	}
	return map[string]vector{
		"one address": row("carpsecret", 42, addrs("10.9.0.100"), Ad{AdvBase: 1, Counter: 0x0123456789abcdef},
			"212a0007 00012365 0123456789abcdef 0b0888fdfb8725e4ae9da7b9aea0c7d9f4e0a61e"),
		"two addresses": row("carpsecret", 1, addrs("192.0.2.200", "192.0.2.10"), Ad{AdvBase: 1, Counter: 1},
			"21010007 0001c5e7 0000000000000001 6b46aff5170373c7d66dbc56a5b938f575cd8bc6"),
		"both families": row("carpsecret", 7, addrs("2001:db8::1", "192.0.2.1"), Ad{AdvBase: 1, Counter: 0x1ffffffff},
			"21070007 00018563 00000001ffffffff aab6b2bd6577181e98d452f4265bee427fe1fe39"),
		"link-local": row("carpsecret", 7, addrs("fe80::1%eth0", "192.0.2.1", "2001:db8::1"), Ad{AdvBase: 1, Counter: 0x1ffffffff},
			"21070007 00012ed5 00000001ffffffff f6b5bdd63961b194b0c5aa9275afc54ec99ab0a6"),
		"no password": row("", 255, addrs("198.51.100.7"), Ad{AdvBase: 1, Counter: 0xffffffffffffffff},
			"21ff0007 0001cf31 ffffffffffffffff 6cae4dfb56817b0cd490a22fa84c59444c41bdfc"),
		"19 characters": row("0123456789012345678", 100, addrs("198.51.100.7"), Ad{AdvBase: 1, Counter: 1 << 63},
			"21640007 00010697 8000000000000000 c7b612d51e30b5c2e88faf40d9bcde092b9b2e4b"),
		// A frame of ucarp 1.5.2, without its IP header.
		"ucarp": row("carpsecret", 42, addrs("10.9.0.100"), Ad{AdvBase: 1, AdvSkew: 10, Counter: 0x473bbe04e463ec0a},
			"212a0a0700016140473bbe04e463ec0a77c8d9b38a808b302d42cb32eff7b1ee35256730"),
	}
}

func TestGolden(t *testing.T) {
	for name, tt := range golden(t) {
		t.Run(name, func(t *testing.T) {
			got := tt.context.Append([]byte("before"), tt.ad)
			if diff := cmp.Diff(append([]byte("before"), tt.wire...), got); diff != "" {
				t.Errorf("Append (-want +got):\n%s", diff)
			}
			ad, err := tt.context.Parse(tt.wire, 255)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.ad, ad); diff != "" {
				t.Errorf("Parse (-want +got):\n%s", diff)
			}
			if vhid, ok := VHIDOf(tt.wire); !ok || vhid != tt.ad.VHID {
				t.Errorf("VHIDOf = %d, %t", vhid, ok)
			}
		})
	}
}

// OpenBSD leaves link-local addresses out when it sends.
func TestLinkLocalLeftOut(t *testing.T) {
	v := golden(t)
	all, wire := v["link-local"].context, v["both families"].wire
	if _, err := all.Parse(wire, 255); err != nil {
		t.Errorf("without link-local: %v", err)
	}
	none := v["both families"].context
	if _, err := none.Parse(v["link-local"].wire, 255); err != BadAuth {
		t.Errorf("a link-local address that is not of the vhid: %v, want %v", err, BadAuth)
	}
}

// What is hashed is a set: in which form it is given does not matter.
func TestCanonical(t *testing.T) {
	given := addrs("fe80:7::1%eth1", "2001:db8::2", "::ffff:192.0.2.1", "0.0.0.0", "255.255.255.255", "::",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "192.0.2.1", "10.0.0.1", "2001:db8::1", "169.254.0.1")
	want := addrs("10.0.0.1", "169.254.0.1", "192.0.2.1", "2001:db8::1", "2001:db8::2", "fe80::1")
	if diff := cmp.Diff(want, canonical(append(given, netip.Addr{})), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	a := Context{VHID: 1, Addresses: given}
	b := Context{VHID: 1, Addresses: want}
	if !a.Equal(b) {
		t.Error("the same set is not equal")
	}
	for name, other := range map[string]Context{
		"vhid":      {VHID: 2, Addresses: want},
		"key":       {VHID: 1, Addresses: want, Key: Key{1}},
		"addresses": {VHID: 1, Addresses: want[1:]},
	} {
		if a.Equal(other) {
			t.Errorf("another %s is equal", name)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	c := Context{Key: key(t, "s"), VHID: 9, Addresses: addrs("192.0.2.1", "fe80::1")}
	for _, ad := range []Ad{
		{},
		{AdvBase: BowOut, AdvSkew: BowOut, Demote: 255, Counter: ^uint64(0)},
		{AdvBase: 3, AdvSkew: 100, Demote: 7, Counter: 1 << 40},
	} {
		b := c.Append(nil, ad)
		got, err := c.Parse(append(b, "padding of Ethernet"...), 255)
		if err != nil {
			t.Fatal(err)
		}
		want := ad
		want.VHID, want.MD = 9, got.MD
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if !bytes.Equal(c.Append(nil, got), b) {
			t.Error("Append of what Parse gave differs")
		}
	}
}

// damage returns the frame with other bytes and a checksum that is right for them.
func damage(wire []byte, change func(b []byte)) []byte {
	b := bytes.Clone(wire)
	change(b)
	b[atChecksum], b[atChecksum+1] = 0, 0
	sum := ^fold(b)
	b[atChecksum], b[atChecksum+1] = byte(sum>>8), byte(sum)
	return b
}

func TestMalformed(t *testing.T) {
	c := Context{Key: key(t, "carpsecret"), VHID: 42, Addresses: addrs("10.9.0.100")}
	wire := c.Append(nil, Ad{AdvBase: 1})
	set := func(at int, v byte) []byte { return damage(wire, func(b []byte) { b[at] = v }) }
	// Each frame has what earlier checks pass, so that the order is held too.
	for _, tt := range []struct {
		name  string
		frame []byte
		ttl   uint8
		want  error
	}{
		{"routed", wire[:10], 254, BadTTL},
		{"TTL 0", wire, 0, BadTTL},
		{"nothing", nil, 255, Short},
		{"damaged", append([]byte{0x31, 7}, wire[2:]...), 255, BadChecksum},
		{"vhid", damage(wire, func(b []byte) { b[atVHID], b[0] = 43, 0x31 }), 255, UnknownVHID},
		{"VRRP version 3", damage(wire, func(b []byte) { b[0], b[atMD] = 0x31, b[atMD]^1 }), 255, BadVersion},
		{"version 1", set(0, 0x11), 255, BadVersion},
		{"type 2", set(0, 0x22), 255, BadVersion},
		{"counter", set(atCounter+7, 1), 255, BadAuth},
		{"first of md", set(atMD, wire[atMD]^0x80), 255, BadAuth},
		{"last of md", set(AdLen-1, wire[AdLen-1]^1), 255, BadAuth},
		// Version 2 protects neither of these.
		{"skew and base", damage(wire, func(b []byte) { b[atSkew], b[atBase] = 255, 255 }), 255, nil},
		{"authlen", set(3, 0), 255, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ad, err := c.Parse(tt.frame, tt.ttl)
			if err != tt.want {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if err != nil && ad != (Ad{}) {
				t.Errorf("an advertisement beside the error: %+v", ad)
			}
		})
	}
}

func TestTruncated(t *testing.T) {
	c := Context{VHID: 1}
	wire := c.Append(nil, Ad{AdvBase: 1})
	for n := range wire {
		if _, err := c.Parse(wire[:n], 255); err != Short {
			t.Errorf("%d bytes: %v, want %v", n, err, Short)
		}
		if _, ok := VHIDOf(wire[:n]); ok {
			t.Errorf("%d bytes have a vhid", n)
		}
	}
}

// Any flipped bit is noticed.
func TestBitFlips(t *testing.T) {
	c := Context{VHID: 1, Addresses: addrs("192.0.2.1")}
	wire := c.Append(nil, Ad{AdvBase: 1, Counter: 7})
	for bit := range len(wire) * 8 {
		b := bytes.Clone(wire)
		b[bit/8] ^= 1 << (bit % 8)
		if _, err := c.Parse(b, 255); err != BadChecksum {
			t.Errorf("bit %d: %v, want %v", bit, err, BadChecksum)
		}
	}
}

func TestAllocations(t *testing.T) {
	c := Context{VHID: 1, Addresses: addrs("192.0.2.1", "fe80::1")}
	b := c.Append(nil, Ad{AdvBase: 1})
	other := Context{VHID: 1, Addresses: addrs("192.0.2.1"), Key: Key{1}}
	other.Parse(b, 255)
	if n := testing.AllocsPerRun(100, func() {
		b = c.Append(b[:0], Ad{AdvBase: 1})
		if _, err := c.Parse(b, 255); err != nil {
			t.Fatal(err)
		}
		if _, err := other.Parse(b, 255); err != BadAuth {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestVHostParse(t *testing.T) {
	old := Context{Key: key(t, "old"), VHID: 3, Addresses: addrs("192.0.2.1")}
	older := Context{Key: key(t, "old"), VHID: 3}
	v := VHost{VHID: 3, Link: "wan", V4: true, Also: []Context{older, old}}
	v.Send = Context{Key: key(t, "new"), VHID: 3, Addresses: addrs("192.0.2.1", "192.0.2.2")}
	stranger := Context{Key: key(t, "strange"), VHID: 3}
	for _, tt := range []struct {
		name  string
		frame []byte
		ttl   uint8
		v6    bool
		want  error
	}{
		{"as it speaks", v.Send.Append(nil, Ad{AdvBase: 1}), 255, false, nil},
		{"before the change", old.Append(nil, Ad{AdvBase: 1}), 255, false, nil},
		{"neither", stranger.Append(nil, Ad{AdvBase: 1}), 255, false, BadAuth},
		{"another family", v.Send.Append(nil, Ad{AdvBase: 1}), 255, true, UnknownVHID},
		{"another family, another key", stranger.Append(nil, Ad{AdvBase: 1}), 255, true, BadAuth},
		{"routed", old.Append(nil, Ad{AdvBase: 1}), 64, false, BadTTL},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ad, err := v.Parse(tt.frame, tt.ttl, tt.v6)
			if err != tt.want || (err == nil) != (ad.AdvBase == 1) {
				t.Errorf("got %+v, %v, want %v", ad, err, tt.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, v := range golden(f) {
		f.Add(v.wire, uint8(255))
	}
	f.Add([]byte{0x31}, uint8(255))
	// Without a key and addresses a fuzzer may still not find an HMAC: it gets a valid one.
	f.Fuzz(func(t *testing.T, b []byte, ttl uint8) {
		c := Context{VHID: 7, Addresses: addrs("192.0.2.1", "fe80::1")}
		if vhid, ok := VHIDOf(b); ok {
			c.VHID = vhid
			m := c.mac()
			b = damage(b[:AdLen], func(b []byte) { copy(b[atMD:], m.sum(m.all, b[atCounter:atMD])) })
		}
		ad, err := c.Parse(b, ttl)
		if err != nil {
			if _, ok := err.(Check); !ok || ad != (Ad{}) {
				t.Fatalf("%+v, %v", ad, err)
			}
			return
		}
		// All but the length of the HMAC, which nobody looks at, comes back.
		want := damage(b[:AdLen], func(b []byte) { b[3] = authLen })
		if got := c.Append(nil, ad); !bytes.Equal(got, want) {
			t.Fatalf("got %x, want %x", got, want)
		}
	})
}
