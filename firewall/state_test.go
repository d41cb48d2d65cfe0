package firewall

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rempart/rempart/config"
)

// TestStateOnReadOnlyDisk opens a state directory on a disk that went read-only:
// the gateway still has to come up with its policy, and still be the only one.
func TestStateOnReadOnlyDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	done := make(chan error, 1)
	go func() {
		// The thread has mounts of its own; it is never unlocked and so ends with the goroutine.
		runtime.LockOSThread()
		done <- errors.Join(
			unix.Unshare(unix.CLONE_NEWNS|unix.CLONE_FS),
			unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
			unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"),
			writeState(dir),
			unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""),
			readState(dir),
		)
	}()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func writeState(dir string) error {
	s, err := OpenState(dir)
	if err != nil {
		return err
	}
	rev, err := s.Add(config.Revision{Policy: []byte(testPolicy)})
	return errors.Join(err, s.SetCurrent(rev.Number), s.Close())
}

func readState(dir string) error {
	s, err := OpenState(dir)
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := OpenState(dir); err == nil {
		return errors.New("it is opened twice")
	}
	if s.Writable() == nil {
		return errors.New("the disk takes files")
	}
	rev, err := s.Current()
	if err == nil && string(rev.Policy) != testPolicy {
		err = fmt.Errorf("the policy is %q", rev.Policy)
	}
	return err
}

// TestDamagedRevisionHidesNoOther cuts a revision short: the others are listed,
// and can be gone back to.
func TestDamagedRevisionHidesNoOther(t *testing.T) {
	m := newMachine(t)
	f, _ := m.start(t, nil)
	m.apply(t, f, testPolicy+"# second\n", 0)
	m.apply(t, f, testPolicy+"# third\n", 0)
	if err := os.Truncate(filepath.Join(m.dir, "revisions", "00000001.revision"), 40); err != nil {
		t.Fatal(err)
	}
	h, err := f.History(t.Context())
	if err != nil || len(h) != 2 || h[0].Number != 3 || h[1].Number != 2 {
		t.Errorf("history %+v, %v", h, err)
	}
	if _, err := f.Rollback(t.Context(), 0, m.caller()); err != nil {
		t.Error(err)
	}
	if _, err := f.Rollback(t.Context(), 1, m.caller()); err == nil {
		t.Error("a damaged revision runs")
	}
}
