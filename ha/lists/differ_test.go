package lists

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// list is a list with elements whose keys are single bytes.
func list(elements ...Element) List { return List{Name: "l", Type: "t", Elements: elements} }

func el(key byte, left time.Duration) Element { return Element{Key: []byte{key}, Left: left} }

func put(elements ...Element) []Change { return []Change{{Name: "l", Type: "t", Put: elements}} }

func gone(keys ...byte) []Change {
	c := Change{Name: "l", Type: "t"}
	for _, k := range keys {
		c.Gone = append(c.Gone, []byte{k})
	}
	return []Change{c}
}

func TestDiffer(t *testing.T) {
	type reading struct {
		after time.Duration // the one before
		list  List
		want  []Change
	}
	for name, readings := range map[string][]reading{
		"all at the start, in order and once": {
			{0, list(el(2, time.Hour), el(1, 0), el(2, time.Hour)), put(el(1, 0), el(2, time.Hour))},
		},
		"nothing when nothing changes": {
			{0, list(el(1, 0), el(2, time.Hour)), put(el(1, 0), el(2, time.Hour))},
			{time.Second, list(el(1, 0), el(2, time.Hour-time.Second)), nil},
			{time.Second, list(el(2, time.Hour-2*time.Second), el(1, 0)), nil},
		},
		"what is new": {
			{0, list(el(1, 0)), put(el(1, 0))},
			{time.Second, list(el(2, time.Minute), el(1, 0)), put(el(2, time.Minute))},
		},
		"what was renewed": {
			{0, list(el(1, time.Minute)), put(el(1, time.Minute))},
			{30 * time.Second, list(el(1, time.Minute)), put(el(1, time.Minute))},
		},
		"what was renewed by little is told once it is more": {
			{0, list(el(1, time.Hour)), put(el(1, time.Hour))},
			{30 * time.Second, list(el(1, time.Hour)), nil},
			{29 * time.Second, list(el(1, time.Hour)), put(el(1, time.Hour))},
		},
		"what stays from now on": {
			{0, list(el(1, time.Hour)), put(el(1, time.Hour))},
			{time.Second, list(el(1, 0)), put(el(1, 0))},
		},
		"what was given less time": {
			{0, list(el(1, time.Hour), el(2, 0)), put(el(1, time.Hour), el(2, 0))},
			{time.Second, list(el(1, time.Minute), el(2, time.Minute)), []Change{{
				Name: "l", Type: "t", Gone: [][]byte{{1}, {2}}, Put: []Element{el(1, time.Minute), el(2, time.Minute)},
			}}},
		},
		"what was taken out, once it is sure": {
			{0, list(el(1, 0), el(2, time.Hour)), put(el(1, 0), el(2, time.Hour))},
			{time.Second, list(), nil},
			{time.Second, list(), gone(1, 2)},
			{time.Second, list(), nil},
		},
		"what a reading skipped was not taken out": {
			{0, list(el(1, 0)), put(el(1, 0))},
			{time.Second, list(), nil},
			{time.Second, list(el(1, 0)), nil},
			{time.Second, list(), nil},
			{time.Second, list(el(1, 0)), nil},
		},
		"what ran out leaves the peer by itself": {
			{0, list(el(1, 1500*time.Millisecond)), put(el(1, 1500*time.Millisecond))},
			{time.Second, list(), nil},
			{time.Second, list(), nil},
			{time.Second, list(), nil},
		},
		"everything each minute": {
			{0, list(el(1, time.Hour)), put(el(1, time.Hour))},
			{time.Minute, list(el(2, 0), el(1, time.Hour-time.Minute)), []Change{{
				Name: "l", Type: "t", Put: []Element{el(1, time.Hour-time.Minute), el(2, 0)}, Whole: &Span{},
			}}},
			{time.Second, list(el(2, 0), el(1, time.Hour-time.Minute)), nil},
			{time.Minute, list(), []Change{{
				Name: "l", Type: "t", Put: []Element{el(1, time.Hour-2*time.Minute-time.Second), el(2, 0)}, Whole: &Span{}, // a reading may skip it
			}}},
			{time.Minute, list(), []Change{{Name: "l", Type: "t", Gone: [][]byte{{1}, {2}}, Whole: &Span{}}}},
		},
		"a list of another type is another list": {
			{0, list(el(1, 0)), put(el(1, 0))},
			{time.Second, List{Name: "l", Type: "u", Elements: []Element{el(1, 0)}}, []Change{{Name: "l", Type: "u", Put: []Element{el(1, 0)}}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var d Differ
			now := epoch
			for n, r := range readings {
				now = now.Add(r.after)
				if diff := cmp.Diff(r.want, d.Changes(now, []List{r.list}), cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("reading %d (-want +got):\n%s", n, diff)
				}
			}
		})
	}
}

func TestDifferForgets(t *testing.T) {
	var d Differ
	l := []List{list(el(1, time.Hour))}
	d.Changes(epoch, l)
	d.Forget()
	if diff := cmp.Diff(put(el(1, time.Hour)), d.Changes(epoch, l)); diff != "" {
		t.Errorf("after Forget (-want +got):\n%s", diff)
	}
	d.Changes(epoch, nil)
	if diff := cmp.Diff(put(el(1, time.Hour)), d.Changes(epoch, l)); diff != "" {
		t.Errorf("a list that came back (-want +got):\n%s", diff)
	}
}

// mirror is a list of a peer: when each element ends; zero: never.
type mirror map[string]time.Time

// elements are those of the list, after what is over has left.
func (m mirror) elements(now time.Time) (out []Element) {
	maps.DeleteFunc(m, func(_ string, end time.Time) bool { return !end.IsZero() && !now.Before(end) })
	for key, end := range m {
		e := Element{Key: []byte(key)}
		if !end.IsZero() {
			e.Left = end.Sub(now)
		}
		out = append(out, e)
	}
	return out
}

// merge does what a change says.
func (m mirror) merge(now time.Time, c Change) {
	gone, put := Merge(m.elements(now), c)
	for _, key := range gone {
		delete(m, string(key))
	}
	for _, e := range put {
		m[string(e.Key)] = newMember(now, e).end
	}
}

// TestDifferKeepsAPeer has a list live at random, with readings that skip elements and messages that
// are lost, and compares the peer when there was rest.
func TestDifferKeepsAPeer(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var d Differ
	truth, peer := mirror{}, mirror{"x": {}, "y": epoch.Add(time.Hour)} // it begins with what nobody else has
	now := epoch
	for range 40 {
		for range 20 {
			now = now.Add(time.Second)
			truth.live(now, random)
			turn(t, &d, now, truth, peer, random)
		}
		for key, end := range truth {
			if !end.IsZero() {
				truth[key] = now.Add(time.Hour) // nothing ends while it rests
			}
		}
		for range wholeEvery/time.Second + missedMost {
			now = now.Add(time.Second)
			turn(t, &d, now, truth, peer, nil)
		}
		if diff := cmp.Diff(slices.Sorted(maps.Keys(truth)), slices.Sorted(maps.Keys(peer))); diff != "" {
			t.Fatalf("after %v (-master +peer):\n%s", now.Sub(epoch), diff)
		}
		for key, end := range truth {
			if off := end.Sub(peer[key]).Abs(); end.IsZero() != peer[key].IsZero() || off > max(sameEnd, end.Sub(now)/slackPart) {
				t.Fatalf("after %v %q ends at %v and at the peer at %v", now.Sub(epoch), key, end, peer[key])
			}
		}
	}
}

// live adds, renews and takes out.
func (m mirror) live(now time.Time, random *rand.Rand) {
	for range 5 {
		key := string([]byte{byte(random.IntN(100))})
		switch random.IntN(4) {
		case 0:
			delete(m, key)
		case 1:
			m[key] = time.Time{}
		default:
			m[key] = now.Add(time.Duration(1+random.IntN(400)) * time.Second)
		}
	}
}

// turn is one reading and its messages; with random both are unreliable.
func turn(t *testing.T, d *Differ, now time.Time, truth, peer mirror, random *rand.Rand) {
	t.Helper()
	peer.elements(now)
	l := List{Elements: truth.elements(now)}
	if random != nil {
		l.Elements = slices.DeleteFunc(l.Elements, func(Element) bool { return random.IntN(10) == 0 })
	}
	messages, err := Messages(d.Changes(now, []List{l}), 1<<10)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		if random != nil && random.IntN(4) == 0 {
			d.Forget()
			return
		}
		changes, err := Decode(m)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			peer.merge(now, c)
		}
	}
}

func BenchmarkDiffer(b *testing.B) {
	l := List{Name: "l", Type: "ipv4_addr"}
	for n := range 65536 {
		l.Elements = append(l.Elements, Element{Key: []byte{10, 0, byte(n >> 8), byte(n)}, Left: time.Hour})
	}
	var d Differ
	b.ReportAllocs()
	for b.Loop() {
		d.Changes(epoch, []List{l})
	}
}
