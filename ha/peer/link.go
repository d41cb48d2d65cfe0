package peer

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	maxHalfOpen = 8  // callers that have not yet proved themselves
	maxAnswers  = 16 // questions of the peer that are being answered
	maxRefusals = 64 // and those that are being refused because they are more
	maxRetired  = 16 // sessions of the peer that are over
	meetTime    = 2 * time.Second
	retryMin    = 200 * time.Millisecond
	retryMax    = 2 * time.Second
	complaint   = time.Minute // between two log lines about one cause
)

// Link is one end of the link. Its methods may be called from any goroutine.
type Link struct {
	options  Options
	network  network
	counters counters
	parts    sync.WaitGroup // the goroutines of Run
	halfOpen chan struct{}
	answers  chan struct{}
	refusals chan struct{}
	rang     chan struct{} // there are events

	mu       sync.Mutex // guards what follows
	aim      aim
	aimed    *signal // a new aim
	changed  *signal // a new aim, or another standing connection
	standing *conn
	dialling bool // our call was taken and is in its handshake
	last     uint64
	retired  []uint64
	events   []event
	epoch    uint64              // of the trust; it grows with each Drop
	blamed   map[error]time.Time // when a cause was logged
}

// event is a call of Proved, Up or Down.
type event struct {
	proved  ed25519.PublicKey // not nil: it is of Proved
	up      bool
	session uint64
	version uint16
	ending  ending
}

// signal tells any number of goroutines, once, that something has changed.
type signal struct {
	ctx  context.Context
	give context.CancelFunc
}

func newSignal() *signal {
	ctx, give := context.WithCancel(context.Background())
	return &signal{ctx, give}
}

// New returns a link that is aimed nowhere.
func New(o Options) *Link {
	return &Link{
		options: o, network: sockets{o.Within},
		halfOpen: make(chan struct{}, maxHalfOpen), answers: make(chan struct{}, maxAnswers), refusals: make(chan struct{}, maxRefusals),
		rang: make(chan struct{}, 1), aimed: newSignal(), changed: newSignal(), blamed: make(map[error]time.Time),
	}
}

// Connected says whether a connection stands.
func (l *Link) Connected() bool { return l.current() != nil }

func (l *Link) current() *conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.standing
}

// Ask asks the peer and waits for its answer. The error is ErrNotConnected, a *Refused
// when the peer answered with an error, or that of ctx. Question and answer have 64 MiB at most; while a
// large one is on its way others of the same direction wait. When ctx ends in the midst of that, what is
// left is not sent: Ask returns after one part of it, or after some seconds when the peer does
// not read even that.
func (l *Link) Ask(ctx context.Context, kind string, body []byte) ([]byte, error) {
	c := l.current()
	switch {
	case c == nil:
		return nil, fmt.Errorf("ask %q: %w", kind, ErrNotConnected)
	case !l.options.Trust().believes(c.key): // Drop is about to come
		return nil, fmt.Errorf("ask %q: %w: %w", kind, ErrNotConnected, errDropped)
	}
	b, err := c.ask(ctx, kind, body)
	if err != nil {
		return nil, fmt.Errorf("ask %q: %w", kind, err)
	}
	return b, nil
}

// Aim says where the other node is, by which device, and on which of our addresses to
// listen. Without a local address it only calls, without a peer's it takes calls from any address, and
// without a device it does neither. A connection that does not fit is left with a goodbye.
func (l *Link) Aim(device string, local, peer netip.Addr) {
	to := newAim(device, local, peer)
	l.mu.Lock()
	defer l.mu.Unlock()
	if to == l.aim {
		return
	}
	l.aim = to
	l.aimedLocked()
	if c := l.standing; c != nil && !to.keeps(c) {
		// While a connection stands, Run waits for its goroutine, and so for this one.
		l.parts.Go(func() { c.leave("it looks for the peer elsewhere", "this node looks for it elsewhere") })
	}
}

// Goodbye tells the peer that this node stops on purpose, and aims nowhere. It returns when the
// peer has closed its end, or after some tenths of a second, or seconds if the peer does not read. Without
// it the peer takes the end of Run for a death.
func (l *Link) Goodbye() {
	l.mu.Lock()
	l.aim = aim{}
	l.aimedLocked()
	c := l.standing
	l.mu.Unlock()
	if c != nil {
		c.leave("it stops", "this node stops")
	}
}

// Drop leaves the connection that stands, and what is on the way to it, with a goodbye that says why, so
// that another is made with the Trust of now.
func (l *Link) Drop(why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epoch++
	l.changedLocked()
	if c := l.standing; c != nil {
		// As in Aim.
		l.parts.Go(func() { c.leave(why, why) })
	}
}

func (l *Link) aimedLocked() {
	l.aimed.give()
	l.aimed = newSignal()
	l.changedLocked()
}

func (l *Link) changedLocked() {
	l.changed.give()
	l.changed = newSignal()
}

// Why a connection that has proved itself does not stand.
var (
	errAimed   = errors.New("this node looks for its peer elsewhere")
	errDropped = errors.New("this node has other keys now")
	errRetired = errors.New("this session is over")
	errGivenUp = errors.New("it is not needed any more")
	errBeside  = errors.New("another connection stands")
)

// leads says whether this node decides which connection stands.
func (l *Link) leads(session uint64) bool { return l.options.Local < session }

// settle makes a connection the one that stands, or says why not. The node with the smaller
// session decides and prefers its own calls; the other does as it is told, for what stands at
// the node that decides is the truth for both.
func (l *Link) settle(c *conn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.standing
	switch {
	case !l.aim.keeps(c):
		return errAimed
	case c.epoch != l.epoch:
		return errDropped
	case slices.Contains(l.retired, c.session):
		return errRetired
	case l.leads(c.session) && !c.dialled && l.dialling:
		return errBeside
	// The peer called before it knew of the one that stands. A call that is later than that
	// says that it has lost that one.
	case l.leads(c.session) && old != nil && old.session == c.session && c.began.Before(old.stood.Add(dialTime+meetTime)):
		return errBeside
	}
	c.stood = time.Now()
	l.standing = c
	l.replaceLocked(old, c)
	l.changedLocked()
	return nil
}

// replaceLocked tells of a connection that has come to stand, in place of old or of none.
func (l *Link) replaceLocked(old, c *conn) {
	if l.last != c.session && l.last != 0 {
		l.retired = append(l.retired, l.last)
		l.retired = l.retired[max(0, len(l.retired)-maxRetired):]
	}
	l.last = c.session
	if c.key != nil {
		l.eventLocked(event{proved: c.key})
	}
	if old != nil {
		l.parts.Go(func() { old.leave("another connection stands", "another connection stands") })
		if old.session == c.session {
			return
		}
		l.eventLocked(event{ending: ending{why: "its program was started anew"}})
	}
	l.counters.up.Add(1)
	l.eventLocked(event{up: true, session: c.session, version: c.version})
}

// lost takes note of the end of a connection; of one that was replaced nobody needs to know.
func (l *Link) lost(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.standing != c {
		return
	}
	l.standing = nil
	l.changedLocked()
	l.eventLocked(event{ending: c.ending})
}

func (l *Link) eventLocked(e event) {
	l.events = append(l.events, e)
	select {
	case l.rang <- struct{}{}:
	default:
	}
}
