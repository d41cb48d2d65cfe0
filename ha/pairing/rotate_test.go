package pairing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
)

func TestRotation(t *testing.T) {
	c := newCouple(t)
	first, root := c.keys(), c.nodes[0].Roots()[0]
	if err := c.nodes[0].Rotate(t.Context(), c.ask(0)); err != nil {
		t.Fatal(err)
	}
	for i, k := range c.nodes {
		if publicOf(k.Own()).Equal(first[i]) || !k.State().Rotating || !k.State().Paired || len(k.Peers()) != 2 || len(k.Roots()) != 2 {
			t.Errorf("node %d: %+v", i, k.State())
		}
	}
	c.meet(t, "before the new keys were seen")
	// The keys stay until the link was made anew, and seeing the old ones does nothing.
	for i, k := range c.nodes {
		if err := k.Proved(first[1-i]); err != nil || len(k.Peers()) != 2 {
			t.Errorf("node %d: %v, %d peers", i, err, len(k.Peers()))
		}
	}
	c.link(t)
	paired(t, c.nodes[0], c.nodes[1])
	if slices.Equal(c.nodes[0].Roots()[0], root) {
		t.Error("the root is the old one")
	}
	c.finish(t, first)
}

// TestRotationInterrupted loses each message of a rotation, and kills either node at each step that it takes on its
// disk. The link is made anew with what is left, and a rotation goes to its end.
func TestRotationInterrupted(t *testing.T) {
	for lose := 1; lose <= 4; lose++ {
		for _, dies := range []int{-1, 0, 1} {
			t.Run(fmt.Sprintf("message %d, dies %d", lose, dies), func(t *testing.T) {
				c := newCouple(t)
				first := c.keys()
				c.lose = lose
				if err := c.nodes[0].Rotate(t.Context(), c.ask(0)); !errors.Is(err, errLost) {
					t.Fatal(err)
				}
				if dies >= 0 {
					c.reload(t, dies)
				}
				c.finish(t, first)
			})
		}
	}
}

// steps calls f with more and more steps that a disk does before it goes away, until it does not go away.
func steps(t *testing.T, f func(t *testing.T, left *int)) int {
	t.Helper()
	for n := range 100 {
		left := n
		t.Run(fmt.Sprintf("step %d", n+1), func(t *testing.T) { f(t, &left) })
		if left >= 0 {
			return n
		}
	}
	t.Fatal("it does not end")
	return 0
}

func TestRotationKilled(t *testing.T) {
	for victim := range 2 {
		for _, dies := range []bool{true, false} { // or only its disk is full for a while
			t.Run(fmt.Sprintf("node %d, dies %v", victim, dies), func(t *testing.T) {
				n := steps(t, func(t *testing.T, left *int) {
					c := newCouple(t)
					first := c.keys()
					c.nodes[victim].disk = fragile{left: left}
					err := c.nodes[0].Rotate(t.Context(), c.ask(0))
					if (err == nil) != (*left >= 0) {
						t.Fatal(err)
					}
					c.nodes[victim].disk = hasty{}
					if dies {
						c.reload(t, victim)
					}
					c.finish(t, first)
				})
				if n < 6 {
					t.Errorf("only %d steps", n)
				}
			})
		}
	}
}

// TestLastStepsKilled kills either node while it forgets the old keys.
func TestLastStepsKilled(t *testing.T) {
	for victim := range 2 {
		steps(t, func(t *testing.T, left *int) {
			c := newCouple(t)
			first := c.keys()
			if err := c.nodes[0].Rotate(t.Context(), c.ask(0)); err != nil {
				t.Fatal(err)
			}
			c.nodes[victim].disk = fragile{left: left}
			err := c.nodes[victim].Proved(publicOf(c.nodes[1-victim].Own()))
			if (err == nil) != (*left >= 0) {
				t.Fatal(err)
			}
			c.reload(t, victim)
			c.finish(t, first)
		})
	}
}

// TestPeerResumes has the node that answered an offer finish what the other began.
func TestPeerResumes(t *testing.T) {
	for _, lose := range []int{3, 4} {
		for _, dies := range []bool{false, true} {
			c := newCouple(t)
			first := c.keys()
			c.lose = lose
			if err := c.nodes[0].Rotate(t.Context(), c.ask(0)); !errors.Is(err, errLost) {
				t.Fatal(err)
			}
			if dies {
				c.reload(t, 0)
				c.reload(t, 1)
			}
			if err := c.nodes[1].Resume(t.Context(), c.ask(1)); err != nil {
				t.Fatal(err)
			}
			c.meet(t, "after the peer resumed")
			for i, k := range c.nodes {
				if publicOf(k.Own()).Equal(first[i]) {
					t.Errorf("lost %d: node %d has its first key", lose, i)
				}
			}
			c.finish(t, first)
		}
	}
}

