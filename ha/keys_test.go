package ha

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/ha/peer"
	"github.com/rempart/rempart/ha/view"
)

// fakeKeys are those of a pairing that a test makes.
type fakeKeys struct {
	mu    sync.Mutex
	own   ed25519.PrivateKey
	peers []ed25519.PublicKey
	roots [][]byte
	met   cable
}

func (k *fakeKeys) Own() ed25519.PrivateKey { return k.own }

func (k *fakeKeys) Peers() []ed25519.PublicKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.peers
}

func (k *fakeKeys) Roots() [][]byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.roots
}

func (k *fakeKeys) Former(ed25519.PublicKey) bool { return false }
func (k *fakeKeys) Proved(ed25519.PublicKey)      {}

func (k *fakeKeys) Rendezvous() (device string, local, peer netip.Addr) {
	return k.met.device, k.met.local, k.met.peer
}

// identity is the key of the nth node.
func identity(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

// root is the nth secret of a pair.
func root(n byte) []byte { return bytes.Repeat([]byte{n}, 32) }

func (a *actor) keysOrNone() Keys {
	if a.keys == nil {
		return nil
	}
	return a.keys
}

// pairing puts keys on the stage that hold these roots; none: the nodes are not paired.
func (s *stage) pairing(roots ...[]byte) {
	s.keys = map[int]*fakeKeys{1: {own: identity(1)}, 2: {own: identity(2)}}
	for n := range s.keys {
		s.keys[n].hold(roots...)
	}
}

// hold makes the keys those of a pairing with these roots; none: of no pairing.
func (k *fakeKeys) hold(roots ...[]byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.roots, k.peers = roots, nil
	for n := byte(1); n <= 2 && len(roots) > 0; n++ {
		if other := identity(n); !other.Equal(k.own) {
			k.peers = []ed25519.PublicKey{other.Public().(ed25519.PublicKey)}
		}
	}
}

// rekey changes what a node has on its disk.
func (a *actor) rekey(roots ...[]byte) {
	a.keys.hold(roots...)
	a.node.Rekey()
}

// calm ends the test unless each node believes all the while that its peer lives, and neither changes its role. It looks
// closely for some seconds, and then once a heartbeat.
func (s *stage) calm(d time.Duration) {
	s.t.Helper()
	for begin, step := time.Now(), walkStep; time.Since(begin) < d; {
		if time.Since(begin) > 3*time.Second {
			step = 100 * time.Millisecond
		}
		s.pass(min(step, d-time.Since(begin)))
		s.want(map[string]string{"fw1": "MASTER", "fw2": "BACKUP"})
		for _, a := range s.actors {
			if state, _, _ := a.node.PeerState(); state != "alive" {
				s.t.Fatalf("to %s the peer is %s\n%s", a.name, state, s.histories())
			}
		}
	}
}

// changeOfKeys is what becomes of the roots of both nodes, step by step.
type changeOfKeys struct {
	from  [][]byte
	steps [][][]byte // what a node holds after each
}

var changesOfKeys = map[string]changeOfKeys{
	"pairing":         {nil, [][][]byte{{root(1)}}},
	"rotation":        {[][]byte{root(1)}, [][][]byte{{root(2), root(1)}, {root(2)}}},
	"unpair":          {[][]byte{root(1)}, [][][]byte{nil}},
	"another pairing": {[][]byte{root(1)}, [][][]byte{{root(2)}}},
}

// TestKeysChangeWithoutADoubt: each node gets other keys at another time, and no heartbeat is missed.
func TestKeysChangeWithoutADoubt(t *testing.T) {
	for what, change := range changesOfKeys {
		for _, apart := range []time.Duration{0, 130 * time.Millisecond, changeWindow + 5*time.Second} {
			for first := range 2 {
				t.Run(fmt.Sprintf("%s, %v apart, fw%d first", what, apart, first+1), func(t *testing.T) {
					play(t, func(t *testing.T, s *stage) {
						s.pairing(change.from...)
						a, b := s.pair()
						nodes := []*actor{a, b}
						for _, roots := range change.steps {
							nodes[first].rekey(roots...)
							s.calm(apart)
							nodes[1-first].rekey(roots...)
							s.calm(3 * time.Second)
						}
						s.settled(a, b)
					})
				})
			}
		}
	}
}

// settled ends the test unless two nodes have come to speak with the newest alone, and are content.
func (s *stage) settled(nodes ...*actor) {
	s.t.Helper()
	s.calm(2 * time.Second)
	for _, a := range nodes {
		if a.node.before != nil {
			s.t.Errorf("%s understands what was before still", a.name)
		}
		if speech := a.node.voice.content.Load(); len(speech.rings) != 1 || speech.calls != nil {
			s.t.Errorf("%s speaks with %d keys, and calls: %v", a.name, len(speech.rings), speech.calls)
		}
		for _, w := range a.status().Warnings {
			if !strings.Contains(w, "the nodes are not paired") {
				s.t.Errorf("%s warns: %s", a.name, w)
			}
		}
	}
}

// TestProgramStartsInARotation: a node that has two roots on its disk, or the newest alone, when it starts finds a
// peer that has the older one.
func TestProgramStartsInARotation(t *testing.T) {
	for _, who := range []int{1, 2} {
		t.Run(fmt.Sprint("fw", who), func(t *testing.T) {
			play(t, func(t *testing.T, s *stage) {
				s.pairing(root(1))
				a, b := s.pair()
				nodes := []*actor{a, b}
				again, other := nodes[who-1], nodes[2-who]
				again.end()
				<-again.ended
				again.keys.hold(root(2), root(1))
				s.start(again, who, (who-1)*100, stagePolicy)
				s.pass(10 * time.Second)
				s.want(map[string]string{"fw1": "MASTER", "fw2": "BACKUP"})
				s.calm(time.Minute)
				other.rekey(root(2), root(1))
				s.calm(5 * time.Second)
				again.rekey(root(2))
				s.calm(time.Second)
				other.rekey(root(2))
				s.settled(a, b)
			})
		})
	}
}

// TestAddressesAndPasswordChangeTogether: two changes are pushed to both nodes at nearly one moment, to each in
// its own order.
func TestAddressesAndPasswordChangeTogether(t *testing.T) {
	for _, paired := range []bool{false, true} {
		for _, apart := range []time.Duration{0, 50 * time.Millisecond, 500 * time.Millisecond} {
			for orders := range 8 {
				t.Run(fmt.Sprintf("paired %v, %v apart, orders %03b", paired, apart, orders), func(t *testing.T) {
					play(t, func(t *testing.T, s *stage) {
						s.pairing()
						if paired {
							s.pairing(root(1))
						}
						a, b := s.pair()
						addresses := orders & 1
						nodes := []*actor{a, b}
						if orders&4 != 0 {
							nodes[0], nodes[1] = b, a
						}
						for i, n := range nodes {
							for step := range 2 {
								s.half(n, step == addresses^(orders>>1&1&i), step == 1)
								s.calm(apart / 2) // at 0 the loop gets both at once
							}
						}
						s.settled(a, b)
						a.kill() // and the new is in use: the other has the new address
						s.pass(2 * time.Second)
						s.want(map[string]string{"fw2": "MASTER"})
					})
				})
			}
		}
	}
}

// half makes one half of a change, of addresses or of the password; the second one makes it whole.
func (s *stage) half(a *actor, addresses, second bool) {
	other := "another secret"
	policy := stagePolicy
	if addresses || second {
		policy = moreAddresses
	}
	if !addresses || second {
		a.secret.Store(&other)
	}
	n := int(a.name[2] - '0')
	s.reload(a, n, (n-1)*100, policy)
}

// TestPolicyAndKeysChangeTogether: the addresses change on one node while the other gets the root of a pairing.
func TestPolicyAndKeysChangeTogether(t *testing.T) {
	for first := range 2 {
		play(t, func(t *testing.T, s *stage) {
			s.pairing()
			a, b := s.pair()
			nodes := []*actor{a, b}
			x, y := nodes[first], nodes[1-first]
			s.half(x, true, false)
			y.rekey(root(1))
			s.calm(20 * time.Second)
			x.rekey(root(1))
			s.calm(time.Second)
			y.rekey(root(2), root(1))
			s.calm(time.Second)
			s.half(y, true, false)
			s.calm(time.Second)
			x.rekey(root(2), root(1))
			s.settled(a, b)
		})
	}
}

// TestNodeThatIsNotPairedAnyMore: one that comes back without keys is named, and CARP decides between the two:
// there are not two masters for longer than it takes to notice.
func TestNodeThatIsNotPairedAnyMore(t *testing.T) {
	for _, who := range []int{1, 2} {
		for _, killed := range []bool{false, true} {
			t.Run(fmt.Sprintf("fw%d, killed %v", who, killed), func(t *testing.T) {
				play(t, func(t *testing.T, s *stage) {
					s.pairing(root(1))
					a, b := s.pair()
					nodes := []*actor{a, b}
					again, other := nodes[who-1], nodes[2-who]
					if killed {
						again.kill()
						<-again.ended
						s.pass(12 * time.Second)
						again.machine.Stun(false)
						again.dead.Store(false)
					} else {
						again.end()
						<-again.ended
					}
					again.keys.hold()
					s.start(again, who, (who-1)*100, stagePolicy)
					s.pass(20 * time.Second)
					s.want(map[string]string{"fw1": "MASTER", "fw2": "BACKUP"})
					s.steady(10 * time.Second)
					s.pass(time.Minute) // warnings of the switch are over
					s.want(map[string]string{"fw1": "MASTER", "fw2": "BACKUP"})
					const advice = "the other node is not paired with this one any more"
					if w := strings.Join(other.status().Warnings, "\n"); !strings.Contains(w, advice) || !strings.Contains(w, "rempart ha pair") {
						t.Errorf("%s says %q", other.name, w)
					}
					if st := other.status().Peer.State; st != "foreign" && who == 1 {
						t.Errorf("the peer is %s to %s", st, other.name)
					}
					again.rekey(root(3))
					other.rekey(root(3))
					s.pass(5 * time.Second)
					s.settled(a, b)
				})
			})
		}
	}
}

// TestOldPasswordsHeartbeatsMoveNothing: those of before the pairing, sent again while the peer is gone, do not make
// a paired node listen to old advertisements.
func TestOldPasswordsHeartbeatsMoveNothing(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		s.pairing()
		a, b := s.pair()
		x := s.stranger("lan")
		defer x.port.Close()
		s.pass(5 * time.Second)
		old := x.replay()
		for _, n := range []*actor{a, b} {
			n.rekey(root(1))
		}
		s.pass(2 * time.Minute)
		a.kill()
		<-a.ended
		s.pass(12 * time.Second)
		s.want(map[string]string{"fw2": "MASTER"})
		for range 200 {
			for _, frame := range old {
				if err := x.port.Send(frame); err != nil {
					t.Fatal(err)
				}
			}
			s.pass(50 * time.Millisecond)
			s.want(map[string]string{"fw2": "MASTER"})
		}
		if state, _, _ := b.node.PeerState(); state != "dead" {
			t.Errorf("the peer is %s", state)
		}
	})
}

