package pulse

import (
	"errors"
	"math/rand/v2"
	"slices"
)

// The reasons why Sessions refuses a heartbeat that Keyring.Open took.
var (
	ErrOwn      = errors.New("own heartbeat came back")
	ErrUnproved = errors.New("session has not answered yet")
	ErrRetired  = errors.New("session is over")
	ErrReplay   = errors.New("heartbeat is not newer than those heard")
	ErrStranger = errors.New("another node with our secret beside a living peer")
)

const (
	maxRetired    = 1024
	maxCandidates = 256
	// maxLag is how many beats a path may be behind the others. One that is delayed for longer is no
	// sign of life, whoever delays it.
	maxLag = 256
)

// Sessions tells heartbeats of now from recorded ones. The zero value with Own set is ready for use, by one
// goroutine.
//
// A seal proves who made a frame and not when. So each node draws a session when it
// starts, which no frame from before that moment can hold, and takes the word of a peer's session
// only after a frame of it that echoes its own:
//
//	A: session a, heard nothing      B: session b, heard nothing
//	a, echo 0  ------------------->  a is unproved: echo it
//	b is proved  <-----------------  b, echo a
//	a, echo b  ------------------->  a is proved
//
// From there on Seq keeps order. It rises on each path, so that a frame counts once, whichever path it is put on
// again: its path is under the seal, and the caller has compared it with the one that it came by. It starts on all
// paths at the frame that was the proof, and no path may be far behind another, so that one path
// cannot be fed with what was held back while the others tell that there is more.
//
// Three things remain that somebody with a store of old frames could try.
//
// To bring back a session that is over. One that was proved is retired when the next one is, and refused for
// ever. One that had echoed us but was never heard here, as when all that it sent was caught, is not known as
// retired; hence Turn. It is the count of proofs so far, a proof must return it in EchoTurn, and each proof
// moves it on. So a session can take the place of the proved one only by a frame that was made after that one's proof, and
// as a peer has one session at a time, the replaced one is over. A session that lives is never retired.
//
// To keep a new session of the peer from being echoed, by letting us hear old ones all the time. Every
// unproved session heard since it was last echoed has the same chance to be the next one: with n old ones
// in play a new one is echoed in one of n+1 frames, and one echo is enough. The choice is random
// because frames go out round robin over paths: a fixed order could give one session a path that
// is broken, each time.
//
// To turn our echo away from the proved session, which needs it when it has not heard us yet. While
// that session lives it gets half of the frames, whatever else is heard.
//
// Old frames of more than maxCandidates sessions at once can push a new one out before it is echoed; then each
// frame of the new one is one more try, and on the cable nobody plays.
type Sessions struct {
	// Own is the session of this node. It is drawn at random when the node starts and is not zero.
	Own uint64

	peer       candidate // proved; zero: none yet
	node       string    // its name
	lost       bool      // it is not heard any more
	paths      map[string]uint64
	newest     uint64 // highest Seq of the peer
	oldest     uint64 // Seq that beats of any path must reach
	turn       uint32
	stamps     bool        // the peer gets to know the turn
	candidates []candidate // unproved and heard since they were echoed, the latest last
	echo       candidate   // what was echoed last
	retired    []uint64    // oldest first
	random     *rand.Rand
}

// candidate is a session of the peer and its highest Turn.
type candidate struct {
	session uint64
	turn    uint32
}

// Accept takes a heartbeat in whose seal is good and whose Path is the one that it came by. It counts
// when there is no error: it was made after this node started and after all that was heard on its path.
// fresh says that it is the first one of its session. An error is ErrOwn, ErrUnproved, ErrRetired,
// ErrReplay or ErrStranger.
func (s *Sessions) Accept(b *Beat) (fresh bool, err error) {
	switch {
	case b.Session == s.Own:
		return false, ErrOwn
	case b.Session == 0:
		return false, ErrUnproved
	case b.Session == s.peer.session:
		return false, s.ordered(b)
	case slices.Contains(s.retired, b.Session):
		return false, ErrRetired
	case s.alive() && b.Node != s.node:
		// Were it let in, two peers would retire each other.
		return false, ErrStranger
	case s.Own == 0 || b.Echo != s.Own || b.EchoTurn != s.turn:
		s.remember(b)
		return false, ErrUnproved
	}
	s.prove(b)
	return true, nil
}

