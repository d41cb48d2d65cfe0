package configsync

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/ha/view"
)

func sealed(text string, parents ...string) config.Revision {
	r := config.Revision{Shared: []byte(text), Parents: parents, Author: "anna", Time: time.Unix(7, 0).UTC(), Secrets: map[string][]byte{"carp.key": []byte("geheim")}}
	r.Seal(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, ed25519.SeedSize)))
	return r
}

func sampleBundle() bundle {
	first := sealed("one")
	return bundle{revisions: []config.Revision{first, sealed("two", first.ID)}, learned: []byte("numbers")}
}

func TestBundleRoundTrip(t *testing.T) {
	for _, u := range []bundle{{}, sampleBundle(), {learned: []byte{0}}} {
		b := appendBundle(nil, u)
		got, err := parseBundle(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(u, got, cmp.AllowUnexported(bundle{})); d != "" {
			t.Error(d)
		}
	}
}

func TestMalformedBundles(t *testing.T) {
	good := appendBundle(nil, sampleBundle())
	for n := range good {
		if u, err := parseBundle(good[:n]); err == nil {
			t.Errorf("the first %d bytes read as %+v", n, u)
		}
	}
	many := append([]byte{0, 0, 0x10, 1}, good[4:]...)
	tampered := bytes.Clone(good)
	tampered[bytes.Index(tampered, []byte("two"))]++
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"behind its end", append(bytes.Clone(good), 0), errTrailing},
		{"more than there may be", many, errMany},
		{"a part that is longer than all", []byte{0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff}, errShort},
		{"another text", tampered, config.ErrID},
	} {
		if u, err := parseBundle(c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, %v, want %v", c.name, u, err, c.want)
		}
	}
}

// A later version may say more, and says it to this one too.
func TestUnknownFieldsAreSkipped(t *testing.T) {
	var s state
	if err := parseJSON([]byte(`{"protocol":1,"node":"fw2","later":{"a":[1]},"current":{"id":"x","later":1}}`), &s); err != nil || s.Node != "fw2" || s.Current.ID != "x" {
		t.Errorf("%+v, %v", s, err)
	}
	for _, bad := range []string{"", "{", "[]", `{} {}`, `{"protocol":"one"}`, `{"line":[1]}`} {
		if err := parseJSON([]byte(bad), &s); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

func TestVersionsApart(t *testing.T) {
	for _, c := range []struct {
		newest, oldest int
		want           bool
	}{
		{protocol, oldest, true}, {protocol + 1, protocol, true}, {protocol + 2, protocol + 1, false}, {oldest - 1, oldest - 1, false},
	} {
		if s := (&state{Protocol: c.newest, Oldest: c.oldest}); s.fits() != c.want {
			t.Errorf("a peer that speaks %d to %d: %v", c.oldest, c.newest, s.fits())
		}
	}
}

func TestStateRoundTrip(t *testing.T) {
	in := state{
		Protocol: protocol, Oldest: oldest, Version: "1.2", Node: "fw1", Current: view.Revision{ID: "a", Number: 3, Hash: "h", Parents: []string{"b"}, Author: "anna", Time: time.Unix(9, 0).UTC()},
		Secrets: "s", Line: []string{"a", "b"}, Held: "c", Pending: "d", Ruleset: "r", Learned: "l", Refused: "e", Why: "no",
	}
	var out state
	if err := parseJSON(marshal(in), &out); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(in, out); d != "" {
		t.Error(d)
	}
}

// What a peer sends is never worse than refused, and is what its IDs say.
func FuzzBundle(f *testing.F) {
	f.Add(appendBundle(nil, sampleBundle()))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		u, err := parseBundle(b)
		if err != nil {
			return
		}
		if !bytes.Equal(appendBundle(nil, u), b) {
			t.Errorf("%x is read as %+v", b, u)
		}
		for _, r := range u.revisions {
			if err := r.Verify(); err != nil {
				t.Error(err)
			}
		}
	})
}

// Whatever question comes, a node answers or refuses it, and nothing of it changes.
func FuzzAnswer(f *testing.F) {
	for _, kind := range []string{askState, askFetch, askStage, askSwitch, askKeep, askBack} {
		f.Add(kind, []byte(`{"id":"x"}`))
	}
	f.Add(askStage, appendBundle(appendJSON(nil, stageHead{Protocol: protocol}), sampleBundle()))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		if kind == askCatchUp || kind == askLearned || !strings.HasPrefix(kind, "policy-") {
			return // the body of the one says nothing, that of the other is the gateway's
		}
		w := newWorld(t)
		if _, err := w.b.sync.Answer(t.Context(), kind, body); err != nil && err.Error() == "" {
			t.Error("refused without a word")
		}
		if w.b.current() != "" || w.b.journal != nil || w.b.held != nil {
			t.Errorf("%s %q changed the node", kind, body)
		}
	})
}
