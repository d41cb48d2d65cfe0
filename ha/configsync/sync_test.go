package configsync

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/ha/view"
)

// one is the first policy of most tests.
const one = "schema = 1\n"

// begun is a world in which both machines run one policy.
func begun(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.link()
	if _, err := w.a.apply(one, Order{}); err != nil {
		t.Fatal(err)
	}
	w.wantBoth(one)
	return w
}

func TestApplyOnEitherNode(t *testing.T) {
	w := begun(t)
	for i, m := range []*machine{w.a, w.b, w.a, w.a, w.b} {
		text := fmt.Sprintf("text %d", i)
		out, err := m.apply(text, Order{})
		if err != nil || out.Peer.State != Follows {
			t.Fatalf("apply at %s: %+v, %v", m.name, out.Peer, err)
		}
		w.wantBoth(text)
	}
	if len(w.a.kept) != 2 || len(w.b.kept) != 4 {
		t.Errorf("Kept was told of %d and %d revisions, want 2 and 4", len(w.a.kept), len(w.b.kept))
	}
}

// Whatever machine dies at whatever step of an apply: when all live again, both run the same whole policy,
// and what one of them was told is kept is what both run.
func TestDeathAtEachStep(t *testing.T) {
	for _, confirm := range []time.Duration{0, time.Minute} {
		for _, dies := range []string{"fw1", "fw2"} {
			for step := 1; ; step++ {
				w := begun(t)
				w.victim = map[string]*machine{"fw1": w.a, "fw2": w.b}[dies]
				w.killAt = w.step + step
				out, err := w.a.apply("two", Order{Confirm: confirm})
				promised := err == nil
				if confirm > 0 && err == nil {
					w.link()
					_, err = w.a.sync.Confirm(context.Background())
					promised = err == nil
				}
				over := w.step < w.killAt
				before := fmt.Sprintf("%v, %v, fw1 %q fw2 %q", out.Peer, err, w.a.text(), w.b.text())
				w.settle()
				switch {
				case promised:
					w.wantBoth("two")
				case w.a.text() != w.b.text() || w.a.current() != w.b.current():
					t.Errorf("fw1 runs %q, fw2 %q", w.a.text(), w.b.text())
				}
				w.wantNothingOpen()
				if t.Failed() {
					t.Fatalf("confirm %v, %s dies at step %d: %s\n%s", confirm, dies, step, before, strings.Join(w.trace, "\n"))
				}
				if over {
					break
				}
			}
		}
	}
}

func TestCableCutAtEachQuestion(t *testing.T) {
	for cut := 1; ; cut++ {
		w := begun(t)
		n := 0
		w.a.asked = func(string) {
			if n++; n == cut {
				w.mu.Lock()
				w.cut = true
				w.mu.Unlock()
			}
		}
		_, err := w.a.apply("two", Order{})
		if err != nil {
			t.Fatalf("cut at question %d: %v", cut, err)
		}
		w.a.asked = nil
		w.settle()
		w.wantBoth("two")
		if n < cut {
			return
		}
	}
}

func TestPeerAway(t *testing.T) {
	w := begun(t)
	w.b.die()
	w.link()
	out, err := w.a.apply("two", Order{})
	if err != nil || out.Peer.State != Away {
		t.Fatalf("%+v, %v", out.Peer, err)
	}
	if _, err := w.a.apply("three", Order{}); err != nil {
		t.Fatal(err)
	}
	w.b.start()
	w.link()
	w.rounds()
	if !slices.Equal(w.b.behind, []bool{true, false}) {
		t.Errorf("the node that returned was told that it is behind: %v", w.b.behind)
	}
	w.settle()
	w.wantBoth("three")
	h, err := w.b.store.History()
	if err != nil || len(h.Line(w.b.current(), 10)) != 3 {
		t.Errorf("the peer lacks revisions in between: %v, %v", h.Line(w.b.current(), 10), err)
	}
}

