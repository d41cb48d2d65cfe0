package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/disk"
)

// child is a signed revision that was edited from others.
func child(text string, parents ...Revision) Revision {
	r := someRevision(text)
	r.Parents = nil
	for _, p := range parents {
		r.Parents = append(r.Parents, p.ID)
	}
	r.Seal(someKey(1))
	return r
}

func addRevision(t *testing.T, s *Store, r Revision) Revision {
	t.Helper()
	kept, err := s.Add(r)
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

func numbersOf(list []Revision) []int {
	var numbers []int
	for _, r := range list {
		numbers = append(numbers, r.Number)
	}
	return numbers
}

func TestStoreKeepsARevisionOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, disk.OS{})
	first := addRevision(t, s, fullRevision())
	if first.Number != 1 {
		t.Errorf("the number is %d", first.Number)
	}
	again := asShared(fullRevision()) // as the other node would send it
	for _, s := range []*Store{s, open(t, dir, disk.OS{})} {
		if diff := cmp.Diff(first, addRevision(t, s, again)); diff != "" {
			t.Errorf("added twice (-first +second):\n%s", diff)
		}
	}
	unsealed := someRevision("text")
	if a, b := addRevision(t, s, unsealed), addRevision(t, s, unsealed); a.Number != 2 || b.Number != 2 {
		t.Errorf("the same, unsealed, has the numbers %d and %d", a.Number, b.Number)
	}
	got, err := s.Find(first.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, got); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	for _, id := range []string{"", Hash(nil), first.Hash} {
		if _, err := s.Find(id); !errors.Is(err, ErrNoRevision) {
			t.Errorf("find %q: %v", id, err)
		}
	}
}

// TestStoreGetsTheNodesOwnTexts keeps what came from the other node, and then runs it.
func TestStoreGetsTheNodesOwnTexts(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, disk.OS{})
	if r := addRevision(t, s, asShared(fullRevision())); r.Number != 1 || r.Policy != nil {
		t.Errorf("without own texts: %+v", r)
	}
	if r, err := open(t, dir, disk.OS{}).Load(1); err != nil || r.Policy != nil || r.Node != nil {
		t.Errorf("own texts from nowhere: %q, %q, %v", r.Policy, r.Node, err)
	}
	own := fullRevision()
	own.Number = 1
	for _, node := range []string{"first", "first", "second"} {
		own.Node = []byte(node)
		if diff := cmp.Diff(own, addRevision(t, s, own)); diff != "" {
			t.Errorf("added with own texts (-want +got):\n%s", diff)
		}
		for _, s := range []*Store{s, open(t, dir, disk.OS{})} {
			got, err := s.Find(own.ID)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(own, got); diff != "" {
				t.Errorf("found with own texts (-want +got):\n%s", diff)
			}
		}
	}
	if r := addRevision(t, s, asShared(fullRevision())); !cmp.Equal(r, own) {
		t.Errorf("it lost its texts: %+v", r)
	}
}

// TestStoreKeepsFormat1AsItWas has a revision that could not be read any more in format 2.
func TestStoreKeepsFormat1AsItWas(t *testing.T) {
	dir := t.TempDir()
	file := oldFile(t, 1, "one", "")
	file = file[:bytes.LastIndex(file, []byte(sumPrefix))]
	file = appendSum(bytes.Replace(file, []byte("why"), bytes.Repeat([]byte("why "), largestMessage), 1), 0)
	if err := os.WriteFile(filepath.Join(dir, revisionName(1)), file, 0o600); err != nil {
		t.Fatal(err)
	}
	s, text := open(t, dir, disk.OS{}), []byte("one")
	if _, err := s.Add(Revision{ID: Hash(text), Hash: Hash(text), Policy: text, Node: []byte("new")}); !errors.Is(err, ErrBounds) {
		t.Errorf("add: %v", err)
	}
	if r, err := s.Load(1); err != nil || r.Node != nil {
		t.Errorf("load: %q, %v", r.Node, err)
	}
}

