package ha

import (
	"testing"
	"time"
)

// TestMissingDeviceIsWaitedFor: a master without one of its networks waits for the device, and does
// nothing over and over meanwhile: to place addresses is news of devices as well.
func TestMissingDeviceIsWaitedFor(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a := s.enter(1, 0, stagePolicy)
		s.pass(5 * time.Second)
		s.want(map[string]string{"fw1": "MASTER"})
		a.machine.Unplug("wan")
		s.pass(time.Second)
		a.machine.Carrier("sync", false) // news of another device
		s.pass(10 * time.Second)         // the last round of announcements is over
		before := a.status().Counters["announcements"]
		s.pass(time.Minute)
		if n := a.status().Counters["announcements"]; n != before {
			t.Errorf("%d announcements in a minute in which nothing happened", n-before)
		}
		s.want(map[string]string{"fw1": "MASTER"})
	})
}
