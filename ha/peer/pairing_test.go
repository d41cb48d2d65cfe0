package peer

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync"
	"testing"
)

// changing is a trust that changes while a link runs.
type changing struct {
	mu    sync.Mutex
	trust Trust
}

func (c *changing) get() Trust {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.trust
}

func (c *changing) set(t Trust) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trust = t
}

// trusting has a link trust what t says by then.
func trusting(t func() Trust) func(*Options) {
	return func(o *Options) { o.Trust = t }
}

func fixed(t Trust) func(*Options) { return trusting(func() Trust { return t }) }

// TestDistrust: two nodes that do not believe one another both say why, once a minute.
func TestDistrust(t *testing.T) {
	for name, c := range map[string]struct {
		a, b         Trust
		saysA, saysB error
		counts       func(Stats) uint64 // of a
	}{
		"other secrets": {unpaired(left, 1), unpaired(right, 2), errSecret, errSecret,
			func(s Stats) uint64 { return s.WrongSecret }},
		"an unknown key": {pairedWith(left, right), pairedWith("x", left), errUnknown, errDisbelieved,
			func(s Stats) uint64 { return s.UnknownKey }},
		"the key of an earlier pairing": {pairedWith(left, right), pairedWith("old", left), errFormer, errDisbelieved,
			func(s Stats) uint64 { return s.FormerKey }},
		"not paired": {pairedWith(left, right), unpaired(right, 1), errUnpaired, errPaired,
			func(s Stats) uint64 { return s.Unpaired }},
		"not paired any more": {unpaired(left, 1), pairedWith(right, left), errPaired, errUnpaired,
			func(s Stats) uint64 { return s.Unpaired }},
	} {
		t.Run(name, func(t *testing.T) {
			n := newCable()
			former := func(o *Options) { o.Former = formerly("old") }
			a := start(t, n, 1, left, right, func(o *Options) { fixed(c.a)(o); former(o) })
			b := start(t, n, 2, right, left, func(o *Options) { fixed(c.b)(o); former(o) })
			await(t, "both know", func() bool {
				return a.logged(c.saysA.Error()) > 0 && b.logged(c.saysB.Error()) > 0 && c.counts(a.Stats()) > 2
			})
			for x, says := range map[*node]error{a: c.saysA, b: c.saysB} {
				if got := x.logged(says.Error()); got != 1 {
					t.Errorf("%v is logged %d times", says, got)
				}
				if x.Connected() || x.hasTold() != "" {
					t.Errorf("%q", x.hasTold())
				}
			}
		})
	}
}

// Nodes that are not paired find one another by a secret, and nobody's key is proved.
func TestUnpairedLink(t *testing.T) {
	n := newCable()
	proved := func(o *Options) {
		o.Proved = func(ed25519.PublicKey) { t.Error("a key is proved") }
	}
	a := start(t, n, 1, left, right, func(o *Options) { fixed(unpaired(left, 2, 1))(o); proved(o) })
	b := start(t, n, 2, right, left, func(o *Options) { fixed(unpaired(right, 1))(o); proved(o) })
	a.tells(t, "up 2")
	b.tells(t, "up 1")
}

// noting has a link tell of the keys that were proved, by the names of their owners.
func noting(n **node, names ...string) func(*Options) {
	return func(o *Options) {
		o.Proved = func(key ed25519.PublicKey) {
			for _, name := range names {
				if key.Equal(public(name)) {
					(*n).tell("proved " + name)
				}
			}
		}
	}
}

// TestRotation: a node changes its key while the other believes both, and nobody takes that for a death.
func TestRotation(t *testing.T) {
	n := newCable()
	own := &changing{trust: pairedWith("old key", right)}
	var b *node
	made := make(chan struct{})
	a := start(t, n, 1, left, right, trusting(own.get))
	b = start(t, n, 2, right, left, func(o *Options) {
		fixed(pairedWith(right, "old key", "new key"))(o)
		noting(&b, "old key", "new key")(o)
		up := o.Proved
		o.Proved = func(key ed25519.PublicKey) { <-made; up(key) }
	})
	close(made)
	a.tells(t, "up 2")
	b.tells(t, "proved old key; up 1")
	own.set(pairedWith("new key", right))
	if _, err := a.Ask(t.Context(), "any", nil); err == nil || !a.Connected() {
		t.Errorf("a new key alone ended the connection: %v", err) // it is refused: nobody answers
	}
	a.Drop("it has a new key")
	a.tells(t, "up 2; down false: it has a new key; up 2")
	b.tells(t, "proved old key; up 1; down false: the peer leaves: it has a new key; proved new key; up 1")
}