func TestStoreRefusesWhatDoesNotVerify(t *testing.T) {
	s := open(t, t.TempDir(), disk.OS{})
	for name, change := range map[error]func(*Revision){
		ErrID:        func(r *Revision) { r.ID = Hash([]byte("another")) },
		ErrHash:      func(r *Revision) { r.Shared = []byte("another") },
		ErrSignature: func(r *Revision) { r.Signature[0] ^= 1 },
		ErrBounds:    func(r *Revision) { r.ID, r.Parents = "", []string{"dear parent"} },
	} {
		r := fullRevision()
		change(&r)
		if _, err := s.Add(r); !errors.Is(err, name) {
			t.Errorf("%v, want %v", err, name)
		}
	}
	if all, err := s.List(); err != nil || len(all) != 0 {
		t.Errorf("kept: %v, %v", all, err)
	}
}

// TestStoreAddsAgainWhatWasRefused has the directory refuse to be synced: the name is there, and is
// not yet safe.
func TestStoreAddsAgainWhatWasRefused(t *testing.T) {
	d := &cutDisk{left: 4}
	s := open(t, t.TempDir(), d)
	for range 2 { // the second time there is only the directory left to sync
		if _, err := s.Add(fullRevision()); !errors.Is(err, errPower) {
			t.Fatalf("add: %v", err)
		}
		if all, err := s.List(); err != nil || len(all) != 1 {
			t.Fatalf("the step before the last was not the name's: %v, %v", all, err)
		}
	}
	d.left = 1
	if r := addRevision(t, s, fullRevision()); r.Number != 1 {
		t.Errorf("the number is %d", r.Number)
	}
}

