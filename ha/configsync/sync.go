package configsync

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rempart/rempart/ha/peer"
)

// Sync is one end of the pair's policy. Its methods may be called from any goroutine.
type Sync struct {
	Options
	turn      chan struct{} // held by who changes the policy from here
	applying  atomic.Bool   // by an apply, which may take a while
	rings     chan struct{} // a round is due
	heardTime time.Duration

	mu      sync.Mutex // guards what follows
	linked  bool
	fresh   bool   // the peer has told since the link stands
	silent  bool   // it was asked since, and did not answer
	peer    *state // as it told last; nil: it never did
	told    time.Time
	refused refused
	ruleset digested
	sent    spread
}

// refused is a revision of the peer that this node could not take.
type refused struct {
	id, why string
	at      time.Time
}

// digested is the digest of a ruleset, and of what.
type digested struct{ id, learned, digest string }

// spread is what was learned here as the peer was told it last.
type spread struct {
	digest string
	at     time.Time
}

// New returns a Sync; it does nothing until Run.
func New(o Options) *Sync {
	return &Sync{Options: o, turn: make(chan struct{}, 1), rings: make(chan struct{}, 1), heardTime: heardTime}
}

// Linked tells whether the link to the peer stands. It does not block.
func (s *Sync) Linked(up bool) {
	s.mu.Lock()
	s.linked, s.fresh, s.silent = up, false, false
	s.mu.Unlock()
	s.Ring()
}

// Ring has a round soon: what this node runs may have changed.
func (s *Sync) Ring() {
	select {
	case s.rings <- struct{}{}:
	default:
	}
}

// Run keeps both nodes in step until ctx ends.
func (s *Sync) Run(ctx context.Context) error {
	tick := time.NewTicker(roundEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.rings:
		case <-tick.C:
		}
		if err := s.round(ctx); err != nil && ctx.Err() == nil {
			s.Log.Debug("policies of the pair could not be compared", "cause", err)
		}
	}
}

// connected says whether the peer can be asked.
func (s *Sync) connected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.linked && s.Paired()
}

// errTurn says that this node is at it already.
var errTurn = &Refusal{Message: "another apply is under way", Busy: true}

// take takes the turn without waiting.
func (s *Sync) take() (done func(), ok bool) {
	select {
	case s.turn <- struct{}{}:
		return func() { <-s.turn }, true
	default:
		return nil, false
	}
}

// takeSoon takes the turn, for which it waits a while: a round holds it for moments.
func (s *Sync) takeSoon(ctx context.Context) (done func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	select {
	case s.turn <- struct{}{}:
		return func() { <-s.turn }, nil
	case <-ctx.Done():
		return nil, errTurn
	}
}

// round compares the states of both nodes and does what follows from it.
func (s *Sync) round(ctx context.Context) error {
	done, ok := s.take()
	if !ok {
		return nil // who has the turn rings when he is done
	}
	defer done()
	_, err := s.meet(ctx, false)
	return err
}

// meet is a round for who has the turn. With again what was refused lately is tried as well.
func (s *Sync) meet(ctx context.Context, again bool) (verdict, error) {
	if !s.connected() {
		return 0, fmt.Errorf("compare policies: %w", peer.ErrNotConnected)
	}
	if err := s.sign(ctx); err != nil {
		return 0, err
	}
	own, standing, err := s.state(ctx)
	if err != nil {
		return 0, err
	}
	other, err := s.exchange(ctx, own)
	if err != nil {
		return 0, err
	}
	v, err := s.weigh(ctx, own, other, standing)
	if err != nil {
		return 0, err
	}
	s.tellBehind(v == catchUp)
	err = s.follow(ctx, v, own, other, again)
	if err == nil && v == catchUp {
		s.tellBehind(!s.ran(ctx, other.Current.ID))
	}
	return v, err
}

func (s *Sync) tellBehind(behind bool) {
	if s.Behind != nil {
		s.Behind(behind)
	}
}

// ran says whether a revision runs here.
func (s *Sync) ran(ctx context.Context, id string) bool {
	standing, err := s.Gateway.Standing(ctx)
	return err == nil && standing.Running.ID == id
}

// sign puts a signed revision in place of one that was made before this node had a key: the peer takes no other.
func (s *Sync) sign(ctx context.Context) error {
	standing, err := s.Gateway.Standing(ctx)
	r := standing.Running
	if err != nil || r.ID == "" || r.Key != nil || standing.Pending != "" || standing.Held != "" {
		return err
	}
	r.Parents, r.Number, r.ID = []string{r.ID}, 0, ""
	s.Seal(&r)
	return s.Gateway.Rename(ctx, r)
}

// weigh judges, with the peer's revisions at hand.
func (s *Sync) weigh(ctx context.Context, own, other *state, standing Standing) (verdict, error) {
	for fetched := false; ; fetched = true {
		h, err := s.Gateway.History()
		if err != nil {
			return 0, err
		}
		v := judge(own, other, standing.Foreign, h)
		if v != unknown && (v != rename || h.Contains(other.Current.ID)) {
			return v, nil
		}
		if fetched {
			return 0, errors.New("compare policies: the peer does not have what it says it runs")
		}
		b, err := s.fetch(ctx, own, other.Current.ID, false)
		if err == nil {
			err = s.Gateway.Add(ctx, b.revisions) // so that this side of a conflict is here as well, whatever becomes of the peer
		}
		if err != nil {
			return 0, err
		}
	}
}

