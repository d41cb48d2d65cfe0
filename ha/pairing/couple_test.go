package pairing

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"testing"
)

// couple are two nodes that were paired, and a link that may lose what is said.
type couple struct {
	dirs  [2]string
	nodes [2]*Keeper
	// lose is the number of the message that is lost, questions and answers counted; 0: none.
	lose, said int
}

var errLost = errors.New("the link is gone")

// newCouple pairs two nodes without a network.
func newCouple(t *testing.T) *couple {
	t.Helper()
	c := &couple{}
	for i := range c.nodes {
		c.dirs[i] = t.TempDir()
		c.reload(t, i)
	}
	c.pair(t)
	return c
}

func (c *couple) pair(t *testing.T) {
	t.Helper()
	a, b := c.nodes[0], c.nodes[1]
	root := slices.Repeat([]byte{9}, rootLen)
	for i, k := range []*Keeper{a, b} {
		x := bond{id: fmt.Sprintf("%032x", 1), node: "peer", key: publicOf(c.nodes[1-i].Own()), root: root, stage: settled}
		k.mu.Lock()
		err := k.update(func(b book) (book, error) { return b.add(x) })
		k.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
	}
}

// ask is how a node asks the other, unless a message is lost.
func (c *couple) ask(from int) Ask {
	return func(ctx context.Context, kind string, body []byte) ([]byte, error) {
		if c.said++; c.said == c.lose {
			return nil, errLost
		}
		if err := c.cannotMeet(); err != nil {
			return nil, err
		}
		b, err := c.nodes[1-from].Answer(ctx, kind, body)
		if err != nil {
			return nil, err
		}
		if c.said++; c.said == c.lose {
			return nil, errLost
		}
		return b, nil
	}
}

// cannotMeet says why no link can be made between the nodes, or no heartbeat be believed.
func (c *couple) cannotMeet() error {
	for i, k := range c.nodes {
		other := c.nodes[1-i]
		if !has(k.Peers(), publicOf(other.Own())) {
			return fmt.Errorf("node %d does not believe the key of the other", i)
		}
		first := other.Roots()[0]
		if !slices.ContainsFunc(k.Roots(), func(r []byte) bool { return slices.Equal(r, first) }) {
			return fmt.Errorf("node %d has not the root by which the other speaks", i)
		}
	}
	return nil
}

// reload is what a node is after it died.
func (c *couple) reload(t *testing.T, i int) {
	t.Helper()
	k, err := open(c.dirs[i], hasty{})
	if err != nil {
		t.Fatal(err)
	}
	c.nodes[i] = k
}

// link is what is done when a link stands: both have shown their keys, and resume.
func (c *couple) link(t *testing.T) {
	t.Helper()
	for i, k := range c.nodes {
		if err := k.Proved(publicOf(c.nodes[1-i].Own())); err != nil {
			t.Fatal(err)
		}
	}
	for i, k := range c.nodes {
		if err := k.Resume(t.Context(), c.ask(i)); err != nil {
			t.Fatalf("node %d: %v", i, err)
		}
		c.meet(t, "while they resume")
	}
}

func (c *couple) meet(t *testing.T, when string) {
	t.Helper()
	if err := c.cannotMeet(); err != nil {
		t.Fatalf("%s: %v", when, err)
	}
}

// finish rotates whatever came before, and holds the end against what it has to be.
func (c *couple) finish(t *testing.T, first [2]ed25519.PublicKey) {
	t.Helper()
	c.lose = 0
	c.meet(t, "after it")
	c.link(t)
	c.link(t)
	if err := c.nodes[0].Rotate(t.Context(), c.ask(0)); err != nil {
		t.Fatalf("rotate again: %v", err)
	}
	c.meet(t, "after another rotation")
	c.link(t)
	paired(t, c.nodes[0], c.nodes[1])
	for i, k := range c.nodes {
		if publicOf(k.Own()).Equal(first[i]) {
			t.Errorf("node %d has its first key", i)
		}
		if !c.nodes[1-i].Former(first[i]) || !has(c.nodes[1-i].Known(), first[i]) || !has(k.Known(), first[i]) {
			t.Errorf("the first key of node %d is not a former one", i)
		}
		c.reload(t, i)
	}
	paired(t, c.nodes[0], c.nodes[1])
}

func (c *couple) keys() [2]ed25519.PublicKey {
	return [2]ed25519.PublicKey{publicOf(c.nodes[0].Own()), publicOf(c.nodes[1].Own())}
}
