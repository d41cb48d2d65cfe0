package firewall

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/report"
)

// fromPeer is a revision that the other node made and signed.
func fromPeer(text string, parents ...string) config.Revision {
	r := config.Revision{
		Parents: parents, Author: "bob", Message: "from the other node", Origin: "fw2",
		Time: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Shared: []byte(text),
	}
	r.Seal(peerKey())
	return r
}

func peerKey() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte(strings.Repeat("2", ed25519.SeedSize)))
}

func (m *machine) stage(t *testing.T, f *Firewall, p Proposal) Staged {
	t.Helper()
	s, err := f.Stage(t.Context(), p, m.caller())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// stageAndSwitch leaves a policy pending for a minute.
func (m *machine) stageAndSwitch(t *testing.T, f *Firewall, p Proposal) Staged {
	t.Helper()
	s := m.stage(t, f, p)
	if a, err := f.Switch(t.Context(), s.ID, time.Minute); err != nil || a.Revision != 0 || a.Deadline.IsZero() {
		t.Fatalf("switch %+v, %v", a, err)
	}
	return s
}

// String is a standing without its texts.
func (s Standing) String() string {
	return fmt.Sprintf("revision %d (%s), held %q, pending %q, foreign %v, until %v", s.Running.Number, s.Running.ID, s.Held, s.Pending, s.Foreign, s.Deadline)
}

func standing(t *testing.T, f *Firewall) Standing {
	t.Helper()
	s, err := f.Standing(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStageSwitchKeep(t *testing.T) {
	m := newMachine(t)
	m.seal = func(r *config.Revision) {
		r.Origin = "fw1"
		r.Seal(peerKey())
	}
	f, stop := m.start(t, nil)
	first, before := standing(t, f), m.state()
	if first.Running.ID == "" || string(first.Running.Policy) != testPolicy {
		t.Errorf("standing %v", first)
	}
	s := m.stage(t, f, Proposal{Draft: draft(otherPolicy), Message: "other", Base: config.Hash([]byte(testPolicy))})
	r := s.Revision
	if s.ID == "" || r.ID != s.ID || r.Verify() != nil || len(r.Signature) == 0 || r.Origin != "fw1" || r.Author != "ann" || r.Message != "other" ||
		!slices.Equal(r.Parents, []string{first.Running.ID}) || string(r.Policy) != otherPolicy || r.Shared != nil {
		t.Errorf("staged %+v: %v", s, r.Verify())
	}
	if now := standing(t, f); now.Held != s.ID || now.Pending != "" || now.Running.ID != first.Running.ID || m.state() != before {
		t.Errorf("staged: standing %v; the machine has\n%s", now, m.state())
	}
	a, err := f.Switch(t.Context(), s.ID, time.Minute)
	if err != nil || a.Revision != 0 || a.Deadline.IsZero() || m.enforced(t, otherPolicy) == "" {
		t.Fatalf("switch %+v, %v", a, err)
	}
	if now := standing(t, f); now.Held != "" || now.Pending != s.ID || now.Foreign || now.Running.ID != first.Running.ID || !now.Deadline.Equal(a.Deadline) {
		t.Errorf("switched: standing %v", now)
	}
	for range 2 { // whoever says it hears nothing may say it again
		if a, err := f.Keep(t.Context(), s.ID); err != nil || a.Revision != 2 || a.Hash != r.Hash {
			t.Fatalf("keep %+v, %v", a, err)
		}
	}
	stop()
	f, _ = m.start(t, nil)
	if now := standing(t, f); now.Pending != "" || now.Running.ID != s.ID || now.Running.Number != 2 || m.enforced(t, otherPolicy) == "" {
		t.Errorf("kept, after a restart: standing %v", now)
	}
	if h, err := f.History(t.Context()); err != nil || h[0].ID != s.ID || h[0].Origin != "fw1" || !slices.Equal(h[0].Parents, []string{h[1].ID}) {
		t.Errorf("history %+v, %v", h, err)
	}
}

// TestOneAtATime: while a policy is held or pending, no other is, by whichever way it comes.
func TestOneAtATime(t *testing.T) {
	m := newMachine(t)
	f, _ := m.start(t, nil)
	running := standing(t, f).Running
	third := draft(testPolicy + "# third\n")
	others := map[string]func() error{
		"Apply":                   func() error { _, err := f.Apply(t.Context(), report.Request{Draft: third}, m.caller()); return err },
		"Stage":                   func() error { _, err := f.Stage(t.Context(), Proposal{Draft: third}, m.caller()); return err },
		"Rollback":                func() error { _, err := f.Rollback(t.Context(), 1, m.caller()); return err },
		"Rename":                  func() error { return f.Rename(t.Context(), running) },
		"Switch":                  func() error { _, err := f.Switch(t.Context(), "another", time.Minute); return err },
		"Keep":                    func() error { _, err := f.Keep(t.Context(), "another"); return err },
		"GoBack":                  func() error { _, err := f.GoBack(t.Context(), "another"); return err },
		"Keep of what ran before": func() error { _, err := f.Keep(t.Context(), running.ID); return err },
	}
	s := m.stage(t, f, Proposal{Draft: draft(otherPolicy)})
	for _, state := range []string{"held", "pending"} {
		if state == "pending" {
			if _, err := f.Switch(t.Context(), s.ID, time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		for name, other := range others {
			if name == "Keep of what ran before" && state == "held" {
				continue // it is kept
			}
			if err := other(); !errors.Is(err, report.ErrConflict) {
				t.Errorf("%s while another is %s: %v", name, state, err)
			}
		}
	}
	if _, err := f.Switch(t.Context(), s.ID, time.Minute); !errors.Is(err, report.ErrConflict) {
		t.Errorf("a second switch: %v", err)
	}
	if _, err := f.Keep(t.Context(), s.ID); err != nil || m.enforced(t, otherPolicy) == "" {
		t.Errorf("keep: %v", err)
	}
}

func TestHeldIsDropped(t *testing.T) {
	for name, drop := range map[string]func(*testing.T, *Firewall, string){
		"in time": func(*testing.T, *Firewall, string) { time.Sleep(StageTime + time.Second) },
		"by GoBack": func(t *testing.T, f *Firewall, id string) {
			if a, err := f.GoBack(t.Context(), id); err != nil || a.Revision != 1 {
				t.Errorf("go back %+v, %v", a, err)
			}
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := newMachine(t)
			f, _ := m.start(t, nil)
			before := m.state()
			s := m.stage(t, f, Proposal{Draft: draft(otherPolicy)})
			time.Sleep(StageTime - time.Second)
			if now := standing(t, f); now.Held != s.ID {
				t.Errorf("%s: it was dropped too early", name)
			}
			drop(t, f, s.ID)
			synctest.Wait()
			for step, err := range map[string]error{
				"switch":  second(f.Switch(t.Context(), s.ID, time.Minute)),
				"keep":    second(f.Keep(t.Context(), s.ID)),
				"go back": second(f.GoBack(t.Context(), s.ID)),
			} {
				if !errors.Is(err, report.ErrConflict) {
					t.Errorf("%s: %s of what was dropped: %v", name, step, err)
				}
			}
			if now := standing(t, f); now.Held != "" || m.state() != before {
				t.Errorf("%s: standing %v", name, now)
			}
			m.apply(t, f, otherPolicy, 0)
		})
	}
}

func second[T any](_ T, err error) error { return err }

func TestPendingGoesBack(t *testing.T) {
	for name, back := range map[string]func(*testing.T, *Firewall, string){
		"in time": func(*testing.T, *Firewall, string) { time.Sleep(time.Minute + time.Second) },
		"by GoBack": func(t *testing.T, f *Firewall, id string) {
			if a, err := f.GoBack(t.Context(), id); err != nil || a.Revision != 1 {
				t.Errorf("go back %+v, %v", a, err)
			}
		},
		"by Rollback": func(t *testing.T, f *Firewall, _ string) {
			if _, err := f.Rollback(t.Context(), 0, report.Caller{}); err != nil {
				t.Error(err)
			}
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := newMachine(t)
			f, _ := m.start(t, nil)
			s := m.stageAndSwitch(t, f, Proposal{Draft: draft(otherPolicy)})
			back(t, f, s.ID)
			synctest.Wait()
			if err := second(f.Keep(t.Context(), s.ID)); !errors.Is(err, report.ErrConflict) {
				t.Errorf("%s: keep of what went back: %v", name, err)
			}
			if now := standing(t, f); now.Pending != "" || now.Running.Number != 1 || m.enforced(t, testPolicy) == "" {
				t.Errorf("%s: standing %v; the kernel has\n%s", name, now, m.kernel)
			}
		})
	}
}

// TestDiskThatFillsUp refuses before the kernel is touched, or goes back.
func TestDiskThatFillsUp(t *testing.T) {
	m := newMachine(t)
	f, _ := m.start(t, nil)
	before := m.state()
	gone := filepath.Join(m.dir, "gone")
	revisions := filepath.Join(m.dir, "revisions")
	away := func() error { return os.Rename(revisions, gone) }
	back := func() error { return os.Rename(gone, revisions) }
	if err := away(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Stage(t.Context(), Proposal{Draft: draft(otherPolicy)}, m.caller()); err == nil || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("stage: %v", err)
	}
	if err := back(); err != nil {
		t.Fatal(err)
	}
	// What stands in the place of the journal keeps it from being written.
	s := m.stage(t, f, Proposal{Draft: draft(otherPolicy)})
	journal := filepath.Join(m.dir, "journal.json", "in the way")
	if err := os.MkdirAll(journal, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := second(f.Switch(t.Context(), s.ID, time.Minute)); err == nil {
		t.Error("switched without a journal")
	}
	if now := standing(t, f); now.Held != "" || now.Pending != "" || m.state() != before {
		t.Errorf("switch: standing %v; the machine has\n%s", now, m.state())
	}
	if err := os.RemoveAll(filepath.Dir(journal)); err != nil {
		t.Fatal(err)
	}
	s = m.stageAndSwitch(t, f, Proposal{Draft: draft(otherPolicy)})
	if err := away(); err != nil {
		t.Fatal(err)
	}
	if err := second(f.Keep(t.Context(), s.ID)); err == nil {
		t.Error("kept without a place for it")
	}
	if err := back(); err != nil {
		t.Fatal(err)
	}
	if now := standing(t, f); now.Pending != "" || now.Running.Number != 1 || m.enforced(t, testPolicy) == "" {
		t.Errorf("keep: standing %v; the kernel has\n%s", now, m.kernel)
	}
}

// TestWhatIsHeldGrowsOld: what is learned between stage and switch is compiled in, and may be a reason to refuse.
func TestWhatIsHeldGrowsOld(t *testing.T) {
	m := newMachine(t)
	f, _ := m.start(t, nil)
	refresh := func(ctx context.Context) (int, error) { f.refreshSets(ctx); return 0, nil }
	s := m.stage(t, f, Proposal{Draft: draft(otherPolicy)})
	if _, err := do(t.Context(), f, refresh); err != nil {
		t.Fatal(err)
	}
	if a, err := f.Switch(t.Context(), s.ID, time.Minute); err != nil || standing(t, f).Pending != s.ID {
		t.Errorf("switch after a refresh: %+v, %v", a, err)
	}
	if _, err := f.GoBack(t.Context(), s.ID); err != nil {
		t.Fatal(err)
	}
	s = m.stage(t, f, Proposal{Draft: draft(otherPolicy)})
	m.network.Unplug("eth1")
	if _, err := do(t.Context(), f, refresh); err != nil {
		t.Fatal(err)
	}
	if err := second(f.Switch(t.Context(), s.ID, time.Minute)); err == nil || !strings.Contains(err.Error(), "eth1") {
		t.Errorf("switch to a device that is gone: %v", err)
	}
	if now := standing(t, f); now.Held != "" || now.Pending != "" || m.enforced(t, testPolicy) == "" {
		t.Errorf("standing %v; the kernel has\n%s", now, m.kernel)
	}
}

// TestDecisionIsARevision: one with two parents is made even where its text runs already.
func TestDecisionIsARevision(t *testing.T) {
	m := newMachine(t)
	f, _ := m.start(t, nil)
	own := standing(t, f).Running.ID
	if s := m.stage(t, f, Proposal{Draft: draft(testPolicy)}); !s.Unchanged || s.ID != own {
		t.Errorf("what runs: %+v", s)
	}
	if s := m.stage(t, f, Proposal{Draft: draft(testPolicy), Parents: []string{own}}); !s.Unchanged {
		t.Errorf("what runs, of what runs: %+v", s)
	}
	theirs := fromPeer(otherPolicy)
	if err := f.KeepForeign(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	s := m.stageAndSwitch(t, f, Proposal{Draft: draft(testPolicy), Parents: []string{own, theirs.ID}})
	if _, err := f.Keep(t.Context(), s.ID); err != nil {
		t.Fatal(err)
	}
	h, err := f.State.History()
	if now := standing(t, f).Running; err != nil || now.ID != s.ID || h.Relation(now.ID, theirs.ID) != config.Ahead || h.Relation(now.ID, own) != config.Ahead {
		t.Errorf("running %+v, %v", now, err)
	}
}

// TestDecisionIsOfWhatRuns refuses what was decided before another revision came.
func TestDecisionIsOfWhatRuns(t *testing.T) {
	m := newMachine(t)
	f, _ := m.start(t, nil)
	theirs := fromPeer(otherPolicy)
	if err := f.KeepForeign(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	parents := []string{standing(t, f).Running.ID, theirs.ID}
	first := m.stageAndSwitch(t, f, Proposal{Draft: draft(testPolicy), Parents: parents})
	if _, err := f.Keep(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Stage(t.Context(), Proposal{Draft: draft(otherPolicy), Parents: parents, Force: true}, m.caller()); !errors.Is(err, report.ErrConflict) {
		t.Errorf("the second decision: %v", err)
	}
	if now := standing(t, f); now.Running.ID != first.ID || now.Held != "" {
		t.Errorf("standing %v", now)
	}
}

// TestStagedRollback asks neither the tests nor who is cut off.
func TestStagedRollback(t *testing.T) {
	_, f, by := over(t, "10.1.2.9:50000")
	for _, p := range []Proposal{{Draft: draft(testPolicy), Force: true}, {Draft: draft(withSSH)}} {
		s, err := f.Stage(t.Context(), p, by)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(second(f.Switch(t.Context(), s.ID, time.Minute)), second(f.Keep(t.Context(), s.ID))); err != nil {
			t.Fatal(err)
		}
	}
	for number, text := range map[int]string{2: testPolicy, RevisionBefore: testPolicy, 1: withSSH} {
		s, err := f.Stage(t.Context(), Proposal{Rollback: number}, by)
		if err != nil || string(s.Revision.Policy) != text || !strings.HasPrefix(s.Revision.Message, "rollback to revision ") {
			t.Fatalf("rollback to %d: %+v, %v", number, s, err)
		}
		if _, err := f.GoBack(t.Context(), s.ID); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.Stage(t.Context(), Proposal{Rollback: 99}, by); !errors.Is(err, report.ErrRequest) {
		t.Errorf("rollback to a revision that is not there: %v", err)
	}
}

func TestFresh(t *testing.T) {
	m := newMachine(t)
	f, _ := m.start(t, nil)
	old := m.caller()
	if err := f.Fresh(t.Context(), old); !errors.Is(err, report.ErrConflict) {
		t.Errorf("nothing is pending: %v", err)
	}
	m.stageAndSwitch(t, f, Proposal{Draft: draft(otherPolicy)})
	if err := f.Fresh(t.Context(), old); !errors.Is(err, report.ErrRequest) {
		t.Errorf("an old connection: %v", err)
	}
	if err := f.Fresh(t.Context(), m.caller()); err != nil {
		t.Errorf("a new connection: %v", err)
	}
	if now := standing(t, f); now.Pending == "" {
		t.Error("asking is not keeping")
	}
}