// follow does what a verdict asks for.
func (s *Sync) follow(ctx context.Context, v verdict, own, other *state, again bool) error {
	switch v {
	case decided:
		return s.keep(ctx, own.Pending)
	case undone:
		s.Log.Info("the peer went back, and so does this node")
		_, err := s.Gateway.GoBack(ctx, cmp.Or(own.Pending, own.Held))
		return err
	case rename:
		r, err := s.Gateway.Find(other.Current.ID)
		if err == nil {
			err = s.trust(r)
		}
		if err == nil {
			err = s.Gateway.Rename(ctx, r)
		}
		return err
	case catchUp:
		return s.catchUp(ctx, own, other, again)
	case inStep:
		return s.spread(ctx, other)
	}
	return nil
}

// state is what this node says of itself.
func (s *Sync) state(ctx context.Context) (*state, Standing, error) {
	standing, err := s.Gateway.Standing(ctx)
	if err != nil {
		return nil, standing, err
	}
	h, err := s.Gateway.History()
	if err != nil {
		return nil, standing, err
	}
	r := standing.Running
	own := &state{
		Protocol: protocol, Oldest: oldest, Version: s.Version, Node: s.Node(), Current: viewOf(r), Secrets: digestSecrets(r.Secrets), Held: standing.Held,
		Pending: standing.Pending, Learned: s.Gateway.LearnedDigest(),
	}
	if r.ID != "" {
		own.Line = h.Line(r.ID, longestLine)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	own.Refused, own.Why = s.refused.id, s.refused.why
	if s.ruleset.id == r.ID && s.ruleset.learned == own.Learned {
		own.Ruleset = s.ruleset.digest
	}
	return own, standing, nil
}

// digestSecrets is of the names and contents of all; empty: there are none.
func digestSecrets(secrets map[string][]byte) string {
	if len(secrets) == 0 {
		return ""
	}
	var b []byte
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		b = appendPart(appendPart(b, []byte(name)), secrets[name])
	}
	sum := sha256.Sum256(append([]byte("rempart secrets\x00"), b...))
	return hex.EncodeToString(sum[:])
}

// exchange tells the peer this node's state, and gets its own.
func (s *Sync) exchange(ctx context.Context, own *state) (*state, error) {
	within, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	answer, err := s.ask(within, askState, marshal(own))
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		s.unheard()
		return nil, errSilent
	}
	if err != nil {
		return nil, err
	}
	other := new(state)
	if err := parseJSON(answer, other); err != nil {
		return nil, fmt.Errorf("read state of the peer: %w", err)
	}
	s.hear(other)
	if !other.fits() {
		return nil, fmt.Errorf("compare policies: %s", tooFarApart)
	}
	return other, nil
}

// hear notes what the peer says of itself.
func (s *Sync) hear(other *state) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.linked {
		return false
	}
	news = !s.fresh || s.peer.Current.ID != other.Current.ID || s.peer.Pending != other.Pending || s.peer.Held != other.Held
	s.peer, s.told, s.fresh, s.silent = other, time.Now(), true, false
	return news
}

// errSilent says that the peer's kernel keeps the connection, and its program says nothing: it is stopped, or the
// machine has no time for it.
var errSilent = errors.New("it does not answer")

// unheard notes that the peer does not answer.
func (s *Sync) unheard() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fresh, s.silent = false, s.linked
}

// away says why the peer cannot be asked; nil: it can.
func (s *Sync) away() error {
	if !s.connected() {
		return errors.New(noConnection)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.silent {
		return errSilent
	}
	return nil
}

// ask asks the peer, for as long as its program lives.
func (s *Sync) ask(ctx context.Context, kind string, body []byte) ([]byte, error) {
	if s.Alive == nil {
		return s.Ask(ctx, kind, body)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		look := time.NewTicker(aliveEvery)
		defer look.Stop()
		for {
			select {
			case <-stop:
				return
			case <-look.C:
				if !s.Alive() {
					cancel(errSilent)
				}
			}
		}
	}()
	answer, err := s.Ask(ctx, kind, body)
	if err != nil && errors.Is(context.Cause(ctx), errSilent) {
		s.unheard()
		return nil, errSilent
	}
	return answer, err
}

// aliveEvery is how often whoever waits for an answer looks whether one may come.
const aliveEvery = 250 * time.Millisecond

// request asks the peer for a step. Its error is a *Refusal when the peer refuses it.
func (s *Sync) request(ctx context.Context, kind string, body []byte, most time.Duration) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	answer, err := s.ask(ctx, kind, body)
	if err != nil {
		return reply{}, err
	}
	var r reply
	if err := parseJSON(answer, &r); err != nil {
		return reply{}, fmt.Errorf("read answer to %s: %w", kind, err)
	}
	if r.Refusal != nil {
		return r, r.Refusal
	}
	return r, nil
}
