package flowwire

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/rempart/rempart/ha/conntrack"
)

// call is one call of a Handler.
type call struct {
	Put    *conntrack.Flow
	Extra  *conntrack.Extra
	Change *Change
	End    bool
	Ack    *Ack
	State  *State
	Digest *Digest
	Want   *uint32
	Slot   uint32
	Tag    uint16
}

// calls is a Handler that notes what it is told.
type calls []call

func (c *calls) Put(slot uint32, f *conntrack.Flow, x *conntrack.Extra) {
	one := call{Slot: slot, Put: new(*f)}
	if x != nil {
		one.Extra = new(*x)
	}
	*c = append(*c, one)
}

func (c *calls) Change(slot uint32, tag uint16, d *Change) {
	*c = append(*c, call{Slot: slot, Tag: tag, Change: new(*d)})
}
func (c *calls) End(slot uint32) { *c = append(*c, call{Slot: slot, End: true}) }
func (c *calls) Ack(a *Ack)      { *c = append(*c, call{Ack: new(*a)}) }
func (c *calls) State(s *State)  { *c = append(*c, call{State: new(*s)}) }
func (c *calls) Digest(d Digest) { *c = append(*c, call{Digest: &d}) }
func (c *calls) Want(b uint32)   { *c = append(*c, call{Want: &b}) }

// nobody is a Handler for whom nothing is of interest.
type nobody struct{}

func (nobody) Put(uint32, *conntrack.Flow, *conntrack.Extra) {}
func (nobody) Change(uint32, uint16, *Change)                {}
func (nobody) End(uint32)                                    {}
func (nobody) Ack(*Ack)                                      {}
func (nobody) State(*State)                                  {}
func (nobody) Digest(Digest)                                 {}
func (nobody) Want(uint32)                                   {}

// unexported fields are compared too.
var everything = cmp.AllowUnexported(Change{}, life{})

// write writes what a Handler was told.
func (c calls) write(t *testing.T, room int) []byte {
	t.Helper()
	var w Writer
	w.Reset(room)
	for i := range c {
		if !c[i].write(&w) {
			t.Fatalf("call %d of %d does not fit behind %d bytes", i, len(c), w.Len())
		}
	}
	return w.Bytes()
}

func (c *call) write(w *Writer) bool {
	switch {
	case c.Put != nil:
		return w.Put(c.Slot, c.Put, c.Extra)
	case c.Change != nil:
		var f conntrack.Flow
		c.Change.Apply(&f)
		return w.ChangeSome(c.Slot, c.Tag, &f, c.Change.What())
	case c.End:
		return w.End(c.Slot)
	case c.Ack != nil:
		return w.Ack(c.Ack)
	case c.State != nil:
		return w.State(c.State)
	case c.Digest != nil:
		return w.Digest(*c.Digest)
	}
	return w.Want(*c.Want)
}

func read(t *testing.T, body []byte) calls {
	t.Helper()
	var c calls
	if err := Read(body, &c); err != nil {
		t.Fatalf("Read: %v of % x", err, body)
	}
	return c
}

func TestRoundTripPut(t *testing.T) {
	d := newDraw(1)
	for range 2000 {
		var want calls
		for range 1 + d.IntN(20) {
			f := d.flow()
			one := call{Slot: d.Uint32() >> d.IntN(32), Put: &f}
			if d.one(4) {
				if x := d.extra(f.Family); *x != (conntrack.Extra{}) {
					one.Extra = x
				}
			}
			want = append(want, one)
		}
		got := read(t, want.write(t, MaxBody))
		if diff := cmp.Diff(want, got, everything); diff != "" {
			t.Fatalf("Read(Put) (-want +got):\n%s", diff)
		}
		for i := range got {
			a, b := &want[i], &got[i]
			if Hash(a.Slot, a.Put, a.Extra) != Hash(b.Slot, b.Put, b.Extra) {
				t.Errorf("hash of %+v differs at the receiver", a.Put)
			}
		}
	}
}

func BenchmarkPut(b *testing.B) {
	d := newDraw(2)
	flows := make([]conntrack.Flow, 4096)
	for i := range flows {
		flows[i] = snatFlow(d)
	}
	var w Writer
	var bytes, n, frames int
	w.Reset(1400)
	b.ReportAllocs()
	before := cpu()
	for b.Loop() {
		if !w.Put(uint32(n), &flows[n%len(flows)], nil) {
			bytes += w.Len()
			frames++
			w.Reset(1400)
			w.Put(uint32(n), &flows[n%len(flows)], nil)
		}
		n++
	}
	b.ReportMetric(float64(cpu()-before)/float64(n), "cpu-ns/flow")
	if frames > 0 {
		b.ReportMetric(float64(bytes+w.Len()+(frames+1)*Overhead)/float64(n), "bytes/flow")
		b.ReportMetric(float64(n)/float64(frames), "flows/frame")
	}
}

func BenchmarkReadPut(b *testing.B) {
	d := newDraw(2)
	var w Writer
	w.Reset(1400)
	n := 0
	for f := snatFlow(d); w.Put(uint32(n), &f, nil); f = snatFlow(d) {
		n++
	}
	var r Reader
	b.ReportAllocs()
	before := cpu()
	for b.Loop() {
		if err := r.Read(w.Bytes(), nobody{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu()-before)/float64(b.N*n), "cpu-ns/flow")
}

func BenchmarkHash(b *testing.B) {
	f := snatFlow(newDraw(2))
	var sum uint64
	before := cpu()
	for b.Loop() {
		f.Mark = uint32(sum)
		sum ^= Hash(7, &f, nil)
	}
	b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/flow")
}

// snatFlow is a TCP flow of one of 500 hosts to any server, translated to the address of the gateway.
func snatFlow(d draw) conntrack.Flow {
	f := conntrack.Flow{
		Key: conntrack.Key{Family: conntrack.IPv4, Proto: conntrack.TCP, Orig: conntrack.Tuple{
			Src: [16]byte{10, 0, byte(d.IntN(2)), byte(d.IntN(250))}, SrcPort: 32768 + uint16(d.IntN(28000)), DstPort: 443,
		}},
		State: conntrack.Established, Status: conntrack.Status(usualStatus) | conntrack.SrcNAT,
		Mark: uint32(d.IntN(10)) << 16, Flags: [2]conntrack.TCPFlags{0x23, 0x23}, Scale: [2]uint8{7, uint8(7 + d.IntN(3))},
	}
	d.fill(f.Orig.Dst[:4])
	inverse(&f, &f.Reply)
	f.Reply.Dst = [16]byte{192, 0, 2, 1}
	return f
}

// cpu is what the process has computed so far: other work of the machine does not change it.
func cpu() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(unix.TimevalToNsec(u.Utime) + unix.TimevalToNsec(u.Stime))
}
