package pairing

import (
	"crypto/ed25519"
	"errors"
	"testing"
)

// bondWith is a bond with the key that someone of this seed has.
func bondWith(id string, seed byte, s stage) bond {
	i, _ := someone(id, seed)
	return bond{id: id, node: id, key: i.key, root: make([]byte, rootLen), stage: s}
}

// bookOf is the book of someone with seed 1.
func bookOf(bonds ...bond) book {
	_, own := someone("own", 1)
	return book{own: own, bonds: bonds}
}

// TestFormerKeys: a key that was believed is a former one when another takes its place. One that was only offered
// never spoke, and is none.
func TestFormerKeys(t *testing.T) {
	old, never, next := bondWith("old", 2, settled), bondWith("never", 3, offered), bondWith("next", 4, offered)
	b := bookOf(old, never, next).settle("next")
	if len(b.bonds) != 1 || b.bonds[0].id != "next" || len(b.former) != 1 || !b.former[0].Equal(old.key) {
		t.Errorf("%+v", b)
	}
	b, err := b.add(bondWith("again", 2, offered))
	if err != nil || len(b.former) != 0 {
		t.Errorf("%v: the key of a bond is a former one: %d", err, len(b.former))
	}
}

// TestDrop: what the other node does not have goes, unless this node would not be believed without it.
func TestDrop(t *testing.T) {
	used := bondWith("x", 2, agreed)
	used.rotates = true
	for name, c := range map[string]struct {
		bond bond
		left int
	}{
		"offered": {bondWith("x", 2, offered), 0}, "agreed": {bondWith("x", 2, agreed), 0},
		"settled": {bondWith("x", 2, settled), 1}, "whose own key is in use": {used, 1},
	} {
		if b := bookOf(c.bond).drop("x"); len(b.bonds) != c.left {
			t.Errorf("%s: %d are left, want %d", name, len(b.bonds), c.left)
		}
	}
}

// TestPairDuringRotation: a rotation may have begun since the exchange did.
func TestPairDuringRotation(t *testing.T) {
	fresh := bondWith("fresh", 3, offered)
	fresh.rotates = true
	b, err := bookOf(bondWith("old", 2, settled), fresh).pair(bondWith("new", 4, agreed))
	if !errors.Is(err, ErrRotating) || len(b.bonds) != 2 {
		t.Errorf("%d bonds, %v", len(b.bonds), err)
	}
}

// TestHalfWritten: of a change whose key came to the disk and whose book did not, the keeper goes on from what stands
// there, so that the files go together after the next one too.
func TestHalfWritten(t *testing.T) {
	c := newCouple(t)
	c.lose = 3 // the commit
	if err := c.nodes[0].Rotate(t.Context(), c.ask(0)); !errors.Is(err, errLost) {
		t.Fatal(err)
	}
	k, steps := c.nodes[1], 3 // of the key; the book would be next
	before := k.Own()
	k.disk = fragile{left: &steps}
	if err := c.nodes[0].Resume(t.Context(), c.ask(0)); !errors.Is(err, errPower) {
		t.Fatal(err)
	}
	k.disk = hasty{}
	if err := k.Unpair(); err != nil {
		t.Fatal(err)
	}
	own := k.Own()
	c.reload(t, 1)
	if own.Equal(before) || !c.nodes[1].Own().Equal(own) || !has(c.nodes[1].Known(), before.Public().(ed25519.PublicKey)) {
		t.Error("the own key is another one, or the one before is forgotten")
	}
}
