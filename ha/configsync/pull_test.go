package configsync

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/config"
)

// behind is a world in which fw2 was cut off while two revisions were applied at fw1, and is to have a round.
func behind(t *testing.T) *world {
	t.Helper()
	w := begun(t)
	w.cut = true
	w.link()
	for _, text := range []string{"two", "three"} {
		if _, err := w.a.apply(text, Order{}); err != nil {
			t.Fatal(err)
		}
	}
	w.cut = false
	w.link()
	return w
}

func TestPullSaysHowManyCame(t *testing.T) {
	w := behind(t)
	if n, err := w.b.sync.Pull(context.Background()); err != nil || n != 2 {
		t.Errorf("%d, %v, want 2", n, err)
	}
	w.wantBoth("three")
	if n, err := w.b.sync.Pull(context.Background()); err != nil || n != 0 {
		t.Errorf("again: %d, %v", n, err)
	}
}

// Who pulls what his own node cannot take is told that it is his node.
func TestPullIsRefusedHere(t *testing.T) {
	w := behind(t)
	w.b.refuses = func(config.Revision) error { return &Refusal{Message: "there is no such device"} }
	_, err := w.b.sync.Pull(context.Background())
	var refused *Refused
	if !errors.As(err, &refused) || refused.Node != "fw2" || refused.Message != "there is no such device" {
		t.Errorf("%v", err)
	}
}

