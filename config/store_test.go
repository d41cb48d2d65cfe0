package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/disk"
)

func open(t *testing.T, dir string, d disk.Disk) *Store {
	t.Helper()
	s, err := openStore(dir, d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// someRevision is a revision whose policy is text.
func someRevision(text string) Revision {
	return Revision{
		Parents: []string{Hash([]byte("parent of " + text))}, Author: "anna", Message: "why " + text,
		Time: time.Date(2026, 11, 22, 20, 0, 0, 123456789, time.UTC), Policy: []byte(text),
	}
}

func add(t *testing.T, s *Store, text string) Revision {
	t.Helper()
	r, err := s.Add(someRevision(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestStoreKeepsRevisions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "revisions")
	s := open(t, dir, disk.OS{})
	if _, err := s.Latest(); !errors.Is(err, ErrNoRevision) {
		t.Errorf("latest of an empty store: %v", err)
	}
	if _, err := s.Current(); !errors.Is(err, ErrNoRevision) {
		t.Errorf("current of an empty store: %v", err)
	}
	first := add(t, s, "one\n")
	want := someRevision("two")
	want.Node = []byte{}
	second, err := s.Add(want)
	if err != nil {
		t.Fatal(err)
	}
	want.Seal(nil)
	want.Number = 2
	if diff := cmp.Diff(want, second); diff != "" {
		t.Errorf("added (-want +got):\n%s", diff)
	}

	s = open(t, dir, disk.OS{})
	for _, r := range []Revision{first, second} {
		got, err := s.Load(r.Number)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, got); diff != "" {
			t.Errorf("revision %d (-want +got):\n%s", r.Number, diff)
		}
	}
	if got, err := s.Latest(); err != nil || got.Number != 2 {
		t.Errorf("latest = %d, %v, want 2", got.Number, err)
	}
	all, err := s.List()
	if err != nil || len(all) != 2 || all[0].Number != 1 || all[1].Author != "anna" || all[0].Policy != nil {
		t.Errorf("list = %+v, %v", all, err)
	}
	if _, err := s.Load(3); !errors.Is(err, ErrNoRevision) {
		t.Errorf("load 3: %v", err)
	}
}

func TestStoreCurrent(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, disk.OS{})
	add(t, s, "one")
	add(t, s, "two")
	for _, n := range []int{2, 1} {
		if err := s.SetCurrent(n); err != nil {
			t.Fatal(err)
		}
		if got, err := open(t, dir, disk.OS{}).Current(); err != nil || got.Number != n {
			t.Errorf("current = %d, %v, want %d", got.Number, err, n)
		}
	}
	if err := s.SetCurrent(7); !errors.Is(err, ErrNoRevision) {
		t.Errorf("set current 7: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, revisionName(1))); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Current(); err == nil || errors.Is(err, ErrNoRevision) {
		t.Errorf("a revision whose file is lost: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, currentName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Current(); err == nil || errors.Is(err, ErrNoRevision) {
		t.Errorf("an empty pointer: %v", err)
	}
}

func TestStoreRefusesAWrongHash(t *testing.T) {
	s := open(t, t.TempDir(), disk.OS{})
	r := someRevision("one")
	r.Hash = Hash([]byte("two"))
	if _, err := s.Add(r); err == nil {
		t.Error("a revision with the hash of another policy was taken")
	}
}

func TestStoreIsTheAdministratorsAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "revisions")
	s := open(t, dir, disk.OS{})
	add(t, s, "one")
	if err := s.SetCurrent(1); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		want := os.FileMode(0o600)
		if e.IsDir() {
			want = 0o700
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has the mode %o, want %o", path, info.Mode().Perm(), want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestStoreReportsDamage(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, disk.OS{})
	for _, text := range []string{"one", "two", "three"} {
		add(t, s, text)
	}
	path := filepath.Join(dir, revisionName(3))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if _, err := parseRevision(whole[:n]); err == nil {
			t.Fatalf("cut after %d bytes, and not seen", n)
		}
		changed := append([]byte(nil), whole...)
		changed[n] ^= 1
		if _, err := parseRevision(changed); err == nil {
			t.Fatalf("byte %d changed, and not seen", n)
		}
	}
	if err := os.WriteFile(path, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := s.List()
	if err == nil || !strings.Contains(err.Error(), "revision 3") || len(all) != 2 {
		t.Errorf("list: %d revisions, %v; want 2 and the fault of 3", len(all), err)
	}
	if got, err := s.Latest(); err != nil || got.Number != 2 {
		t.Errorf("latest whole = %d, %v, want 2", got.Number, err)
	}
	if err := s.SetCurrent(3); err == nil {
		t.Error("a damaged revision became the current one")
	}
	if got := add(t, s, "four"); got.Number != 4 {
		t.Errorf("the number %d was given again", got.Number)
	}
	// A whole file under another's name is not that revision.
	if err := os.WriteFile(filepath.Join(dir, revisionName(9)), whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(9); err == nil {
		t.Error("the file of revision 3 was read as revision 9")
	}
}

func TestStoreIsSafeForConcurrentUse(t *testing.T) {
	s := open(t, t.TempDir(), disk.OS{})
	const writers, each = 4, 8
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				r, err := s.Add(someRevision(fmt.Sprint(w, " ", i)))
				if err == nil {
					err = s.SetCurrent(r.Number)
				}
				if err == nil {
					_, err = s.Current()
				}
				if err == nil {
					err = s.Writable()
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	all, err := s.List()
	if err != nil || len(all) != writers*each || all[len(all)-1].Number != writers*each {
		t.Errorf("%d revisions, %v", len(all), err)
	}
}

func TestStoreWritable(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, disk.OS{})
	if err := s.Writable(); err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 0 {
		t.Errorf("the probe left %v, %v", entries, err)
	}
	for step := range 4 {
		d := &cutDisk{left: step}
		if err := open(t, dir, d).Writable(); err == nil {
			t.Errorf("step %d failed, and the disk is said to be writable", step)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := s.Writable(); err == nil {
		t.Error("a directory that is gone is said to be writable")
	}
}
