package pairing

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// maxAtOnce is how many exchanges there may be at a time; further callers are not heard.
const maxAtOnce = 4

// Invite is what the node says that shows a code.
type Invite struct {
	Node string // its own name
	// Addresses are where it may be called; a link-local one has its zone.
	Addresses []netip.Addr
	// Now is the clock; nil: the machine's.
	Now func() time.Time
	// Within opens sockets where the node's network is; nil: here.
	Within func(open func() error) error
}

// Invite shows a code and waits until a node that was given it is paired with this one, until the
// code is over, or until ctx ends. told is called at once, and again whenever a try was used up.
// A pairing that was there before is over when the new one is settled, and not earlier.
func (k *Keeper) Invite(ctx context.Context, i Invite, told func(code string, expires time.Time, tries int)) (State, error) {
	s, err := k.invite(ctx, i, sockets{within: i.Within}, told)
	if err != nil {
		return State{}, fmt.Errorf("wait for a node: %w", err)
	}
	return s, nil
}

// reception is one code while it is shown.
type reception struct {
	keeper  *Keeper
	network network
	node    string
	now     func() time.Time
	told    func(code string, expires time.Time, tries int)

	mu         sync.Mutex
	invitation *invitation
	kept       []string // the bonds that its exchanges made

	// finishing is held by the exchange whose dialler has proved the code, and paired is what came of it.
	finishing chan struct{}
	paired    bool
	parts     sync.WaitGroup
}

var errNowhere = errors.New("there is no address to be called at")

func (k *Keeper) invite(ctx context.Context, i Invite, n network, told func(string, time.Time, int)) (State, error) {
	if err := k.ready(i.Node); err != nil {
		return State{}, err
	}
	c, err := newCode()
	if err != nil {
		return State{}, err
	}
	listeners, err := listen(n, i.Addresses)
	if err != nil {
		return State{}, err
	}
	now := clock(i.Now)
	r := &reception{
		keeper: k, network: n, node: i.Node, now: now, told: told,
		invitation: newInvitation(c, now()), finishing: make(chan struct{}, 1),
	}
	ctx, cancel := context.WithCancel(ctx)
	defer r.parts.Wait()
	defer cancel()
	calls := make(chan net.Conn)
	for _, l := range listeners {
		r.parts.Go(func() { r.listen(ctx, l, calls) })
	}
	r.tell()
	return r.wait(ctx, calls)
}

// listen opens what addresses it can: some may be of a cable that is not plugged in.
func listen(n network, addresses []netip.Addr) ([]net.Listener, error) {
	var all []net.Listener
	var faults []error
	for _, a := range addresses {
		l, err := n.listen(a)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		all = append(all, l)
	}
	if len(all) == 0 {
		return nil, errors.Join(append(faults, errNowhere)...)
	}
	return all, nil
}

// listen takes calls until ctx ends.
func (r *reception) listen(ctx context.Context, l net.Listener, calls chan<- net.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer func() {
		stop()
		_ = l.Close() // it may be closed already
	}()
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			// Such as no file descriptors left: what is wrong now may not be so soon.
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		select {
		case calls <- c:
		case <-ctx.Done():
			_ = c.Close()
		}
	}
}

// ended is what came of one exchange. An error is one for which no other can succeed either.
type ended struct {
	paired bool
	err    error
}

// wait hears callers until one is paired or the code is over, and those in the middle of an exchange to its end.
func (r *reception) wait(ctx context.Context, calls <-chan net.Conn) (State, error) {
	expiry := time.NewTimer(codeLife)
	defer expiry.Stop()
	ends := make(chan ended)
	settled, _ := r.keeper.onSettled()
	var over error
	for hearing := 0; ; {
		select {
		case <-ctx.Done():
			return State{}, context.Cause(ctx)
		case <-settled:
			var id string
			if settled, id = r.keeper.onSettled(); r.made(id) {
				return r.keeper.State(), nil
			}
		case c := <-calls:
			if hearing == maxAtOnce {
				_ = c.Close()
				continue
			}
			hearing++
			r.parts.Go(func() {
				e := r.hear(ctx, c)
				select {
				case ends <- e:
				case <-ctx.Done():
				}
			})
		case e := <-ends:
			hearing--
			if e.paired || e.err != nil {
				return r.keeper.State(), e.err
			}
		case <-expiry.C:
			if over != nil {
				return State{}, over
			}
		}
		if over == nil {
			if over = r.over(); over != nil {
				expiry.Reset(exchangeTime) // by then, who took the last try is done with it
			}
		}
		if over != nil && hearing == 0 {
			return State{}, over
		}
	}
}

