package ha

import (
	"slices"
	"strings"
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

// TestLastAddressOfAnInterfaceGoes: the pair has no business on a network without virtual addresses, and leaves
// none of them there.
func TestLastAddressOfAnInterfaceGoes(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a := s.enter(1, 0, stagePolicy)
		s.pass(5 * time.Second)
		s.want(map[string]string{"fw1": "MASTER"})
		s.reload(a, 1, 0, stagePolicy[:strings.LastIndex(stagePolicy, "[[vip]]")])
		s.pass(time.Second)
		for _, p := range a.machine.Addresses("wan") {
			if p == prefix("192.0.2.1/24") {
				t.Error("the address stays on a network that the pair is not on")
			}
		}
		s.want(map[string]string{"fw1": "MASTER"})
	})
}

// TestSecretChangedTwice: the peer has the first one still, and is understood by it.
func TestSecretChangedTwice(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a, _ := s.pair()
		for _, secret := range []string{"a slip", "the secret"} {
			a.secret.Store(&secret)
			s.reload(a, 1, 0, stagePolicy)
			s.steady(10 * time.Second)
		}
	})
}

// TestGroupThatGoesIsTold: hooks and services have to know that the node is master of it no more.
func TestGroupThatGoesIsTold(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a := s.enter(1, 0, stagePolicy+"group = \"outside\"\n[ha_group.outside]\n")
		s.pass(5 * time.Second)
		if st := a.status(); len(st.Groups) != 2 || st.Groups[1].Role != "MASTER" {
			t.Fatal(s.histories())
		}
		s.reload(a, 1, 0, stagePolicy)
		s.pass(time.Second)
		if last := a.status().Transitions[0]; last.Group != "outside" || last.To != "INIT" {
			t.Errorf("last: %+v", last)
		}
		if !slices.Contains(a.machine.Addresses("wan"), prefix("192.0.2.1/24")) {
			t.Error("the address is of the other group now, and went with the one that is no more")
		}
	})
}

// TestAddressThatTheKernelRefuses is said, and tried again.
func TestAddressThatTheKernelRefuses(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a := s.enter(1, 0, stagePolicy)
		refused := prefix("192.0.2.1/24")
		a.refuses.Store(&refused)
		s.pass(6 * time.Second)
		said := func() bool {
			return strings.Contains(strings.Join(a.status().Warnings, " "), "192.0.2.1 could not be placed on wan")
		}
		if !said() {
			t.Errorf("warnings %q", a.status().Warnings)
		}
		a.refuses.Store(nil)
		s.pass(2 * time.Second)
		if said() || !slices.Contains(a.machine.Addresses("wan"), refused) {
			t.Errorf("warnings %q, addresses %v", a.status().Warnings, a.machine.Addresses("wan"))
		}
	})
}
