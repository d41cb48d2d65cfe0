package flowwire

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

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
	*c = append(*c, call{Slot: slot, Tag: tag, Change: plain(d)})
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

// differ is where two lists differ, or nothing. It spares cmp the work when they do not.
func differ(want, got calls) string {
	if slices.EqualFunc(want, got, call.equal) {
		return ""
	}
	return cmp.Diff(want, got, cmp.AllowUnexported(Change{}, life{}))
}

func (c call) equal(o call) bool {
	return same(c.Put, o.Put) && same(c.Extra, o.Extra) && same(c.Change, o.Change) && c.End == o.End && same(c.Ack, o.Ack) &&
		same(c.State, o.State) && same(c.Digest, o.Digest) && same(c.Want, o.Want) && c.Slot == o.Slot && c.Tag == o.Tag
}

func same[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

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

// draw draws calls that a Handler may get.
func (d draw) calls(n int) (c calls) {
	for range n {
		c = append(c, d.call())
	}
	return c
}

func (d draw) call() call {
	slot := d.Uint32() >> d.IntN(32)
	switch d.IntN(10) {
	case 0, 1, 2, 3:
		f := d.flow()
		one := call{Slot: slot, Put: &f}
		if x := d.extra(f.Family); d.one(4) && *x != (conntrack.Extra{}) {
			one.Extra = x
		}
		return one
	case 4, 5, 6:
		f := d.flow()
		return call{Slot: slot, Tag: Tag(&f.Key), Change: changeOf(&f, Fields(d.IntN(16)))}
	case 7:
		return call{Slot: slot, End: true}
	case 8:
		return []call{{Ack: d.ack()}, {State: d.state()}}[d.IntN(2)]
	}
	return []call{{Digest: &Digest{d.Uint32() >> d.IntN(32), d.Uint32() >> d.IntN(32), d.Uint64()}}, {Want: new(slot)}}[d.IntN(2)]
}

func (d draw) ack() *Ack {
	a := &Ack{Epoch: d.Uint32(), Upto: d.Uint64() >> (1 + d.IntN(63)), N: d.IntN(MaxRanges + 1), Full: d.one(2), Floor: d.Uint64() >> d.IntN(64)}
	end := a.Upto
	for i := range a.Ranges[:a.N] {
		r := &a.Ranges[i]
		r.First = end + 2 + d.Uint64N(100)
		r.Last = r.First + d.Uint64N(1000)
		end = r.Last
	}
	return a
}

func (d draw) state() *State {
	s := &State{
		Flags: StateFlags(d.Uint32()), Slots: d.Uint32(), Count: d.Uint64(), Digest: d.Uint64(), Mirror: d.Uint64(),
		Local: d.Uint64(), Max: d.Uint32(), Features: d.Uint32(), Clock: d.Int64(),
	}
	d.fill(s.Revision[:])
	return s
}

// changeOf is the change that sets some fields to those of f.
func changeOf(f *conntrack.Flow, what Fields) *Change {
	return plain(&Change{what: what, life: lifeOf(f, moved(f))})
}

// plain is a change without what Apply does not look at.
func plain(c *Change) *Change {
	var f conntrack.Flow
	c.Apply(&f)
	return &Change{what: c.what, life: lifeOf(&f, 0)}
}
