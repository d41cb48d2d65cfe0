package configsync

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/ha/view"
)

func TestUnpairedAnswersNothing(t *testing.T) {
	w := begun(t)
	w.b.sync.Paired = func() bool { return false }
	for _, kind := range []string{askState, askFetch, askStage, askSwitch, askKeep, askBack, askLearned, askCatchUp} {
		if _, err := w.b.sync.Answer(context.Background(), kind, []byte("{}")); err == nil || !strings.Contains(err.Error(), "not paired") {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// What was made before a node had a key is signed when the nodes meet, and only when nothing is under way.
func TestUnsignedIsSigned(t *testing.T) {
	w := newWorld(t)
	r := must(w.a.store.Add(config.Revision{Policy: []byte(one), Time: time.Unix(1, 0)}))
	if err := w.a.store.SetCurrent(r.Number); err != nil {
		t.Fatal(err)
	}
	w.a.journal = &journal{revision: config.Revision{ID: "pending"}}
	_ = w.a.sync.sign(context.Background())
	if w.a.current() != r.ID {
		t.Error("it is signed while an apply waits")
	}
	w.a.journal = nil
	w.link()
	w.rounds()
	w.rounds()
	w.wantBoth(one)
	if now := must(w.b.store.Current()); now.Key == nil || len(now.Parents) != 1 || now.Parents[0] != r.ID {
		t.Errorf("fw2 runs %+v", now)
	}
}

// A stranger's name for a text is not taken, although the text is the same.
func TestRenameIsTrusted(t *testing.T) {
	w := begun(t)
	stranger := w.machine("evil", 9)
	for i := 0; ; i++ { // until it has the name that the nodes would settle on
		r := config.Revision{Policy: []byte(one), Time: time.Unix(int64(i), 0)}
		stranger.seal(&r)
		if r.ID < w.a.current() {
			continue
		}
		must(w.a.store.Add(r)) // it came along once, as an ancestor that nobody vouched for
		r = must(w.b.store.Add(r))
		if err := w.b.store.SetCurrent(r.Number); err != nil {
			t.Fatal(err)
		}
		break
	}
	was := w.a.current()
	if _, err := w.a.sync.meet(context.Background(), true); err == nil || w.a.current() != was {
		t.Errorf("%v, and fw1 runs %.7s", err, w.a.current())
	}
}

// What the master learned counts.
func TestBackupTeachesNothing(t *testing.T) {
	w := begun(t)
	w.b.learned = "new"
	if _, err := w.b.sync.meet(context.Background(), true); err != nil || w.a.learned == "new" {
		t.Errorf("%v, and the master knows %q", err, w.a.learned)
	}
}

func TestHoldIsBounded(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{0: doubt, -time.Hour: doubt, time.Hour: time.Hour, 1 << 62: longestHold} {
		w := begun(t)
		r := config.Revision{Policy: []byte("two"), Parents: []string{w.b.current()}, Time: time.Unix(9, 0)}
		w.a.seal(&r)
		if _, err := w.b.sync.Gateway.Stage(context.Background(), r, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := w.b.sync.Answer(context.Background(), askSwitch, marshal(step{ID: r.ID, Hold: asked})); err != nil {
			t.Fatal(err)
		}
		if got := w.b.journal.deadline - w.clock(); got != want {
			t.Errorf("asked for %v it holds for %v, want %v", asked, got, want)
		}
	}
}

// A resolution is of what was looked at, and takes the secrets with the text.
func TestDecideIsOfWhatWasSeen(t *testing.T) {
	ctx := context.Background()
	w := conflict(t)
	seen := [2]string{w.b.current(), w.a.current()}
	if _, err := w.b.sync.Decide(ctx, view.Resolution{Take: "ours", Expect: [2]string{seen[1], seen[0]}}); err == nil || !strings.Contains(err.Error(), "since this was looked at") {
		t.Errorf("of something else: %v", err)
	}
	if d, err := w.b.sync.Decide(ctx, view.Resolution{Take: "ours", Expect: seen}); err != nil || d.Parents[0] != seen[0] || d.Parents[1] != seen[1] {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := w.b.sync.Decide(ctx, view.Resolution{Take: "mine"}); err == nil {
		t.Error("a word that means nothing is taken")
	}
	w = begun(t)
	if _, err := w.b.sync.Decide(ctx, view.Resolution{Take: "ours"}); err == nil || !strings.Contains(err.Error(), "no conflict") {
		t.Errorf("without a conflict: %v", err)
	}
}

func TestDecideTakesTheSecrets(t *testing.T) {
	w := begun(t)
	for _, m := range []*machine{w.a, w.b} {
		r := config.Revision{Policy: []byte(one), Parents: []string{m.current()}, Time: time.Unix(9, 0), Secrets: map[string][]byte{"carp.key": []byte(m.name)}}
		m.seal(&r)
		if err := m.store.SetCurrent(must(m.store.Add(r)).Number); err != nil {
			t.Fatal(err)
		}
	}
	w.rounds()
	for take, want := range map[string]string{"ours": "fw2", "theirs": "fw1"} {
		if d, err := w.b.sync.Decide(context.Background(), view.Resolution{Take: take}); err != nil || string(d.Secrets["carp.key"]) != want {
			t.Errorf("%s: %s, %v", take, d.Secrets, err)
		}
	}
	if d := must(w.b.sync.Diff(context.Background())); len(d.Notes) == 0 || !strings.Contains(d.Notes[len(d.Notes)-1], "password") {
		t.Errorf("the notes are %q", d.Notes)
	}
}

// Who pulls or pushes the wrong way is told the right one.
func TestTheWrongWay(t *testing.T) {
	w := behind(t)
	if _, err := w.a.sync.Pull(context.Background()); err == nil || !strings.Contains(err.Error(), "ha push") {
		t.Errorf("pull: %v", err)
	}
	if _, err := w.b.sync.Push(context.Background()); err == nil || !strings.Contains(err.Error(), "ha pull") {
		t.Errorf("push: %v", err)
	}
}

func TestSecretsAreDigestedByName(t *testing.T) {
	a, b := map[string][]byte{"a": []byte("x"), "b": []byte("y")}, map[string][]byte{"a": []byte("x"), "c": []byte("y")}
	if digestSecrets(a) == digestSecrets(b) || digestSecrets(a) == "" || digestSecrets(nil) != "" {
		t.Error("other names have one digest")
	}
}