// TestUnpairedPairIsAdvised: one line, and none when it is paired.
func TestUnpairedPairIsAdvised(t *testing.T) {
	for _, roots := range [][][]byte{nil, {root(1)}} {
		play(t, func(t *testing.T, s *stage) {
			s.pairing(roots...)
			a, _ := s.pair()
			n := strings.Count(strings.Join(a.status().Warnings, "\n"), "the nodes are not paired: `rempart ha pair`")
			if want := 1 - len(roots); n != want {
				t.Errorf("it is said %d times with %d roots", n, len(roots))
			}
		})
	}
}

// TestLinkLooksWhereTheNodesWerePaired: before there is a policy, and not when one says that there is no pair.
func TestLinkLooksWhereTheNodesWerePaired(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		met := cable{"mgmt", addr("10.9.0.1"), addr("10.9.0.2")}
		s.pairing(root(1))
		s.keys[1].met = met
		a := s.enter(1, 0, "")
		want := func(what string, c cable) {
			t.Helper()
			s.pass(100 * time.Millisecond)
			if got := *a.link.aimed.Load(); got != c {
				t.Errorf("%s: aimed at %+v, want %+v", what, got, c)
			}
		}
		want("none yet", met)
		s.reload(a, 1, 0, stagePolicy)
		want("a policy with [ha]", cable{"sync", addr("172.16.0.1"), netip.Addr{}})
		a.node.Set(new(config.Config))
		want("none", met)
		a.node.Set(nil)
		want("none", met)
		s.single(a)
		want("one without [ha]", cable{})
		a.keys.hold()
		a.node.Set(nil)
		want("not paired", cable{})
	})
}