// TestDrop: nodes that are paired, and that are not any more, go on with what they trust then.
func TestDrop(t *testing.T) {
	n := newCable()
	a, b := &changing{trust: unpaired(left, 1)}, &changing{trust: unpaired(right, 1)}
	x := start(t, n, 1, left, right, trusting(a.get))
	y := start(t, n, 2, right, left, trusting(b.get))
	told := "up 2"
	x.tells(t, told)
	y.tells(t, "up 1")
	for _, change := range []struct {
		a, b Trust
		why  string
	}{
		{pairedWith(left, right), pairedWith(right, left), "it is paired"},
		{unpaired(left, 1), unpaired(right, 1), "it is not paired any more"},
	} {
		a.set(change.a)
		b.set(change.b)
		x.Drop(change.why)
		told += fmt.Sprintf("; down false: %s; up 2", change.why)
		x.tells(t, told)
	}
	x.Goodbye()
	x.Drop("nobody is there")
	y.Drop("nobody is there")
	x.tells(t, told+"; down false: this node stops")
}

// TestQuestionsAfterKeysChange: from the moment on at which a node believes others, it says nothing to who is not
// among them, and does nothing for him, though the connection still stands.
func TestQuestionsAfterKeysChange(t *testing.T) {
	for name, c := range map[string]struct {
		before, after, other Trust
		paired, stays        bool
	}{
		"paired":           {unpaired(left, 1), pairedWith(left, right), unpaired(right, 1), false, false},
		"not paired":       {pairedWith(left, right), unpaired(left, 1), pairedWith(right, left), true, false},
		"paired anew":      {pairedWith(left, right), pairedWith(left, "x"), pairedWith(right, left), true, false},
		"while it rotates": {pairedWith(left, right), pairedWith(left, "x", right), pairedWith(right, left), true, true},
	} {
		t.Run(name, func(t *testing.T) {
			n := newCable()
			asked := make(chan bool, 8)
			answering := func(o *Options) {
				o.Answer = func(_ context.Context, q Question) ([]byte, error) { asked <- q.Paired; return nil, nil }
			}
			own := &changing{trust: c.before}
			a := start(t, n, 1, left, right, func(o *Options) { trusting(own.get)(o); answering(o) })
			b := start(t, n, 2, right, left, func(o *Options) { fixed(c.other)(o); answering(o) })
			a.tells(t, "up 2")
			b.tells(t, "up 1")
			for _, x := range []*node{a, b} {
				if _, err := x.Ask(t.Context(), "any", nil); err != nil || <-asked != c.paired {
					t.Errorf("before: %v", err)
				}
			}
			own.set(c.after)
			_, toOther := a.Ask(t.Context(), "any", nil)
			_, ofOther := b.Ask(t.Context(), "any", nil)
			if c.stays {
				if toOther != nil || ofOther != nil || len(asked) != 2 {
					t.Errorf("%v, %v", toOther, ofOther)
				}
				return
			}
			var refused *Refused
			if !errors.Is(toOther, ErrNotConnected) || !errors.As(ofOther, &refused) || refused.Text != errDropped.Error() || len(asked) > 0 {
				t.Errorf("%v, %v", toOther, ofOther)
			}
		})
	}
}

// What was on the way to stand when the keys changed does not.
func TestDropInHandshake(t *testing.T) {
	n := newCable()
	asked, goOn := make(chan struct{}), make(chan struct{})
	a := start(t, n, 1, left, right, func(o *Options) {
		trust := o.Trust
		var once sync.Once
		o.Trust = func() Trust {
			once.Do(func() { close(asked); <-goOn })
			return trust()
		}
	})
	heard := make(chan manual)
	go func() { heard <- callBy(t, n, 9, a) }()
	<-asked
	a.Drop("it has another key")
	close(goOn)
	m := <-heard
	m.hears(t, goodbye, errDropped.Error())
	a.tells(t, "")
	m = callBy(t, n, 9, a)
	m.hears(t, stand, "")
	a.tells(t, "up 9")
}

// A copy of this node's disk is not taken for the peer.
func TestCopy(t *testing.T) {
	n := newCable()
	a := start(t, n, 1, left, right, nil)
	b := start(t, n, 2, right, left, fixed(pairedWith(left, right)))
	await(t, "both count it", func() bool { return a.Stats().Self > 0 && b.Stats().Self > 0 })
	if a.Connected() || b.Connected() {
		t.Error("it is connected with a copy of itself")
	}
}