// A peer whose program is stopped, though its kernel keeps the connection, is away.
func TestPeerSilent(t *testing.T) {
	w := begun(t)
	w.rounds()
	w.b.mute = true
	w.rounds()
	if v, err := w.a.sync.View(context.Background()); err != nil || v.State != view.PolicyAway || v.Why != "it does not answer" || v.Peer.ID != w.b.current() {
		t.Errorf("fw1 sees %+v, %v", v, err)
	}
	out, err := w.a.apply("two", Order{})
	if err != nil || out.Peer.State != Away || out.Peer.Why != "it does not answer" {
		t.Fatalf("%+v, %v", out.Peer, err)
	}
	if _, err := w.a.sync.Push(context.Background()); err == nil || !strings.Contains(err.Error(), "fw2 is away: it does not answer") {
		t.Errorf("push: %v", err)
	}
	w.b.mute = false
	w.settle()
	w.wantBoth("two")
}

// One that falls silent within an apply does not keep the other from it.
func TestPeerFallsSilent(t *testing.T) {
	for silent := 1; ; silent++ {
		w := begun(t)
		n := 0
		w.a.asked = func(string) {
			n++
			w.b.mute = n == silent
		}
		out, err := w.a.apply("two", Order{})
		w.a.asked, w.b.mute = nil, false
		w.settle()
		if err == nil {
			w.wantBoth("two")
		} else {
			w.wantBoth(one)
		}
		w.wantNothingOpen()
		if t.Failed() {
			t.Fatalf("silent at question %d: %+v, %v", silent, out.Peer, err)
		}
		if n < silent {
			return
		}
	}
}

func TestPeerRefuses(t *testing.T) {
	w := begun(t)
	no := &Refusal{Faults: []Fault{{File: "rempart.toml", Line: 3, Message: "there is no such device"}}}
	w.b.refuses = func(config.Revision) error { return no }
	_, err := w.a.apply("two", Order{})
	var refused *Refused
	if !errors.As(err, &refused) || refused.Node != "fw2" || len(refused.Faults) != 1 {
		t.Fatalf("%v", err)
	}
	w.wantBoth(one)
	out, err := w.a.apply("two", Order{Alone: true})
	if err != nil || out.Peer.State != Lags {
		t.Fatalf("alone: %+v, %v", out.Peer, err)
	}
	w.rounds()
	w.rounds()
	v, err := w.a.sync.View(context.Background())
	if err != nil || v.State != view.PolicyAhead || !strings.Contains(v.Why, "no such device") {
		t.Errorf("fw1 sees %+v, %v", v, err)
	}
	if v, err = w.b.sync.View(context.Background()); err != nil || v.State != view.PolicyBehind {
		t.Errorf("fw2 sees %+v, %v", v, err)
	}
	w.b.refuses = nil
	if n, err := w.a.sync.Push(context.Background()); err != nil || n != 1 {
		t.Fatalf("push: %d, %v", n, err)
	}
	w.wantBoth("two")
}

// A kernel that refuses the switch on one of the nodes leaves both with what ran before.
func TestSwitchFails(t *testing.T) {
	for _, there := range []bool{false, true} {
		w := begun(t)
		m := w.a
		if there {
			m = w.b
		}
		m.kernel = func(config.Revision) error { return &Refusal{Message: "the kernel says no"} }
		if _, err := w.a.apply("two", Order{}); err == nil {
			t.Fatal("the apply went through")
		}
		w.wantBoth(one)
	}
}