// single gives a node a policy without [ha].
func (s *stage) single(a *actor) {
	s.t.Helper()
	c, err := config.Parse(config.File{Name: "rempart.toml", Data: []byte(stagePolicy[:strings.Index(stagePolicy, "[ha]")])},
		&config.File{Name: "node.toml", Data: []byte(strings.Split(nodeText(1, 0), "[ha]")[0])})
	if err != nil {
		s.t.Fatal(err)
	}
	a.node.Set(c)
}

// TestLinkIsDroppedWhenItsPeerIsNotBelieved: and stays while keys are rotated.
func TestLinkIsDroppedWhenItsPeerIsNotBelieved(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		s.pairing()
		a, b := s.pair()
		shown := b.keys.own.Public().(ed25519.PublicKey)
		want := func(what, why string) {
			t.Helper()
			s.pass(100 * time.Millisecond)
			got := ""
			if d := a.link.dropped.Swap(nil); d != nil {
				got = *d
			}
			if got != why {
				t.Errorf("%s: dropped because %q, want %q", what, got, why)
			}
		}
		a.node.Rekey()
		want("nothing", "")
		a.rekey(root(1))
		want("pairing", "the nodes were paired")
		a.node.proved(shown)
		a.rekey(root(2), root(1))
		want("rotation", "")
		a.keys.mu.Lock()
		a.keys.peers = []ed25519.PublicKey{identity(7).Public().(ed25519.PublicKey)}
		a.keys.mu.Unlock()
		a.node.Rekey()
		want("another peer", "the key of the peer is another one")
		a.rekey()
		want("unpair", "the pairing was ended")
	})
}

