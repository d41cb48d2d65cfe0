package nft

import "testing"

// BenchmarkEvaluate asks about a packet that passes every match there is.
func BenchmarkEvaluate(b *testing.B) {
	e := NewEvaluator(fieldRuleset(fieldCases()))
	p := zoo()["tcp4"]
	b.ReportAllocs()
	for b.Loop() {
		e.Walk(p, routeOf, Options{})
	}
}

// BenchmarkEvaluateLargeSet asks whether an address is one of a million networks.
func BenchmarkEvaluateLargeSet(b *testing.B) {
	e := NewEvaluator(largeSet())
	p := zoo()["tcp4"]
	n := uint32(0)
	b.ReportAllocs()
	for b.Loop() {
		n += 1<<22 + 7
		p.Src = addrOf(n)
		e.Run(Forward, p, Options{})
	}
}

// BenchmarkNewEvaluator makes a ruleset with a million networks ready.
func BenchmarkNewEvaluator(b *testing.B) {
	r := largeSet()
	b.ReportAllocs()
	for b.Loop() {
		NewEvaluator(r)
	}
}

func largeSet() Ruleset {
	s := manyPrefixes(1_000_000)
	return roadCase{sets: []Set{s}, chains: []Chain{
		filter("forward", Forward, 0, accept, on("one", Lookup{Fields: []Field{IPSaddr}, Set: s.Name}, Count{"in"})),
	}}.ruleset()
}
