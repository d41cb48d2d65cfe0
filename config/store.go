package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/rempart/rempart/disk"
)

// ErrNoRevision says that a store does not have the revision that was asked for.
var ErrNoRevision = errors.New("no such revision")

// Store keeps the revisions of a node in a directory, and which of them is the
// last good one. Each change is on the disk when its method returns, and a crash
// at any point leaves either the old or the new state. It is safe for concurrent
// use; a directory belongs to one Store at a time.
type Store struct {
	dir  string
	disk disk.Disk
	mu   sync.Mutex // one writer: numbers are given under it
	kept index      // under mu
}

// OpenStore opens the store in dir and makes the directory if it is not there.
// What a crash left unfinished is cleared away.
func OpenStore(dir string) (*Store, error) { return openStore(dir, disk.OS{}) }

func openStore(dir string, d disk.Disk) (*Store, error) {
	if err := disk.MakeDir(d, dir); err != nil {
		return nil, fmt.Errorf("open revisions: %w", err)
	}
	if err := disk.Clear(d, dir); err != nil {
		return nil, fmt.Errorf("open revisions: %w", err)
	}
	return &Store{dir: dir, disk: d}, nil
}

const (
	revisionSuffix = ".revision"
	currentName    = "current"
	// largestRevision is more than any revision, and less than hurts a machine.
	largestRevision = 128 << 20
)

func (s *Store) path(name string) string { return filepath.Join(s.dir, name) }

func revisionName(n int) string { return fmt.Sprintf("%08d%s", n, revisionSuffix) }

// Add writes r as the newest revision and returns it with the number that it got. One without an ID
// is sealed without a key; one with an ID has to verify. When there is a whole revision of that ID
// already, that one comes back; Policy and Node are this node's own, and are written into it when r
// has them otherwise. A Policy that is nil is one that r does not say.
func (s *Store) Add(r Revision) (Revision, error) {
	if r.Hash != "" && r.Hash != Hash(r.Text()) {
		return Revision{}, fmt.Errorf("add revision: %w", ErrHash)
	}
	if r.ID == "" {
		r.Seal(nil)
	}
	if err := r.Verify(); err != nil {
		return Revision{}, fmt.Errorf("add revision: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.look(); err != nil {
		return Revision{}, fmt.Errorf("add revision: %w", err)
	}
	if n, ok := s.kept.numbers[r.ID]; ok {
		if kept, err := s.load(n); err == nil {
			if r.Policy != nil && (!bytes.Equal(kept.Policy, r.Policy) || !bytes.Equal(kept.Node, r.Node)) {
				kept.Policy, kept.Node, kept.Shared = r.Policy, r.Node, r.Shared
				if err := kept.Verify(); err != nil { // it may be of format 1, which had no bounds
					return Revision{}, fmt.Errorf("add revision %d again: %w", n, err)
				}
				return s.write(kept)
			}
			// Its name may be there because of an Add whose last step was refused.
			if err := s.disk.SyncDir(s.dir); err != nil {
				return Revision{}, fmt.Errorf("add revision %d again: %w", n, err)
			}
			return kept, nil
		}
	}
	r.Number = s.kept.newest() + 1
	return s.write(r)
}

// write puts a revision into the file of its number.
func (s *Store) write(r Revision) (Revision, error) {
	data, err := appendRevision(nil, r)
	if err != nil {
		return Revision{}, fmt.Errorf("add revision %d: %w", r.Number, err)
	}
	if err := disk.Replace(s.disk, s.path(revisionName(r.Number)), disk.Bytes(data)); err != nil {
		return Revision{}, fmt.Errorf("add revision %d: %w", r.Number, err)
	}
	return r, nil
}

// Load reads revision n. The error is ErrNoRevision when there is none of that
// number; a file that is damaged is reported as such.
func (s *Store) Load(n int) (Revision, error) {
	r, err := s.load(n)
	if err != nil {
		return Revision{}, fmt.Errorf("load revision %d: %w", n, err)
	}
	return r, nil
}

func (s *Store) load(n int) (Revision, error) {
	data, err := disk.Read(s.path(revisionName(n)), largestRevision)
	if errors.Is(err, fs.ErrNotExist) {
		return Revision{}, ErrNoRevision
	}
	if err != nil {
		return Revision{}, err
	}
	r, err := parseRevision(data)
	if err == nil && r.Number != n {
		err = fmt.Errorf("the file holds revision %d", r.Number)
	}
	return r, err
}

// Latest is the newest revision that is whole. The error is ErrNoRevision when
// there is none.
func (s *Store) Latest() (Revision, error) {
	files, err := s.files()
	if err != nil {
		return Revision{}, fmt.Errorf("load latest revision: %w", err)
	}
	faults := []error{ErrNoRevision}
	for _, f := range slices.Backward(files) {
		r, err := s.Load(f.number)
		if err == nil {
			return r, nil
		}
		faults = append(faults, err)
	}
	return Revision{}, fmt.Errorf("load latest revision: %w", errors.Join(faults...))
}

// Current is the last good revision, as SetCurrent said. The error is
// ErrNoRevision when nothing was said yet.
func (s *Store) Current() (Revision, error) {
	text, err := disk.Read(s.path(currentName), largestRevision)
	if errors.Is(err, fs.ErrNotExist) {
		return Revision{}, fmt.Errorf("load current revision: %w", ErrNoRevision)
	}
	if err != nil {
		return Revision{}, fmt.Errorf("load current revision: %w", err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return Revision{}, fmt.Errorf("load current revision: %s holds %q, which is no number", currentName, text)
	}
	r, err := s.Load(n)
	if errors.Is(err, ErrNoRevision) { // it was said, and the file is lost
		return Revision{}, fmt.Errorf("load current revision: the file of revision %d is missing", n)
	}
	return r, err
}

// SetCurrent says that revision n is the last good one. It has to be whole.
func (s *Store) SetCurrent(n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.Load(n); err != nil {
		return fmt.Errorf("set current revision: %w", err)
	}
	if err := disk.Replace(s.disk, s.path(currentName), disk.Bytes([]byte(strconv.Itoa(n)+"\n"))); err != nil {
		return fmt.Errorf("set current revision %d: %w", n, err)
	}
	return nil
}

// probeSize is more than the revisions of most gateways take.
const probeSize = 64 << 10

// Writable finds out whether the disk takes writes and keeps them: it is asked
// before the kernel is touched, so that what runs can also be written down.
func (s *Store) Writable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := disk.Probe(s.disk, s.dir, probeSize); err != nil {
		return fmt.Errorf("write revisions: %w", err)
	}
	return nil
}