// answers is a Policy that says what it was asked.
type answers struct{ linked chan bool }

func (p *answers) Answer(_ context.Context, kind string, body []byte) ([]byte, error) {
	if kind == "policy-no" {
		return nil, errors.New("not now")
	}
	return append([]byte(kind+" "), body...), nil
}

func (p *answers) Linked(up bool) { p.linked <- up }

func TestQuestionsOfThePolicyGoToWhoKeepsIt(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		s.pairing(root(1))
		a, b := s.pair()
		if _, err := a.node.AskPeer(t.Context(), "policy-head", nil); !refused(err) {
			t.Errorf("nobody keeps it: %v", err)
		}
		keeper := &answers{make(chan bool, 8)}
		b.end()
		<-b.ended
		b.asked = keeper
		s.start(b, 2, 100, stagePolicy)
		s.pass(5 * time.Second)
		if _, err := a.node.AskPeer(t.Context(), "policy-head", nil); !errors.Is(err, peer.ErrNotConnected) {
			t.Errorf("without a link: %v", err)
		}
		s.meet(a, b)
		s.pass(time.Second)
		for _, kind := range []string{"policy-head", "pairing-rotate"} {
			if got, err := a.node.AskPeer(t.Context(), kind, []byte("x")); err != nil || string(got) != kind+" x" {
				t.Errorf("%q, %v", got, err)
			}
		}
		if _, err := a.node.AskPeer(t.Context(), "policy-no", nil); !refused(err) || !strings.Contains(err.Error(), "not now") {
			t.Errorf("refused: %v", err)
		}
		q := peer.Question{Kind: "pairing-unpair"}
		if _, err := b.link.options.Answer(t.Context(), q); err == nil || err.Error() != "the nodes are not paired" {
			t.Errorf("of one that proved a secret alone: %v", err)
		}
		b.link.part(false)
		a.link.options.Down("", false)
		b.link.options.Down("", false)
		if !<-keeper.linked || <-keeper.linked {
			t.Error("it was not told of the link")
		}
	})
}

