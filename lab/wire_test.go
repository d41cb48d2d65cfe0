package lab

import (
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// wired is a client and a server at the ends of a wire, with both families.
type wired struct {
	pair
	wire *Wire
}

func newWired(t *testing.T) wired {
	t.Helper()
	n := Test(t)
	w := wired{pair: pair{net: n, client: n.Host("client"), server: n.Host("server")}}
	w.wire = n.Wire(w.client, "eth0", w.server, "eth0")
	w.client.AddAddr("eth0", prefix(client4+"/24"), prefix(client6+"/64"))
	w.server.AddAddr("eth0", prefix(server4+"/24"), prefix(server6+"/64"))
	return w
}

func TestWirePasses(t *testing.T) {
	w := newWired(t)
	for _, a := range []string{server4, server6} {
		w.server.ServeTCP(port(a, 80))
		w.server.ServeUDP(port(a, 53))
		for what, r := range map[string]Result{
			"ping":  w.client.Ping(t.Context(), addr(a)),
			"tcp":   w.client.TCP(t.Context(), port(a, 80)),
			"udp":   w.client.UDP(t.Context(), port(a, 53)),
			"large": w.client.UDP(t.Context(), port(a, 53), Size(4000)), // in fragments
		} {
			if r.Outcome != Open {
				t.Errorf("%s to %s: %s", what, a, r)
			}
		}
	}
}

// TestWireLoss sends a known number of datagrams one way.
func TestWireLoss(t *testing.T) {
	w := newWired(t)
	w.server.ServeUDP(port(server4, 53))
	tests := []struct {
		name       string
		impairment Impairment
		min, max   float64 // of 10,000
	}{
		{"good", Impairment{}, 0, 0},
		{"bad", Impairment{Loss: 30}, 2800, 3200},
		{"slow", Impairment{Delay: 20 * time.Millisecond, Jitter: 20 * time.Millisecond}, 0, 0},
		{"good again", Impairment{}, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := w.client.Stream(port(server4, 53), 20_000)
			eventually(t, "first echo", func() bool { return s.Stats().Echoed > 0 }) // the neighbours know each other
			w.wire.SetTo(w.server, tt.impairment)
			s.await(t, 10_000)
			w.wire.SetTo(w.server, Impairment{})
			got := s.Stop()
			if lost := float64(got.Lost) * 10_000 / float64(got.Sent); lost < tt.min || lost > tt.max {
				t.Errorf("%s", got)
			}
			t.Logf("%s", got)
		})
	}
}

func TestWireDelay(t *testing.T) {
	w := newWired(t)
	best := func(i Impairment, to *Host) time.Duration {
		t.Helper()
		w.wire.Set(Impairment{})
		w.wire.SetTo(to, i)
		took := time.Hour
		for range 5 {
			r := w.client.Ping(t.Context(), addr(server4), Within(5*time.Second))
			if r.Outcome != Open {
				t.Fatal(r)
			}
			took = min(took, r.Took)
		}
		return took
	}
	const delay = 150 * time.Millisecond
	if took := best(Impairment{}, w.server); took > delay/2 {
		t.Errorf("good: %s", took)
	}
	for _, h := range []*Host{w.client, w.server} {
		if took := best(Impairment{Delay: delay}, h); took < delay || took > 2*delay {
			t.Errorf("to %s: %s", h.Name(), took)
		}
	}
	w.wire.Set(Impairment{Delay: delay})
	if r := w.client.Ping(t.Context(), addr(server4), Within(5*time.Second)); r.Outcome != Open || r.Took < 2*delay {
		t.Errorf("both ways: %s after %s", r, r.Took)
	}
}

func TestWireRate(t *testing.T) {
	w := newWired(t)
	w.server.ServeUDP(port(server4, 53))
	s := w.client.Stream(port(server4, 53), 1000, Size(1000))
	eventually(t, "first echo", func() bool { return s.Stats().Echoed > 0 })
	w.wire.SetTo(w.server, Impairment{Rate: 2_000_000}) // some 240 frames a second
	s.await(t, 2000)
	got := s.Stats()
	w.wire.Set(Impairment{})
	s.Stop()
	if share := float64(got.Received) / float64(got.Sent); share < 0.1 || share > 0.5 {
		t.Errorf("%s", got)
	}
}

