package ha

import (
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/config"
)

// moreAddresses is the stage's policy with another address on a vhid.
const moreAddresses = stagePolicy + `
[[vip]]
interface = "wan"
address   = "192.0.2.2/24"
vhid      = 2
`

// reload gives a node another policy, as an apply does.
func (s *stage) reload(a *actor, n, skew int, policy string) {
	s.t.Helper()
	c, err := config.Parse(config.File{Name: "rempart.toml", Data: []byte(policy)}, &config.File{Name: "node.toml", Data: []byte(nodeText(n, skew))})
	if err != nil {
		s.t.Fatal(err)
	}
	a.node.Set(c)
}

// steady lets time go by, and ends the test if the master changes meanwhile.
func (s *stage) steady(d time.Duration) {
	s.t.Helper()
	for range d / walkStep {
		s.pass(walkStep)
		if a, b := s.actors["fw1"], s.actors["fw2"]; !a.holds() || b.holds() || a.role() != "MASTER" || b.role() != "BACKUP" {
			s.t.Fatalf("%s and %s\n%s", a.role(), b.role(), s.histories())
		}
	}
}

func TestNothingSplitsThePairWhileItChanges(t *testing.T) {
	changes := map[string]func(s *stage, a *actor, n, skew int){
		"addresses": func(s *stage, a *actor, n, skew int) { s.reload(a, n, skew, moreAddresses) },
		"secret": func(s *stage, a *actor, n, skew int) {
			other := "another secret"
			a.secret.Store(&other)
			s.reload(a, n, skew, stagePolicy)
		},
		"interval": func(s *stage, a *actor, n, skew int) {
			s.reload(a, n, skew, strings.Replace(stagePolicy, "100ms", "1s", 1))
		},
	}
	for what, change := range changes {
		for first, name := range []string{"master first", "backup first"} {
			t.Run(what+", "+name, func(t *testing.T) {
				play(t, func(t *testing.T, s *stage) {
					a, b := s.pair()
					nodes := []func(){func() { change(s, a, 1, 0) }, func() { change(s, b, 2, 100) }}
					nodes[first]()
					s.steady(90 * time.Second) // longer than the window for others
					nodes[1-first]()
					s.steady(10 * time.Second)
					if a.node.before != nil || b.node.before != nil {
						t.Error("what was before is understood still")
					}
					a.kill() // and the peer is heard by the new keys alone
					s.pass(2 * time.Second)
					s.want(map[string]string{"fw2": "MASTER"})
				})
			})
		}
	}
}

func TestNewAddressesArePlacedAndOldOnesGo(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a, b := s.pair()
		has := func(n *actor) bool {
			for _, p := range n.machine.Addresses("wan") {
				if p.Addr() == addr("192.0.2.2") {
					return true
				}
			}
			return false
		}
		s.reload(a, 1, 0, moreAddresses)
		s.reload(b, 2, 100, moreAddresses)
		s.pass(time.Second)
		if !has(a) || has(b) {
			t.Errorf("new address: master %v, backup %v", has(a), has(b))
		}
		s.reload(a, 1, 0, stagePolicy)
		s.reload(b, 2, 100, stagePolicy)
		s.pass(time.Second)
		if has(a) || has(b) {
			t.Errorf("old address: master %v, backup %v", has(a), has(b))
		}
		s.want(map[string]string{"fw1": "MASTER", "fw2": "BACKUP"})
	})
}

func TestPolicyWithoutPairLetsGo(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a, b := s.pair()
		single := stagePolicy[:strings.Index(stagePolicy, "[ha]")]
		c, err := config.Parse(config.File{Name: "rempart.toml", Data: []byte(single)},
			&config.File{Name: "node.toml", Data: []byte(strings.Split(nodeText(1, 0), "[ha]")[0])})
		if err != nil {
			t.Fatal(err)
		}
		a.node.Set(c)
		s.pass(time.Second)
		if a.holds() || a.status().Configured {
			t.Error("a single gateway holds the pair's addresses")
		}
		s.want(map[string]string{"fw2": "MASTER"})
		s.reload(a, 1, 0, stagePolicy)
		s.pass(5 * time.Second)
		s.want(map[string]string{"fw1": "MASTER", "fw2": "BACKUP"})
		_ = b
	})
}

func TestSecretThatCannotBeReadKeepsThePairTogether(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a, _ := s.pair()
		long := strings.Repeat("x", 20)
		a.secret.Store(&long)
		s.reload(a, 1, 0, stagePolicy)
		s.pass(3 * time.Second)
		if st := a.status(); len(st.Warnings) == 0 || !strings.Contains(strings.Join(st.Warnings, " "), "19") {
			t.Errorf("warnings %q", st.Warnings)
		}
		s.want(map[string]string{"fw1": "BACKUP", "fw2": "MASTER"}) // who has no policy is worse
		s.pass(30 * time.Second)
		right := "carpsecret"
		a.secret.Store(&right)
		s.pass(20 * time.Second)
		s.want(map[string]string{"fw1": "MASTER", "fw2": "BACKUP"})
	})
}
