package config

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"
)

// someKey is the key of a node, the same each time.
func someKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

// fullRevision is a signed revision that has everything.
func fullRevision() Revision {
	r := Revision{
		Number:  7,
		Parents: []string{Hash([]byte("one")), Hash([]byte("two"))},
		Author:  "anna", Message: "päpers\nand <more>",
		Time:   time.Date(2026, 11, 22, 20, 0, 0, 123456789, time.UTC),
		Origin: "fw1", Shared: []byte("shared\n"),
		Secrets: map[string][]byte{"carp.key": []byte("geheim\n"), "b": {}},
		Policy:  []byte("shared\nown\n"), Node: []byte("name = \"fw1\"\n"),
	}
	r.Seal(someKey(1))
	return r
}

// TestSealIsKnown pins an identity and a signature: the other node may be of another version, and
// has to find the same.
func TestSealIsKnown(t *testing.T) {
	r := fullRevision()
	const id, signature = "ee7643977b7ac844610b9a97b370a1470751e159d2cce163a3c6b887b865f705", "cfe01408405f050462a5b2269da94c641af4f1e00e1525cc2367db6d1771727a"
	if r.ID != id {
		t.Errorf("the ID is %s", r.ID)
	}
	if got := Hash(r.Signature); got != signature {
		t.Errorf("the hash of the signature is %s", got)
	}
	if r.Hash != Hash([]byte("shared\n")) {
		t.Errorf("the hash is %s", r.Hash)
	}
	var first Revision
	first.Seal(nil)
	if first.ID != "057229a32b421a9de5eef24b28027a730b11c36ca1c9df4bbf0d248e8b963c54" || first.Key != nil || first.Signature != nil {
		t.Errorf("sealed without anything: %+v", first)
	}
	for _, r := range []Revision{r, first} {
		if err := r.Verify(); err != nil {
			t.Error(err)
		}
	}
}

func TestSealMakesWhatAFileKeeps(t *testing.T) {
	r := fullRevision()
	want := r.ID
	r.Time = r.Time.In(time.FixedZone("CET", 3600))
	r.Seal(someKey(1))
	if r.ID != want || r.Time.Location() != time.UTC {
		t.Errorf("in another zone it has the ID %s, and the zone %v", r.ID, r.Time.Location())
	}
	r.Author, r.Message, r.Origin = "a\xff", "\xc3(", "fw\xfe"
	r.Seal(nil)
	if r.Author != "a\ufffd" || r.Message != "\ufffd(" || r.Origin != "fw\ufffd" || r.Verify() != nil {
		t.Errorf("%q %q %q, %v", r.Author, r.Message, r.Origin, r.Verify())
	}
	if r.Key != nil || r.Signature != nil {
		t.Error("the signature of another seal is still there")
	}
}

// TestIdentityCoversEverything changes one thing after the other.
func TestIdentityCoversEverything(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Revision)
		want   error // of the change alone, before it is sealed anew
	}{
		{"parents swapped", func(r *Revision) { r.Parents[0], r.Parents[1] = r.Parents[1], r.Parents[0] }, ErrID},
		{"a parent less", func(r *Revision) { r.Parents = r.Parents[:1] }, ErrID},
		{"author", func(r *Revision) { r.Author = "berta" }, ErrID},
		{"words that moved", func(r *Revision) { r.Author, r.Message = r.Author+r.Message[:1], r.Message[1:] }, ErrID},
		{"message", func(r *Revision) { r.Message += "." }, ErrID},
		{"a nanosecond", func(r *Revision) { r.Time = r.Time.Add(1) }, ErrID},
		{"a second", func(r *Revision) { r.Time = r.Time.Add(time.Second) }, ErrID},
		{"origin", func(r *Revision) { r.Origin = "fw2" }, ErrID},
		{"a secret's content", func(r *Revision) { r.Secrets["carp.key"] = []byte("anders\n") }, ErrID},
		{"a secret's name", func(r *Revision) { r.Secrets["c"] = r.Secrets["b"]; delete(r.Secrets, "b") }, ErrID},
		{"a secret less", func(r *Revision) { delete(r.Secrets, "b") }, ErrID},
		{"text", func(r *Revision) { r.Shared = []byte("other\n") }, ErrHash},
		{"no shared text", func(r *Revision) { r.Shared = nil }, ErrHash},
		{"text and hash", func(r *Revision) { r.Shared = []byte("other\n"); r.Hash = Hash(r.Shared) }, ErrID},
	} {
		r := fullRevision()
		r.Secrets = maps.Clone(r.Secrets)
		before := r.ID
		c.change(&r)
		if err := r.Verify(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		r.Seal(someKey(1))
		if r.ID == before || r.Verify() != nil {
			t.Errorf("%s, sealed anew: the ID is the same, %v; %v", c.name, r.ID == before, r.Verify())
		}
	}
}

func TestIdentityIsWithoutWhatIsTheNodesOwn(t *testing.T) {
	r := fullRevision()
	r.Number, r.Policy, r.Node = 1, []byte("another node's"), nil
	if err := r.Verify(); err != nil {
		t.Error(err)
	}
}

