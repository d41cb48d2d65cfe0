package ha

import (
	"context"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/view"
)

// pair puts two nodes on the stage and waits until the first is master.
func (s *stage) pair() (a, b *actor) {
	s.t.Helper()
	a, b = s.enter(1, 0, stagePolicy), s.enter(2, 100, stagePolicy)
	s.pass(time.Second)
	s.meet(a, b)
	s.pass(5 * time.Second)
	s.want(map[string]string{"fw1": "MASTER", "fw2": "BACKUP"})
	return a, b
}

// took is how long ago, before at, the node became master; the test ends if it is not.
func (s *stage) took(a *actor, at time.Time) time.Duration {
	s.t.Helper()
	st := a.status()
	if st.Groups[0].Role != "MASTER" {
		s.t.Fatalf("%s is %s, want MASTER\n%s", a.name, st.Groups[0].Role, s.histories())
	}
	return st.Groups[0].Since.Sub(at)
}

func TestAloneTakesOverAfterMasterDown(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		start := time.Now()
		a := s.enter(1, 0, stagePolicy)
		s.pass(10 * time.Second)
		s.want(map[string]string{"fw1": "MASTER"})
		if d := s.took(a, start); d < 3*time.Second || d > 3200*time.Millisecond {
			t.Errorf("a node alone was master after %v, want three times advbase", d)
		}
	})
}

func TestKilledProgramIsReplacedWithinTwoIntervals(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a, b := s.pair()
		s.pass(50 * time.Millisecond) // off the beat
		at := time.Now()
		a.kill()
		s.pass(time.Second)
		if d := s.took(b, at); d > 200*time.Millisecond {
			t.Errorf("took over after %v\n%s", d, s.histories())
		}
		s.pass(10 * time.Second)
		if a.holds() {
			t.Error("the killed node has the address still: its lease did not run out")
		}
	})
}

func TestFrozenNodeIsReplacedAfterDetection(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a, b := s.pair()
		s.pass(50 * time.Millisecond)
		at := time.Now()
		a.machine.Freeze(true)
		s.pass(2 * time.Second)
		if d := s.took(b, at); d < 300*time.Millisecond || d > 650*time.Millisecond {
			t.Errorf("took over after %v, want about five intervals\n%s", d, s.histories())
		}
		a.machine.Freeze(false)
		s.pass(10 * time.Second)
		s.want(map[string]string{"fw1": "MASTER", "fw2": "BACKUP"})
	})
}

func TestStunnedProgramKeepsItsRoleForAWhile(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a, b := s.pair()
		a.machine.Stun(true)
		s.pass(1500 * time.Millisecond)
		if b.role() != "BACKUP" {
			t.Fatalf("a late program with a living kernel lost its role\n%s", s.histories())
		}
		a.machine.Stun(false)
		s.pass(2 * time.Second)
		s.want(map[string]string{"fw1": "MASTER", "fw2": "BACKUP"})
	})
}

func TestOnePathDownMakesNoSecondMaster(t *testing.T) {
	for _, path := range []string{"lan", "wan", "sync"} {
		t.Run(path, func(t *testing.T) {
			play(t, func(t *testing.T, s *stage) {
				s.pair()
				s.ether.Impair(path, func(string, string, []byte) []time.Duration { return nil })
				s.pass(30 * time.Second)
				s.want(map[string]string{"fw1": "MASTER", "fw2": "BACKUP"})
			})
		})
	}
}

func TestLostLinkGivesWay(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a, b := s.pair()
		at := time.Now()
		a.machine.Carrier("lan", false)
		s.pass(3 * time.Second)
		if d := s.took(b, at); d > 100*time.Millisecond {
			t.Errorf("took over after %v\n%s", d, s.histories())
		}
		s.want(map[string]string{"fw1": "BACKUP", "fw2": "MASTER"})
		a.machine.Carrier("lan", true)
		s.pass(10 * time.Second)
		s.want(map[string]string{"fw1": "MASTER", "fw2": "BACKUP"})
	})
}

