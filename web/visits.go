package web

import (
	"net"
	"slices"
	"sync"
)

const (
	// maxVisits is how many connections one user may hold open. A command needs
	// one for a moment, a followed log keeps one.
	maxVisits = 64
	// maxDrafts is how many large policies of one user are in memory at once.
	maxDrafts = 4
)

// visits are the open connections, by user. Each user has a share of his own, so
// that no member of the group can keep root out. Who opens one connection too
// many loses his oldest: programs that forget to close theirs never keep out
// the administrator who comes now.
type visits struct {
	mu    sync.Mutex
	users map[uint32]*share
	owner map[net.Conn]uint32
}

// share is what one user holds.
type share struct {
	open []net.Conn // the oldest first
	told bool       // that he holds too many, since he last held none
}

func newVisits() *visits {
	return &visits{users: make(map[uint32]*share), owner: make(map[net.Conn]uint32)}
}

// enter notes a connection of a user, and closes his oldest when it is one too
// many. It says when that begins, so that a flood of connections is none of messages.
func (v *visits) enter(uid uint32, c net.Conn) (crowded bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.users[uid]
	if s == nil {
		s = new(share)
		v.users[uid] = s
	}
	s.open, v.owner[c] = append(s.open, c), uid
	if len(s.open) <= maxVisits {
		return false
	}
	oldest := s.open[0]
	v.leaveLocked(oldest)
	oldest.Close() // whoever reads from it or writes to it ends
	crowded, s.told = !s.told, true
	return crowded
}

// leave forgets a connection that is closed.
func (v *visits) leave(c net.Conn) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.leaveLocked(c)
}

func (v *visits) leaveLocked(c net.Conn) {
	uid, known := v.owner[c]
	if !known {
		return
	}
	delete(v.owner, c)
	s := v.users[uid]
	i := slices.Index(s.open, c)
	if s.open = slices.Delete(s.open, i, i+1); len(s.open) == 0 {
		delete(v.users, uid)
	}
}

// drafts counts the large policies that are in memory, by user. The zero drafts are none.
type drafts struct {
	mu    sync.Mutex
	count map[uint32]int
}

// begin takes one of the user's places; ok is false when there is none.
func (d *drafts) begin(uid uint32) (ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.count[uid] >= maxDrafts {
		return false
	}
	if d.count == nil {
		d.count = make(map[uint32]int)
	}
	d.count[uid]++
	return true
}

// end gives the place back.
func (d *drafts) end(uid uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.count[uid]--; d.count[uid] == 0 {
		delete(d.count, uid)
	}
}
