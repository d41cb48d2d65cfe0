package flowwire

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rempart/rempart/ha/conntrack"
)

func TestRoundTrip(t *testing.T) {
	d := newDraw(1)
	for range 200 {
		want := d.calls(1 + d.IntN(30))
		got := read(t, want.write(t, MaxBody))
		if diff := differ(want, got); diff != "" {
			t.Fatalf("Read(Write) (-want +got):\n%s", diff)
		}
		for i, c := range got {
			if c.Put != nil && Hash(c.Slot, c.Put, c.Extra) != Hash(want[i].Slot, want[i].Put, want[i].Extra) {
				t.Fatalf("hash of %+v differs at the receiver", c.Put)
			}
		}
	}
}

// TestChange holds that a change of a flow makes of the old one the new one, translated or not.
func TestChange(t *testing.T) {
	d := newDraw(2)
	for range 3000 {
		old := d.flow()
		now, want := old, old
		d.live(&now)
		what := AllFields
		if d.one(2) {
			what = Fields(d.IntN(16))
		}
		for field, set := range map[Fields]func(){
			FieldState:   func() { want.State = now.State },
			FieldStatus:  func() { want.Status = now.Status },
			FieldMark:    func() { want.Mark = now.Mark },
			FieldOptions: func() { want.Flags, want.Scale = now.Flags, now.Scale },
		} {
			if what&field != 0 {
				set()
			}
		}
		var w Writer
		w.Reset(MaxRecord)
		if !w.ChangeSome(7, Tag(&now.Key), &now, what) {
			t.Fatal("a change does not fit")
		}
		got := read(t, w.Bytes())
		if len(got) != 1 || got[0].Change == nil || got[0].Slot != 7 || got[0].Tag != Tag(&old.Key) || got[0].Change.What() != what {
			t.Fatalf("Read(Change of %v) = %+v", what, got)
		}
		got[0].Change.Apply(&old)
		if old != want {
			t.Fatalf("Apply of %v (-want +got):\n%s", what, cmp.Diff(want, old))
		}
	}
}

// TestSizes holds what records cost in a full frame.
func TestSizes(t *testing.T) {
	d := newDraw(3)
	bytes := func(put func(w *Writer, i int) bool) float64 {
		var w Writer
		w.Reset(1400)
		n := 0
		for put(&w, n) {
			n++
		}
		return float64(w.Len()+Overhead) / float64(n)
	}
	for _, c := range []struct {
		name string
		put  func(w *Writer, i int) bool
		most float64
	}{
		{"translated TCP flows of a snapshot", func(w *Writer, i int) bool {
			f := snatFlow(d)
			return w.Put(uint32(i), &f, nil)
		}, 19.5},
		{"translated TCP flows as they come", func(w *Writer, _ int) bool {
			f := snatFlow(d)
			return w.Put(d.Uint32N(100_000), &f, nil)
		}, 21.5},
		{"TCP flows of IPv6", func(w *Writer, i int) bool {
			f := flow6(d)
			return w.Put(uint32(i), &f, nil)
		}, 32},
		{"changes of state", func(w *Writer, _ int) bool {
			f := snatFlow(d)
			f.State = conntrack.TimeWait
			return w.ChangeSome(d.Uint32N(100_000), 1, &f, FieldState)
		}, 6.2},
		{"changes", func(w *Writer, _ int) bool {
			f := snatFlow(d)
			f.State = conntrack.TimeWait
			return w.Change(d.Uint32N(100_000), 1, &f)
		}, 9},
		{"ends", func(w *Writer, _ int) bool { return w.End(d.Uint32N(100_000)) }, 3.1},
		{"ends of a bucket", func(w *Writer, i int) bool { return w.End(uint32(2 * i)) }, 1.1},
	} {
		if got := bytes(c.put); got > c.most {
			t.Errorf("%s: %.1f bytes each, want at most %.1f", c.name, got, c.most)
		}
	}
}

// TestTruncated cuts a body at every length: a part of it is refused, or is whole itself.
func TestTruncated(t *testing.T) {
	d := newDraw(4)
	for range 20 {
		want := d.calls(20)
		body := want.write(t, MaxBody)
		for n := range body {
			var got calls
			err := Read(body[:n], &got)
			switch {
			case err == nil:
				if diff := differ(want[:len(got)], got); diff != "" {
					t.Fatalf("%d of %d bytes (-want +got):\n%s", n, len(body), diff)
				}
			case !errors.Is(err, ErrMalformed):
				t.Fatalf("%d of %d bytes: %v, want %v", n, len(body), err, ErrMalformed)
			case len(got) > 0:
				t.Fatalf("%d of %d bytes told %d things beside %v", n, len(body), len(got), err)
			}
		}
	}
}

// TestCutSection cuts a section at every length and says so in its head: it ends between two records, or it
// is refused.
func TestCutSection(t *testing.T) {
	d := newDraw(5)
	for range 20 {
		var want calls
		for len(want) < 20 {
			if c := d.call(); c.Put != nil || c.Change != nil || c.End {
				want = append(want, c)
			}
		}
		body := want.write(t, MaxBody)
		whole := 0
		for n := range len(body) - sectionHead {
			cut := append([]byte{body[0], byte(n >> 8), byte(n)}, body[sectionHead:sectionHead+n]...)
			var got calls
			if err := Read(cut, &got); err != nil {
				if len(got) > 0 {
					t.Fatalf("%d bytes told %d things beside %v", n, len(got), err)
				}
				continue
			}
			whole++
			if diff := differ(want[:len(got)], got); diff != "" {
				t.Fatalf("%d bytes (-want +got):\n%s", n, diff)
			}
		}
		if whole != len(want) {
			t.Errorf("%d cuts are whole, want %d", whole, len(want))
		}
	}
}

func FuzzRead(f *testing.F) {
	d := newDraw(6)
	for range 50 {
		c := d.calls(1 + d.IntN(8))
		var w Writer
		w.Reset(MaxBody)
		for i := range c {
			c[i].write(&w)
		}
		f.Add(w.Bytes())
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 4096 {
			return
		}
		var first calls
		if err := Read(body, &first); err != nil {
			if len(first) > 0 || !errors.Is(err, ErrMalformed) {
				t.Errorf("told %d things beside %v", len(first), err)
			}
			return
		}
		second := read(t, first.write(t, MaxBody))
		if diff := differ(first, second); diff != "" {
			t.Errorf("Read(Write(Read)) differs:\n%s", diff)
		}
	})
}
