package ha

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/ha/peer"
	"github.com/rempart/rempart/ha/view"
	"github.com/rempart/rempart/ha/vmac"
	"github.com/rempart/rempart/ha/wire"
)

// stage is a pair in memory, under a clock that costs nothing: lan, wan and a cable.
type stage struct {
	t       *testing.T
	ether   *wire.Ether
	actors  map[string]*actor
	secrets map[int]string // where a node has another one
	flows   map[int]Flows
	tables  map[int]FlowTable
	lists   map[int]*block // of the nodes that have some
	links   map[string]*fakeLink
	keys    map[int]*fakeKeys // of the nodes that have some
}

// actor is a node on the stage.
type actor struct {
	name    string
	machine *wire.Machine
	node    *Node
	link    *fakeLink
	kill    func() // as SIGKILL does: nothing is said
	end     func() // as SIGTERM does
	ended   chan struct{}
	ticker  *fakeTicker
	dead    atomic.Bool
	refuses atomic.Pointer[netip.Prefix] // by its kernel
	limits  atomic.Pointer[map[string]string]
	secret  atomic.Pointer[string]
	policy  *config.Config
	block   *block // its lists; nil: it has none
	keys    *fakeKeys
	asked   Policy // answers questions of the policy; nil: nobody does
}

const stagePolicy = `schema = 1
[interface.wan]
external = true
[interface.lan]
[interface.sync]
[ha]
interface = "sync"
secret    = "file:carp.key"
interval  = "100ms"
[[vip]]
interface = "lan"
address   = "10.0.1.1/24"
vhid      = 1
[[vip]]
interface = "wan"
address   = "192.0.2.1/24"
vhid      = 2
`

// play runs a drama.
func play(t *testing.T, drama func(t *testing.T, s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{t: t, ether: wire.NewEther(), actors: map[string]*actor{}, links: map[string]*fakeLink{}}
		defer func() {
			for _, a := range s.actors {
				if a.kill != nil {
					a.kill()
					<-a.ended
				}
			}
		}()
		drama(t, s)
	})
}

// nodeText is the node file of the nth node.
func nodeText(n int, skew int) string {
	return fmt.Sprintf(`name = "fw%d"
[interface.wan]
device = "wan"
addresses = ["192.0.2.%d/24"]
[interface.lan]
device = "lan"
addresses = ["10.0.1.%d/24"]
[interface.sync]
device = "sync"
addresses = ["172.16.0.%d/30"]
[ha]
advskew = %d
`, n, 10+n, 10+n, n, skew)
}

// enter puts the nth node on the stage and starts it.
func (s *stage) enter(n, skew int, policy string) *actor {
	s.t.Helper()
	name := fmt.Sprintf("fw%d", n)
	m := s.ether.Machine(name)
	for i, link := range []string{"wan", "lan", "sync"} {
		host := byte(10 + n)
		networks := []netip.Prefix{
			netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, host}), 24), netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 1, host}), 24),
			netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 16, 0, byte(n)}), 30),
		}
		m.Plug(link, link, wire.MAC{2, 0, 0, 0, byte(n), byte(i)}, networks[i])
	}
	a := &actor{name: name, machine: m}
	s.actors[name] = a
	if secret, ok := s.secrets[n]; ok {
		a.secret.Store(&secret)
	}
	s.start(a, n, skew, policy)
	return a
}

// start runs a node's program, as at boot; without a policy if that is empty.
func (s *stage) start(a *actor, n, skew int, policy string) {
	s.t.Helper()
	c, err := config.Parse(config.File{Name: "rempart.toml", Data: []byte(cmp.Or(policy, stagePolicy))}, &config.File{Name: "node.toml", Data: []byte(nodeText(n, skew))})
	if err != nil {
		s.t.Fatal(err)
	}
	a.ticker = &fakeTicker{kick: make(chan struct{}, 1)}
	dir := s.t.TempDir()
	a.block, a.keys = s.lists[n], s.keys[n]
	a.node = New(Parts{
		Kernel: mortal{a.machine, a}, Ticker: a.ticker, MACs: noMACs{}, Flows: s.flows[n], Table: s.tables[n],
		Link: func(o peer.Options) Link {
			a.link = &fakeLink{options: o, stage: s, name: a.name}
			return a.link
		},
		Devices: func(*config.Config) map[string]string {
			return map[string]string{"wan": "wan", "lan": "lan", "sync": "sync"}
		},
		Secret: func(string) ([]byte, error) {
			if secret := a.secret.Load(); secret != nil {
				return []byte(*secret), nil
			}
			return []byte("carpsecret"), nil
		},
		Hash: func() string { return "0123" }, Down: func(string) bool { return false },
		Limits: func() map[string]string {
			if l := a.limits.Load(); l != nil {
				return *l
			}
			return map[string]string{"nf_conntrack_max": "262144"}
		},
		Lists: a.listsOrNone(), Keys: a.keysOrNone(), Policy: a.asked, Order: dir + "/maintenance.json", Hooks: dir + "/hooks.d", Version: "test", Log: hclog.NewNullLogger(),
	})
	ctx, end := context.WithCancel(context.Background())
	a.end, a.ended, a.policy = end, make(chan struct{}), c
	a.kill = func() {
		a.machine.Stun(true) // the program says nothing any more, its kernel does
		a.dead.Store(true)
		a.link.part(true)
		end()
	}
	node, ended := a.node, a.ended
	go func() {
		defer close(ended)
		if err := node.Run(ctx); err != nil {
			s.t.Error(err)
		}
	}()
	if policy != "" {
		a.node.Set(c)
	}
}

