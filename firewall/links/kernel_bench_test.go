package links

import (
	"net/netip"
	"testing"
)

// alias is a gateway with an alias of n networks behind a router.
func alias(n int, via string) State {
	want := twoLines()
	for i := range n {
		dst := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(64 + i>>8), byte(i), 0}), 24)
		want.Routes = append(want.Routes, Route{Dst: dst, Via: netip.MustParseAddr(via), Device: "lan"})
	}
	return want
}

// BenchmarkApply adds 1,000 routes, leads them elsewhere and removes them, each
// one operation, beside 10,000 routes of others.
func BenchmarkApply(b *testing.B) {
	s := newSpace(b, "eth0", "eth1")
	o := s.owner()
	apply(b, o, twoLines())
	s.foreign(10_000)
	for _, step := range []struct {
		name string
		from State
		to   State
	}{
		{"add 1000", twoLines(), alias(1000, "10.1.2.4")},
		{"replace 1000", alias(1000, "10.1.2.4"), alias(1000, "10.1.2.5")},
		{"remove 1000", alias(1000, "10.1.2.4"), twoLines()},
	} {
		b.Run(step.name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				apply(b, o, step.from)
				b.StartTimer()
				if ops := apply(b, o, step.to); len(ops) != 1000 {
					b.Fatalf("%d ops", len(ops))
				}
			}
		})
	}
}

// BenchmarkLook reads the machine that has 1,000 routes of ours and 10,000 of
// others, and what is learned from it.
func BenchmarkLook(b *testing.B) {
	s := newSpace(b, "eth0", "eth1")
	o := s.owner()
	want := alias(1000, "10.1.2.4")
	apply(b, o, want)
	s.foreign(10_000)
	b.Run("nothing to do", func(b *testing.B) {
		for b.Loop() {
			if ops := apply(b, o, want); len(ops) != 0 {
				b.Fatalf("%d ops", len(ops))
			}
		}
	})
	b.Run("learned", func(b *testing.B) {
		for b.Loop() {
			if _, err := o.Learned(want); err != nil {
				b.Fatal(err)
			}
		}
	})
}
