package ha

import (
	"slices"
	"testing"
	"time"
)

// movedAddress is the stage's policy with the address on wan in a group of its own.
const movedAddress = stagePolicy + "group = \"outside\"\n[ha_group.outside]\n"

// TestAddressMovesToAnotherGroup: until both nodes have the new policy, one of them does not know the
// group, and holds its addresses in another one all the same.
func TestAddressMovesToAnotherGroup(t *testing.T) {
	for first, name := range []string{"master first", "backup first"} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, s *stage) {
				a, b := s.pair()
				nodes := []func(){func() { s.reload(a, 1, 0, movedAddress) }, func() { s.reload(b, 2, 100, movedAddress) }}
				holders := func(when string) {
					t.Helper()
					for actor, want := range map[*actor]bool{a: true, b: false} {
						if slices.Contains(actor.machine.Addresses("wan"), prefix("192.0.2.1/24")) != want {
							t.Errorf("%s: %s has the address: %v\n%s", when, actor.name, !want, s.histories())
						}
					}
				}
				nodes[first]()
				s.steady(10 * time.Second)
				holders("on one node")
				nodes[1-first]()
				s.steady(10 * time.Second)
				holders("on both")
				a.kill()
				s.pass(2 * time.Second)
				if !slices.Contains(b.machine.Addresses("wan"), prefix("192.0.2.1/24")) {
					t.Error("nobody has the address of the dead master")
				}
			})
		})
	}
}

// TestGroupOfADeadMasterIsTakenBeforeItKnewIt: the addresses of a group that only the backup knows yet
// go to it when the master dies.
func TestGroupOfADeadMasterIsTakenBeforeItKnewIt(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a, b := s.pair()
		s.reload(b, 2, 100, movedAddress)
		s.steady(5 * time.Second)
		a.kill()
		s.pass(2 * time.Second)
		if !slices.Contains(b.machine.Addresses("wan"), prefix("192.0.2.1/24")) {
			t.Error("nobody has the address")
		}
	})
}

// TestAddressByHandOnABackupGoes: two machines would answer for it, for as long as nobody looks.
func TestAddressByHandOnABackupGoes(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		_, b := s.pair()
		d, err := b.machine.Device("lan")
		if err != nil {
			t.Fatal(err)
		}
		if err := b.machine.Place(d.Index, prefix("10.0.1.1/24"), 0); err != nil {
			t.Fatal(err)
		}
		s.pass(2 * time.Second)
		s.want(map[string]string{"fw1": "MASTER", "fw2": "BACKUP"})
	})
}

// TestRenamedDeviceLosesTheAddresses: the peer has them now.
func TestRenamedDeviceLosesTheAddresses(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a, _ := s.pair()
		a.machine.Rename("lan", "other")
		s.pass(time.Second)
		if all := a.machine.Addresses("other"); slices.Contains(all, prefix("10.0.1.1/24")) {
			t.Errorf("the device of another name has %v", all)
		}
		s.want(map[string]string{"fw1": "BACKUP", "fw2": "MASTER"})
		a.machine.Rename("other", "lan")
		s.pass(10 * time.Second)
		s.want(map[string]string{"fw1": "MASTER", "fw2": "BACKUP"})
	})
}

// TestDoubtIsNoNewLife: status tells since when the peer lives.
func TestDoubtIsNoNewLife(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a, b := s.pair()
		since := a.status().Peer.Since
		b.machine.Stun(true)
		s.pass(250 * time.Millisecond)
		if got := a.status().Peer.State; got != "doubtful" {
			t.Fatalf("a silent peer is %s", got)
		}
		b.machine.Stun(false)
		s.pass(time.Second)
		if p := a.status().Peer; p.State != "alive" || p.Since != since {
			t.Errorf("%s since %v, want since %v", p.State, p.Since, since)
		}
	})
}
