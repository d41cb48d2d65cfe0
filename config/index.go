package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
)

// index is what a store remembers of its files, so that it reads each of them once.
type index struct {
	revisions []indexed      // the lowest number first
	numbers   map[string]int // by ID: the newest whole revision that has it
	history   History        // of those that are whole
}

// indexed is a revision's file when it was last read.
type indexed struct {
	number   int
	info     fs.FileInfo
	revision Revision // without the texts and the secrets
	fault    error    // why it cannot be read
}

// newest is the highest number of a revision, whole or not; 0 when there is none.
func (x *index) newest() int {
	if len(x.revisions) == 0 {
		return 0
	}
	return x.revisions[len(x.revisions)-1].number
}

// List is every revision, the oldest first, without the texts and the secrets. The error joins what
// is wrong with damaged ones; the others are listed all the same. Damage that left a file its size
// and its time is found by Load alone. What a revision refers to is not to be written to.
func (s *Store) List() ([]Revision, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.look(); err != nil {
		return nil, fmt.Errorf("list revisions: %w", err)
	}
	var all []Revision
	var faults []error
	for _, x := range s.kept.revisions {
		if x.fault != nil {
			faults = append(faults, x.fault)
			continue
		}
		all = append(all, x.revision)
	}
	return all, errors.Join(faults...)
}

// Find reads the revision that has an ID: the newest, since one of format 1 may be there twice. The
// error is ErrNoRevision when there is none that is whole.
func (s *Store) Find(id string) (Revision, error) {
	n, err := s.number(id)
	if err != nil {
		return Revision{}, fmt.Errorf("find revision %q: %w", id, err)
	}
	return s.Load(n)
}

func (s *Store) number(id string) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.look(); err != nil {
		return 0, err
	}
	n, ok := s.kept.numbers[id]
	if !ok {
		return 0, ErrNoRevision
	}
	return n, nil
}

// History is how the revisions descend from each other. Damaged ones are not there; List says what
// is wrong with them.
func (s *Store) History() (History, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.look(); err != nil {
		return History{}, fmt.Errorf("read history: %w", err)
	}
	return s.kept.history, nil
}

// Heads is the revisions from which no other descends, as List has them: one, unless both nodes were
// edited. There is none in a directory that cannot be read.
func (s *Store) Heads() []Revision {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.look(); err != nil {
		return nil
	}
	var heads []Revision
	ids := s.kept.history.heads()
	for _, x := range s.kept.revisions {
		if r := x.revision; ids[r.ID] && s.kept.numbers[r.ID] == x.number {
			heads = append(heads, r)
		}
	}
	return heads
}

// look brings the index up to the files, of which it reads those that are new, changed or were
// damaged. It needs the lock.
func (s *Store) look() error {
	files, err := s.files()
	if err != nil {
		return err
	}
	known, changed := s.kept.revisions, len(files) != len(s.kept.revisions)
	for i, f := range files {
		at, ok := slices.BinarySearchFunc(known, f.number, func(x indexed, n int) int { return x.number - n })
		if ok && known[at].fault == nil && unchanged(known[at].info, f.info) {
			files[i] = known[at]
			continue
		}
		changed = true
		files[i].revision, files[i].fault = s.Load(f.number)
		r := &files[i].revision
		r.Policy, r.Node, r.Shared, r.Secrets = nil, nil, nil, nil
	}
	if changed || s.kept.numbers == nil {
		s.kept = newIndex(files)
	}
	return nil
}

func newIndex(files []indexed) index {
	x := index{revisions: files, numbers: make(map[string]int)}
	var whole []Revision
	for _, f := range files {
		if f.fault == nil {
			whole = append(whole, f.revision)
			x.numbers[f.revision.ID] = f.number
		}
	}
	x.history = NewHistory(whole)
	return x
}

// unchanged says whether a file looks as it did before.
func unchanged(before, now fs.FileInfo) bool {
	return os.SameFile(before, now) && before.Size() == now.Size() && before.ModTime().Equal(now.ModTime())
}

// files is what revisions there are, the lowest number first, not read yet.
func (s *Store) files() ([]indexed, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var files []indexed
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), revisionSuffix)
		n, err := strconv.Atoi(digits)
		if !ok || err != nil || n < 1 || revisionName(n) != e.Name() {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		files = append(files, indexed{number: n, info: info})
	}
	slices.SortFunc(files, func(a, b indexed) int { return a.number - b.number })
	return files, nil
}