func refused(err error) bool {
	var r *peer.Refused
	return errors.As(err, &r)
}

// TestGlance: what may be asked from anywhere is what status says.
func TestGlance(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a, b := s.pair()
		for _, n := range []*actor{a, b} {
			st := n.status()
			state, node, connected := n.node.PeerState()
			if state != st.Peer.State || node != st.Peer.Node || connected != st.Peer.Connected || n.node.Name() != st.Node || n.node.Master() != n.holds() {
				t.Errorf("%s: %s %s %v, %s, %v", n.name, state, node, connected, n.node.Name(), n.node.Master())
			}
		}
		was := b.status().Peer.Session
		if _, err := b.node.Release(t.Context(), view.Order{By: "test"}); err != nil {
			t.Fatal(err)
		}
		a.end()
		<-a.ended
		s.start(a, 1, 0, stagePolicy)
		s.pass(10 * time.Second)
		if now := b.status().Peer.Session; now == was || len(now) != 16 {
			t.Errorf("session %q after %q", now, was)
		}
	})
}

// TestPeerIsOrderedAway: maintenance of the other node, by the link.
func TestPeerIsOrderedAway(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a, b := s.pair()
		if err := b.node.PeerMaintenance(t.Context(), true, "upgrade of fw1"); err != nil {
			t.Fatal(err)
		}
		s.pass(2 * time.Second)
		s.want(map[string]string{"fw1": "BACKUP", "fw2": "MASTER"})
		if m := a.status().Maintenance; m == nil || m.By != "upgrade of fw1" {
			t.Errorf("%+v", m)
		}
		if err := b.node.PeerMaintenance(t.Context(), false, "upgrade of fw1"); err != nil {
			t.Fatal(err)
		}
		s.pass(10 * time.Second)
		s.want(map[string]string{"fw1": "MASTER", "fw2": "BACKUP"})
	})
}

// TestFlowsAreUnderstoodWhileKeysChange: what either node seals frames of flows with the other one has, and neither is
// told to begin anew.
func TestFlowsAreUnderstoodWhileKeysChange(t *testing.T) {
	for what, change := range changesOfKeys {
		for first := range 2 {
			t.Run(fmt.Sprintf("%s, fw%d first", what, first+1), func(t *testing.T) {
				play(t, func(t *testing.T, s *stage) {
					s.pairing(change.from...)
					a, b, of := s.flowsPair(stagePolicy)
					of[2].stands(view.SyncComplete)
					s.pass(3 * time.Second)
					was := of[1].now()
					check := func(d time.Duration) {
						for range d / walkStep {
							s.steady(walkStep)
							x, y := of[1].now(), of[2].now()
							if x.Own != was.Own || x.Theirs != was.Theirs || x.Device != was.Device || y.Own != was.Theirs || y.Theirs != was.Own {
								t.Fatalf("another target: %+v, %+v", x, y)
							}
							if !slices.Contains(x.Secrets, y.Secrets[0]) || !slices.Contains(y.Secrets, x.Secrets[0]) {
								t.Fatalf("they do not understand each other: %x, %x", x.Secrets, y.Secrets)
							}
						}
					}
					nodes := []*actor{a, b}
					for _, roots := range change.steps {
						nodes[first].rekey(roots...)
						check(20 * time.Second)
						nodes[1-first].rekey(roots...)
						check(5 * time.Second)
					}
					if x := of[1].now(); len(x.Secrets) != 1 || x.Secrets[0] == was.Secrets[0] {
						t.Errorf("%x after %x", x.Secrets, was.Secrets)
					}
				})
			})
		}
	}
}