// pass lets time go by.
func (s *stage) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// status asks a node.
func (a *actor) status() view.Status {
	st, _ := a.node.HAStatus(context.Background())
	return st
}

// role is the node's in its first group.
func (a *actor) role() string {
	if st := a.status(); len(st.Groups) > 0 {
		return st.Groups[0].Role
	}
	return ""
}

// holds says whether the machine has the address on the lan.
func (a *actor) holds() bool {
	return slices.ContainsFunc(a.machine.Addresses("lan"), func(p netip.Prefix) bool { return p.Addr() == netip.MustParseAddr("10.0.1.1") })
}

// want ends the test unless the nodes have these roles, each with its addresses.
func (s *stage) want(roles map[string]string) {
	s.t.Helper()
	synctest.Wait()
	for name, want := range roles {
		a := s.actors[name]
		if got := a.role(); got != want {
			s.t.Fatalf("%s is %s, want %s\n%s", name, got, want, s.histories())
		}
		if a.holds() != (want == "MASTER") {
			s.t.Fatalf("%s is %s and has addresses: %v", name, want, a.holds())
		}
	}
}

// histories is what the nodes did.
func (s *stage) histories() (text string) {
	for name, a := range s.actors {
		st := a.status()
		for _, t := range st.Transitions {
			text += fmt.Sprintf("%s %s %s -> %s: %s\n", t.At.Format("05.000"), name, t.From, t.To, t.Why)
		}
		text += fmt.Sprintf("%s peer %+v warnings %q demotions %v\n", name, st.Peer, st.Warnings, st.Demotions)
	}
	return text
}

// mortal is a kernel that a killed program cannot ask for anything.
type mortal struct {
	wire.Kernel
	of *actor
}

func (m mortal) Place(index int, a netip.Prefix, lease time.Duration) error {
	if m.of.dead.Load() {
		return nil
	}
	if refused := m.of.refuses.Load(); refused != nil && a == *refused {
		return errors.New("permission denied")
	}
	return m.Kernel.Place(index, a, lease)
}

func (m mortal) Remove(index int, a netip.Prefix) error {
	if m.of.dead.Load() {
		return nil
	}
	return m.Kernel.Remove(index, a)
}

type noMACs struct{}

func (noMACs) Set([]vmac.Wanted) error { return nil }

// fakeTicker keeps time by package time.
type fakeTicker struct {
	kick chan struct{}
}

func (k *fakeTicker) Run(ctx context.Context, interval func() time.Duration, fire func(time.Time)) error {
	for ctx.Err() == nil {
		t := time.NewTimer(interval())
		select {
		case <-ctx.Done():
		case <-t.C:
			fire(time.Now())
		case <-k.kick:
			fire(time.Now())
		}
		t.Stop()
	}
	return nil
}

func (k *fakeTicker) Kick() {
	select {
	case k.kick <- struct{}{}:
	default:
	}
}

func (k *fakeTicker) Late() time.Duration { return 0 }

// fakeLink is a connection between two daemons that are on the stage.
type fakeLink struct {
	options peer.Options
	stage   *stage
	name    string
	aimed   atomic.Pointer[cable]
	dropped atomic.Pointer[string] // why it was, last
	mu      sync.Mutex
	with    *fakeLink
}

func (l *fakeLink) Run(ctx context.Context) error { <-ctx.Done(); return nil }

func (l *fakeLink) Aim(device string, local, peer netip.Addr) {
	l.aimed.Store(&cable{device, local, peer})
}

func (l *fakeLink) Drop(why string) {
	l.dropped.Store(&why)
	l.part(false)
}

func (l *fakeLink) Goodbye() { l.part(false) }

func (l *fakeLink) Ask(ctx context.Context, kind string, body []byte) ([]byte, error) {
	l.mu.Lock()
	with := l.with
	l.mu.Unlock()
	if with == nil {
		return nil, fmt.Errorf("ask %q: %w", kind, peer.ErrNotConnected)
	}
	answer, err := with.options.Answer(ctx, peer.Question{Kind: kind, Body: body, Paired: with.options.Trust().Peers != nil})
	if err != nil {
		return nil, fmt.Errorf("ask %q: %w", kind, &peer.Refused{Text: err.Error()})
	}
	return answer, nil
}

// meet connects two daemons.
func (s *stage) meet(a, b *actor) {
	a.link.join(b.link)
	b.link.join(a.link)
}

func (l *fakeLink) join(with *fakeLink) {
	l.mu.Lock()
	l.with = with
	l.mu.Unlock()
	l.options.Up(with.options.Local)
}

// part ends the connection at both ends.
func (l *fakeLink) part(reset bool) {
	l.mu.Lock()
	with := l.with
	l.with = nil
	l.mu.Unlock()
	if with == nil {
		return
	}
	with.mu.Lock()
	with.with = nil
	with.mu.Unlock()
	with.options.Down("it ended", reset)
}

// examine asks a node's doctor.
func (a *actor) examine(t *testing.T) []view.Finding {
	t.Helper()
	var all []view.Finding
	if err := a.node.Doctor(t.Context(), func(f view.Finding) error { all = append(all, f); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }
func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