func TestBothRotate(t *testing.T) {
	for _, inner := range []bool{false, true} { // or the other way round in the middle of the first question
		c := newCouple(t)
		first := c.keys()
		var errs [2]error
		begin := 0
		if inner {
			begin = 1
		}
		asked := false
		ask := c.ask(begin)
		errs[begin] = c.nodes[begin].Rotate(t.Context(), func(ctx context.Context, kind string, body []byte) ([]byte, error) {
			if !asked {
				asked = true
				errs[1-begin] = c.nodes[1-begin].Rotate(ctx, c.ask(1-begin))
			}
			return ask(ctx, kind, body)
		})
		smaller := 0
		if slices.Compare(first[1], first[0]) < 0 {
			smaller = 1
		}
		// The one whose question was under way first loses or wins by its key alone.
		for i, err := range errs {
			if err != nil && !errors.Is(err, ErrBusy) {
				t.Errorf("node %d: %v", i, err)
			}
		}
		if errs[smaller] != nil && errs[1-smaller] != nil {
			t.Errorf("neither rotated: %v", errs)
		}
		if errs[0] == nil && errs[1] == nil {
			t.Errorf("both rotated")
		}
		c.meet(t, "after both rotated")
		c.finish(t, first)
	}
}

// TestLateOffer answers an offer that was overtaken by a bond that the peer may use already.
func TestLateOffer(t *testing.T) {
	c := newCouple(t)
	first := c.keys()
	late := []byte(nil)
	lost := func(ctx context.Context, kind string, body []byte) ([]byte, error) {
		late = body
		return nil, errLost
	}
	if err := c.nodes[0].Rotate(t.Context(), lost); !errors.Is(err, errLost) {
		t.Fatal(err)
	}
	c.lose = 3
	if err := c.nodes[0].Rotate(t.Context(), c.ask(0)); !errors.Is(err, errLost) {
		t.Fatal(err)
	}
	// The peer commits, and the answer to that is lost; then the late offer comes.
	c.said, c.lose = 0, 2
	if err := c.nodes[1].Resume(t.Context(), c.ask(1)); !errors.Is(err, errLost) {
		t.Fatal(err)
	}
	b, err := c.nodes[1].Answer(t.Context(), KindOffer, late)
	if err != nil {
		t.Fatal(err)
	}
	if s, _, err := parseAnswer(b); s != busy || err != nil {
		t.Errorf("the late offer is taken: %d, %v", s, err)
	}
	c.finish(t, first)
}

func TestRotateUnpaired(t *testing.T) {
	k := opened(t, t.TempDir())
	never := func(context.Context, string, []byte) ([]byte, error) {
		t.Error("it asks")
		return nil, errLost
	}
	if err := k.Rotate(t.Context(), never); !errors.Is(err, ErrUnpaired) {
		t.Errorf("%v", err)
	}
	if err := k.Resume(t.Context(), never); err != nil {
		t.Errorf("%v", err)
	}
	if err := k.Unpair(); !errors.Is(err, ErrUnpaired) {
		t.Errorf("%v", err)
	}
}

func TestUnpair(t *testing.T) {
	c := newCouple(t)
	first := c.keys()
	if err := c.nodes[0].Rotate(t.Context(), c.ask(0)); err != nil {
		t.Fatal(err)
	}
	second := c.keys()
	if _, err := c.nodes[1].Answer(t.Context(), KindUnpair, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.nodes[0].Unpair(); err != nil {
		t.Fatal(err)
	}
	for i, k := range c.nodes {
		if len(k.Peers())+len(k.Roots()) != 0 || k.State().Paired || k.State().Rotating || k.State().Peer != "" {
			t.Errorf("node %d: %+v", i, k.State())
		}
		if !publicOf(k.Own()).Equal(second[i]) || !k.Former(first[1-i]) || !k.Former(second[1-i]) || k.Former(second[i]) {
			t.Errorf("node %d has other keys", i)
		}
		for _, key := range append(first[:], second[:]...) {
			if !has(k.Known(), key) {
				t.Errorf("node %d does not know %s", i, Fingerprint(key))
			}
		}
	}
	c.pair(t)
	paired(t, c.nodes[0], c.nodes[1])
	if c.nodes[0].Former(second[1]) {
		t.Error("the peer's key is a former one")
	}
}

// TestAnswersToStrangers asks what only a peer may ask, or what nobody asks.
func TestAnswersToStrangers(t *testing.T) {
	c, other := newCouple(t), newCouple(t)
	o, body, err := other.nodes[0].offer()
	if err != nil {
		t.Fatal(err)
	}
	forged := append([]byte(nil), body...)
	forged[len(forged)-1] ^= 1
	before := c.keys()
	for _, q := range []struct {
		name, kind string
		body       []byte
		want       status
	}{
		{"another's offer", KindOffer, body, stranger},
		{"a forged offer", KindOffer, forged, 0},
		{"an empty offer", KindOffer, nil, 0},
		{"a commit to another", KindCommit, commit{id: fmt.Sprintf("%032x", 7), to: o.current}.append(nil), stranger},
		{"a commit to what is not", KindCommit, commit{id: fmt.Sprintf("%032x", 7), to: before[0]}.append(nil), unknown},
		{"a commit to what stands", KindCommit, commit{id: fmt.Sprintf("%032x", 1), to: before[0]}.append(nil), ok},
		{"an empty commit", KindCommit, nil, 0},
		{"another kind", "pairing-", nil, 0},
	} {
		b, err := c.nodes[0].Answer(t.Context(), q.kind, q.body)
		if q.want == 0 {
			if err == nil {
				t.Errorf("%s: no error", q.name)
			}
			continue
		}
		if s, _, fault := parseAnswer(b); err != nil || fault != nil || s != q.want {
			t.Errorf("%s: %d, %v, %v; want %d", q.name, s, err, fault, q.want)
		}
	}
	if len(c.nodes[0].Peers()) != 1 || c.nodes[0].State().Rotating {
		t.Error("something was taken")
	}
}
