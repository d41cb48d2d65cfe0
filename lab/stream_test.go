package lab

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

func (p pair) stream(t *testing.T, a string, rate int, opts ...Option) *Stream {
	t.Helper()
	p.server.ServeUDP(port(a, 53))
	return p.client.Stream(port(a, 53), rate, opts...)
}

// await waits until a stream has sent n datagrams more.
func (s *Stream) await(t *testing.T, n uint64) {
	t.Helper()
	until := s.Stats().Sent + n
	eventually(t, fmt.Sprintf("%d datagrams sent", until), func() bool { return s.Stats().Sent >= until })
}

func TestStreamCounts(t *testing.T) {
	for _, a := range []string{server4, server6} {
		p := newPair(t)
		s := p.stream(t, a, 10_000)
		s.await(t, 3000)
		got := s.Stop()
		if got.Sent < 3000 || got.Received != got.Sent || got.Echoed != got.Sent || got.Lost != 0 || got.LostRun != 0 || got.Duplicates != 0 {
			t.Errorf("%s: %s", a, got)
		}
		if again := s.Stop(); again != got {
			t.Errorf("%s: once more: %s, before: %s", a, again, got)
		}
	}
}

// TestStreamCountsLoss drops exact numbers, on the way there and on the way back.
func TestStreamCountsLoss(t *testing.T) {
	tests := []struct {
		name, hook, match string
		there             bool
	}{
		{"there", "input", "udp dport 53 numgen inc mod 10 0 drop", true},
		{"back", "output", "udp sport 53 numgen inc mod 10 0 drop", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPair(t)
			if _, err := p.server.Run(t.Context(), "nft", fmt.Sprintf(
				"table ip t { chain c { type filter hook %s priority 0; %s; }; }", tt.hook, tt.match)); err != nil {
				t.Fatal(err)
			}
			s := p.stream(t, server4, 5000)
			s.await(t, 1000)
			got := s.Stop()
			lost := (got.Sent + 9) / 10
			received := got.Sent
			if tt.there {
				received -= lost
			}
			if got.Received != received || got.Echoed != got.Sent-lost || got.Lost != lost || got.LostRun != 1 {
				t.Errorf("%s, want %d lost", got, lost)
			}
		})
	}
}

func TestStreamSeesOutage(t *testing.T) {
	p := newPair(t)
	const rate = 1000
	s := p.stream(t, server4, rate)
	s.await(t, 100)
	// Of the client, the kernel would keep what it sends until it has found its neighbour again.
	p.server.Unplug("eth0") // some datagrams may still pass before it returns
	cut := time.Now()
	s.await(t, 200)
	out := time.Since(cut)
	p.server.Replug("eth0")
	s.await(t, 100)
	longest := time.Since(cut) + 100*time.Millisecond
	got := s.Stop()
	if got.Lost < 150 || got.Lost != got.LostRun {
		t.Errorf("%s, want some 200 lost in a row", got)
	}
	if got.Gap < out || got.Gap > longest {
		t.Errorf("gap %s, want %s to %s", got.Gap, out, longest)
	}
}

func TestStreamTakesOnlyItsOwn(t *testing.T) {
	now := time.Now()
	answer := func(l label) []byte { return l.append(banner{"web", port(server4, 53), port(client4, 1)}.append(nil)) }
	own := label{ofStream, 7, 3}
	tests := []struct {
		name    string
		answers [][]byte
		want    [2]uint64 // echoed, duplicates
	}{
		{"own", [][]byte{answer(own)}, [2]uint64{1, 0}},
		{"twice", [][]byte{answer(own), answer(own)}, [2]uint64{1, 1}},
		{"another's", [][]byte{answer(label{ofStream, 8, 3})}, [2]uint64{0, 0}},
		{"not sent", [][]byte{answer(label{ofStream, 7, 10})}, [2]uint64{0, 0}},
		{"of a probe", [][]byte{answer(label{oneProbe, 7, 3})}, [2]uint64{0, 0}},
		{"no label", [][]byte{banner{"web", port(server4, 53), port(client4, 1)}.append(nil)}, [2]uint64{0, 0}},
		{"no banner", [][]byte{own.append(nil)}, [2]uint64{0, 0}},
		{"empty", [][]byte{nil}, [2]uint64{0, 0}},
	}
	for _, tt := range tests {
		s := &Stream{id: 7, sent: 10, lastEcho: now}
		for _, a := range tt.answers {
			s.take(a, now)
		}
		if got := [2]uint64{s.echoed.count, s.dups}; got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestStreamIsConstant holds the rate over half a second. A stream is never too fast, and on a busy
// machine it is in time now and then.
func TestStreamIsConstant(t *testing.T) {
	p := newPair(t)
	p.server.ServeUDP(port(server4, 53))
	for _, rate := range []int{100, 1000, 10_000} {
		best := time.Hour
		for try := 0; best > 600*time.Millisecond && try < 10; try++ {
			s := p.client.Stream(port(server4, 53), rate)
			start := time.Now()
			s.await(t, uint64(rate/2))
			best = min(best, time.Since(start))
			s.Stop()
		}
		if best < 450*time.Millisecond || best > 600*time.Millisecond {
			t.Errorf("rate %d: half a second's took %s", rate, best)
		}
	}
}

// TestStreamTellsHowLateItWas holds a stream up.
func TestStreamTellsHowLateItWas(t *testing.T) {
	p := newPair(t)
	s := p.stream(t, server4, 1000)
	s.await(t, 10)
	const held = 300 * time.Millisecond
	s.mu.Lock()
	time.Sleep(held) // the length of the delay is what is measured
	s.mu.Unlock()
	s.await(t, 500)
	if got := s.Stop(); got.Late < held-50*time.Millisecond {
		t.Errorf("%s late, was held up for %s", got.Late, held)
	}
}

func TestStreamWithoutServer(t *testing.T) {
	p := newPair(t)
	s := p.client.Stream(port(server4, 53), 1000) // every datagram comes back as an ICMP error
	s.await(t, 100)
	if got := s.Stop(); got.Received != 0 || got.Echoed != 0 || got.Lost != got.Sent || got.LostRun != got.Sent {
		t.Errorf("%s", got)
	}
}

func BenchmarkStream10k(b *testing.B) {
	n := Test(b)
	client, server := n.Host("client"), n.Host("server")
	n.Cable(client, "eth0", server, "eth0")
	client.AddAddr("eth0", prefix("10.0.0.2/24"))
	server.AddAddr("eth0", prefix("10.0.0.1/24"))
	server.ServeUDP(port(server4, 53))
	cpu := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	start, used := time.Now(), cpu()
	s := client.Stream(port(server4, 53), 10_000)
	for b.Loop() {
		time.Sleep(time.Second)
	}
	got := s.Stop()
	b.ReportMetric(float64(cpu()-used)/float64(time.Since(start))*100, "%cpu")
	b.Log(got)
}