func TestConfirmAndRollbackOfThePair(t *testing.T) {
	ctx := context.Background()
	for _, at := range []string{"fw1", "fw2"} {
		w := begun(t)
		m := map[string]*machine{"fw1": w.a, "fw2": w.b}[at]
		if out, err := w.a.apply("two", Order{Confirm: time.Minute}); err != nil || out.Peer.State != Follows {
			t.Fatalf("%+v, %v", out.Peer, err)
		}
		if w.a.journal == nil || w.b.journal == nil {
			t.Fatal("not both wait for the confirm")
		}
		if _, err := m.sync.Back(ctx); err != nil {
			t.Fatalf("back at %s: %v", at, err)
		}
		w.wantBoth(one)
		if _, err := w.a.apply("two", Order{Confirm: time.Minute}); err != nil {
			t.Fatal(err)
		}
		if out, err := m.sync.Confirm(ctx); err != nil || out.Peer.State != Follows {
			t.Fatalf("confirm at %s: %+v, %v", at, out.Peer, err)
		}
		w.wantBoth("two")
	}
}

// Nobody confirms, because nobody can reach the node any more: both go back.
func TestNobodyConfirms(t *testing.T) {
	w := begun(t)
	if _, err := w.a.apply("lockout", Order{Confirm: time.Minute}); err != nil {
		t.Fatal(err)
	}
	w.rounds()
	w.pass(time.Minute)
	w.rounds()
	w.wantBoth(one)
}

func conflict(t *testing.T) *world {
	t.Helper()
	w := begun(t)
	w.cut = true
	w.link()
	for _, m := range []*machine{w.a, w.b} {
		if _, err := m.apply("schema = 1\n\n[alias."+m.name+"]\naddresses = [\"192.0.2.1\"]\n", Order{}); err != nil {
			t.Fatal(err)
		}
	}
	w.settle()
	return w
}

func TestConflict(t *testing.T) {
	ctx := context.Background()
	for _, take := range []string{"ours", "theirs", "merged", ""} {
		w := conflict(t)
		was := [2]string{w.a.text(), w.b.text()}
		for _, m := range []*machine{w.a, w.b} {
			v, err := m.sync.View(ctx)
			if err != nil || v.State != view.PolicyConflict {
				t.Fatalf("%s sees %+v, %v", m.name, v, err)
			}
			if _, err := m.store.Find(m.other.current()); err != nil {
				t.Errorf("%s does not have the other side: %v", m.name, err)
			}
		}
		var refused *Refused
		if _, err := w.a.apply("more", Order{}); !errors.As(err, &refused) {
			t.Fatalf("an apply went over a conflict: %v", err)
		}
		d, err := w.b.sync.Decide(ctx, view.Resolution{Take: take, Policy: []byte("edited")})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"ours": was[1], "theirs": was[0], "merged": string(d.Text), "": "edited"}[take]
		if take == "merged" && (!strings.Contains(want, "fw1") || !strings.Contains(want, "fw2")) {
			t.Errorf("merged: %q", want)
		}
		if _, err := w.b.apply(string(d.Text), Order{}, d.Parents...); err != nil {
			t.Fatalf("resolve %q: %v", take, err)
		}
		w.rounds() // whose text was taken learns what it is called now
		w.wantBoth(want)
		h, err := w.a.store.History()
		if err != nil || len(h.Line(w.a.current(), 10)) != 4 {
			t.Errorf("a side of the conflict is lost: %v", h.Line(w.a.current(), 10))
		}
	}
}

