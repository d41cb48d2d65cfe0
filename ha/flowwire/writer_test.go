package flowwire

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rempart/rempart/ha/conntrack"
)

// fullest is a record that takes as much room as one can.
func fullest() (conntrack.Flow, conntrack.Extra) {
	var a, b, c, e [16]byte
	for i := range 16 {
		a[i], b[i], c[i], e[i] = 'a', 'b', 'c', 'e'
	}
	tuple := conntrack.Tuple{Src: a, Dst: b, SrcPort: 1, DstPort: 2}
	f := conntrack.Flow{
		Key:   conntrack.Key{Family: conntrack.IPv6, Proto: 99, Zone: 1, Orig: tuple},
		State: 1, Status: 1 << 31, Reply: conntrack.Tuple{Src: c, Dst: e, SrcPort: 3, DstPort: 4}, Mark: 1 << 31,
		Flags: [2]conntrack.TCPFlags{1, 1}, Scale: [2]uint8{1, 1}, Timeout: 1 << 31,
	}
	x := conntrack.Extra{
		Helper: a, Master: f.Key, Labels: a, Adjust: [2]conntrack.Adjust{{Pos: 1}, {Pos: 1}}, Proxy: conntrack.Proxy{ISN: 1},
		VTag: [2]uint32{1, 1}, DCCP: conntrack.DCCP{Role: 1}, Zones: [2]uint16{1, 1},
		Expects: conntrack.Expect{Mask: tuple, Timeout: 1, HasNAT: true, NAT: tuple},
	}
	copy(x.Expects.Fn[:], bytes.Repeat([]byte{'f'}, len(x.Expects.Fn)))
	return f, x
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
		if diff := cmp.Diff(calls{c}, got, sameChanges()); diff != "" {
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
		if diff := cmp.Diff(want, read(t, w.Bytes()), sameChanges()); diff != "" {
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
		if diff := cmp.Diff(calls{{Slot: 1, Put: &f}}, read(t, w.Bytes())); diff != "" {
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
