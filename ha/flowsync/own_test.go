package flowsync

import (
	"testing"
	"time"

	"github.com/rempart/rempart/ha/conntrack"
	"github.com/rempart/rempart/ha/flowwire"
	"github.com/rempart/rempart/ha/view"
)

// sender is an own table whose frames a test looks at.
type sender struct {
	own
	t   *testing.T
	seq uint64
}

func newSender(t *testing.T) *sender {
	return &sender{own: own{stats: new(view.SyncStats), whole: true}, t: t}
}

func (s *sender) learns(i int, change func(*conntrack.Flow)) uint32 {
	m := conntrack.Message{Event: conntrack.Update, Flow: flowOf(i, conntrack.UDP, 0), Has: conntrack.HasStatus | conntrack.HasMark}
	if change != nil {
		change(&m.Flow)
	}
	slot, _ := s.learn(0, &m, true)
	return slot
}

// said is what a frame says, record by record.
type said struct {
	puts, changes, ends []uint32
	flightOf            flight
}

func (s *said) Put(slot uint32, _ *conntrack.Flow, _ *conntrack.Extra) { s.puts = append(s.puts, slot) }
func (s *said) Change(slot uint32, _ uint16, _ *flowwire.Change)       { s.changes = append(s.changes, slot) }
func (s *said) End(slot uint32)                                        { s.ends = append(s.ends, slot) }
func (s *said) Ack(*flowwire.Ack)                                      {}
func (s *said) State(*flowwire.State)                                  {}
func (s *said) Digest(flowwire.Digest)                                 {}
func (s *said) Want(uint32)                                            {}

// sends is the next frame.
func (s *sender) sends() *said {
	s.t.Helper()
	s.seq++
	var w flowwire.Writer
	w.Reset(1400)
	out := &said{flightOf: flight{seq: s.seq, at: time.Time{}}}
	s.fill(&w, &out.flightOf)
	if err := flowwire.Read(w.Bytes(), out); err != nil {
		s.t.Fatal(err)
	}
	return out
}

// says checks how many records of each kind a frame has.
func (s *sender) says(what string, got *said, puts, changes, ends int) {
	s.t.Helper()
	if len(got.puts) != puts || len(got.changes) != changes || len(got.ends) != ends {
		s.t.Errorf("%s: puts %v, changes %v, ends %v, want %d, %d, %d", what, got.puts, got.changes, got.ends, puts, changes, ends)
	}
}

func marked(m uint32) func(*conntrack.Flow) { return func(f *conntrack.Flow) { f.Mark = m } }

// TestOwnTells is which record a slot goes in, by what is known to have arrived.
func TestOwnTells(t *testing.T) {
	s := newSender(t)
	s.learns(1, marked(1))
	first := s.sends()
	s.says("new", first, 1, 0, 0)
	s.says("nothing", s.sends(), 0, 0, 0)
	s.learns(1, marked(2))
	second := s.sends()
	s.says("changed before the first arrived", second, 1, 0, 0)
	s.arrived(&first.flightOf) // overtaken by the second, of which nobody knows
	s.learns(1, marked(3))
	third := s.sends()
	s.says("changed before the second arrived", third, 1, 0, 0)
	s.vanished(0, &second.flightOf)
	if s.missing != 0 {
		t.Error("what was told again is missing")
	}
	s.says("the second is lost, and the third not", s.sends(), 0, 0, 0)
	s.arrived(&third.flightOf)
	s.learns(1, marked(4))
	fourth := s.sends()
	s.says("changed after it arrived", fourth, 0, 1, 0)
	s.vanished(0, &fourth.flightOf)
	if s.missing != 1 {
		t.Errorf("%d are missing, want 1", s.missing)
	}
	fifth := s.sends()
	s.says("the change is lost", fifth, 0, 1, 0)
	if s.missing != 0 {
		t.Errorf("%d are missing though told again", s.missing)
	}
	s.learns(1, func(f *conntrack.Flow) { f.Reply.DstPort++ })
	s.says("translated otherwise", s.sends(), 1, 0, 0)
}

// TestOwnSlots is that a slot is another flow's when the peer knows that it is empty, and not before.
func TestOwnSlots(t *testing.T) {
	s := newSender(t)
	slot := s.learns(1, nil)
	s.forget(0, slot)
	if again := s.learns(2, nil); again != slot {
		t.Errorf("slot %d, want %d, which nobody has heard of", again, slot)
	}
	s.arrived(&s.sends().flightOf)
	s.forget(0, slot)
	if other := s.learns(3, nil); other == slot {
		t.Error("a slot is used whose end was not told")
	}
	end := s.sends()
	s.says("an end and another", end, 1, 0, 1)
	s.learns(2, nil) // it is there again, and ends again
	again := s.sends()
	s.forget(0, slot)
	s.arrived(&end.flightOf)
	s.arrived(&again.flightOf)
	if other := s.learns(4, nil); other == slot {
		t.Error("a slot is used whose second end was not told")
	}
	last := s.sends()
	s.says("the second end", last, 1, 0, 1)
	s.vanished(0, &last.flightOf)
	last = s.sends()
	s.says("both are lost", last, 1, 0, 1)
	s.arrived(&last.flightOf)
	s.arrived(&last.flightOf)
	taken := map[uint32]bool{}
	for i := 10; i < 14; i++ {
		slot := s.learns(i, nil)
		if taken[slot] {
			t.Fatalf("slot %d is two flows'", slot)
		}
		taken[slot] = true
	}
	if !taken[slot] || s.live != 6 {
		t.Errorf("slots %v, %d flows", taken, s.live)
	}
}

// TestOwnWanted is a bucket that the peer has otherwise: it is told of all of it, and that the rest is empty.
func TestOwnWanted(t *testing.T) {
	s := newSender(t)
	var slots []uint32
	for i := range 4 {
		slots = append(slots, s.learns(i, nil))
	}
	s.arrived(&s.sends().flightOf)
	s.forget(0, slots[1])
	s.arrived(&s.sends().flightOf)
	s.wanted(0, 1) // nothing is there
	s.says("a bucket of none", s.sends(), 0, 0, 0)
	s.wanted(0, 0)
	all := s.sends()
	s.says("a bucket", all, 3, 0, 1)
	s.arrived(&all.flightOf)
	if a, b := s.learns(10, nil), s.learns(11, nil); a != slots[1] || b == a {
		t.Errorf("slots %d and %d, want %d and another", a, b, slots[1])
	}
}

// TestOwnBegins is a peer that knows nothing: it is told of all flows anew, and of no end.
func TestOwnBegins(t *testing.T) {
	s := newSender(t)
	for i := range 3 {
		s.learns(i, nil)
	}
	old := s.sends()
	s.forget(0, old.puts[0])
	s.begin(0)
	s.arrived(&old.flightOf) // by an acknowledgment that was late
	s.forget(0, old.puts[1])
	now := s.sends()
	s.says("all", now, 1, 0, 0)
	if done := s.advance(s.seq, s.seq-1); done || s.snapshot != draining {
		t.Errorf("the snapshot has arrived before it did: %v", s.snapshot)
	}
	s.vanished(0, &now.flightOf)
	if s.advance(s.seq, s.seq) {
		t.Error("the snapshot has arrived though it was lost")
	}
	s.sends()
	if !s.advance(s.seq, s.seq) {
		t.Error("the snapshot does not arrive")
	}
}
