package peer

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
)

var bound = binding(bytes.Repeat([]byte{3}, bindingLen))

// script is a stranger: it says what was prepared and takes what is said.
type script struct {
	io.Reader
	io.Writer
}

func say(b []byte) script { return script{bytes.NewReader(b), io.Discard} }

// Another connection or end makes another proof.
func TestProof(t *testing.T) {
	key, other := keysOf(1)[0], binding(bytes.Repeat([]byte{4}, bindingLen))
	for _, by := range []end{dialler, acceptor} {
		if bytes.Equal(bound.proof(key, by), other.proof(key, by)) {
			t.Errorf("the proof of %c is good for another connection", by)
		}
	}
	if bytes.Equal(bound.proof(key, dialler), bound.proof(key, acceptor)) {
		t.Error("a proof can be sent back")
	}
}

// TestBinding: a proof that a man in the middle passes on is good for nothing, for he has two connections.
func TestBinding(t *testing.T) {
	var all [2][2]binding
	for i := range all {
		d, a := shakeBoth(t, dials(pairedWith("a", "b")), takes(pairedWith("b", "a")))
		if d.err != nil || a.err != nil {
			t.Fatal(d.err, a.err)
		}
		for j, m := range []met{d.met, a.met} {
			state := m.tls.ConnectionState()
			b, err := state.ExportKeyingMaterial(exporterLabel, nil, bindingLen)
			if err != nil {
				t.Fatal(err)
			}
			all[i][j] = b
		}
	}
	if !bytes.Equal(all[0][0], all[0][1]) || bytes.Equal(all[0][0], all[1][0]) {
		t.Errorf("%x", all)
	}
}

func TestOffers(t *testing.T) {
	keys := keysOf(1)
	good := bound.appendOffer(nil, keysOf(2, 1))
	change := func(at int, to byte) []byte {
		b := slices.Clone(good)
		b[at] = to
		return b
	}
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"the good one", good, nil},
		{"no proofs", []byte{0}, errSecret},
		{"too many proofs", change(0, maxKeys+1), errOffer},
		{"a wrong proof", change(len(good)-1, good[len(good)-1]^1), errSecret},
		{"the proof of the other end", append([]byte{1}, bound.proof(keys[0], acceptor)...), errSecret},
		{"a proof for another connection", binding("another").appendOffer(nil, keys), errSecret},
	} {
		if err := bound.proveSecret(say(c.b), acceptor, keys); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	for n := range good {
		if err := bound.proveSecret(say(good[:n]), acceptor, keys); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("the first %d bytes: %v", n, err)
		}
	}
}

func TestChoices(t *testing.T) {
	keys := keysOf(1, 2)
	good := bound.appendChoice(nil, keys[1], 1)
	change := func(at int, to byte) []byte {
		b := slices.Clone(good)
		b[at] = to
		return b
	}
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"the good one", good, nil},
		{"another key than the proof's", change(0, 0), errSecret},
		{"a key that was not offered", change(0, 2), errSecret},
		{"no key", change(0, noChoice), errSecret},
		{"a wrong proof", change(len(good)-1, good[len(good)-1]^1), errSecret},
		{"our own proof", append([]byte{0}, bound.proof(keys[0], dialler)...), errSecret},
	} {
		if err := bound.proveSecret(say(c.b), dialler, keys); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	for n := range good {
		if err := bound.proveSecret(say(good[:n]), dialler, keys); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("the first %d bytes: %v", n, err)
		}
	}
}
