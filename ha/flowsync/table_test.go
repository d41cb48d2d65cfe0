package flowsync

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/conntrack"
)

// TestTable holds a table against a map.
func TestTable(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var all table
	model := map[conntrack.Key]uint32{}
	for range 200_000 {
		f := flowOf(random.IntN(3000), conntrack.UDP, 0)
		slot, ok := all.find(&f.Key)
		if want, there := model[f.Key]; ok != there || ok && slot != want {
			t.Fatalf("find: %d, %v, want %d, %v", slot, ok, want, there)
		}
		switch {
		case !ok:
			slot = all.take()
			all.at(slot).flow = f
			all.link(slot)
			model[f.Key] = slot
		case random.IntN(2) == 0:
			if !all.unlink(slot) {
				t.Fatal("a slot that has its key does not")
			}
			all.free = append(all.free, slot)
			delete(model, f.Key)
		case random.IntN(4) == 0: // another slot gets the key
			other := all.take()
			all.at(other).flow = f
			all.link(other)
			model[f.Key] = other
			if all.unlink(slot) {
				t.Fatal("a slot that lost its key has it")
			}
			all.free = append(all.free, slot)
		}
	}
	if all.keys != len(model) {
		t.Errorf("%d keys, want %d", all.keys, len(model))
	}
	if int(all.next) > 2*len(model)+3000 {
		t.Errorf("%d slots for %d flows: those that are free are not used again", all.next, len(model))
	}
}

func TestSums(t *testing.T) {
	var here, there sums
	here.change(5, 0, 11)
	here.change(2000, 0, 12)
	here.change(5, 11, 13)
	there.change(2000, 0, 12)
	there.change(5, 0, 13)
	if here.count != 2 || here.sum != there.sum || here.bucket(0) != there.bucket(0) || here.bucket(1) != there.bucket(1) {
		t.Errorf("%+v, %+v", here, there)
	}
	there.change(5, 13, 0)
	if there.bucket(0) != (bucket{}) || there.count != 1 || there.sum == here.sum {
		t.Errorf("an empty slot counts: %+v", there)
	}
	if here.bucket(77) != (bucket{}) {
		t.Error("a bucket that is not there has something")
	}
}

func TestQueue(t *testing.T) {
	var q queue
	next, got := uint32(0), uint32(0)
	random := rand.New(rand.NewPCG(3, 4))
	for range 100_000 {
		if random.IntN(9) < 5 {
			q.push(next, next)
			next++
		} else if q.len() > 0 {
			if q.first() != (queued{got, got}) {
				t.Fatalf("first is %v, want %d", q.first(), got)
			}
			q.drop()
			got++
		}
		if q.len() != int(next-got) {
			t.Fatalf("len is %d, want %d", q.len(), next-got)
		}
	}
}

// TestLazyWaits is a detail that waits, for so long that microseconds wrap.
func TestLazyWaits(t *testing.T) {
	for _, began := range []uint32{0, 5, 1 << 31, 1<<32 - 10} {
		o := own{}
		slot := o.take()
		o.at(slot).bits = used
		o.soil(began, slot, false)
		for _, test := range []struct{ after, in time.Duration }{
			{0, lazyHold}, {lazyHold - time.Millisecond, time.Millisecond}, {lazyHold, 0}, {time.Second, 0}, {40 * time.Minute, 0}, {70 * time.Minute, 0},
		} {
			if some, in := o.waits(began + uint32(test.after.Microseconds())); !some || in != test.in {
				t.Errorf("after %v: %v, in %v, want in %v", test.after, some, in, test.in)
			}
		}
	}
}