// TestStoreReadsFormat1 has a node's revisions of before, with a rollback, and goes on from there.
func TestStoreReadsFormat1(t *testing.T) {
	dir := t.TempDir()
	for i, chain := range [][2]string{{"one", ""}, {"two", "one"}, {"one", "two"}} {
		if err := os.WriteFile(filepath.Join(dir, revisionName(i+1)), oldFile(t, i+1, chain[0], chain[1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, dir, disk.OS{})
	one, err := s.Find(Hash([]byte("one")))
	if err != nil || one.Number != 3 {
		t.Fatalf("found %d, %v, want the newest", one.Number, err)
	}
	if heads := numbersOf(s.Heads()); !slices.Equal(heads, []int{3}) {
		t.Errorf("heads %v", heads)
	}
	four := addRevision(t, s, child("four", one))
	h, err := s.History()
	if err != nil {
		t.Fatal(err)
	}
	two := Hash([]byte("two"))
	if line := h.Line(four.ID, 10); !slices.Equal(line, []string{four.ID, one.ID, two}) {
		t.Errorf("line %v", line)
	}
	if got := h.Relation(four.ID, two); got != Ahead {
		t.Errorf("the newest is %v of one of before", got)
	}
	if again := addRevision(t, s, Revision{ID: two, Hash: two, Shared: []byte("two")}); again.Number != 2 {
		t.Errorf("from the other node, it was kept again as %d", again.Number)
	}
	// What the other node alone has is kept in format 2, with the ID that it has.
	five := addRevision(t, s, Revision{ID: Hash([]byte("five")), Hash: Hash([]byte("five")), Parents: []string{two}, Shared: []byte("five"), Policy: []byte("five, and own")})
	if got, err := open(t, dir, disk.OS{}).Find(five.ID); err != nil || got.Number != 5 {
		t.Errorf("found %d, %v", got.Number, err)
	}
}

func TestStoreHistory(t *testing.T) {
	s := open(t, t.TempDir(), disk.OS{})
	if h, err := s.History(); err != nil || h.Contains("") || s.Heads() != nil {
		t.Errorf("of an empty store: %v, %v", s.Heads(), err)
	}
	root := addRevision(t, s, child("root"))
	left, right := addRevision(t, s, child("left", root)), addRevision(t, s, child("right", root))
	before, err := s.History()
	if err != nil {
		t.Fatal(err)
	}
	if heads := numbersOf(s.Heads()); !slices.Equal(heads, []int{2, 3}) {
		t.Errorf("heads %v", heads)
	}
	merge := addRevision(t, s, child("merge", left, right))
	if heads := numbersOf(s.Heads()); !slices.Equal(heads, []int{4}) {
		t.Errorf("heads %v", heads)
	}
	after, err := s.History()
	if err != nil || !after.Contains(merge.ID) || before.Contains(merge.ID) {
		t.Errorf("the merge: in the history before %v, after %v; %v", before.Contains(merge.ID), after.Contains(merge.ID), err)
	}
	if base := after.Base(left.ID, right.ID); base != root.ID {
		t.Errorf("base %q", base)
	}
	list, err := s.List()
	if err != nil || len(list) != 4 {
		t.Fatal(list, err)
	}
	merge.Policy = nil
	if diff := cmp.Diff(merge, list[3]); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
}

// TestStoreReadsAFileOnce changes a file behind the store's back so that it looks as before: whoever
// does not read it again says that it is whole, and who loads it that it is not.
func TestStoreReadsAFileOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, disk.OS{})
	r := addRevision(t, s, child("one"))
	if _, err := s.List(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, revisionName(1))
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	overwrite := func(content []byte) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Write(content)
		if err := errors.Join(err, f.Close(), os.Chtimes(path, info.ModTime(), info.ModTime())); err != nil {
			t.Fatal(err)
		}
	}
	overwrite(bytes.ToUpper(whole))
	if all, err := s.List(); err != nil || len(all) != 1 {
		t.Errorf("list: %v, %v", all, err)
	}
	if h, err := s.History(); err != nil || !h.Contains(r.ID) || len(s.Heads()) != 1 {
		t.Errorf("history: %v, %v", s.Heads(), err)
	}
	for name, err := range map[string]error{"load": second(s.Load(1)), "find": second(s.Find(r.ID))} {
		if !errors.Is(err, errDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The other node has it still.
	if again := addRevision(t, s, child("one")); again.Number != 2 {
		t.Errorf("instead of the damaged one it is kept as %d", again.Number)
	}
	if got, err := s.Find(r.ID); err != nil || got.Number != 2 {
		t.Errorf("found %d, %v", got.Number, err)
	}
	// What could not be read may be readable the next time, whatever its file looks like.
	s = open(t, dir, disk.OS{})
	if all, err := s.List(); !errors.Is(err, errDamaged) || len(all) != 1 {
		t.Errorf("list, with a damaged one: %v, %v", numbersOf(all), err)
	}
	overwrite(whole)
	if all, err := s.List(); err != nil || len(all) != 2 {
		t.Errorf("list, after it was repaired: %v, %v", numbersOf(all), err)
	}
}

func second[T any](_ T, err error) error { return err }

// TestStoreSeesDamageAndRepair cuts one of three revisions short and gives it back.
func TestStoreSeesDamageAndRepair(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, disk.OS{})
	one := addRevision(t, s, child("one"))
	two := addRevision(t, s, child("two", one))
	three := addRevision(t, s, child("three", two))
	path := filepath.Join(dir, revisionName(2))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	look := func(want []int, fault string) History {
		t.Helper()
		all, err := s.List()
		if !slices.Equal(numbersOf(all), want) || (err != nil) != (fault != "") || err != nil && !strings.Contains(err.Error(), fault) {
			t.Errorf("list %v, %v, want %v, %s", numbersOf(all), err, want, fault)
		}
		h, err := s.History()
		if err != nil {
			t.Error(err)
		}
		return h
	}
	look([]int{1, 2, 3}, "")
	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		h := look([]int{1, 3}, "load revision 2: ")
		if h.Contains(two.ID) || h.Relation(three.ID, two.ID) != Ahead || h.Relation(three.ID, one.ID) != Apart {
			t.Error("more is known of the damaged one than that it was a parent")
		}
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if h := look([]int{1, 2, 3}, ""); h.Relation(three.ID, one.ID) != Ahead {
		t.Error("it is not looked at again")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	look([]int{1, 3}, "")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := s.History(); err == nil || s.Heads() != nil {
		t.Error("a directory that is gone has a history")
	}
	if _, err := s.Find(one.ID); err == nil || errors.Is(err, ErrNoRevision) {
		t.Errorf("find, without a directory: %v", err)
	}
}

func TestStoreIsAskedWhileItGrows(t *testing.T) {
	s := open(t, t.TempDir(), disk.OS{})
	root := addRevision(t, s, child("root"))
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			last := root
			for i := range 6 {
				last = addRevision(t, s, child(fmt.Sprint(w, i), last))
				h, err := s.History()
				if err != nil || h.Relation(last.ID, root.ID) != Ahead {
					t.Errorf("history: %v", err)
				}
				if got, err := s.Find(last.ID); err != nil || got.Number != last.Number {
					t.Errorf("found %d, %v, want %d", got.Number, err, last.Number)
				}
				if _, err := s.List(); err != nil || len(s.Heads()) == 0 {
					t.Errorf("list: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if heads := s.Heads(); len(heads) != 3 {
		t.Errorf("%d heads, want 3", len(heads))
	}
}
