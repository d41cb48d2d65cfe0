package flowwire

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rempart/rempart/ha/conntrack"
)

const benchRoom = 1400

// cpu is what the process has computed so far: other work of the machine hardly changes it.
func cpu() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(unix.TimevalToNsec(u.Utime) + unix.TimevalToNsec(u.Stime))
}

// writing are the ways to write a record of a flow.
func writing() map[string]func(w *Writer, slot uint32, f *conntrack.Flow) bool {
	return map[string]func(w *Writer, slot uint32, f *conntrack.Flow) bool{
		"put":    func(w *Writer, slot uint32, f *conntrack.Flow) bool { return w.Put(slot, f, nil) },
		"change": func(w *Writer, slot uint32, f *conntrack.Flow) bool { return w.Change(slot, 1, f) },
		"state": func(w *Writer, slot uint32, f *conntrack.Flow) bool {
			return w.ChangeSome(slot, 1, f, FieldState)
		},
		"end": func(w *Writer, slot uint32, _ *conntrack.Flow) bool { return w.End(slot) },
	}
}

// kinds are flows to write, and their slots.
func kinds() map[string]func(d draw, i int) (uint32, conntrack.Flow) {
	return map[string]func(d draw, i int) (uint32, conntrack.Flow){
		"snapshot":      func(d draw, i int) (uint32, conntrack.Flow) { return uint32(i), snatFlow(d) },
		"live":          func(d draw, _ int) (uint32, conntrack.Flow) { return d.Uint32N(100_000), snatFlow(d) },
		"snapshot IPv6": func(d draw, i int) (uint32, conntrack.Flow) { return uint32(i), flow6(d) },
	}
}

func BenchmarkWrite(b *testing.B) {
	for kind, flow := range kinds() {
		d := newDraw(2)
		flows, slots := make([]conntrack.Flow, 4096), make([]uint32, 4096)
		for i := range flows {
			slots[i], flows[i] = flow(d, i)
		}
		for how, write := range writing() {
			b.Run(kind+"/"+how, func(b *testing.B) {
				var w Writer
				bytes, n := 0, 0
				w.Reset(benchRoom)
				b.ReportAllocs()
				before := cpu()
				for b.Loop() {
					i := n % len(flows)
					if !write(&w, slots[i], &flows[i]) {
						bytes += w.Len() + Overhead
						w.Reset(benchRoom)
						write(&w, slots[i], &flows[i])
					}
					n++
				}
				b.ReportMetric(float64(cpu()-before)/float64(n), "cpu-ns/op")
				b.ReportMetric(float64(bytes+w.Len()+Overhead)/float64(n), "bytes/flow")
			})
		}
	}
}

func BenchmarkRead(b *testing.B) {
	for kind, flow := range kinds() {
		for how, write := range writing() {
			b.Run(kind+"/"+how, func(b *testing.B) {
				d := newDraw(2)
				var w Writer
				w.Reset(benchRoom)
				n := 0
				for slot, f := flow(d, n); write(&w, slot, &f); slot, f = flow(d, n) {
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
			})
		}
	}
}

// BenchmarkLonely is a frame with one flow: what is sent when the line is idle.
func BenchmarkLonely(b *testing.B) {
	k := DeriveKey(secretOf(1), 2, 3)
	from, to := NewSeal(k), NewSeal(k)
	var w Writer
	var r Reader
	f := web()
	frame, body := make([]byte, 0, 1500), make([]byte, 0, 1500)
	var seq uint64
	b.ReportAllocs()
	before := cpu()
	for b.Loop() {
		w.Reset(benchRoom)
		w.Put(1000, &f, nil)
		seq++
		frame = from.Seal(frame[:0], Header{Seq: seq}, w.Bytes())
		_, opened, err := to.Open(body, frame)
		if err != nil {
			b.Fatal(err)
		}
		if err := r.Read(opened, nobody{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(len(frame)), "bytes/flow")
}

func BenchmarkSeal(b *testing.B) {
	k := DeriveKey(secretOf(1), 2, 3)
	from, to := NewSeal(k), NewSeal(k)
	content, room := make([]byte, benchRoom), make([]byte, 0, 1500)
	frame := from.Seal(nil, Header{Seq: 1}, content)
	b.Run("seal", func(b *testing.B) {
		before := cpu()
		for b.Loop() {
			from.Seal(room, Header{Seq: 1}, content)
		}
		b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/op")
	})
	b.Run("open", func(b *testing.B) {
		before := cpu()
		for b.Loop() {
			if _, _, err := to.Open(room, frame); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/op")
	})
	b.Run("hint", func(b *testing.B) {
		other := NewSeal(DeriveKey(secretOf(2), 2, 3))
		for b.Loop() {
			if _, _, err := other.Open(room, frame); err == nil {
				b.Fatal("opened with another key")
			}
		}
	})
}

func BenchmarkHash(b *testing.B) {
	v4, v6 := web(), ping6()
	e, x := data()
	for name, c := range map[string]struct {
		f *conntrack.Flow
		x *conntrack.Extra
	}{"IPv4": {&v4, nil}, "IPv6": {&v6, nil}, "extra": {&e, &x}} {
		b.Run(name, func(b *testing.B) {
			var sum uint64
			before := cpu()
			for b.Loop() {
				c.f.Mark = uint32(sum)
				sum ^= Hash(7, c.f, c.x)
			}
			b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

func BenchmarkWindow(b *testing.B) {
	var w Window
	var seq uint64
	for b.Loop() {
		seq++
		if err := w.Take(seq); err != nil {
			b.Fatal(err)
		}
	}
}
