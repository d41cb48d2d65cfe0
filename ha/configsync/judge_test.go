package configsync

import (
	"fmt"
	"testing"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/ha/view"
)

// history is of revisions that are named by a letter, each with its parents.
func history(lines ...string) config.History {
	var all []config.Revision
	for _, l := range lines {
		r := config.Revision{ID: l[:1]}
		for _, p := range l[1:] {
			r.Parents = append(r.Parents, string(p))
		}
		all = append(all, r)
	}
	return config.NewHistory(all)
}

// at is a state whose revision, as its text, is named by a letter.
func at(id string, line ...string) *state {
	s := &state{Current: view.Revision{ID: id, Hash: "text " + id}, Line: line}
	if id != "" {
		s.Line = append([]string{id}, line...)
	}
	return s
}

func (s *state) with(change func(*state)) *state {
	change(s)
	return s
}

// a - b - c on one line; x beside b; m of c and x.
func TestJudge(t *testing.T) {
	h := history("a", "ba", "cb", "xa", "mcx")
	pending := func(id string) func(*state) { return func(s *state) { s.Pending = id } }
	held := func(id string) func(*state) { return func(s *state) { s.Held = id } }
	text := func(hash string) func(*state) { return func(s *state) { s.Current.Hash = hash } }
	secret := func(s *state) { s.Secrets = "another" }
	for _, c := range []struct {
		name      string
		own, peer *state
		foreign   bool
		want      verdict
	}{
		{"nothing anywhere", at(""), at(""), false, inStep},
		{"the same", at("c"), at("c"), false, inStep},
		{"nothing here", at(""), at("c", "b", "a"), false, catchUp},
		{"nothing there", at("c", "b", "a"), at(""), false, awaits},
		{"behind by what the peer says", at("b"), at("z", "c", "b", "a"), false, catchUp},
		{"behind by what is kept here", at("a"), at("c"), false, catchUp},
		{"ahead", at("c", "b", "a"), at("b", "a"), false, awaits},
		{"ahead by a merge", at("m"), at("x"), false, awaits},
		{"two children of one", at("b", "a"), at("x", "a"), false, apart},
		{"never seen", at("b", "a"), at("y", "q"), false, unknown},
		{"equal texts, the other name is larger", at("b").with(text("t")), at("x").with(text("t")), false, rename},
		{"equal texts, the own name is larger", at("x").with(text("t")), at("b").with(text("t")), false, renamed},
		{"equal texts, behind", at("x").with(text("t")), at("m").with(text("t")), false, rename},
		{"equal texts, ahead", at("c").with(text("t")), at("a").with(text("t")), false, renamed},
		{"equal texts and another secret", at("b").with(text("t")), at("x").with(text("t")).with(secret), false, apart},

		{"waits for its confirm, and so does the peer", at("b").with(pending("c")), at("b").with(pending("c")), true, waits},
		{"the peer has kept it", at("b").with(pending("c")), at("c", "b"), true, decided},
		{"the peer has kept it and gone on", at("b").with(pending("c")), at("m", "c", "b"), false, decided},
		{"the peer went back", at("b").with(pending("c")), at("b"), true, undone},
		{"the peer has not switched yet", at("b").with(pending("c")), at("b").with(held("c")), true, waits},
		{"own, and the peer never had it", at("b").with(pending("c")), at("b"), false, waits},
		{"held, and the peer holds it", at("b").with(held("c")), at("b").with(held("c")), true, waits},
		{"held, and the peer has switched", at("b").with(held("c")), at("b").with(pending("c")), true, waits},
		{"held, and the peer gave it up", at("b").with(held("c")), at("b"), true, undone},
		{"held, and the peer kept it without us", at("b").with(held("c")), at("c", "b"), true, waits},
		{"own one is held", at("b").with(held("c")), at("b"), false, waits},
		{"the peer holds one", at("a"), at("b", "a").with(held("c")), false, waits},
		{"the peer waits", at("a"), at("b", "a").with(pending("c")), false, waits},
	} {
		if got := judge(c.own, c.peer, c.foreign, h); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// Two nodes that know the same history never both act on each other's, and one that is to act has one that lets it.
func TestJudgesAgree(t *testing.T) {
	h := history("a", "ba", "cb", "xa", "mcx")
	answers := map[verdict]verdict{inStep: inStep, catchUp: awaits, awaits: catchUp, apart: apart, rename: renamed, renamed: rename}
	ids := []string{"", "a", "b", "c", "x", "m"}
	for _, a := range ids {
		for _, b := range ids {
			for _, same := range []bool{false, true} {
				own, peer := at(a, h.Line(a, 9)...), at(b, h.Line(b, 9)...)
				if same {
					own.Current.Hash, peer.Current.Hash = "t", "t"
				}
				here, there := judge(own, peer, false, h), judge(peer, own, false, h)
				if answers[here] != there {
					t.Errorf("%q and %q, equal texts %v: %s", a, b, same, fmt.Sprint(here, " and ", there))
				}
			}
		}
	}
}
