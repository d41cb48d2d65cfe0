package wire

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

func TestTimes(t *testing.T) {
	l := newLink(t)
	for range 50 {
		before := time.Now()
		l.a.send(AppendBeat(nil, l.a.mac, netip.Addr{}, []byte("now")))
		got := l.b.hears(Beat, "now")
		after := time.Now()
		// The machine's clock and the monotonic one are read one after the other.
		const slack = time.Millisecond
		if got.At.Before(before.Add(-slack)) || got.At.After(after) {
			t.Errorf("heard %v after it was sent, and %v before now", got.At.Sub(before), after.Sub(got.At))
		}
	}
}

// TestTimesOfLate are those of the kernel: the port was kept from listening.
func TestTimesOfLate(t *testing.T) {
	n := lab.Test(t)
	a, b := n.Host("a"), n.Host("b")
	n.Cable(a, "eth0", b, "eth0")
	held, heard := make(chan struct{}), make(chan Heard, 16)
	port, err := openKernel(t, b).Open("eth0", func(got Heard) {
		if got.Kind == Beat {
			<-held
			heard <- got
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	from := listen(t, a, "eth0")
	from.send(AppendBeat(nil, from.mac, netip.Addr{}, []byte("1")))
	k := openKernel(t, b)
	before := mustDevice(t, k, "eth0").Received
	from.send(AppendBeat(nil, from.mac, netip.Addr{}, []byte("2")))
	sent := time.Now()
	eventually(t, "the second has arrived", func() bool { return mustDevice(t, k, "eth0").Received > before })
	const pause = 300 * time.Millisecond
	<-time.After(time.Until(sent.Add(pause)))
	close(held)
	for range 2 {
		if late := (<-heard).At.Sub(sent); late > pause/2 {
			t.Errorf("was heard %v after it was sent", late)
		}
	}
}

// TestKeepsUp is a thousand frames a second, of which none is lost.
func TestKeepsUp(t *testing.T) {
	l := newLink(t)
	const frames, burst = 2000, 20
	ticker := time.NewTicker(burst * time.Millisecond)
	defer ticker.Stop()
	for i := range frames {
		if i%burst == 0 {
			<-ticker.C
		}
		l.a.send(AppendBeat(nil, l.a.mac, netip.Addr{}, fmt.Appendf(nil, "%04d", i)))
	}
	for i := range frames {
		if got := l.b.hears(Beat, fmt.Sprintf("%04d", i)); got.Kind != Beat {
			t.Fatal(got)
		}
	}
	if got := l.b.port.Dropped(); got != 0 {
		t.Errorf("%d were dropped", got)
	}
}

// TestDropped counts what there was no room for.
func TestDropped(t *testing.T) {
	n := lab.Test(t)
	a, b := n.Host("a"), n.Host("b")
	n.Cable(a, "eth0", b, "eth0")
	held := make(chan struct{})
	port, err := openKernel(t, b).Open("eth0", func(Heard) { <-held })
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	defer close(held)
	from := listen(t, a, "eth0")
	frame := AppendBeat(nil, from.mac, netip.Addr{}, make([]byte, 1000))
	for range 20_000 {
		from.send(frame)
	}
	eventually(t, "some are dropped", func() bool { return port.Dropped() > 0 })
	first := port.Dropped()
	if again := port.Dropped(); again < first {
		t.Errorf("dropped %d, then %d", first, again)
	}
}
