package ha

import (
	"sync"

	"github.com/rempart/rempart/ha/pulse"
)

// sessions is pulse's, for the loop that hears and the ticker that speaks.
type sessions struct {
	mu sync.Mutex
	pulse.Sessions
}

func (s *sessions) accept(b *pulse.Beat) (fresh bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Accept(b)
}

func (s *sessions) stamp(b *pulse.Beat) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Stamp(b)
}

func (s *sessions) lost() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Lost()
}
