package firewall

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/report"
	"golang.org/x/sys/unix"
)

// state is the machine as a user could see it.
func (m *machine) state() string { return m.kernel.String() + m.network.String() }

func TestNoRoomRefusesBeforeTheKernel(t *testing.T) {
	m := newMachine(t)
	f, _ := m.start(t, nil)
	before := m.state()
	// Without its folder the store can write no revision, as on a full or read-only disk.
	if err := os.RemoveAll(filepath.Join(m.dir, "revisions")); err != nil {
		t.Fatal(err)
	}
	_, err := f.Apply(t.Context(), report.Request{Draft: draft(otherPolicy)}, m.caller())
	if err == nil || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("apply without room: %v", err)
	}
	if after := m.state(); after != before {
		t.Errorf("the machine was changed:\n%s", after)
	}
}

func TestDiskThatFailsAtTheLastStepGoesBack(t *testing.T) {
	m := newMachine(t)
	_, stop := m.start(t, nil)
	stop()
	f, _ := m.start(t, func(step string) {
		if step == "revision" {
			if err := os.RemoveAll(filepath.Join(m.dir, "revisions")); err != nil {
				t.Error(err)
			}
		}
	})
	if _, err := f.Apply(t.Context(), report.Request{Draft: draft(otherPolicy)}, m.caller()); err == nil {
		t.Error("a revision that could not be kept was reported as kept")
	}
	if m.enforced(t, testPolicy) == "" {
		t.Errorf("the policy before does not run:\n%s", m.kernel)
	}
	if s, err := f.Status(t.Context()); err != nil || s.Pending != nil || s.Revision != 1 {
		t.Errorf("status %+v, %v", s, err)
	}
}

func TestKernelThatRefusesChangesNothing(t *testing.T) {
	m := newMachine(t)
	f, _ := m.start(t, nil)
	before := m.state()
	refused := nft.AddRule{Table: TableName, Chain: "forward_lan", Rule: nft.Rule{Comment: "office-out"}}
	m.kernel.Refuse(&nft.CommitError{Op: refused, Errno: unix.EOPNOTSUPP})
	_, err := f.Apply(t.Context(), report.Request{Draft: draft(otherPolicy)}, m.caller())
	var refusal *Refused
	if !errors.As(err, &refusal) || refusal.Rule != "office-out" || errors.Is(err, report.ErrRequest) {
		t.Errorf("apply: %v", err)
	}
	if after := m.state(); after != before {
		t.Errorf("the machine was changed:\n%s", after)
	}
	if a := m.apply(t, f, otherPolicy, 0); a.Revision != 2 {
		t.Errorf("the next apply: %+v", a)
	}
}

func TestKernelThatLacksAFeatureIsToldAtCheck(t *testing.T) {
	m := newMachine(t)
	m.kernel.SetLacking(nft.FeatureTime, nft.FeatureReject)
	f, _ := m.start(t, nil)
	policy := strings.Replace(testPolicy, "[[rule]]", "[schedule.s]\ntimes = [\"08:00-09:00\"]\n\n[[rule]]", 1) + "schedule = \"s\"\n"
	p, err := f.Check(t.Context(), draft(policy), m.caller())
	if err != nil || len(p.Faults) != 1 || p.Faults[0].Key != "rule.schedule" || !strings.Contains(p.Faults[0].Message, nft.FeatureTime) {
		t.Fatalf("check: %+v, %v", p.Faults, err)
	}
	if _, err := f.Apply(t.Context(), report.Request{Draft: draft(policy)}, m.caller()); !errors.Is(err, report.ErrRequest) || len(Faults(err)) != 1 {
		t.Errorf("apply: %v", err)
	}
}

func TestDamagedJournalIsDropped(t *testing.T) {
	m := newMachine(t)
	_, stop := m.start(t, nil)
	stop()
	path := filepath.Join(m.dir, "journal.json")
	if err := os.WriteFile(path, testJournal().Bytes()[:40], 0o600); err != nil {
		t.Fatal(err)
	}
	f, _ := m.start(t, nil)
	if s, err := f.Status(t.Context()); err != nil || s.Revision != 1 || m.enforced(t, testPolicy) == "" {
		t.Errorf("status %+v, %v", s, err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the damaged journal is still there: %v", err)
	}
}

func TestRevisionOfAnotherVersionLeavesTheKernelAlone(t *testing.T) {
	m := newMachine(t)
	_, stop := m.start(t, nil)
	stop()
	s, err := ReadState(m.dir)
	if err != nil {
		t.Fatal(err)
	}
	future := []byte("schema = 99\n")
	rev, err := s.Add(config.Revision{Hash: config.Hash(future), Policy: future})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetCurrent(rev.Number); err != nil {
		t.Fatal(err)
	}
	before := m.kernel.String()
	f, _ := m.start(t, nil)
	if after := m.kernel.String(); after != before {
		t.Errorf("the kernel was changed:\n%s", after)
	}
	if st, err := f.Status(t.Context()); err != nil || len(st.Warnings) == 0 {
		t.Errorf("status %+v, %v", st, err)
	}
}
