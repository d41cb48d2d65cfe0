package ha

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/lists"
	"github.com/rempart/rempart/ha/peer"
	"github.com/rempart/rempart/ha/view"
)

// block is the block list of a node on the stage: elements that stay, by key.
type block struct {
	mu    sync.Mutex
	keys  map[string]bool
	reads int
	fault error // of a merge
}

func newBlock(keys ...string) *block {
	b := &block{keys: map[string]bool{}}
	for _, k := range keys {
		b.keys[k] = true
	}
	return b
}

func (b *block) listLocked() (out []lists.Element) {
	for k := range b.keys {
		out = append(out, lists.Element{Key: []byte(k)})
	}
	return out
}

func (b *block) Read(context.Context) ([]lists.List, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reads++
	return []lists.List{{Name: "block", Type: "text", Elements: b.listLocked()}}, nil
}

func (b *block) Merge(_ context.Context, changes []lists.Change) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range changes {
		gone, put := lists.Merge(b.listLocked(), c)
		for _, k := range gone {
			delete(b.keys, string(k))
		}
		for _, e := range put {
			b.keys[string(e.Key)] = true
		}
	}
	return b.fault
}

// change puts keys in, or takes out those that begin with a minus.
func (b *block) change(keys ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, k := range keys {
		if out, ok := strings.CutPrefix(k, "-"); ok {
			delete(b.keys, out)
		} else {
			b.keys[k] = true
		}
	}
}

func (b *block) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(slices.Sorted(maps.Keys(b.keys)), " ")
}

// listsOrNone are the lists of a node.
func (a *actor) listsOrNone() Lists {
	if a.block == nil {
		return nil // and no interface around it
	}
	return a.block
}

// wantLists ends the test unless the nodes' lists hold that.
func (s *stage) wantLists(first, second string) {
	s.t.Helper()
	a, b := s.actors["fw1"].block.String(), s.actors["fw2"].block.String()
	if a != first || b != second {
		s.t.Errorf("the lists are %q and %q, want %q and %q", a, b, first, second)
	}
}

// pairWithLists is a pair whose first node is master.
func (s *stage) pairWithLists(first, second *block) (a, b *actor) {
	s.t.Helper()
	s.lists = map[int]*block{1: first, 2: second}
	a, b = s.enter(1, 0, stagePolicy), s.enter(2, 100, stagePolicy)
	s.meet(a, b)
	s.pass(5 * time.Second)
	s.want(map[string]string{"fw1": "MASTER", "fw2": "BACKUP"})
	return a, b
}

func TestListsGoToTheBackup(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a, b := s.pairWithLists(newBlock("old"), newBlock("stray"))
		s.wantLists("old", "old stray")
		a.block.change("new")
		s.pass(1100 * time.Millisecond)
		s.wantLists("new old", "new old stray")
		a.block.change("-old")
		s.pass(2100 * time.Millisecond)
		s.wantLists("new", "new stray")
		b.block.change("mine") // the backup's say does not count
		s.pass(time.Minute)
		s.wantLists("new", "new")
		if b.block.reads > 0 {
			t.Errorf("the backup read its lists %d times", b.block.reads)
		}
	})
}

// TestListsAfterAFailover: the new master has all that the old one had, goes on with it, and gives it to
// the old one when that returns.
func TestListsAfterAFailover(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a, b := s.pairWithLists(newBlock("one"), newBlock())
		a.kill()
		<-a.ended
		s.pass(5 * time.Second)
		s.wantLists("one", "one")
		b.block.change("two", "-one")
		s.pass(5 * time.Second)
		a.machine.Stun(false)
		a.dead.Store(false)
		s.start(a, 1, 200, stagePolicy)
		s.meet(a, b)
		s.pass(5 * time.Second)
		s.want(map[string]string{"fw1": "BACKUP", "fw2": "MASTER"})
		s.wantLists("one two", "two")
		s.pass(time.Minute)
		s.wantLists("two", "two")
	})
}

// TestListsWithTheRole: what the old master caught in its last moment is not lost when the role moves.
func TestListsWithTheRole(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a, _ := s.pairWithLists(newBlock("one"), newBlock())
		a.block.change("last")
		if _, err := a.node.Release(t.Context(), view.Order{By: "test"}); err != nil {
			t.Fatal(err)
		}
		s.pass(1100 * time.Millisecond)
		s.want(map[string]string{"fw1": "BACKUP", "fw2": "MASTER"})
		s.pass(time.Minute + 5*time.Second)
		s.wantLists("last one", "last one")
	})
}

// TestListsOfTwoMasters: nodes that share the work catch for each other.
func TestListsOfTwoMasters(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		s.lists = map[int]*block{1: newBlock("one"), 2: newBlock("two")}
		a, b := s.enter(1, 0, sharedPolicy), s.enter(2, 100, sharedPolicy)
		s.meet(a, b)
		s.pass(20 * time.Second)
		s.wantLists("one two", "one two")
		s.pass(time.Minute + 5*time.Second)
		s.wantLists("one two", "one two")
		a.block.change("-two")
		s.pass(time.Minute + 5*time.Second)
		s.wantLists("one", "one")
	})
}

// TestListsOfAnOlderPeer: it is asked now and then, and nothing else suffers.
func TestListsOfAnOlderPeer(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		s.pairing(root(1))
		a, _ := s.pairWithLists(newBlock("one"), nil)
		s.pass(3 * time.Minute)
		if a.block.reads < 2 || a.block.reads > 6 {
			t.Errorf("%d looks in three minutes", a.block.reads)
		}
		if w := a.status().Warnings; len(w) > 0 {
			t.Errorf("warnings %q", w)
		}
	})
}

// TestListsThatCannotBeMerged are sent again, and are no fault of the node that sends them.
func TestListsThatCannotBeMerged(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		broken := newBlock()
		broken.fault = errors.New("no room")
		a, b := s.pairWithLists(newBlock("one"), broken)
		a.block.change("two")
		s.pass(1100 * time.Millisecond)
		s.wantLists("one two", "one two")
		b.block.change("-one")
		s.pass(1100 * time.Millisecond)
		s.wantLists("one two", "one two")
	})
}

func TestAnswerToLists(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		_, b := s.pairWithLists(newBlock(), newBlock())
		for _, body := range []string{"", "\xff", "\x01junk"} {
			if answer, err := b.link.options.Answer(t.Context(), peer.Question{Kind: askLists, Body: []byte(body)}); err == nil {
				t.Errorf("%q is answered with %s", body, answer)
			}
		}
		if err := b.node.sendLists(t.Context(), nil); !errors.Is(err, lists.ErrRefused) {
			t.Errorf("a message that the peer refuses: %v", err)
		}
		if got := fmt.Sprint(b.block); got != "" {
			t.Errorf("the list became %q", got)
		}
	})
}

// sharedPolicy has a group that each of the nodes prefers to be master of.
const sharedPolicy = stagePolicy + "group = \"outside\"\n[ha_group.outside]\npreferred = \"fw2\"\n"
