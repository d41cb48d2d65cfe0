package flowsync

import (
	"slices"

	"github.com/rempart/rempart/ha/flowwire"
)

// seals are the keys of the two sessions: one to send with, and those that the peer may send with.
type seals struct {
	secrets     [][32]byte
	own, theirs uint64
	out         *flowwire.Seal
	in          []*flowwire.Seal
}

func (s *seals) ready() bool { return s.out != nil }

// set makes the keys those of a target, and says whether what was sent so far can be understood no more.
func (s *seals) set(t *Target) (fresh bool) {
	if !t.usable() {
		fresh = s.ready()
		*s = seals{}
		return fresh
	}
	other := s.own != t.Own || s.theirs != t.Theirs
	if !other && slices.Equal(s.secrets, t.Secrets) {
		return false
	}
	// A key that stays keeps its numbers: the same nonce twice would give the key away.
	if other || s.out == nil || s.secrets[0] != t.Secrets[0] {
		s.out = flowwire.NewSeal(flowwire.DeriveKey(t.Secrets[0], t.Own, t.Theirs))
	}
	s.in = nil
	for _, k := range t.Secrets {
		s.in = append(s.in, flowwire.NewSeal(flowwire.DeriveKey(k, t.Theirs, t.Own)))
	}
	s.secrets, s.own, s.theirs = slices.Clone(t.Secrets), t.Own, t.Theirs
	return other
}
