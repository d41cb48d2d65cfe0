package flows

import (
	"testing"
	"time"

	"github.com/florianl/go-conntrack"
	"github.com/vishvananda/netns"
)

// manyFlows is how many flows a line carries when it dies.
const manyFlows = 100_000

// BenchmarkMany does to 100,000 flows what the death of a line does to them, beside the library that asks for one flow each time
// and beside conntrack(8). All are measured in one run, so that their ratios hold on a noisy machine.
func BenchmarkMany(b *testing.B) {
	gw, _ := namespaces(b)
	k := openIn(b, gw)
	took := make(map[string]time.Duration)
	for b.Loop() {
		crowd(b, k, manyFlows)
		measure(took, "list", func() { listAll(b, k) })
		measure(took, "list-library", func() { listByLibrary(b, k) })
		all := listAll(b, k)
		measure(took, "remark", func() { remarkAll(b, k, all) })
		measure(took, "list-none", func() {
			if none, err := k.List(b.Context(), Filter{Gateways{9}}); len(none) != 0 || err != nil {
				b.Fatal(len(none), err)
			}
		})
		measure(took, "end", func() { endAll(b, k, all) })
		crowd(b, k, manyFlows)
		all = listAll(b, k)
		measure(took, "end-library", func() { endByLibrary(b, k, all) })
		crowd(b, k, manyFlows)
		measure(took, "end-conntrack", func() { endByCommand(b, gw) })
	}
	for what, t := range took {
		b.ReportMetric(float64(t.Milliseconds())/float64(b.N), what+"-ms")
	}
	b.ReportMetric(float64(took["end-library"])/float64(took["end"]), "library/ours")
	b.ReportMetric(float64(took["end-conntrack"])/float64(took["list"]+took["end"]), "conntrack/ours")
	b.ReportMetric(0, "ns/op")
}

func measure(took map[string]time.Duration, what string, do func()) {
	began := time.Now()
	do()
	took[what] += time.Since(began)
}

func listAll(b *testing.B, k *Kernel) []Flow {
	b.Helper()
	all, err := k.List(b.Context(), nil)
	if len(all) != manyFlows || err != nil {
		b.Fatalf("%d flows, %v", len(all), err)
	}
	return all
}

func remarkAll(b *testing.B, k *Kernel, all []Flow) {
	b.Helper()
	marked := make([]Marked, len(all))
	for i, f := range all {
		marked[i] = Marked{f, GatewayBits(2)}
	}
	if n, err := k.Remark(b.Context(), marked); n != manyFlows || err != nil {
		b.Fatalf("changed %d, %v", n, err)
	}
}

func endAll(b *testing.B, k *Kernel, all []Flow) {
	b.Helper()
	if n, err := k.End(b.Context(), all); n != manyFlows || err != nil {
		b.Fatalf("ended %d, %v", n, err)
	}
}

func listByLibrary(b *testing.B, k *Kernel) {
	b.Helper()
	if all, err := k.nfct.Dump(conntrack.Conntrack, conntrack.IPv4); len(all) != manyFlows || err != nil {
		b.Fatalf("%d flows, %v", len(all), err)
	}
}

func endByLibrary(b *testing.B, k *Kernel, all []Flow) {
	b.Helper()
	for _, f := range all {
		if err := k.nfct.Delete(conntrack.Conntrack, conntrack.IPv4, conntrack.Con{Origin: tupleTo(f.Orig), ID: &f.ID}); err != nil {
			b.Fatal(err)
		}
	}
}

func endByCommand(b *testing.B, gw netns.NsHandle) {
	b.Helper()
	run(b, gw, "", "conntrack", "-D", "-p", "udp")
}

// BenchmarkParseFlow reads what the kernel tells of one flow.
func BenchmarkParseFlow(b *testing.B) {
	data := entry(nil, header{}, office())[headerLen:]
	for name, parse := range map[string]func([]byte) (Flow, error){"ours": parseFlow, "library": oracle} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := parse(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
