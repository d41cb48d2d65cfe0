package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
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

// Add writes r as the newest revision and returns it with the number and the
// hash that it got. Parent, Author, Message, Time and the texts are the caller's.
func (s *Store) Add(r Revision) (Revision, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	numbers, err := s.numbers()
	if err != nil {
		return Revision{}, fmt.Errorf("add revision: %w", err)
	}
	r.Number = 1
	if len(numbers) > 0 {
		r.Number = numbers[len(numbers)-1] + 1
	}
	hash := Hash(r.Policy)
	if r.Hash != "" && r.Hash != hash {
		return Revision{}, fmt.Errorf("add revision: the policy has not the hash %s", r.Hash)
	}
	r.Hash = hash
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

// List is every revision, the oldest first, without the texts. The error joins
// what is wrong with damaged ones; the others are listed all the same.
func (s *Store) List() ([]Revision, error) {
	numbers, err := s.numbers()
	if err != nil {
		return nil, fmt.Errorf("list revisions: %w", err)
	}
	var all []Revision
	var faults []error
	for _, n := range numbers {
		r, err := s.Load(n)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		r.Policy, r.Node = nil, nil
		all = append(all, r)
	}
	return all, errors.Join(faults...)
}

// Latest is the newest revision that is whole. The error is ErrNoRevision when
// there is none.
func (s *Store) Latest() (Revision, error) {
	numbers, err := s.numbers()
	if err != nil {
		return Revision{}, fmt.Errorf("load latest revision: %w", err)
	}
	faults := []error{ErrNoRevision}
	for _, n := range slices.Backward(numbers) {
		r, err := s.Load(n)
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
	return s.Load(n)
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

// numbers of the revisions that have a file, the lowest first.
func (s *Store) numbers() ([]int, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), revisionSuffix)
		n, err := strconv.Atoi(digits)
		if ok && err == nil && n > 0 && revisionName(n) == e.Name() {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}
