package gateways

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/rempart/rempart/disk"
)

// fullDisk takes nothing while it is full.
type fullDisk struct {
	disk.OS
	full bool
}

func (d *fullDisk) Create(path string) (disk.File, error) {
	if d.full {
		return nil, errors.New("no space left on device")
	}
	return d.OS.Create(path)
}

// keeper is a stage that keeps its history in a file, with what it logs.
func keeper(t *testing.T, file string, d disk.Disk) (*stage, *bytes.Buffer) {
	t.Helper()
	s := newStage(t, "192.0.2.1")
	var log bytes.Buffer
	s.Monitor = New(Parts{
		Kernel: s.fake, File: file, Disk: d,
		Log: hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Warn}),
	})
	s.Set([]Watched{watched("fibre", 1)})
	return s, &log
}

func TestHistoryIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "state", "gateways")
		s, _ := keeper(t, file, nil)
		s.run()
		s.after(time.Minute)
		s.silence("192.0.2.1")
		s.after(3 * time.Minute)
		if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("saved before its time: %v", err)
		}
		s.after(time.Minute + time.Second)
		if _, err := os.Stat(file); err != nil {
			t.Errorf("not saved in five minutes: %v", err)
		}
		s.after(time.Minute)
		s.stop()
		want := s.History("fibre", time.Time{})

		again, log := keeper(t, file, nil)
		again.Carrier(map[string]bool{"fibre": false}) // before anything is loaded
		again.run()
		again.after(time.Second)
		got := again.History("fibre", time.Time{})
		if n := len(want.Transitions); len(got.Transitions) != n+1 || got.Transitions[n].Reason != "no carrier on fibre" {
			t.Fatalf("transitions %+v", got.Transitions)
		}
		if diff := cmp.Diff(want.Samples, got.Samples[:len(want.Samples)]); diff != "" {
			t.Errorf("samples (-want +got):\n%s", diff)
		}
		again.Set(nil)
		again.after(time.Hour)
		again.stop()
		again.run() // loads nothing twice
		again.stop()
		if left := again.History("fibre", time.Time{}); len(left.Transitions) != len(got.Transitions) {
			t.Errorf("of a gateway that is not watched: %+v", left.Transitions)
		}
		again.record(time.Now().Add(keptUnwatched))
		if left := again.History("fibre", time.Time{}); len(left.Samples) > 0 {
			t.Errorf("after a month: %d samples", len(left.Samples))
		}
		if strings.Contains(log.String(), file) {
			t.Errorf("warnings: %s", log)
		}
	})
}

func TestDamagedHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "gateways")
		if err := os.WriteFile(file, []byte(strings.Repeat("x", 1000)), 0o600); err != nil {
			t.Fatal(err)
		}
		s, log := keeper(t, file, nil)
		s.run()
		s.after(time.Minute)
		s.stop()
		if got := s.History("fibre", time.Time{}); len(got.Samples) != 7 {
			t.Errorf("%d samples", len(got.Samples))
		}
		if !strings.Contains(log.String(), errVersion.Error()) {
			t.Errorf("what is logged: %q", log)
		}
		if data, err := os.ReadFile(file); err != nil || !strings.HasPrefix(string(data), recordMagic) {
			t.Errorf("the file is not replaced: %.20q, %v", data, err)
		}
	})
}

// TestFullDisk is told once, and again after it was well in between.
func TestFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "gateways")
		d := &fullDisk{full: true}
		s, log := keeper(t, file, d)
		s.run()
		warnings := func(want int) {
			t.Helper()
			if got := strings.Count(log.String(), "no space left on device"); got != want {
				t.Errorf("%d warnings, want %d: %s", got, want, log)
			}
		}
		s.after(16 * time.Minute)
		warnings(1)
		d.full = false
		s.after(5 * time.Minute)
		d.full = true
		s.after(5 * time.Minute)
		warnings(2)
		s.stop()
		if _, err := os.Stat(file); err != nil {
			t.Errorf("what was saved in between is lost: %v", err)
		}
	})
}