// Candidate is the session to echo in the next heartbeat; zero: none was heard. It is drawn anew by
// each call.
func (s *Sessions) Candidate() uint64 {
	s.echo = s.choose()
	return s.echo.session
}

// Stamp fills in the fields of a heartbeat that prove sessions: Session, Echo, Turn and EchoTurn, with a
// Candidate drawn anew. Who never stamps does without turns.
func (s *Sessions) Stamp(b *Beat) {
	s.stamps = true
	b.Session, b.Echo = s.Own, s.Candidate()
	b.Turn, b.EchoTurn = s.turn, s.echo.turn
}

// Proved is the peer's session whose heartbeats count; zero: none yet.
func (s *Sessions) Proved() uint64 { return s.peer.session }

// Lost says that the proved session is silent for too long. It may come back, but others need
// not wait for it.
func (s *Sessions) Lost() { s.lost = true }

func (s *Sessions) alive() bool { return s.peer.session != 0 && !s.lost }

// ordered judges a beat of the proved session by its Seq.
func (s *Sessions) ordered(b *Beat) error {
	// Its Turn only rises, but frames may overtake each other.
	s.peer.turn = max(s.peer.turn, b.Turn)
	last, known := s.paths[b.Path]
	if b.Seq < s.oldest || known && b.Seq <= last || b.Seq+maxLag < s.newest {
		return ErrReplay
	}
	if !known && len(s.paths) == maxPaths {
		// Paths were renamed many times: forget them all, and with them what was before.
		clear(s.paths)
		s.oldest = s.newest
	}
	s.paths[b.Path] = b.Seq
	s.newest = max(s.newest, b.Seq)
	s.lost = false
	return nil
}

// remember keeps an unproved session to echo it.
func (s *Sessions) remember(b *Beat) {
	c := candidate{b.Session, b.Turn}
	if s.echo.session == c.session {
		s.echo.turn = max(s.echo.turn, c.turn)
		c.turn = s.echo.turn
	}
	if i := slices.IndexFunc(s.candidates, func(k candidate) bool { return k.session == c.session }); i >= 0 {
		c.turn = max(c.turn, s.candidates[i].turn)
		s.candidates = slices.Delete(s.candidates, i, i+1)
	} else if len(s.candidates) == maxCandidates {
		s.candidates = slices.Delete(s.candidates, 0, 1)
	}
	s.candidates = append(s.candidates, c)
}

// choose draws the session to echo.
func (s *Sessions) choose() candidate {
	if s.random == nil {
		s.random = rand.New(rand.NewPCG(s.Own, 0))
	}
	n := len(s.candidates)
	switch {
	case s.alive() && (n == 0 || s.random.IntN(2) == 0):
		return s.peer
	case n > 0:
		i := s.random.IntN(n)
		c := s.candidates[i]
		s.candidates = slices.Delete(s.candidates, i, i+1)
		return c
	case s.echo.session != 0:
		// The peer may be slower than we are, or miss a frame.
		return s.echo
	}
	return s.peer
}

// prove makes the session of b the peer's, and ends the former one.
func (s *Sessions) prove(b *Beat) {
	if s.peer.session != 0 {
		if len(s.retired) == maxRetired {
			s.retired = slices.Delete(s.retired, 0, 1)
		}
		s.retired = append(s.retired, s.peer.session)
	}
	s.candidates = slices.DeleteFunc(s.candidates, func(c candidate) bool {
		return c.session == b.Session || slices.Contains(s.retired, c.session)
	})
	s.peer, s.node, s.lost = candidate{b.Session, b.Turn}, b.Node, false
	s.echo = s.peer
	s.paths = map[string]uint64{b.Path: b.Seq}
	s.newest, s.oldest = b.Seq, b.Seq
	if s.stamps {
		s.turn++
	}
}
