package firewall

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/disk"
	"github.com/rempart/rempart/rules"
)

// State is the directory in which a gateway keeps what must outlive it: the
// revisions, the journal of an apply under way, the numbers of rules, and the
// devices that interfaces were found on.
type State struct {
	*config.Store
	dir  string
	lock *os.File
}

// largestFile is more than any file of the state, and less than hurts a machine.
const largestFile = 128 << 20

// OpenState opens the directory, making it when it is not there, and locks
// it. A second daemon on the same directory is refused.
func OpenState(dir string) (*State, error) {
	if err := disk.MakeDir(disk.OS{}, dir); err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	// The directory itself is locked: a disk that takes no files any more still has
	// the policy of a gateway that must come up.
	lock, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("open state: %s is in use by another rempart: stop it, or give this one a --state of its own", dir)
	}
	if err := disk.Clear(disk.OS{}, dir); err != nil {
		lock.Close()
		return nil, fmt.Errorf("open state: %w", err)
	}
	s, err := ReadState(dir)
	if err != nil {
		lock.Close()
		return nil, err
	}
	s.lock = lock
	return s, nil
}

// ReadState opens the directory without the lock, to read from it only.
func ReadState(dir string) (*State, error) {
	store, err := config.OpenStore(filepath.Join(dir, "revisions"))
	if err != nil {
		return nil, err
	}
	return &State{Store: store, dir: dir}, nil
}

// Close gives the lock back.
func (s *State) Close() error {
	if s.lock == nil {
		return nil
	}
	return s.lock.Close()
}

// Journal reads the journal of an apply under way; nil when there is none. A
// damaged one is an error and can be removed: it was never finished.
func (s *State) Journal() (*Journal, error) {
	b, err := disk.Read(s.path("journal.json"), largestFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	j, err := ParseJournal(b)
	if err != nil {
		return nil, err
	}
	return &j, nil
}

// PutJournal writes the journal through to the disk.
func (s *State) PutJournal(j Journal) error {
	if err := disk.Replace(disk.OS{}, s.path("journal.json"), disk.Bytes(j.Bytes())); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	return nil
}

// DropJournal removes the journal, through to the disk.
func (s *State) DropJournal() error {
	err := os.Remove(s.path("journal.json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("drop journal: %w", err)
	}
	return disk.OS{}.SyncDir(s.dir)
}

// Memory is what a policy is compiled with and that must not change from one
// start to the next.
type Memory struct {
	Numbers  rules.Numbers     `json:"numbers"`
	Gateways rules.Numbers     `json:"gateways,omitempty"`
	Devices  map[string]string `json:"devices"`
	// Down is the gateways that were down at last, so that a new start does not
	// send flows there until it knows better.
	Down []string `json:"down,omitempty"`
}

// Memory reads the memory; an absent or damaged one is empty, since all of it can be learned again.
func (s *State) Memory() Memory {
	var m Memory
	if b, err := disk.Read(s.path("memory.json"), largestFile); err == nil && json.Unmarshal(b, &m) == nil {
		return m
	}
	return Memory{}
}

// Applied says whether a policy was ever put into the kernel from this
// directory: the memory is written before each time.
func (s *State) Applied() bool {
	_, err := os.Stat(s.path("memory.json"))
	return err == nil
}

// PutMemory writes the memory through to the disk.
func (s *State) PutMemory(m Memory) error {
	b, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return fmt.Errorf("write memory: %w", err)
	}
	if err := disk.Replace(disk.OS{}, s.path("memory.json"), disk.Bytes(append(b, '\n'))); err != nil {
		return fmt.Errorf("write memory: %w", err)
	}
	return nil
}

// Path is a file or folder of the state directory.
func (s *State) Path(name string) string { return s.path(name) }

func (s *State) path(name string) string { return filepath.Join(s.dir, name) }
