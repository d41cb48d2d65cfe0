package nft

import (
	"context"
	"encoding/binary"
	"net/netip"
	"testing"
)

// manyPrefixes is a set of n networks: half of one address, the others of 256 and of 16.
func manyPrefixes(n int) Set {
	s := Set{Name: "list", Key: []Type{TypeIPv4}, Interval: true, Elements: make([]Element, n)}
	keys := make([]Value, n)
	for i := range n {
		base := uint32(i)*1024 + 1<<24
		last := base
		switch i % 4 {
		case 1:
			last = base + 255
		case 2:
			last = base + 15
		}
		keys[i] = Addresses(addrOf(base), addrOf(last))
		s.Elements[i].Key = keys[i : i+1 : i+1]
	}
	return s
}

func addrOf(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, n)))
}

func BenchmarkEncodeRules(b *testing.B) {
	batches := Plan(State{}, manyRules(10_000, -1))
	b.ReportAllocs()
	for b.Loop() {
		for _, batch := range batches {
			if _, err := encode(batch, 0); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkPlanRules(b *testing.B) {
	want := manyRules(10_000, -1)
	b.ReportAllocs()
	for b.Loop() {
		Plan(State{}, want)
	}
}

func BenchmarkDigest(b *testing.B) {
	want := manyRules(10_000, -1)
	b.ReportAllocs()
	for b.Loop() {
		want.Digest()
	}
}

func BenchmarkEncodeElements(b *testing.B) {
	s := manyPrefixes(1_000_000)
	batch := Batch{AddElements{"rempart", s, s.Elements}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := encode(batch, 0); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDiffElements(b *testing.B) {
	have, want := manyPrefixes(1_000_000), manyPrefixes(1_000_001)
	b.ReportAllocs()
	for b.Loop() {
		diffElements(have.Elements, want.Elements)
	}
}

// BenchmarkLoadRules is the whole way to a running table of 10,000 rules.
func BenchmarkLoadRules(b *testing.B) {
	namespace(b)
	k := Open("rempart")
	want := manyRules(10_000, -1)
	for b.Loop() {
		commitAll(b, k, Plan(State{}, want))
		b.StopTimer()
		if err := k.Delete(context.Background()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkLoadElements is the whole way to a running set of a million networks.
func BenchmarkLoadElements(b *testing.B) {
	namespace(b)
	k := Open("rempart")
	want := Ruleset{Table: Table{"rempart"}, Sets: []Set{manyPrefixes(1_000_000)}}
	for b.Loop() {
		commitAll(b, k, Plan(State{}, want))
		b.StopTimer()
		if err := k.Delete(context.Background()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
