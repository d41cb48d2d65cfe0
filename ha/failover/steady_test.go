package failover_test

import (
	"flag"
	"runtime"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

var steadyFlag = flag.Duration("failover.steady", 10*time.Minute, "how long a pair has to keep its roles while all processors are busy")

// BenchmarkSteady does nothing to a pair at its fastest setting but to keep all processors busy:
//
//	transitions  how often another node than before announced the client's gateway
//	lost         probes of both directions without an answer
//	max-ms       the longest time without an answer, less the time between two probes
func BenchmarkSteady(b *testing.B) {
	bed := newBed(b)
	for _, c := range contenders() {
		if c.advert() > 10*time.Millisecond {
			continue
		}
		b.Run(c.name(), func(b *testing.B) { steady(b, bed, c) })
	}
}

func steady(b *testing.B, bed *bed, c contender) {
	b.Helper()
	p := startPair(b, bed, c)
	defer p.stop(b)
	p.heard.stop()
	for range runtime.NumCPU() {
		loop, err := bed.client.Start(bed.client.Command(b.Context(), "sh", "-c", "while :; do :; done"))
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = loop.Kill() }() // it ends by nothing else
	}
	begin := time.Now()
	claimed := bed.client.Capture("eth0", claims(lanVIP, bed.nodes[0].host.MAC(lanDevice), bed.nodes[1].host.MAC(lanDevice)))
	out := startProber(b, bed.client, port(serverAddress, serverPort))
	in := startProber(b, bed.server, port(wanVIP, clientPort))
	for b.Loop() {
		select {
		case <-time.After(*steadyFlag):
		case <-b.Context().Done():
		}
	}
	there, back := outageSince(out.end(), begin), outageSince(in.end(), begin)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(transitions(p.master.host.MAC(lanDevice).String(), claimed.Stop())), "transitions")
	b.ReportMetric(float64(there.lost+back.lost), "lost")
	b.ReportMetric(milliseconds(max(there.gap, back.gap)), "max-ms")
}

// transitions counts how often the one who claims an address is another than before.
func transitions(master string, claims []lab.Packet) int {
	count := 0
	for _, c := range claims {
		if sender := senderOf(c.Frame); sender != master {
			count++
			master = sender
		}
	}
	return count
}
