package carp

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

func TestParseKey(t *testing.T) {
	for _, tt := range []struct {
		secret, want string
	}{
		{"", ""},
		{"carpsecret", ""},
		{"0123456789012345678", ""},
		{"01234567890123456789", "carp key: 20 bytes, and carp(4) takes 19 at most"},
		{strings.Repeat("x", 4096), "carp key: 4096 bytes, and carp(4) takes 19 at most"},
		{"a\x00b", "carp key: a zero byte, at which carp(4) would cut it off"},
	} {
		k, err := ParseKey([]byte(tt.secret))
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%q: %v", tt.secret, err)
		case tt.want == "" && string(k[:]) != tt.secret+strings.Repeat("\x00", KeyLen-len(tt.secret)):
			t.Errorf("%q: key is %q", tt.secret, k[:])
		case tt.want != "" && (err == nil || err.Error() != tt.want):
			t.Errorf("%q: %v, want %s", tt.secret, err, tt.want)
		}
	}
}

func TestKeyStaysSecret(t *testing.T) {
	c := Context{Key: key(t, "carpsecret")}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if s := fmt.Sprintf(format, c); strings.Contains(s, "carps") || strings.Contains(s, "99") {
			t.Errorf("%s prints the key: %s", format, s)
		}
	}
}

func TestChecks(t *testing.T) {
	texts, counters := map[string]bool{}, map[string]bool{}
	for c := BadTTL; int(c) < Checks; c++ {
		texts[c.Error()], counters[c.Counter()] = true, true
		var got Check
		if !errors.As(fmt.Errorf("wan: %w", c), &got) || got != c {
			t.Errorf("%v is not found in an error that wraps it", c)
		}
	}
	if len(texts) != Checks-1 || len(counters) != Checks-1 || counters[""] || counters["unknown"] {
		t.Errorf("checks share names: %v %v", texts, counters)
	}
	for _, c := range []Check{0, -1, Check(Checks)} {
		if c.Counter() != "unknown" || c.Error() != "carp: unknown check" {
			t.Errorf("%d: %s, %v", int(c), c.Counter(), c)
		}
	}
}

func TestCounter(t *testing.T) {
	c := NewCounter(7)
	if c.Echo(Ad{Counter: 7 << 32}) {
		t.Error("an echo of nothing")
	}
	var last uint64
	for range 1000 {
		n := c.Next()
		if n <= last || n>>32 != 7 || c.Epoch() != 7 {
			t.Fatalf("%x after %x, epoch %d", n, last, c.Epoch())
		}
		// ucarp and FreeBSD count on from it, once in each family.
		if !c.Echo(Ad{Counter: n}) || c.Echo(Ad{Counter: n + 1}) || c.Echo(Ad{Counter: n + 2}) {
			t.Fatalf("echo of %x is not told from what follows it", n)
		}
		last = n
	}
	for name, n := range map[string]uint64{
		"the next":              last + stride,
		"of the epoch before":   6<<32 | stride,
		"of the epoch after":    8<<32 | stride,
		"of another's counting": last - 1,
	} {
		if c.Echo(Ad{Counter: n}) {
			t.Errorf("%s is an echo", name)
		}
	}
	if !c.Echo(Ad{Counter: 7<<32 | stride, AdvBase: BowOut, AdvSkew: BowOut}) {
		t.Error("the first one, forged and long after, is no echo")
	}
}

func TestCounterOutlivesItsEpoch(t *testing.T) {
	c := NewCounter(7)
	c.last = 8<<32 - stride
	if n := c.Next(); n != 8<<32 || c.Epoch() != 8 || !c.Echo(Ad{Counter: n}) {
		t.Errorf("%x, epoch %d", n, c.Epoch())
	}
}

func TestGuard(t *testing.T) {
	v4, v6 := netip.MustParseAddr("192.0.2.3"), netip.MustParseAddr("fe80::3")
	heard := func(link string, src netip.Addr, vhid uint8, n uint64) Heard {
		return Heard{Link: link, Src: src, Ad: Ad{VHID: vhid, Counter: n}}
	}
	var g Guard
	for range 2 {
		if err := g.Accept(heard("wan", v4, 1, 5)); err != nil {
			t.Fatalf("before anything is known: %v", err)
		}
	}
	const e = 9
	steps := []struct {
		name  string
		epoch uint32
		h     Heard
		want  error
	}{
		{"of no epoch", e, heard("wan", v4, 1, 6), Replayed},
		{"first", e, heard("wan", v4, 1, e<<32|5), nil},
		{"repeated", e, heard("wan", v4, 1, e<<32|5), Replayed},
		{"repeated from elsewhere", e, heard("wan", v4.Next(), 1, e<<32|5), Replayed},
		{"mapped", e, heard("wan", netip.AddrFrom16(v4.As16()), 1, e<<32|5), Replayed},
		{"older", e, heard("wan", v4, 1, e<<32|4), Replayed},
		{"same in the other family", e, heard("wan", v6, 1, e<<32|5), nil},
		{"same on another link", e, heard("lan", v4, 1, e<<32|5), nil},
		{"same of another vhid", e, heard("wan", v4, 2, e<<32|5), nil},
		{"lost some", e, heard("wan", v4, 1, e<<32|500), nil},
		{"of a later epoch", e, heard("wan", v4, 1, (e+1)<<32|501), Replayed},
		{"which began", e + 1, heard("wan", v4, 1, (e+1)<<32|1), nil},
		{"of the epoch before", e + 1, heard("wan", v4, 1, e<<32|501), Replayed},
		{"and repeated", e + 1, heard("wan", v4, 1, (e+1)<<32|1), Replayed},
	}
	for _, s := range steps {
		g.Epoch(s.epoch)
		if err := g.Accept(s.h); err != s.want {
			t.Errorf("%s: %v, want %v", s.name, err, s.want)
		}
	}
	g = Guard{}
	g.Epoch(0)
	if err := g.Accept(heard("wan", v4, 1, 1<<32)); err != Replayed {
		t.Errorf("epoch 0 is held to: %v", err)
	}
}
