package pairing

import (
	"bytes"
	"errors"
	"testing"
)

// parsed is an offer as it comes from the other node.
func parsed(t *testing.T, b []byte, to *offer) (*offer, error) {
	t.Helper()
	f, err := parseFields(b)
	if err != nil {
		t.Fatal(err)
	}
	return parseOffer(f, to)
}

// offeredBy is an offer with an ID that is always the same.
func offeredBy(t *testing.T, seed byte) *offer {
	t.Helper()
	_, own := someone("a", seed)
	o, err := newOffer(bytes.Repeat([]byte{7}, idLen), own)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestOfferOfAnother: an offer is good when both of its keys have signed it, and an answer for the offer that it
// answers.
func TestOfferOfAnother(t *testing.T) {
	_, own := someone("a", 1)
	_, other := someone("b", 2)
	o, again := offeredBy(t, 1), offeredBy(t, 1)
	if got, err := parsed(t, o.append(nil, own, nil), nil); err != nil || !got.fresh.Equal(o.fresh) {
		t.Errorf("%v", err)
	}
	if _, err := parsed(t, o.append(nil, other, nil), nil); !errors.Is(err, errVoucher) {
		t.Errorf("signed by another key: %v", err)
	}
	unwilling := *o
	unwilling.next = other
	if _, err := parsed(t, unwilling.append(nil, own, nil), nil); !errors.Is(err, errVoucher) {
		t.Errorf("of a key that is another's: %v", err)
	}
	answer := offeredBy(t, 2).append(nil, other, o)
	if _, err := parsed(t, answer, o); err != nil {
		t.Errorf("answer: %v", err)
	}
	for _, to := range []*offer{again, nil} {
		if _, err := parsed(t, answer, to); !errors.Is(err, errVoucher) {
			t.Errorf("answer to another offer: %v", err)
		}
	}
}

// TestRotatedRoot: the new root is of the old one and of both halves, so that who knows less does not know it.
func TestRotatedRoot(t *testing.T) {
	a, b := offeredBy(t, 1), offeredBy(t, 2)
	from := bondWith("from", 2, settled)
	root := func(from bond, mine, a, b *offer) []byte {
		t.Helper()
		x, err := rotated(from, mine, a, b)
		if err != nil {
			t.Fatal(err)
		}
		return x.root
	}
	want := root(from, a, a, b)
	if !bytes.Equal(want, root(from, b, a, b)) {
		t.Error("the nodes have different roots")
	}
	otherRoot, otherA, otherB := from, *a, *b
	otherRoot.root = bytes.Repeat([]byte{1}, rootLen)
	otherA.half, otherB.half = b.half, a.half
	for name, got := range map[string][]byte{
		"old root": root(otherRoot, a, a, b), "first half": root(from, &otherA, &otherA, b), "second half": root(from, a, a, &otherB),
	} {
		if bytes.Equal(want, got) {
			t.Errorf("it does not depend on the %s", name)
		}
	}
}

// TestAnswerOfAnother: what answers an offer is of the peer that is paired, and is about this offer.
func TestAnswerOfAnother(t *testing.T) {
	c := newCouple(t)
	k := c.nodes[0]
	o, _, err := k.offer()
	if err != nil {
		t.Fatal(err)
	}
	good := offer{id: o.id, current: publicOf(c.nodes[1].Own()), fresh: offeredBy(t, 3).fresh, half: make([]byte, rootLen)}
	byOther, ofOther := good, good
	byOther.current, ofOther.id = good.fresh, newID()
	for _, a := range []offer{byOther, ofOther} {
		if err := k.accept(o, &a); !errors.Is(err, errVoucher) {
			t.Errorf("%v", err)
		}
	}
	if err := k.accept(o, &good); err != nil || len(k.Peers()) != 2 {
		t.Errorf("%v, %d peers", err, len(k.Peers()))
	}
}
