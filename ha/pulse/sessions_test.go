package pulse

import (
	"errors"
	"math/rand/v2"
	"testing"
)

// speaker is one end of the protocol: a node from one start to the next.
type speaker struct {
	Sessions
	seq  uint64
	name string
}

func newSpeaker(name string, session uint64) *speaker {
	return &speaker{Sessions: Sessions{Own: session}, name: name}
}

// beat is what it says next on a path.
func (s *speaker) beat(path string) *Beat {
	s.seq++
	b := &Beat{Seq: s.seq, Node: s.name, Path: path}
	s.Stamp(b)
	return b
}

// meet lets two nodes hear each other on a path until both have proved themselves, and
// returns all that the second one said.
func meet(t *testing.T, a, b *speaker, path string) []*Beat {
	t.Helper()
	var said []*Beat
	for range 40 {
		out := b.beat(path)
		said = append(said, out)
		a.Accept(out)
		b.Accept(a.beat(path))
		if a.Proved() == b.Own && b.Proved() == a.Own {
			return said
		}
	}
	t.Fatalf("no proof after %d beats: %x hears %x, %x hears %x", len(said), a.Own, a.Proved(), b.Own, b.Proved())
	return nil
}

func wantAccept(t *testing.T, s *speaker, b *Beat, fresh bool, want error) {
	t.Helper()
	if got, err := s.Accept(b); got != fresh || !errors.Is(err, want) || want == nil && err != nil {
		t.Errorf("session %x seq %d on %s, echo %x: fresh %t, %v; want %t, %v", b.Session, b.Seq, b.Path, b.Echo, got, err, fresh, want)
	}
}

func TestSessionsMeet(t *testing.T) {
	a, b := newSpeaker("fw1", 0xa), newSpeaker("fw2", 0xb)
	if got := a.Candidate(); got != 0 {
		t.Errorf("echo of a node that heard nothing = %x, want 0", got)
	}
	wantAccept(t, a, b.beat("lan"), false, ErrUnproved) // has not heard us
	if got := a.Candidate(); got != 0xb {
		t.Errorf("echo of an unproved session = %x, want b", got)
	}
	if got := a.Candidate(); got != 0xb {
		t.Errorf("echo once more = %x, want b: a frame may be lost", got)
	}
	wantAccept(t, b, a.beat("lan"), true, nil)
	wantAccept(t, a, b.beat("lan"), true, nil)
	wantAccept(t, a, b.beat("lan"), false, nil)
	wantAccept(t, a, b.beat("sync"), false, nil)
	wantAccept(t, a, a.beat("lan"), false, ErrOwn)
	wantAccept(t, a, &Beat{Node: "fw2", Seq: 99, Echo: 0xa, Path: "lan"}, false, ErrUnproved)
}

func TestSessionsOwnUnset(t *testing.T) {
	var s Sessions
	if fresh, err := s.Accept(&Beat{Session: 1, Seq: 1, Node: "fw2", Path: "lan"}); fresh || !errors.Is(err, ErrUnproved) {
		t.Errorf("a node without a session takes an echo of nothing for a proof: %t, %v", fresh, err)
	}
}

func TestSessionsOrder(t *testing.T) {
	a, b := newSpeaker("fw1", 0xa), newSpeaker("fw2", 0xb)
	said := meet(t, a, b, "lan")
	for _, old := range said[:len(said)-1] {
		wantAccept(t, a, old, false, ErrReplay) // from before the proof
		onSync := *old
		onSync.Path = "sync"
		wantAccept(t, a, &onSync, false, ErrReplay) // and of a path that was not heard yet
	}
	proof := said[len(said)-1]
	wantAccept(t, a, proof, false, ErrReplay)

	one, two, three := b.beat("lan"), b.beat("lan"), b.beat("lan")
	wantAccept(t, a, one, false, nil)
	wantAccept(t, a, three, false, nil)
	wantAccept(t, a, two, false, ErrReplay) // overtaken: its path has told more
	wantAccept(t, a, three, false, ErrReplay)

	// Paths are slower and faster: the order is of each alone, up to a limit.
	early := b.beat("sync")
	wantAccept(t, a, b.beat("lan"), false, nil)
	wantAccept(t, a, early, false, nil)
	held := b.beat("sync")
	for range maxLag + 1 {
		wantAccept(t, a, b.beat("lan"), false, nil)
	}
	wantAccept(t, a, held, false, ErrReplay)
	wantAccept(t, a, b.beat("sync"), false, nil)
}