// TestWireCarrier pulls the wire out, and has it silent, which no end can tell.
func TestWireCarrier(t *testing.T) {
	w := newWired(t)
	carrier := func(h *Host) string {
		t.Helper()
		out, err := h.Run(t.Context(), "cat", "/sys/class/net/eth0/carrier", "/sys/class/net/eth0/operstate")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(out), " ")
	}
	tests := []struct {
		name       string
		cut, mend  func()
		carrier    string
		there, far bool // frames pass to the server, and back
	}{
		{"pulled", w.wire.Pull, w.wire.Push, "0 down", false, false},
		{"silent", func() { w.wire.Set(Impairment{Loss: 100}) }, func() { w.wire.Set(Impairment{}) }, "1 up", false, false},
		{"silent there", func() { w.wire.SetTo(w.server, Impairment{Loss: 100}) }, func() { w.wire.Set(Impairment{}) }, "1 up", false, true},
		{"silent back", func() { w.wire.SetTo(w.client, Impairment{Loss: 100}) }, func() { w.wire.Set(Impairment{}) }, "1 up", true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.cut()
			for _, h := range []*Host{w.client, w.server} {
				if got := carrier(h); got != tt.carrier {
					t.Errorf("%s: carrier %q, want %q", h.Name(), got, tt.carrier)
				}
			}
			before := [2]uint64{w.wire.To(w.server).Passed, w.wire.To(w.client).Passed}
			_ = w.client.Send(Datagram{Src: port(client4, 1), Dst: port(server4, 9), Protocol: UDP}.Append(nil)) // without a carrier it is refused
			if r := w.client.Ping(t.Context(), addr(server4), Within(100*time.Millisecond)); r.Outcome == Open {
				t.Errorf("ping: %s", r)
			}
			if r := w.server.Ping(t.Context(), addr(client4), Within(100*time.Millisecond)); r.Outcome == Open {
				t.Errorf("ping: %s", r)
			}
			passed := [2]bool{w.wire.To(w.server).Passed > before[0], w.wire.To(w.client).Passed > before[1]}
			if passed != [2]bool{tt.there, tt.far} {
				t.Errorf("passed %v", passed)
			}
			tt.mend()
			for _, a := range []string{server4, server6} {
				// The kernel asks for a neighbour that was silent only every second.
				if r := w.client.Ping(t.Context(), addr(a), Within(5*time.Second)); r.Outcome != Open {
					t.Errorf("mended: %s: %s", a, r)
				}
			}
		})
	}
}

// TestWireCarrierIsToldAtOnce would fail by up to a second if nobody asked the kernel.
func TestWireCarrierIsToldAtOnce(t *testing.T) {
	w := newWired(t)
	start := time.Now()
	const times = 5
	for range times {
		w.wire.Pull()
		w.wire.Push()
	}
	if took := time.Since(start) / times; took > 300*time.Millisecond {
		t.Errorf("out and in took %s", took)
	}
}

// TestWireDown has a host set its end down: the other keeps its carrier, as behind a switch.
func TestWireDown(t *testing.T) {
	w := newWired(t)
	w.server.Down("eth0")
	before := w.wire.To(w.server)
	if r := w.client.Ping(t.Context(), addr(server4), Within(100*time.Millisecond)); r.Outcome == Open {
		t.Error(r)
	}
	if after := w.wire.To(w.server); after.Passed != before.Passed || after.Lost == before.Lost {
		t.Errorf("%+v, before %+v", after, before)
	}
	w.wire.Pull()
	w.wire.Push() // it does not wait for an end that is down
	w.server.Up("eth0")
	if r := w.client.Ping(t.Context(), addr(server4), Within(5*time.Second)); r.Outcome != Open {
		t.Errorf("up: %s", r)
	}
}

// TestWireEnds looks for goroutines and devices that outlive their network.
func TestWireEnds(t *testing.T) {
	needsRoot(t)
	before := runtime.NumGoroutine()
	n := mustNew(t, "wire")
	a, b := n.Host("a"), n.Host("b")
	w := n.Wire(a, "eth0", b, "eth0")
	w.Set(Impairment{Delay: time.Minute})
	a.AddAddr("eth0", netip.MustParsePrefix("10.0.0.1/24"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, h := range []*Host{a, b} {
		if _, err := h.space.find("eth0"); err == nil {
			t.Errorf("%s: a device is there that was closed", h.Name())
		}
	}
	n.Wire(a, "eth1", b, "eth1")
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}

func TestWireErrors(t *testing.T) {
	n := mustNew(t, "wirefault")
	a, b := n.Host("a"), n.Host("b")
	n.Wire(a, "eth0", b, "eth0")
	n.Wire(a, "eth0", b, "eth1")
	want := "wire a:eth0 to b:eth1: add tap eth0: device or resource busy"
	if got := errText(n.Err()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := b.space.find("eth1"); err == nil {
		t.Error("half a wire is left")
	}
}

// BenchmarkWire floods a wire with small frames in one direction, without an answer.
func BenchmarkWire(b *testing.B) {
	n, err := New("wirebench")
	if err != nil {
		b.Skip(err)
	}
	defer n.Close()
	client, server := n.Host("client"), n.Host("server")
	w := n.Wire(client, "eth0", server, "eth0")
	if err := n.Err(); err != nil {
		b.Fatal(err)
	}
	frame := make([]byte, 64)
	copy(frame, server.MAC("eth0"))
	frame[12], frame[13] = 0x88, 0xb5 // for experiments, IEEE 802: no one answers
	sock, err := client.tap(b.Context(), client.index(b, "eth0"), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer sock.Close()
	begin, sent := w.To(server), uint64(0)
	passed := func() uint64 { return w.To(server).Passed - begin.Passed }
	b.ResetTimer()
	err = sock.control(func(fd int) error {
		for ; sent < uint64(b.N); sent++ {
			if sent%1024 == 0 {
				for sent > passed()+4096 { // more than the device holds would be lost
					runtime.Gosched()
				}
			}
			if _, err := unix.Write(fd, frame); err != nil {
				return err
			}
		}
		return nil
	})
	for end := time.Now().Add(10 * time.Second); passed() < sent && time.Now().Before(end); {
		runtime.Gosched()
	}
	b.StopTimer()
	if err != nil || passed() < sent {
		b.Errorf("%d of %d passed, %v", passed(), sent, err)
	}
	b.ReportMetric(float64(passed())/b.Elapsed().Seconds(), "frames/s")
}

func (h *Host) index(t TB, dev string) int {
	t.Helper()
	l, err := h.space.find(dev)
	if err != nil {
		t.Fatal(err)
	}
	return l.Attrs().Index
}
