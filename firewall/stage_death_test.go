package firewall

import (
	"errors"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rempart/rempart/firewall/nft"
)

// TestDeathAtEveryStepOfAStage ends the program at each step of each phase, and starts it again at
// once, after a reboot, or after the time to keep has passed: one of the two policies runs, whole.
func TestDeathAtEveryStepOfAStage(t *testing.T) {
	for _, tt := range []struct {
		phase string
		steps []string
		waits []string // those after which a start at once finds it pending
		kept  []string // those after which it is kept
	}{
		{"stage", []string{"held"}, nil, nil},
		{"drop", []string{"dropped"}, nil, nil},
		{"switch", []string{"journal", "memory", "kernel", "rules", "enforced", "kept"}, []string{"memory", "kernel", "rules", "enforced", "kept"}, nil},
		{"keep", []string{"revision", "current", "clean"}, []string{"revision", "current"}, []string{"clean"}},
		{"back", []string{"back", "rules", "returned"}, []string{"back"}, nil},
	} {
		for _, die := range tt.steps {
			for _, later := range []string{"at once", "after a reboot", "too late"} {
				synctest.Test(t, func(t *testing.T) {
					m := newMachine(t)
					_, stop := m.start(t, nil)
					stop()
					m.dieAt(t, tt.phase, die)
					switch later {
					case "after a reboot":
						m.boot, m.kernel = "boot-2", nft.NewFake(TableName)
						m.network.Reboot()
					case "too late":
						time.Sleep(2 * time.Minute)
					}
					f, _ := m.start(t, nil)
					now, want := standing(t, f), testPolicy
					waits := later == "at once" && slices.Contains(tt.waits, die)
					if waits || slices.Contains(tt.kept, die) {
						want = otherPolicy
					}
					if m.enforced(t, want) == "" || now.Held != "" || (now.Pending != "") != waits {
						t.Errorf("%s, %s, %s: standing %v; the kernel has\n%s", tt.phase, die, later, now, m.kernel)
					}
					if j, err := f.State.Journal(); err != nil || (j != nil) != waits {
						t.Errorf("%s, %s, %s: journal %+v, %v", tt.phase, die, later, j, err)
					}
					if !waits {
						return
					}
					if a, err := f.Keep(t.Context(), now.Pending); err != nil || a.Revision != 2 {
						t.Errorf("%s, %s: keep after it: %+v, %v", tt.phase, die, a, err)
					}
				})
			}
		}
	}
}

// dieAt runs a gateway up to a step of a phase, and ends it there.
func (m *machine) dieAt(t *testing.T, phase, die string) {
	t.Helper()
	now, met := "", false
	f, stop := m.start(t, func(step string) {
		if now == phase && step == die {
			met = true
			runtime.Goexit()
		}
	})
	defer stop()
	var id string
	phases := []struct {
		name string
		do   func() error
	}{
		{"stage", func() error {
			s, err := f.Stage(t.Context(), Proposal{Draft: draft(otherPolicy)}, m.caller())
			id = s.ID
			return err
		}},
		{"switch", func() error { return second(f.Switch(t.Context(), id, time.Minute)) }},
		{"keep", func() error { return second(f.Keep(t.Context(), id)) }},
	}
	switch phase {
	case "drop":
		phases = append(phases[:1:1], phases[1])
		phases[1].name, phases[1].do = "drop", func() error { return second(f.GoBack(t.Context(), id)) }
	case "back":
		phases[2].name, phases[2].do = "back", func() error { return second(f.GoBack(t.Context(), id)) }
	}
	for _, p := range phases {
		now = p.name
		if err := p.do(); err != nil {
			if !met || !errors.Is(err, errStopped) {
				t.Fatalf("%s: %v", p.name, err)
			}
			return
		}
	}
	t.Fatalf("%s: it has no step %q", phase, die)
}
