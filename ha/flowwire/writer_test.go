package flowwire

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/rempart/rempart/ha/conntrack"
)

// fullest is a record that takes as much room as one can, with each field that there is: one that is new to the shapes of
// conntrack, and not on the wire, is missed by TestMaxRecord.
func fullest() (f conntrack.Flow, x conntrack.Extra) {
	n := uint64(0)
	fill(reflect.ValueOf(&f).Elem(), &n)
	fill(reflect.ValueOf(&x).Elem(), &n)
	f.Kind, f.Family, f.Proto = conntrack.KindFlow, conntrack.IPv6, 99
	x.Master.Kind, x.Master.Family = conntrack.KindExpect, conntrack.IPv6
	return f, x
}

// fill sets all numbers in v, no two alike as far as they are large enough.
func fill(v reflect.Value, n *uint64) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Bool:
		v.SetBool(true)
	default:
		*n++
		size := v.Type().Bits()
		v.SetUint((1<<(size-1) | *n) & (1<<size - 1))
	}
}

func TestMaxRecord(t *testing.T) {
	f, x := fullest()
	ack := Ack{Upto: 1 << 63, Floor: 1 << 63, N: MaxRanges}
	for i := range ack.Ranges {
		ack.Ranges[i] = Range{1<<63 + uint64(i+1)<<58, 1<<63 + uint64(i+1)<<58 + 1<<57}
	}
	const most = 1<<64 - 1
	for name, c := range map[string]call{
		"flow":           {Slot: 1 << 30, Put: &f, Extra: &x},
		"acknowledgment": {Ack: &ack},
		"state":          {State: &State{Slots: 1<<32 - 1, Count: most, Mirror: most, Local: most, Max: 1<<32 - 1, Features: 1<<32 - 1}},
		"change":         {Slot: 1 << 30, Change: changeOf(&f, AllFields)},
	} {
		got := read(t, calls{c}.write(t, MaxRecord))
		if diff := differ(calls{c}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestRoom fills bodies of every size. What does not fit leaves what is there as it is.
func TestRoom(t *testing.T) {
	d := newDraw(9)
	var w Writer
	for room := MaxRecord; room < 2*MaxRecord; room += 7 {
		w.Reset(room)
		var want calls
		for {
			c, before := d.call(), bytes.Clone(w.Bytes())
			if !c.write(&w) {
				if !bytes.Equal(before, w.Bytes()) {
					t.Fatalf("%d bytes of room: what does not fit changed what is there", room)
				}
				break
			}
			want = append(want, c)
		}
		// There may be room for less.
		for range 20 {
			if c := (call{Slot: d.Uint32N(9), End: true}); c.write(&w) {
				want = append(want, c)
			}
			if c := (call{Want: new(d.Uint32N(9))}); c.write(&w) {
				want = append(want, c)
			}
		}
		if w.Len() > room {
			t.Fatalf("%d bytes in a room of %d", w.Len(), room)
		}
		if diff := differ(want, read(t, w.Bytes())); diff != "" {
			t.Fatalf("%d bytes of room (-want +got):\n%s", room, diff)
		}
	}
}

func TestNoExtra(t *testing.T) {
	f := web()
	for name, x := range map[string]*conntrack.Extra{
		"zero":                      {},
		"address of no translation": {Expects: conntrack.Expect{NAT: f.Orig}},
	} {
		var w Writer
		w.Reset(MaxRecord)
		if !w.Put(1, &f, x) {
			t.Fatalf("%s: does not fit", name)
		}
		if diff := differ(calls{{Slot: 1, Put: &f}}, read(t, w.Bytes())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if Hash(1, &f, x) != Hash(1, &f, nil) {
			t.Errorf("%s: the hash is not that of none", name)
		}
	}
}

func TestAllocations(t *testing.T) {
	d := newDraw(10)
	var w Writer
	var r Reader
	var win Window
	k := DeriveKey(secretOf(1), 2, 3)
	from, to := NewSeal(k), NewSeal(k)
	all := d.calls(200)
	frame, body := make([]byte, 0, 1500), make([]byte, 0, 1500)
	var seq uint64
	round := func() {
		w.Reset(1400)
		for i := 0; i < len(all); i++ {
			if c := &all[i]; c.Change != nil {
				w.Change(c.Slot, c.Tag, &conntrack.Flow{})
			} else if c.Put != nil {
				w.Put(c.Slot, c.Put, c.Extra)
				Hash(c.Slot, c.Put, c.Extra)
				Tag(&c.Put.Key)
			} else {
				c.write(&w)
			}
		}
		seq++
		frame = from.Seal(frame[:0], Header{Epoch: 1, Seq: seq}, w.Bytes())
		h, opened, err := to.Open(body, frame)
		if err != nil || win.Take(h.Seq) != nil {
			t.Fatal(err)
		}
		if err := r.Read(opened, nobody{}); err != nil {
			t.Fatal(err)
		}
		var a Ack
		win.Fill(&a)
	}
	round()
	if n := testing.AllocsPerRun(50, round); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}