func TestSessionsManyPaths(t *testing.T) {
	a, b := newSpeaker("fw1", 0xa), newSpeaker("fw2", 0xb)
	meet(t, a, b, "lan")
	first := b.beat("path a")
	wantAccept(t, a, first, false, nil)
	for i := range 4 * maxPaths {
		wantAccept(t, a, b.beat(string(rune('a'+i))), false, nil)
		if len(a.paths) > maxPaths {
			t.Fatalf("%d paths are remembered, want at most %d", len(a.paths), maxPaths)
		}
	}
	wantAccept(t, a, first, false, ErrReplay)
}

func TestSessionsRestart(t *testing.T) {
	a, b := newSpeaker("fw1", 0xa), newSpeaker("fw2", 0xb)
	all := meet(t, a, b, "lan")
	for range 5 {
		out := b.beat("lan")
		all = append(all, out)
		wantAccept(t, a, out, false, nil)
	}
	again := newSpeaker("fw2", 0xb2)
	all = append(all, meet(t, a, again, "lan")...)
	third := newSpeaker("fw2", 0xb3)
	meet(t, a, third, "lan")
	for _, old := range all {
		wantAccept(t, a, old, false, ErrRetired)
	}
	wantAccept(t, a, third.beat("lan"), false, nil)
}

func TestSessionsRetiredIsBounded(t *testing.T) {
	a := newSpeaker("fw1", 0xa)
	var first []*Beat
	for i := range maxRetired + 10 {
		said := meet(t, a, newSpeaker("fw2", uint64(0x1000+i)), "lan")
		if i == 0 {
			first = said
		}
	}
	if len(a.retired) != maxRetired {
		t.Errorf("%d retired sessions are remembered, want %d", len(a.retired), maxRetired)
	}
	// One that is forgotten does not come back either: what it said answers an early turn.
	live := a.Proved()
	for _, old := range first {
		wantAccept(t, a, old, false, ErrUnproved)
	}
	if a.Proved() != live {
		t.Errorf("proved session = %x, want %x", a.Proved(), live)
	}
}

// TestSessionsUnheardProof replays a session that echoed us and of which nothing ever came through.
func TestSessionsUnheardProof(t *testing.T) {
	a, b := newSpeaker("fw1", 0xa), newSpeaker("fw2", 0xb)
	var caught []*Beat
	for range 20 {
		b.Accept(a.beat("lan"))
		caught = append(caught, b.beat("lan")) // b hears a, and is not heard
	}
	live := newSpeaker("fw2", 0xb2)
	meet(t, a, live, "lan")
	for _, old := range caught {
		wantAccept(t, a, old, false, ErrUnproved)
		wantAccept(t, a, live.beat("lan"), false, nil)
	}
	a.Lost()
	for _, old := range caught {
		wantAccept(t, a, old, false, ErrUnproved)
	}
	wantAccept(t, a, live.beat("lan"), false, nil)
}

// TestSessionsBothOld brings an unheard session in before the live one: it ends with the live one's proof.
func TestSessionsBothOld(t *testing.T) {
	a, b := newSpeaker("fw1", 0xa), newSpeaker("fw2", 0xb)
	b.Accept(a.beat("lan"))
	caught := b.beat("lan")
	wantAccept(t, a, caught, true, nil)
	live := newSpeaker("fw2", 0xb2)
	meet(t, a, live, "lan")
	wantAccept(t, a, caught, false, ErrRetired)
}

