package config

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// asShared is r as the other node has it.
func asShared(r Revision) Revision {
	r.Shared = append([]byte{}, r.Text()...)
	r.Number, r.Policy, r.Node = 0, nil, nil
	return r
}

func sharedRevisions() map[string]Revision {
	whole := fullRevision()
	whole.Shared = nil
	whole.Seal(someKey(1))
	var plain Revision
	plain.Seal(nil)
	old := Revision{ID: Hash([]byte("a")), Hash: Hash([]byte("a")), Parents: []string{Hash([]byte("p"))}, Policy: []byte("a")}
	return map[string]Revision{"full": fullRevision(), "all of the policy": whole, "plain": plain, "without an ID of its own": old}
}

func TestShared(t *testing.T) {
	for name, r := range sharedRevisions() {
		wire := AppendShared([]byte("before"), r)[len("before"):]
		got, err := ParseShared(wire)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(asShared(r), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		for n := range wire {
			if _, err := ParseShared(wire[:n]); err == nil {
				t.Fatalf("%s: cut after %d bytes, and not seen", name, n)
			}
		}
		if _, err := ParseShared(append(wire, 0)); err == nil {
			t.Errorf("%s: with a byte behind it, and not seen", name)
		}
		clear(wire)
		if diff := cmp.Diff(asShared(r), got); diff != "" {
			t.Errorf("%s: it changed with the bytes that it was read from:\n%s", name, diff)
		}
	}
}

// TestSharedIsKnown pins the bytes: the other node may be of another version.
func TestSharedIsKnown(t *testing.T) {
	if got := Hash(AppendShared(nil, fullRevision())); got != "5d19357933b468312eb87cc202c8b0844041f14ff5187b47623630b453811b15" {
		t.Errorf("the hash of what goes to the other node is %s", got)
	}
}

func TestSharedKeepsWhatIsTheNodesOwn(t *testing.T) {
	r := fullRevision()
	r.Policy, r.Node = []byte("shared\nonly here"), []byte("nobody's business")
	wire := AppendShared(nil, r)
	for _, own := range [][]byte{[]byte("only here"), r.Node} {
		if bytes.Contains(wire, own) {
			t.Errorf("%q goes to the other node", own)
		}
	}
}

func TestSharedChangedAnywhere(t *testing.T) {
	wire := AppendShared(nil, fullRevision())
	for n := range wire {
		changed := bytes.Clone(wire)
		changed[n] ^= 1
		if _, err := ParseShared(changed); err == nil {
			t.Fatalf("byte %d changed, and not seen", n)
		}
	}
}

func TestSharedMalformed(t *testing.T) {
	forged := fullRevision()
	forged.Signature = ed25519.Sign(someKey(2), signed(forged.ID))
	unsigned := fullRevision()
	unsigned.Signature = nil
	renamed := fullRevision()
	renamed.ID = Hash(nil)
	for _, c := range []struct {
		name string
		wire []byte
		want error
	}{
		{"forged", AppendShared(nil, forged), ErrSignature},
		{"unsigned", AppendShared(nil, unsigned), ErrSignature},
		{"renamed", AppendShared(nil, renamed), ErrID},
		{"nothing", nil, nil},
		{"another version", bytes.Replace(AppendShared(nil, fullRevision()), []byte("revision 1"), []byte("revision 2"), 1), nil},
		{"secrets in another order", swapSecrets(t), nil},
		{"a huge length", append([]byte(sharedMagic), 0xff, 0xff, 0xff, 0xff), nil},
		{"a huge number of parents", appendCount(appendField([]byte(sharedMagic), Hash(nil)), 1<<31-1), nil},
	} {
		if _, err := ParseShared(c.wire); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// swapSecrets is a revision whose two secrets stand in the wrong order.
func swapSecrets(t *testing.T) []byte {
	t.Helper()
	wire := AppendShared(nil, fullRevision())
	first := appendField(appendField(nil, "b"), []byte{})
	second := appendField(appendField(nil, "carp.key"), "geheim\n")
	head, ok := bytes.CutSuffix(wire, append(first, second...))
	if !ok || binary.BigEndian.Uint32(head[len(head)-4:]) != 2 {
		t.Fatal("the two secrets are not at the end")
	}
	return append(append(bytes.Clone(head), second...), first...)
}

// FuzzParseShared: there is one way to write what was read, and what is taken verifies.
func FuzzParseShared(f *testing.F) {
	for _, r := range sharedRevisions() {
		f.Add(AppendShared(nil, r))
	}
	f.Add([]byte(sharedMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		// Hardly anything that is tried has the right hashes: the form is looked at before them.
		if r, err := parseShared(b); err == nil && !bytes.Equal(AppendShared(nil, r), b) {
			t.Errorf("read as %+v, and written otherwise", r)
		}
		r, err := ParseShared(b)
		if err != nil {
			return
		}
		if err := r.Verify(); err != nil || r.Shared == nil || r.Number != 0 || r.Policy != nil || r.Node != nil {
			t.Errorf("taken: %+v, %v", r, err)
		}
	})
}