func TestPlannedSwitch(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a, b := s.pair()
		done, err := a.node.Release(context.Background(), view.Order{By: "test"})
		if err != nil {
			t.Fatalf("%v\n%s", err, s.histories())
		}
		if done.Took > 50*time.Millisecond || done.Groups[0].Master != "fw2" {
			t.Errorf("%+v\n%s", done, s.histories())
		}
		s.pass(30 * time.Second)
		s.want(map[string]string{"fw1": "BACKUP", "fw2": "MASTER"}) // preference does not take it back
		if _, err := a.node.Takeover(context.Background(), view.Order{By: "test"}); err != nil {
			t.Fatal(err)
		}
		s.want(map[string]string{"fw1": "MASTER", "fw2": "BACKUP"})
		if _, err := b.node.Release(context.Background(), view.Order{By: "test"}); err != nil {
			t.Errorf("releasing what is not held: %v", err)
		}
	})
}

func TestMaintenance(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a, _ := s.pair()
		if _, err := a.node.Maintenance(context.Background(), true, "test"); err != nil {
			t.Fatal(err)
		}
		s.pass(time.Second)
		s.want(map[string]string{"fw1": "BACKUP", "fw2": "MASTER"})
		if _, err := a.node.Maintenance(context.Background(), false, "test"); err != nil {
			t.Fatal(err)
		}
		s.pass(5 * time.Second)
		s.want(map[string]string{"fw1": "MASTER", "fw2": "BACKUP"})
	})
}

// A preferred node does not take the role back before it has the policy, and one that has the role keeps it.
func TestBehindInPolicy(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a, _ := s.pair()
		a.node.Behind(true)
		s.pass(5 * time.Second)
		s.want(map[string]string{"fw1": "MASTER", "fw2": "BACKUP"})
		if _, err := a.node.Maintenance(context.Background(), true, "test"); err != nil {
			t.Fatal(err)
		}
		s.pass(time.Second)
		a.node.Behind(true)
		if _, err := a.node.Maintenance(context.Background(), false, "test"); err != nil {
			t.Fatal(err)
		}
		s.pass(20 * time.Second)
		s.want(map[string]string{"fw1": "BACKUP", "fw2": "MASTER"})
		a.node.Behind(false)
		s.pass(20 * time.Second)
		s.want(map[string]string{"fw1": "MASTER", "fw2": "BACKUP"})
	})
}

func TestGoodbyeNeedsNoWait(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a, b := s.pair()
		at := time.Now()
		a.end()
		<-a.ended
		s.pass(time.Second)
		if d := s.took(b, at); d > 50*time.Millisecond {
			t.Errorf("took over after %v\n%s", d, s.histories())
		}
		if a.holds() {
			t.Error("who left has the address still")
		}
	})
}

func TestBootingNodeAsksForTheRole(t *testing.T) {
	for _, silent := range []bool{false, true} { // advertisements come before heartbeats can
		play(t, func(t *testing.T, s *stage) {
			a, _ := s.pair()
			a.kill()
			<-a.ended
			s.pass(12 * time.Second) // its lease is over
			a.machine.Stun(false)
			a.dead.Store(false)
			if silent {
				s.ether.Impair("sync", func(string, string, []byte) []time.Duration { return nil })
			}
			s.start(a, 1, 0, stagePolicy)
			for range 300 {
				s.pass(walkStep)
				if a.role() == "MASTER" && s.actors["fw2"].role() == "MASTER" {
					t.Fatalf("two masters\n%s", s.histories())
				}
			}
			s.pass(3 * time.Second)
			s.want(map[string]string{"fw1": "MASTER", "fw2": "BACKUP"})
			if why := a.status().Groups[0].Why; why != "the peer releases" {
				t.Errorf("it became master because %q\n%s", why, s.histories())
			}
		})
	}
}
