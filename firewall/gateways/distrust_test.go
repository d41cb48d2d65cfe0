package gateways

import (
	"testing"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules/steer"
)

// A gateway that was down before a restart stays so until it answers, and not a
// moment longer.
func TestMachineDistrusts(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	rules := config.Monitor{Interval: time.Second, Down: 2 * time.Second, Up: 10 * time.Second}
	there := sight{address: true, carrier: true, watched: true}

	m := newMachine(now, rules)
	m.distrust()
	for range 5 {
		now = now.Add(time.Second)
		if m.see(now, there); m.health.State != steer.Down {
			t.Fatalf("it is %s without an answer", m.health.State)
		}
	}
	there.heard = now
	if m.see(now, there); m.health.State != steer.Online {
		t.Errorf("it is %s after its first answer", m.health.State)
	}

	m = newMachine(now, rules)
	m.distrust()
	if m.see(now, sight{address: true, carrier: true}); m.health.State != steer.Online {
		t.Errorf("it is %s although nobody asks and the link is up", m.health.State)
	}
}
