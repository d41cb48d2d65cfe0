package config

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/rempart/rempart/disk"
)

var errPower = errors.New("no power")

// survival is what of the things that were not synced a power cut leaves.
type survival int

const (
	allKept   survival = iota // everything got to the disk by chance
	namesKept                 // names did, what is in the files did not
	allLost                   // nothing did
	survivals
)

// cutDisk is a disk whose power goes after some steps. It works on real files
// and remembers how to take back what was not synced.
type cutDisk struct {
	disk.OS
	left     int // steps until the cut; a step that is cut off may be half done
	unsynced map[string]bool
	undo     []func() error // names that no SyncDir made last, the oldest first
}

func (d *cutDisk) step() error {
	if d.left == 0 {
		return errPower
	}
	d.left--
	return nil
}

func (d *cutDisk) Create(path string) (disk.File, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	d.remember(path)
	f, err := d.OS.Create(path)
	if err != nil {
		return nil, err
	}
	if d.unsynced == nil {
		d.unsynced = make(map[string]bool)
	}
	d.unsynced[path] = true
	return &cutFile{f, d, path}, nil
}

func (d *cutDisk) Rename(from, to string) error {
	if err := d.step(); err != nil {
		return err
	}
	d.remember(from)
	d.remember(to)
	d.unsynced[to] = d.unsynced[from]
	delete(d.unsynced, from)
	return d.OS.Rename(from, to)
}

func (d *cutDisk) Remove(path string) error {
	if err := d.step(); err != nil {
		return err
	}
	d.remember(path)
	delete(d.unsynced, path)
	return d.OS.Remove(path)
}

func (d *cutDisk) SyncDir(path string) error {
	if err := d.step(); err != nil {
		return err
	}
	d.undo = nil
	return d.OS.SyncDir(path)
}

// remember keeps what path is now, until SyncDir.
func (d *cutDisk) remember(path string) {
	data, err := os.ReadFile(path)
	d.undo = append(d.undo, func() error {
		if errors.Is(err, fs.ErrNotExist) {
			return os.RemoveAll(path)
		}
		return os.WriteFile(path, data, 0o600)
	})
}

// cut leaves on the disk what survives.
func (d *cutDisk) cut(t *testing.T, how survival) {
	t.Helper()
	if how == allKept {
		return
	}
	for path, unsynced := range d.unsynced {
		if unsynced {
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	if how == namesKept {
		return
	}
	for i := len(d.undo) - 1; i >= 0; i-- {
		if err := d.undo[i](); err != nil {
			t.Fatal(err)
		}
	}
}

type cutFile struct {
	disk.File
	d    *cutDisk
	path string
}

func (f *cutFile) Write(b []byte) (int, error) {
	if err := f.d.step(); err != nil {
		n, _ := f.File.Write(b[:len(b)/2])
		return n, err
	}
	return f.File.Write(b)
}

func (f *cutFile) Sync() error {
	if err := f.d.step(); err != nil {
		return err
	}
	f.d.unsynced[f.path] = false
	return f.File.Sync()
}

// TestStorePowerCut cuts the power at every step of every change, in every way,
// and finds either the old or the new state, whole; once the change was
// reported as done, the new one.
func TestStorePowerCut(t *testing.T) {
	changes := []struct {
		name       string
		do         func(*Store) error
		newest     int // after the change
		newCurrent int
	}{
		{"add", func(s *Store) error { _, err := s.Add(someRevision("three")); return err }, 3, 1},
		{"give texts", func(s *Store) error {
			r := someRevision("two")
			r.Node = []byte("node")
			_, err := s.Add(r)
			return err
		}, 2, 1},
		{"set current", func(s *Store) error { return s.SetCurrent(2) }, 2, 2},
		{"writable", func(s *Store) error { return s.Writable() }, 2, 1},
	}
	for _, change := range changes {
		for how := range survivals {
			done := false
			for step := 0; !done; step++ {
				if step > 20 {
					t.Fatalf("%s does not end", change.name)
				}
				dir := t.TempDir()
				s := open(t, dir, disk.OS{})
				add(t, s, "one")
				add(t, s, "two")
				if err := s.SetCurrent(1); err != nil {
					t.Fatal(err)
				}
				d := &cutDisk{left: step}
				done = change.do(open(t, dir, d)) == nil
				d.cut(t, how)

				s = open(t, dir, disk.OS{})
				all, err := s.List()
				if err != nil {
					t.Errorf("%s, cut at step %d, %v: %v", change.name, step, how, err)
				}
				newest, current := all[len(all)-1].Number, 0
				if r, err := s.Current(); err == nil {
					current = r.Number
				}
				isOld := newest == 2 && current == 1
				isNew := newest == change.newest && current == change.newCurrent
				if !isNew && (done || !isOld) {
					t.Errorf("%s, cut at step %d, %v: newest %d, current %d, reported as done: %v",
						change.name, step, how, newest, current, done)
				}
				if r, err := s.Add(someRevision("next")); err != nil || r.Number != newest+1 {
					t.Errorf("%s, cut at step %d, %v: the next one is %d, %v", change.name, step, how, r.Number, err)
				}
			}
		}
	}
}