// What kept a node from a revision for a moment does not keep it from it for longer.
func TestWhatPassesIsTriedAgain(t *testing.T) {
	for name, hinder := range map[string]func(*world){
		"another apply": func(w *world) { w.b.refuses = func(config.Revision) error { return errTurn } },
		"the cable is cut": func(w *world) {
			w.b.asked = func(kind string) {
				if kind == askFetch {
					w.mu.Lock()
					w.cut = true
					w.mu.Unlock()
				}
			}
		},
	} {
		w := behind(t)
		hinder(w)
		if err := w.b.sync.round(context.Background()); err == nil {
			t.Fatalf("%s: it was no hindrance", name)
		}
		w.b.refuses, w.b.asked, w.cut = nil, nil, false
		if err := w.b.sync.round(context.Background()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		w.wantBoth("three")
	}
}

func TestWhatIsRefusedIsLeftAlone(t *testing.T) {
	w := behind(t)
	tried := 0
	w.b.refuses = func(config.Revision) error { tried++; return &Refusal{Message: "no"} }
	for range 3 {
		_ = w.b.sync.round(context.Background()) // the first is refused
	}
	if tried != 1 {
		t.Errorf("it was tried %d times", tried)
	}
}

// A peer that sends along what does not lead to its revision is a liar, and nothing of it is kept.
func TestFetchTakesWhatLeads(t *testing.T) {
	for name, lie := range map[string]func(w *world, u *bundle){
		"a stranger's beside it": func(w *world, u *bundle) {
			r := config.Revision{Policy: []byte("alien"), Shared: []byte("alien"), Time: time.Unix(1, 0)}
			r.Seal(nil)
			u.revisions = append([]config.Revision{r}, u.revisions...)
		},
		"not signed": func(w *world, u *bundle) {
			last := &u.revisions[len(u.revisions)-1]
			last.Signature, last.Key = nil, nil
			last.Seal(nil)
		},
	} {
		w := behind(t)
		ask := w.b.sync.Ask
		w.b.sync.Ask = func(ctx context.Context, kind string, body []byte) ([]byte, error) {
			answer, err := ask(ctx, kind, body)
			if kind != askFetch || err != nil {
				return answer, err
			}
			u := must(parseBundle(answer))
			lie(w, &u)
			return appendBundle(nil, u), nil
		}
		if err := w.b.sync.round(context.Background()); err == nil {
			t.Errorf("%s: it was taken", name)
		}
		if all := must(w.b.store.List()); len(all) != 1 || w.b.text() != one {
			t.Errorf("%s: fw2 keeps %d revisions and runs %q", name, len(all), w.b.text())
		}
	}
}

// A peer whose revisions never lead to what was asked for is not listened to for ever.
func TestFetchEnds(t *testing.T) {
	w := behind(t)
	for name, c := range map[string]struct {
		other bool // each answer has other revisions
		want  string
	}{
		"the same for ever": {false, "again and again"},
		"others for ever":   {true, errMany.Error()},
	} {
		asked := 0
		w.b.sync.Ask = func(context.Context, string, []byte) ([]byte, error) {
			asked++
			var u bundle
			for i := range mostRevisions/2 + 1 {
				r := config.Revision{Shared: []byte("text"), Message: fmt.Sprint(i), Time: time.Unix(1, 0)}
				if c.other {
					r.Author = fmt.Sprint(asked)
				}
				r.Seal(nil)
				u.revisions = append(u.revisions, r)
			}
			return appendBundle(nil, u), nil
		}
		_, err := w.b.sync.fetch(context.Background(), &state{}, strings.Repeat("ab", 32), false)
		if err == nil || !strings.Contains(err.Error(), c.want) || asked != 2 {
			t.Errorf("%s: %v after %d questions", name, err, asked)
		}
	}
}

// A long history goes over in several messages.
func TestFetchInParts(t *testing.T) {
	w := begun(t)
	w.cut = true
	w.link()
	for _, text := range []string{strings.Repeat("a", roomyBundle+1), "three"} {
		if _, err := w.a.apply(text, Order{}); err != nil {
			t.Fatal(err)
		}
	}
	w.cut = false
	w.link()
	if err := w.b.sync.round(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.wantBoth("three")
}

// sudden is a gateway that nothing can be learned from any more once it has kept a revision.
type sudden struct {
	gateway
	kept *bool
}

func (g sudden) Keep(ctx context.Context, id string) (Switched, error) {
	out, err := g.gateway.Keep(ctx, id)
	*g.kept = err == nil
	return out, err
}

func (g sudden) Standing(ctx context.Context) (Standing, error) {
	if *g.kept {
		return Standing{}, errDead
	}
	return g.gateway.Standing(ctx)
}

// What is kept is kept, and the peer is told so, whatever is wrong afterwards.
func TestKeptIsKept(t *testing.T) {
	w := begun(t)
	w.a.sync.Gateway = sudden{w.a.sync.Gateway.(gateway), new(bool)}
	g := w.a.sync.Gateway.(sudden)
	if _, err := w.a.sync.Apply(context.Background(), Order{}, g.stageOwn("two")); err != nil {
		t.Error(err)
	}
	w.wantBoth("two")
}

// unchanged stages what runs already.
func unchanged(context.Context) (Staged, error) { return Staged{Unchanged: true}, nil }

func TestWhatRunsIsNotOffered(t *testing.T) {
	w := begun(t)
	w.a.asked = func(kind string) { t.Errorf("the peer was asked for %s", kind) }
	if out, err := w.a.sync.Apply(context.Background(), Order{}, unchanged); err != nil || !out.Unchanged {
		t.Errorf("%+v, %v", out, err)
	}
}

// Who asked for an apply may go away once it has begun.
func TestApplyOutlivesItsAsker(t *testing.T) {
	w := begun(t)
	ctx, cancel := context.WithCancel(context.Background())
	w.a.asked = func(kind string) {
		if kind == askSwitch {
			cancel()
		}
	}
	w.a.sync.Ask = func(ctx context.Context, kind string, body []byte) ([]byte, error) {
		answer, err := w.a.ask(ctx, kind, body)
		if errors.Is(ctx.Err(), context.Canceled) {
			err = ctx.Err()
		}
		return answer, err
	}
	if out, err := w.a.sync.Apply(ctx, Order{}, w.a.sync.Gateway.(gateway).stageOwn("two")); err != nil || out.Peer.State != Follows {
		t.Errorf("%+v, %v", out.Peer, err)
	}
	w.wantBoth("two")
}

// Whoever was asked to wait for a confirm waits longer than who asks: what is confirmed in the last moment is kept on both.
func TestPeerWaitsLonger(t *testing.T) {
	w := begun(t)
	if _, err := w.a.apply("two", Order{Confirm: time.Minute}); err != nil {
		t.Fatal(err)
	}
	if w.b.journal.deadline <= w.a.journal.deadline {
		t.Errorf("fw1 waits for %v, fw2 for %v", w.a.journal.deadline, w.b.journal.deadline)
	}
}

// A disk that refuses to keep it takes it back on both.
func TestKeepFails(t *testing.T) {
	w := begun(t)
	w.a.sync.Gateway = full{w.a.sync.Gateway.(gateway)}
	if _, err := w.a.sync.Apply(context.Background(), Order{}, w.a.sync.Gateway.(full).stageOwn("two")); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
	w.wantBoth(one)
}

var errFull = errors.New("the disk is full")

// full is a gateway that can keep nothing.
type full struct{ gateway }

func (g full) Keep(ctx context.Context, id string) (Switched, error) {
	_, err := g.GoBack(ctx, id)
	return Switched{}, errors.Join(errFull, err)
}