// made says whether a bond came of this code.
func (r *reception) made(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.kept, id)
}

func (r *reception) over() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.invitation.over(r.now())
}

// try takes one of the tries.
func (r *reception) try() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.invitation.try(r.now()) {
		return false
	}
	r.told(r.invitation.code.String(), r.invitation.expires, r.invitation.tries)
	return true
}

func (r *reception) tell() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told(r.invitation.code.String(), r.invitation.expires, r.invitation.tries)
}

// hear is one exchange. What goes wrong in it is the caller's, unless it ended for all.
func (r *reception) hear(ctx context.Context, c net.Conn) ended {
	defer c.Close()
	defer limit(ctx, c)()
	b, err := readMessage(c)
	if err != nil {
		return ended{}
	}
	local, _ := ends(c)
	h, err := newHost(b, r.keeper.identity(r.node, local), r.keeper.Own())
	if err != nil {
		return ended{}
	}
	if !r.try() {
		refuse(c, closed)
		return ended{}
	}
	if b, err = h.reply(r.invitation.code); err != nil {
		return ended{}
	}
	if _, err := c.Write(b); err != nil {
		return ended{}
	}
	if b, err = readMessage(c); err != nil {
		return ended{}
	}
	m, answer, err := h.onProof(b)
	switch {
	case errors.Is(err, ErrWrong):
		refuse(c, wrong)
		return ended{}
	case errors.Is(err, ErrItself):
		refuse(c, itself)
		return ended{}
	case err != nil:
		return ended{}
	}
	return r.finish(ctx, c, h, m, answer)
}

// finish keeps what an exchange made, one at a time.
func (r *reception) finish(ctx context.Context, c net.Conn, h *host, m met, answer []byte) ended {
	select {
	case r.finishing <- struct{}{}:
		defer func() { <-r.finishing }()
	case <-ctx.Done():
		return ended{}
	}
	if r.paired {
		refuse(c, closed)
		return ended{}
	}
	r.mu.Lock()
	r.kept = append(r.kept, m.id)
	r.mu.Unlock()
	defer r.keeper.meet(m.id)()
	local, _ := ends(c)
	if err := r.keeper.keep(m, offered, placeOf(r.network, c, m.called, local), r.now); err != nil {
		if errors.Is(err, ErrRotating) {
			refuse(c, rotating)
		} else {
			refuse(c, unable)
		}
		return ended{err: err}
	}
	if _, err := c.Write(answer); err != nil {
		return ended{}
	}
	b, err := readMessage(c)
	if err != nil || h.onDone(b) != nil {
		return ended{}
	}
	if err := r.keeper.finish(m.id); err != nil {
		return ended{err: err}
	}
	r.paired = true
	return ended{paired: true}
}

// meet keeps Resume from asking for a bond while the exchange that makes it goes on: the
// other end may not have it yet, and is about to.
func (k *Keeper) meet(id string) (over func()) {
	set := func(id string) {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.meeting = id
	}
	set(id)
	return func() { set("") }
}

// finish makes a pairing the only one.
func (k *Keeper) finish(id string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	err := k.update(func(b book) (book, error) {
		if _, held := b.find(id); !held {
			return b, ErrUnpaired // by somebody, just now
		}
		return b.settle(id), nil
	})
	if err != nil {
		return fmt.Errorf("keep the pairing: %w", err)
	}
	return nil
}

// onSettled is closed when another bond is settled than this one, by an exchange or by what the peer says on the link.
func (k *Keeper) onSettled() (<-chan struct{}, string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	x, _ := k.book.settledBond()
	return k.moved, x.id
}

// refuse tells a dialler why. He may be gone, which is well too.
func refuse(c net.Conn, r reason) {
	if _, err := c.Write(newRefusal(r)); err == nil {
		hangUp(c)
	}
}