func TestLiars(t *testing.T) {
	ctx := context.Background()
	w := begun(t)
	old, err := w.a.store.Current()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.a.apply("two", Order{}); err != nil {
		t.Fatal(err)
	}
	stranger := w.machine("evil", 9)
	child := func(parent, text string, seal func(*config.Revision)) config.Revision {
		r := config.Revision{Policy: []byte(text), Parents: []string{parent}, Time: time.Unix(1, 0)}
		seal(&r)
		return r
	}
	good := child(w.b.current(), "three", w.a.seal)
	forged := good
	forged.Signature = append([]byte(nil), good.Signature...)
	forged.Signature[0] ^= 1
	unsigned := child(w.b.current(), "three", func(r *config.Revision) { r.Seal(nil) })
	orphan := child(strings.Repeat("ab", 32), "three", w.a.seal)
	for _, c := range []struct {
		name string
		b    bundle
		want string
	}{
		{"a good one", bundle{revisions: []config.Revision{good}}, ""},
		{"a wrong signature", bundle{revisions: []config.Revision{forged}}, "not signed by"},
		{"not signed", bundle{revisions: []config.Revision{unsigned}}, "not signed"},
		{"a stranger's", bundle{revisions: []config.Revision{child(w.b.current(), "three", stranger.seal)}}, "not of this pair"},
		{"an old one again", bundle{revisions: []config.Revision{old}}, "older"},
		{"what runs", bundle{revisions: []config.Revision{must(w.a.store.Current())}}, "runs already"},
		{"without its parents", bundle{revisions: []config.Revision{orphan}}, "not edited from"},
		{"a child of an old one", bundle{revisions: []config.Revision{child(old.ID, "three", w.a.seal)}}, "not edited from"},
		{"with one that it does not descend from", bundle{revisions: []config.Revision{unsigned, good}}, "does not descend"},
		{"nothing", bundle{}, "no revision"},
	} {
		body := appendBundle(appendJSON(nil, stageHead{Protocol: protocol, Try: true}), c.b)
		answer, err := w.b.sync.Answer(ctx, askStage, body)
		var r reply
		if err == nil {
			err = parseJSON(answer, &r)
		}
		switch {
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want == "" && r.Refusal != nil, c.want != "" && (r.Refusal == nil || !strings.Contains(r.Refusal.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.name, r.Refusal, c.want)
		}
	}
	w.wantBoth("two")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// The program of the peer stops while it is asked, and its kernel keeps the connection: nobody waits for a minute.
func TestPeerStopsWhileItChecks(t *testing.T) {
	w := begun(t)
	var stopped atomic.Bool
	w.a.sync.Alive = func() bool { return !stopped.Load() }
	ask := w.a.sync.Ask
	w.a.sync.Ask = func(ctx context.Context, kind string, body []byte) ([]byte, error) {
		if kind == askStage {
			stopped.Store(true)
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return ask(ctx, kind, body)
	}
	out, err := w.a.apply("two", Order{})
	if err != nil || out.Peer.State != Away || w.a.text() != "two" {
		t.Errorf("%+v, %v, runs %q", out.Peer, err, w.a.text())
	}
}

// Two nodes that were given the same text apart agree on one name for it, without switching.
func TestSameTextApart(t *testing.T) {
	w := newWorld(t)
	for _, m := range []*machine{w.a, w.b} {
		if _, err := m.apply("same", Order{}); err != nil {
			t.Fatal(err)
		}
	}
	if w.a.current() == w.b.current() {
		t.Fatal("both have one name already: the test proves nothing")
	}
	w.settle()
	w.wantBoth("same")
	if _, err := w.b.apply("next", Order{}); err != nil {
		t.Fatal(err)
	}
	w.wantBoth("next")
}

func TestLearnedGoesOver(t *testing.T) {
	w := begun(t)
	w.a.learned = "new"
	w.rounds()
	w.rounds()
	if w.b.learned != "new" {
		t.Errorf("the peer knows %q", w.b.learned)
	}
	w.rounds()
	if v, err := w.a.sync.View(context.Background()); err != nil || v.Ruleset != view.RulesetEqual {
		t.Errorf("%+v, %v", v, err)
	}
}

// Both are applied to at once: nothing is mixed, and what was promised runs.
func TestApplyOnBothAtOnce(t *testing.T) {
	for range 20 {
		w := begun(t)
		errs := make(chan error, 2)
		for _, m := range []*machine{w.a, w.b} {
			go func() {
				_, err := m.apply("by "+m.name, Order{})
				errs <- err
			}()
		}
		first, second := <-errs, <-errs
		w.settle()
		if first == nil && second == nil {
			if _, err := w.a.store.History(); err != nil {
				t.Fatal(err)
			}
		}
		if w.a.current() != w.b.current() {
			t.Fatalf("fw1 runs %q and fw2 %q: %v, %v", w.a.text(), w.b.text(), first, second)
		}
		w.wantNothingOpen()
	}
}

// Whatever happens, in whatever order: at the end both nodes run one policy or a person has to decide, and no
// revision that was promised to be kept is lost.
func TestRandomWalk(t *testing.T) {
	walks := 60
	if testing.Short() {
		walks = 20
	}
	for seed := range walks {
		r := rand.New(rand.NewPCG(uint64(seed), 7))
		w := newWorld(t)
		w.link()
		var promised []string
		var log []string
		for i := range 25 {
			m := w.a
			if r.IntN(2) == 0 {
				m = w.b
			}
			var what string
			switch r.IntN(9) {
			case 0, 1, 2:
				o := Order{Alone: r.IntN(6) == 0}
				if r.IntN(3) == 0 {
					o.Confirm = time.Minute
				}
				text := fmt.Sprintf("text %d of %s", i, m.name)
				out, err := m.apply(text, o)
				if err == nil && o.Confirm == 0 && m.alive() {
					promised = append(promised, out.Revision.ID)
				}
				what = fmt.Sprintf("%s applies %q %+v: %v %v", m.name, text, o, out.Peer, err)
			case 3:
				s, _ := m.sync.Gateway.Standing(context.Background())
				if s.Pending == "" {
					continue
				}
				_, err := m.sync.Confirm(context.Background())
				if err == nil && m.alive() {
					promised = append(promised, s.Pending)
				}
				what = fmt.Sprintf("%s confirms: %v", m.name, err)
			case 4:
				s, _ := m.sync.Gateway.Standing(context.Background())
				if s.Pending == "" {
					continue
				}
				_, err := m.sync.Back(context.Background())
				what = fmt.Sprintf("%s goes back: %v", m.name, err)
			case 5:
				w.cut = !w.cut
				w.link()
				what = fmt.Sprintf("cable cut: %v", w.cut)
			case 6:
				w.victim, w.killAt = m, w.step+1+r.IntN(20)
				what = m.name + " is going to die"
			case 7:
				if !m.alive() {
					m.start()
					w.killAt = 0
					w.link()
				}
				what = m.name + " lives"
			case 8:
				w.pass(time.Duration(r.IntN(40)) * time.Second)
				w.rounds()
				what = "time passes"
			}
			log = append(log, what)
		}
		w.settle()
		w.wantNothingOpen()
		for _, m := range []*machine{w.a, w.b} {
			h := must(m.store.History())
			for _, id := range promised {
				if _, err := m.store.Find(id); err != nil && !h.Contains(id) && w.a.current() == w.b.current() {
					t.Errorf("%s lost %.7s: %v", m.name, id, err)
				}
			}
		}
		va, vb := must(w.a.sync.View(context.Background())), must(w.b.sync.View(context.Background()))
		if va.State != vb.State || va.State != view.PolicyInStep && va.State != view.PolicyConflict {
			t.Errorf("fw1 sees %v (%s), fw2 %v (%s)", va.State, va.Why, vb.State, vb.Why)
		}
		if va.State == view.PolicyInStep && w.a.text() != w.b.text() {
			t.Errorf("in step with %q and %q", w.a.text(), w.b.text())
		}
		if t.Failed() {
			t.Fatalf("seed %d:\n%s\n%s", seed, strings.Join(log, "\n"), strings.Join(w.trace, "\n"))
		}
	}
}

// A revision may have the text that runs already, when only what a node has of its own was changed.
func TestSameTextAgain(t *testing.T) {
	w := begun(t)
	if out, err := w.a.apply(one, Order{}); err != nil || out.Peer.State != Follows {
		t.Fatalf("%+v, %v", out.Peer, err)
	}
	w.rounds()
	w.wantBoth(one)
	if h := must(w.b.store.History()); len(h.Line(w.b.current(), 10)) != 2 {
		t.Errorf("the peer has the history %v", h.Line(w.b.current(), 10))
	}
}
