package role

import (
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// The situations that a machine may meet, beside the one of all being well.
var situations = map[string]func(f *Facts){
	"no network has carrier":            func(f *Facts) { f.Links = false },
	"nobody of ours was heard":          func(f *Facts) { f.Peer = Peer{} },
	"another CARP node is master":       func(f *Facts) { f.Peer, f.Claimed = Peer{}, true },
	"CARP elects this node":             func(f *Facts) { f.Peer, f.Elected = Peer{}, Master },
	"peer is dead":                      func(f *Facts) { f.Peer.Life = Gone },
	"peer is master and worse":          func(f *Facts) { f.Peer.State = Master },
	"peer is master and preferred":      func(f *Facts) { f.Peer.State, f.Rank.Skew = Master, 200 },
	"peer is master after a nap":        func(f *Facts) { f.Peer.State, f.Slept = Master, Nap },
	"peer was master before a nap":      func(f *Facts) { f.Peer.State, f.Slept, f.Deaf = Master, Nap, true },
	"peer was backup before a nap":      func(f *Facts) { f.Slept, f.Deaf = Nap, true },
	"peer was backup before a coma":     func(f *Facts) { f.Slept, f.Deaf = Coma, true },
	"peer is dead after a coma":         func(f *Facts) { f.Peer.Life, f.Slept, f.Deaf = Gone, Coma, true },
	"peer is master, flows are missing": func(f *Facts) { f.Peer.State, f.Syncing = Master, true },
	"peer is backup and worse":          func(f *Facts) {},
	"peer is backup and preferred":      func(f *Facts) { f.Rank.Skew = 200 },
	"peer is backup, flows are missing": func(f *Facts) { f.Syncing, f.Rank.Demotion = true, 32 },
	"peer is in INIT and preferred":     func(f *Facts) { f.Peer.State, f.Rank.Skew = Init, 200 },
	"peer releases":                     func(f *Facts) { f.Peer.State = Releasing },
	"peer wants and is worse":           func(f *Facts) { f.Peer.Want = true },
	"peer wants and is preferred":       func(f *Facts) { f.Peer.Want, f.Rank.Skew = true, 200 },
	"peer wants and is healthier":       func(f *Facts) { f.Peer.Want, f.Rank.Demotion = true, 1 },
	"peer was ordered to take over":     func(f *Facts) { f.Peer.Want, f.Peer.Forced = true, true },
}

// well is a node that is preferred to a peer that lives and is backup.
func well() Facts {
	return Facts{
		Links: true, Rank: Rank{Skew: 0, ID: 1}, Elected: Backup, Why: "a better advertisement",
		Peer: Peer{Life: Living, State: Backup, Rank: Rank{Skew: 100, ID: 2}},
	}
}

// What each state becomes in each situation; "+" marks one that asks the peer to release.
const table = `
                                  | INIT    | SYNCING | BACKUP  | MASTER    | RELEASING
no network has carrier            | INIT    | INIT    | INIT    | INIT      | INIT
nobody of ours was heard          | BACKUP  | BACKUP  | BACKUP  | BACKUP    | RELEASING
another CARP node is master       | BACKUP  | BACKUP  | BACKUP  | BACKUP    | BACKUP
CARP elects this node             | MASTER  | MASTER  | MASTER  | MASTER    | RELEASING
peer is dead                      | MASTER  | MASTER  | MASTER  | MASTER    | MASTER
peer is master and worse          | BACKUP+ | BACKUP+ | BACKUP+ | MASTER    | BACKUP+
peer is master and preferred      | BACKUP  | BACKUP  | BACKUP  | BACKUP    | BACKUP
peer is master after a nap        | BACKUP+ | BACKUP+ | BACKUP+ | BACKUP+   | BACKUP+
peer was master before a nap      | BACKUP+ | BACKUP+ | BACKUP+ | MASTER    | BACKUP+
peer was backup before a nap      | BACKUP  | BACKUP  | BACKUP  | MASTER    | RELEASING
peer was backup before a coma     | BACKUP  | BACKUP  | BACKUP  | BACKUP    | RELEASING
peer is dead after a coma         | MASTER  | MASTER  | MASTER  | MASTER    | MASTER
peer is master, flows are missing | SYNCING | SYNCING | SYNCING | MASTER    | SYNCING
peer is backup and worse          | MASTER  | MASTER  | MASTER  | MASTER    | RELEASING
peer is backup and preferred      | BACKUP  | BACKUP  | BACKUP  | MASTER    | RELEASING
peer is backup, flows are missing | SYNCING | SYNCING | SYNCING | MASTER    | RELEASING
peer is in INIT and preferred     | MASTER  | MASTER  | MASTER  | MASTER    | RELEASING
peer releases                     | MASTER  | MASTER  | MASTER  | MASTER    | RELEASING
peer wants and is worse           | MASTER  | MASTER  | MASTER  | MASTER    | RELEASING
peer wants and is preferred       | BACKUP  | BACKUP  | BACKUP  | RELEASING | RELEASING
peer wants and is healthier       | BACKUP  | BACKUP  | BACKUP  | RELEASING | RELEASING
peer was ordered to take over     | RELEASING | RELEASING | RELEASING | RELEASING | RELEASING
`

func TestEverySituationInEveryState(t *testing.T) {
	seen := map[string]bool{}
	for i, line := range strings.Split(strings.Trim(table, "\n"), "\n") {
		cells := strings.Split(line, "|")
		name := strings.TrimSpace(cells[0])
		if i == 0 {
			continue
		}
		change := situations[name]
		if change == nil {
			t.Fatalf("no situation %q", name)
		}
		seen[name] = true
		for from, cell := range cells[1:] {
			want, asks := strings.CutSuffix(strings.TrimSpace(cell), "+")
			m := New(Config{Preempt: true, Patience: time.Second})
			m.state, m.since = State(from), start
			f := well()
			change(&f)
			all := m.Step(start, f)
			if got := m.State().String(); got != want {
				t.Errorf("%s in %s becomes %s, want %s", name, State(from), got, want)
			}
			if got, _ := m.Wants(); got != asks {
				t.Errorf("%s in %s asks the peer to release: %v, want %v", name, State(from), got, asks)
			}
			for _, c := range all {
				if c.Why == "" {
					t.Errorf("%s in %s: the change to %s has no reason", name, State(from), c.To)
				}
			}
		}
	}
	for name := range situations {
		if !seen[name] {
			t.Errorf("%q is in no line of the table", name)
		}
	}
}

func TestPreemptionWaitsUntilSteady(t *testing.T) {
	m := New(Config{Preempt: true, Steady: 2 * time.Second, Patience: time.Second})
	f := well()
	f.Peer.State = Master
	m.Step(start, f)
	if w, _ := m.Wants(); w || !m.Deadline().Equal(start.Add(2*time.Second)) {
		t.Fatalf("wants %v, due %v", w, m.Deadline())
	}
	f.Rank.Demotion = 1
	m.Step(start.Add(time.Second), f)
	f.Rank.Demotion = 0
	m.Step(start.Add(1500*time.Millisecond), f)
	m.Step(start.Add(3*time.Second), f)
	if w, _ := m.Wants(); w {
		t.Error("it wants although it was worse in between")
	}
	m.Step(start.Add(3500*time.Millisecond), f)
	if w, forced := m.Wants(); !w || forced {
		t.Errorf("wants %v, forced %v", w, forced)
	}
}

func TestWithoutPreemptionOnlyHealthCounts(t *testing.T) {
	m := New(Config{Patience: time.Second})
	f := well()
	f.Peer.State = Master
	m.Step(start, f)
	m.Step(start.Add(time.Hour), f)
	if w, _ := m.Wants(); w {
		t.Error("preference counts without preemption")
	}
	f.Peer.Rank.Demotion = 1
	m.Step(start.Add(time.Hour), f)
	if w, _ := m.Wants(); !w {
		t.Error("a peer that is worse keeps the role")
	}
}

func TestReleasedIsNotTakenBackByPreference(t *testing.T) {
	m := New(Config{Preempt: true, Patience: time.Second})
	f := well()
	m.Step(start, f)
	m.Release("root", start.Add(5*time.Second))
	m.Step(start, f)
	if m.State() != Releasing {
		t.Fatalf("%s after the order", m.State())
	}
	f.Peer.State = Master
	m.Step(start.Add(time.Millisecond), f)
	m.Step(start.Add(time.Hour), f)
	if w, _ := m.Wants(); m.State() != Backup || w || !m.Released() {
		t.Errorf("%s, wants %v, released %v", m.State(), w, m.Released())
	}
	f.Peer.State = Backup
	m.Step(start.Add(time.Hour), f)
	if m.State() != Backup {
		t.Error("a released role is taken from a peer that is about to have it")
	}
	f.Peer.Life = Gone
	m.Step(start.Add(time.Hour), f)
	if m.State() != Master || m.Released() {
		t.Errorf("%s, released %v after the peer died", m.State(), m.Released())
	}
}

func TestTakeoverByOrder(t *testing.T) {
	m := New(Config{Patience: time.Second})
	f := well()
	f.Rank.Skew, f.Rank.Demotion, f.Peer.State = 200, 3, Master
	m.Step(start, f)
	m.Takeover("root", start.Add(5*time.Second))
	m.Step(start, f)
	if w, forced := m.Wants(); !w || !forced {
		t.Fatalf("wants %v, forced %v", w, forced)
	}
	m.Step(start.Add(5*time.Second), f)
	if w, _ := m.Wants(); w {
		t.Error("an order that was not carried out lasts for ever")
	}
}

func TestReleaseThatNobodyTakesIsTakenBack(t *testing.T) {
	m := New(Config{Preempt: true, Patience: time.Second})
	f := well()
	m.Step(start, f)
	m.Release("root", start.Add(5*time.Second))
	m.Step(start, f)
	if !m.Deadline().Equal(start.Add(time.Second)) {
		t.Errorf("due %v", m.Deadline())
	}
	m.Step(start.Add(time.Second), f)
	if m.State() != Master {
		t.Errorf("%s, want MASTER", m.State())
	}
}

func TestReleaseThatNoCARPNodeTakesIsTakenBack(t *testing.T) {
	m := New(Config{Patience: time.Second})
	f := Facts{Links: true, Elected: Master, Why: "nobody advertises"}
	m.Step(start, f)
	m.Release("root", start.Add(5*time.Second))
	m.Step(start, f)
	f.Elected, f.Why = Backup, "we bowed out"
	if all := m.Step(start.Add(time.Second), f); m.State() != Master || len(all) != 1 {
		t.Errorf("%s by %+v, want MASTER at once", m.State(), all)
	}
}
