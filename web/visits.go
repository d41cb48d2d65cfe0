package web

import (
	"net"
	"net/http"
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
// many loses his oldest over which nothing is asked, or else his oldest:
// programs that forget to close theirs never keep out the administrator who comes now.
type visits struct {
	mu     sync.Mutex
	users  map[uint32]*share
	visits map[net.Conn]*visit
}

// share is what one user holds.
type share struct {
	open []*visit // the oldest first
	told bool     // that he holds too many, since he last held none
}

type visit struct {
	uid    uint32
	conn   net.Conn
	asking bool // a request is read or answered
}

func newVisits() *visits {
	return &visits{users: make(map[uint32]*share), visits: make(map[net.Conn]*visit)}
}

// enter notes a connection of a user, and closes another one of his when it is
// one too many. It says when that begins, so that a flood of connections is none of messages.
func (v *visits) enter(uid uint32, c net.Conn) (crowded bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.users[uid]
	if s == nil {
		s = new(share)
		v.users[uid] = s
	}
	v.visits[c] = &visit{uid: uid, conn: c}
	s.open = append(s.open, v.visits[c])
	if len(s.open) <= maxVisits {
		return false
	}
	goes := max(0, slices.IndexFunc(s.open[:maxVisits], func(o *visit) bool { return !o.asking }))
	s.open[goes].conn.Close() // whoever reads from it or writes to it ends
	v.leaveLocked(s.open[goes].conn)
	crowded, s.told = !s.told, true
	return crowded
}

// turn follows a connection from request to request, to its end.
func (v *visits) turn(c net.Conn, state http.ConnState) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch o := v.visits[c]; {
	case state == http.StateClosed:
		v.leaveLocked(c)
	case o != nil:
		o.asking = state == http.StateActive
	}
}

func (v *visits) leaveLocked(c net.Conn) {
	o := v.visits[c]
	if o == nil {
		return
	}
	delete(v.visits, c)
	s := v.users[o.uid]
	i := slices.Index(s.open, o)
	if s.open = slices.Delete(s.open, i, i+1); len(s.open) == 0 {
		delete(v.users, o.uid)
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