func TestVerifyRefusesSignatures(t *testing.T) {
	other := fullRevision()
	other.Seal(someKey(2))
	plain := fullRevision()
	plain.Seal(nil)
	for _, c := range []struct {
		name   string
		change func(*Revision)
		want   error
	}{
		{"none", func(r *Revision) { r.Signature = nil }, ErrSignature},
		{"cut", func(r *Revision) { r.Signature = r.Signature[:63] }, ErrSignature},
		{"another revision's", func(r *Revision) { r.Signature = ed25519.Sign(someKey(1), signed(plain.ID)) }, ErrSignature},
		{"another node's", func(r *Revision) { r.Signature = other.Signature }, ErrSignature},
		{"of the bare ID", func(r *Revision) { r.Signature = ed25519.Sign(someKey(1), []byte(r.ID)) }, ErrSignature},
		{"taken away with the key", func(r *Revision) { r.Key, r.Signature = nil, nil }, ErrID},
		{"another key", func(r *Revision) { r.Key = other.Key }, ErrID},
		{"a short key", func(r *Revision) { r.Key = r.Key[:31]; r.ID = r.identity() }, ErrSignature},
		{"a signature and no key", func(r *Revision) { *r = plain; r.Signature = other.Signature }, ErrSignature},
	} {
		r := fullRevision()
		c.change(&r)
		if err := r.Verify(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestVerifyBounds(t *testing.T) {
	secrets := func(n int) map[string][]byte {
		all := make(map[string][]byte)
		for i := range n {
			all[strings.Repeat("s", i+1)] = nil
		}
		return all
	}
	id := Hash(nil)
	for _, c := range []struct {
		name   string
		change func(*Revision)
		ok     bool
	}{
		{"author", func(r *Revision) { r.Author = strings.Repeat("a", 1024) }, true},
		{"author too long", func(r *Revision) { r.Author = strings.Repeat("a", 1025) }, false},
		{"message", func(r *Revision) { r.Message = strings.Repeat("a", 65536) }, true},
		{"message too long", func(r *Revision) { r.Message = strings.Repeat("a", 65537) }, false},
		{"origin", func(r *Revision) { r.Origin = strings.Repeat("a", 255) }, true},
		{"origin too long", func(r *Revision) { r.Origin = strings.Repeat("a", 256) }, false},
		{"text too long", func(r *Revision) { r.Shared = make([]byte, largestText+1) }, false},
		{"three parents", func(r *Revision) { r.Parents = append(r.Parents, Hash([]byte("three"))) }, false},
		{"a parent twice", func(r *Revision) { r.Parents = []string{id, id} }, false},
		{"an empty parent", func(r *Revision) { r.Parents = []string{""} }, false},
		{"a short parent", func(r *Revision) { r.Parents = []string{id[1:]} }, false},
		{"a parent in capitals", func(r *Revision) { r.Parents = []string{strings.ToUpper(id)} }, false},
		{"a parent with another letter inside", func(r *Revision) { r.Parents = []string{id[:30] + "g" + id[31:]} }, false},
		{"secrets", func(r *Revision) { r.Secrets = secrets(16) }, true},
		{"too many secrets", func(r *Revision) { r.Secrets = secrets(17) }, false},
		{"secret", func(r *Revision) { r.Secrets = map[string][]byte{"a": make([]byte, 65536)} }, true},
		{"secret too long", func(r *Revision) { r.Secrets = map[string][]byte{"a": make([]byte, 65537)} }, false},
		{"secret without a name", func(r *Revision) { r.Secrets = map[string][]byte{"": nil} }, false},
		{"secret elsewhere", func(r *Revision) { r.Secrets = map[string][]byte{"../shadow": nil} }, false},
		{"secret above", func(r *Revision) { r.Secrets = map[string][]byte{"..": nil} }, false},
		{"secret with a zero byte", func(r *Revision) { r.Secrets = map[string][]byte{"a\x00": nil} }, false},
		{"secret's name too long", func(r *Revision) { r.Secrets = map[string][]byte{strings.Repeat("a", 256): nil} }, false},
		{"secret's name no UTF-8", func(r *Revision) { r.Secrets = map[string][]byte{"a\xff": nil} }, false},
		{"no time", func(r *Revision) { r.Time = time.Time{} }, true},
		{"the last nanosecond", func(r *Revision) { r.Time = time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC) }, true},
		{"year 10000", func(r *Revision) { r.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, false},
		{"before all years", func(r *Revision) { r.Time = time.Date(-1, 12, 31, 23, 59, 59, 0, time.UTC) }, false},
	} {
		r := fullRevision()
		c.change(&r)
		r.Seal(someKey(1))
		if err := r.Verify(); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrBounds) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	r := fullRevision()
	r.Author = "a\xff"
	if err := r.Verify(); !errors.Is(err, ErrBounds) {
		t.Errorf("no UTF-8: %v", err)
	}
}

// TestVerifyOfWhatHadNoID takes a revision of format 1 as such, and nothing that only looks like one.
func TestVerifyOfWhatHadNoID(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Revision)
		want   error
	}{
		{"as it was", func(*Revision) {}, nil},
		{"first", func(r *Revision) { r.Parents = nil }, nil},
		{"its text", func(r *Revision) { r.Policy = []byte("b") }, ErrHash},
		{"its ID", func(r *Revision) { r.ID = Hash([]byte("b")) }, ErrID},
		{"two parents", func(r *Revision) { r.Parents = append(r.Parents, Hash([]byte("q"))) }, ErrID},
		{"an origin", func(r *Revision) { r.Origin = "fw1" }, ErrID},
		{"a key", func(r *Revision) { r.Key = someKey(1).Public().(ed25519.PublicKey) }, ErrID},
		{"a signature", func(r *Revision) { r.Signature = ed25519.Sign(someKey(1), signed(r.ID)) }, ErrID},
		{"a secret", func(r *Revision) { r.Secrets = map[string][]byte{"carp.key": nil} }, ErrID},
	} {
		text := []byte("a")
		r := Revision{ID: Hash(text), Hash: Hash(text), Parents: []string{Hash([]byte("p"))}, Author: "anna", Policy: text}
		c.change(&r)
		if err := r.Verify(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}