// TestSessionsNoise lets a node hear old sessions many times as often as its peer.
func TestSessionsNoise(t *testing.T) {
	for _, lost := range []bool{false, true} {
		a, b := newSpeaker("fw1", 0xa), newSpeaker("fw2", 0xb)
		meet(t, a, b, "lan")
		if lost {
			a.Lost()
		}
		again := newSpeaker("fw2", 0xb2)
		random := rand.New(rand.NewPCG(1, 2))
		for round := 0; a.Proved() != again.Own; round++ {
			if round == 300 {
				t.Fatalf("lost %t: a new session is not proved after %d beats beside old ones", lost, round)
			}
			a.Accept(again.beat("lan"))
			for range 50 {
				old := uint64(0x5000 + random.IntN(10))
				wantAccept(t, a, &Beat{Session: old, Seq: random.Uint64(), Node: "fw2", Path: "lan", Echo: 0xdead, Turn: 7}, false, ErrUnproved)
			}
			again.Accept(a.beat("lan"))
		}
	}
}

// TestSessionsNoiseBesideLive counts how often the proved session is echoed while others are heard.
func TestSessionsNoiseBesideLive(t *testing.T) {
	a, b := newSpeaker("fw1", 0xa), newSpeaker("fw2", 0xb)
	meet(t, a, b, "lan")
	const frames = 1000
	got := map[bool]int{}
	for i := range frames {
		for range 3 {
			a.Accept(&Beat{Session: uint64(0x5000 + i%400), Seq: 1, Node: "fw2", Path: "lan"})
		}
		got[a.Candidate() == b.Own]++
		if len(a.candidates) > maxCandidates {
			t.Fatalf("%d candidates, want at most %d", len(a.candidates), maxCandidates)
		}
	}
	if got[true] < frames*4/10 {
		t.Errorf("the live session is echoed in %d of %d frames, want half", got[true], frames)
	}
	for range 4 * maxCandidates {
		a.Candidate()
	}
	if n := len(a.candidates); n > 0 {
		t.Errorf("%d sessions that are not heard any more wait for an echo", n)
	}
	if got := a.Candidate(); got != b.Own {
		t.Errorf("echo after the noise = %x, want b", got)
	}
}

func TestSessionsLost(t *testing.T) {
	a, b := newSpeaker("fw1", 0xa), newSpeaker("fw2", 0xb)
	meet(t, a, b, "lan")
	a.Lost()
	if got := a.Candidate(); got != b.Own {
		t.Errorf("echo after the loss = %x, want b: it may come back", got)
	}
	wantAccept(t, a, b.beat("lan"), false, nil)
	if !a.alive() {
		t.Error("a session that came back counts as lost")
	}
}

func TestSessionsStranger(t *testing.T) {
	a, b, c := newSpeaker("fw1", 0xa), newSpeaker("fw2", 0xb), newSpeaker("fw3", 0xc)
	meet(t, a, b, "lan")
	c.Accept(a.beat("lan"))
	wantAccept(t, a, c.beat("lan"), false, ErrStranger)
	wantAccept(t, a, b.beat("lan"), false, nil)
	a.Lost()
	meet(t, a, c, "lan") // the peer got another name
}

// TestSessionsReplayedTurn answers the highest turn, whichever is heard last.
func TestSessionsReplayedTurn(t *testing.T) {
	a, b := newSpeaker("fw1", 0xa), newSpeaker("fw2", 0xb)
	old := a.beat("lan")
	meet(t, a, b, "lan") // a's turn moves on
	again := newSpeaker("fw2", 0xb2)
	again.Accept(a.beat("lan"))
	again.Accept(old)
	again.Candidate()
	again.Accept(old) // and after the echo was chosen
	wantAccept(t, a, again.beat("lan"), true, nil)
}

// TestSessionsWithoutStamp is a node whose heartbeats only echo.
func TestSessionsWithoutStamp(t *testing.T) {
	a, b := Sessions{Own: 0xa}, Sessions{Own: 0xb}
	for _, session := range []uint64{0xb, 0xb2} {
		b = Sessions{Own: session}
		b.Accept(&Beat{Session: 0xa, Echo: a.Candidate(), Node: "fw1", Seq: 1, Path: "lan"})
		if fresh, err := a.Accept(&Beat{Session: session, Echo: b.Candidate(), Node: "fw2", Seq: 1, Path: "lan"}); !fresh || err != nil {
			t.Errorf("session %x: %t, %v", session, fresh, err)
		}
	}
}
