package ha

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

// TestMeet: both nodes choose the same pair, in whatever order they know of addresses.
func TestMeet(t *testing.T) {
	prefixes := func(all ...string) (out []netip.Prefix) {
		for _, p := range all {
			out = append(out, netip.MustParsePrefix(p))
		}
		return out
	}
	for _, test := range []struct {
		name     string
		a, b     []netip.Prefix
		from, to string
	}{
		{"one network", prefixes("172.16.0.1/24"), prefixes("172.16.0.2/24"), "172.16.0.1", "172.16.0.2"},
		{"two in another order", prefixes("172.16.0.1/24", "192.168.9.1/24"), prefixes("192.168.9.2/24", "172.16.0.2/24"), "172.16.0.1", "172.16.0.2"},
		{"one side has more", prefixes("10.0.0.1/24", "192.168.9.1/24"), prefixes("192.168.9.2/24"), "192.168.9.1", "192.168.9.2"},
		{"link-local alone", prefixes("fe80::1/64"), prefixes("fe80::2/64"), "fe80::1", "fe80::2"},
		{"IPv4 before link-local", prefixes("fe80::1/64", "172.16.0.1/24"), prefixes("172.16.0.2/24", "fe80::2/64"), "172.16.0.1", "172.16.0.2"},
		{"link-local before networks that differ", prefixes("fe80::1/64", "172.16.0.1/24"), prefixes("172.17.0.2/24", "fe80::2/64"), "fe80::1", "fe80::2"},
		{"networks that differ", prefixes("172.16.0.1/24"), prefixes("172.17.0.2/24"), "172.16.0.1", "172.17.0.2"},
		{"IPv6 before link-local", prefixes("fd00::9/64", "fe80::1/64"), prefixes("fe80::2/64", "fd00::2/64"), "fd00::9", "fd00::2"},
		{"nothing in common", prefixes("172.16.0.1/24"), prefixes("fe80::2/64"), "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			for range 20 {
				rand.Shuffle(len(test.a), func(i, j int) { test.a[i], test.a[j] = test.a[j], test.a[i] })
				rand.Shuffle(len(test.b), func(i, j int) { test.b[i], test.b[j] = test.b[j], test.b[i] })
				from, to := meet(test.a, addrsOf(test.b))
				back, forth := meet(test.b, addrsOf(test.a))
				if from != forth || to != back {
					t.Fatalf("one speaks from %v to %v, the other from %v to %v", from, to, back, forth)
				}
				if test.from == "" && from.IsValid() || test.from != "" && (from != netip.MustParseAddr(test.from) || to != netip.MustParseAddr(test.to)) {
					t.Fatalf("%v and %v, want %s and %s", from, to, test.from, test.to)
				}
			}
		})
	}
}

func addrsOf(all []netip.Prefix) (out []netip.Addr) {
	for _, p := range all {
		out = append(out, p.Addr())
	}
	return out
}
