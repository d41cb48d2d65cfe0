package firewall

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/feeds"
	"github.com/rempart/rempart/firewall/flows"
	"github.com/rempart/rempart/firewall/gateways"
	"github.com/rempart/rempart/firewall/links"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/firewall/report"
)

const testPolicy = `schema = 1

[interface.wan]
device = "eth0"
addresses = ["203.0.113.2/29"]
external = true

[interface.lan]
device = "eth1"
addresses = ["10.1.2.1/24"]

[gateway.fibre]
interface = "wan"
address = "203.0.113.1"
monitor = []

[[route]]
destination = "default"
gateway = "fibre"

[[rule]]
name = "lan-out"
from = "lan"
to = "wan"
action = "pass"
`

// machine is what lies under a gateway and outlives it: the kernel, the disk, the boot.
type machine struct {
	dir         string
	kernel      *nft.Fake
	network     *links.Fake
	flows       *flows.Fake
	boot        string
	connections map[Connection]bool
	ssh         map[int32]Connection
	ways        map[netip.Addr]string // devices by which the machine sends
	files       Draft
	overloads   chan packetlog.Entry
	tampered    chan nft.Event
	lines       *gateways.Monitor // that nobody runs: all are as they begin
	told        atomic.Int64      // segments
	policy      func(*config.Config)
	secret      func(string) ([]byte, error)
	node        []byte // node.toml
	seal        func(*config.Revision)
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	return &machine{
		dir: t.TempDir(), kernel: nft.NewFake(TableName), flows: flows.NewFake(), boot: "boot-1",
		network:     links.NewFake(links.Device{Index: 2, Name: "eth0", MTU: 1500, Carrier: true}, links.Device{Index: 3, Name: "eth1", MTU: 1500, Carrier: true}),
		connections: map[Connection]bool{}, ssh: map[int32]Connection{},
		lines: gateways.New(gateways.Parts{Kernel: noSockets{}}),
		files: draft(testPolicy), overloads: make(chan packetlog.Entry), tampered: make(chan nft.Event),
	}
}

// noSockets asks nobody.
type noSockets struct{}

func (noSockets) Send(gateways.Question) error                  { return nil }
func (noSockets) Drop(uint64)                                   {}
func (noSockets) Keep([]gateways.Path)                          {}
func (noSockets) Receive(time.Time, func(gateways.Reply)) error { return nil }
func (noSockets) Wake()                                         {}

func draft(policy string) Draft {
	return Draft{PolicyName: "rempart.toml", Policy: []byte(policy)}
}

// Send counts what ends of flows are told.
func (m *machine) Send(_ context.Context, segments []flows.Segment) (int, error) {
	m.told.Add(int64(len(segments)))
	return len(segments), nil
}

func (m *machine) BootID() string                            { return m.boot }
func (m *machine) Connections() (map[Connection]bool, error) { return m.connections, nil }
func (m *machine) ComesBy(pid int32) (c Connection, ok bool) { c, ok = m.ssh[pid]; return c, ok }
func (m *machine) DeviceTo(a netip.Addr) (device string, ok bool) {
	device, ok = m.ways[a]
	return device, ok
}
func (m *machine) caller() report.Caller {
	return report.Caller{Name: "ann", Connected: time.Now().Add(time.Nanosecond)}
}

// start starts a gateway on the machine; it is stopped with the test, or by stop.
func (m *machine) start(t *testing.T, step func(string)) (f *Firewall, stop func()) {
	t.Helper()
	state, err := OpenState(m.dir)
	if err != nil {
		t.Fatal(err)
	}
	log := hclog.NewNullLogger()
	f = New(Parts{
		State: state, Kernel: m.kernel, Links: links.New(m.network, filepath.Join(m.dir, "links.json"), log),
		Gateways: m.lines, Resets: m, FlowTable: m.flows, Feeds: feeds.New(feeds.Options{}), Host: m, PacketLog: packetlog.NewRing(8), Overloads: m.overloads, Tampered: m.tampered,
		Files: func() (Draft, error) { return m.files, nil }, Version: "test", Logger: log,
		Policy: m.policy, ReadSecret: m.secret, Seal: m.seal,
		Node: func() (string, []byte, error) { return "node.toml", m.node, nil },
	})
	f.step = step
	ctx, cancel := context.WithCancel(t.Context())
	ready := make(chan struct{})
	go func() {
		if err := f.Run(ctx, func() { close(ready) }); err != nil {
			t.Error(err)
		}
	}()
	select {
	case <-ready:
	case <-f.done:
	}
	stop = func() {
		cancel()
		<-f.done
		state.Close()
	}
	t.Cleanup(stop)
	return f, stop
}

// enforced says which of the policies the kernel enforces; empty: none of them.
func (m *machine) enforced(t *testing.T, policies ...string) string {
	t.Helper()
	for _, p := range policies {
		c, err := parse(draft(p))
		if err != nil {
			t.Fatal(err)
		}
		w := NewWorld(c, Learned{Numbers: (&State{dir: m.dir}).Memory().Numbers}, time.Now())
		if nft.Canonical(m.kernel.String()) == nft.Canonical(Compile(w).String()) {
			return p
		}
	}
	return ""
}

func (m *machine) apply(t *testing.T, f *Firewall, policy string, confirm int) report.Applied {
	t.Helper()
	a, err := f.Apply(t.Context(), report.Request{Draft: draft(policy), Confirm: confirm}, m.caller())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

var otherPolicy = strings.Replace(testPolicy, `name = "lan-out"`, `name = "office-out"`, 1)

func TestFirstStartTakesTheFiles(t *testing.T) {
	m := newMachine(t)
	f, _ := m.start(t, nil)
	s, err := f.Status(t.Context())
	if err != nil || s.Revision != 1 || len(s.Warnings) > 0 {
		t.Fatalf("status %+v, %v", s, err)
	}
	if m.enforced(t, testPolicy) == "" {
		t.Errorf("the kernel has\n%s", m.kernel)
	}
	if !strings.Contains(m.network.String(), "10.1.2.1/24") {
		t.Errorf("the machine has\n%s", m.network)
	}
}

func TestFirstStartWithAWrongFileTouchesNothing(t *testing.T) {
	m := newMachine(t)
	m.files = draft("schema = 1\n[nonsense]\n")
	before := m.kernel.String()
	f, _ := m.start(t, nil)
	s, err := f.Status(t.Context())
	if err != nil || s.Revision != 0 || !strings.Contains(strings.Join(s.Warnings, "\n"), "nonsense") {
		t.Errorf("status %+v, %v", s, err)
	}
	if after := m.kernel.String(); after != before {
		t.Errorf("the kernel was touched:\n%s", after)
	}
}

func TestConfirmKeeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		f, stop := m.start(t, nil)
		a := m.apply(t, f, otherPolicy, 60)
		if a.Revision != 0 || a.Deadline.IsZero() {
			t.Errorf("applied %+v", a)
		}
		time.Sleep(30 * time.Second)
		if a, err := f.Confirm(t.Context(), m.caller()); err != nil || a.Revision != 2 {
			t.Fatalf("confirm %+v, %v", a, err)
		}
		time.Sleep(time.Minute)
		if m.enforced(t, otherPolicy) == "" {
			t.Error("a confirmed policy does not run any more")
		}
		stop()
		f, _ = m.start(t, nil)
		if s, err := f.Status(t.Context()); err != nil || s.Revision != 2 || s.Pending != nil {
			t.Errorf("after a restart: %+v, %v", s, err)
		}
	})
}

func TestUnconfirmedGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		f, _ := m.start(t, nil)
		m.apply(t, f, otherPolicy, 60)
		time.Sleep(59 * time.Second)
		if m.enforced(t, otherPolicy) == "" {
			t.Error("it went back too early")
		}
		time.Sleep(2 * time.Second)
		if m.enforced(t, testPolicy) == "" {
			t.Error("it did not go back")
		}
		if _, err := f.Confirm(t.Context(), m.caller()); !errors.Is(err, report.ErrConflict) {
			t.Errorf("a late confirm: %v", err)
		}
		if h, err := f.History(t.Context()); err != nil || len(h) != 1 {
			t.Errorf("history %v, %v", h, err)
		}
	})
}

func TestConfirmProvesThatTheWayInWorks(t *testing.T) {
	m := newMachine(t)
	f, _ := m.start(t, nil)
	old := m.caller()
	over := func(port uint16) Connection {
		return Connection{netip.MustParseAddrPort("10.1.2.1:22"), netip.AddrPortFrom(netip.MustParseAddr("10.1.2.9"), port)}
	}
	m.connections[over(40000)] = true
	m.ssh[7], m.ssh[8] = over(40000), over(40001)
	m.apply(t, f, otherPolicy, 60)
	by := m.caller()
	by.PID = 7
	for name, c := range map[string]report.Caller{"an old connection to the socket": old, "an old SSH connection": by} {
		if _, err := f.Confirm(t.Context(), c); !errors.Is(err, report.ErrRequest) {
			t.Errorf("confirm over %s: %v", name, err)
		}
	}
	by.PID = 8
	if _, err := f.Confirm(t.Context(), by); err != nil {
		t.Errorf("confirm over a new SSH connection: %v", err)
	}
}

func TestApplyRefuses(t *testing.T) {
	m := newMachine(t)
	f, _ := m.start(t, nil)
	missing := strings.Replace(testPolicy, `"eth1"`, `"eth9"`, 1)
	for _, tt := range []struct {
		name string
		r    report.Request
		want error
		text string
	}{
		{"a wrong policy", report.Request{Draft: draft(testPolicy + "[[rule]]\nname = \"x\"\nfrom = \"lam\"\naction = \"pass\"\n")}, report.ErrRequest, `did you mean "lan"`},
		{"a missing device", report.Request{Draft: draft(missing)}, report.ErrRequest, "eth9"},
		{"a stale base", report.Request{Draft: draft(otherPolicy), Base: "something else"}, report.ErrConflict, "rempart diff"},
	} {
		before := m.kernel.String() + m.network.String()
		_, err := f.Apply(t.Context(), tt.r, m.caller())
		if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if after := m.kernel.String() + m.network.String(); after != before {
			t.Errorf("%s changed the machine", tt.name)
		}
	}
	m.apply(t, f, otherPolicy, 60)
	if _, err := f.Apply(t.Context(), report.Request{Draft: draft(testPolicy)}, m.caller()); !errors.Is(err, report.ErrConflict) {
		t.Errorf("an apply while another waits: %v", err)
	}
}

func TestApplyOfWhatRunsIsQuiet(t *testing.T) {
	m := newMachine(t)
	f, _ := m.start(t, nil)
	if a := m.apply(t, f, testPolicy, 60); !a.Unchanged || a.Revision != 1 {
		t.Errorf("applied %+v", a)
	}
}

func TestRollback(t *testing.T) {
	m := newMachine(t)
	f, _ := m.start(t, nil)
	m.apply(t, f, otherPolicy, 0)
	a, err := f.Rollback(t.Context(), 0, m.caller())
	if err != nil || a.Revision != 3 || m.enforced(t, testPolicy) == "" {
		t.Errorf("rollback %+v, %v", a, err)
	}
	if _, err := f.Rollback(t.Context(), 99, m.caller()); !errors.Is(err, report.ErrRequest) {
		t.Errorf("rollback to a revision that is not there: %v", err)
	}
	m.apply(t, f, otherPolicy, 60)
	if a, err := f.Rollback(t.Context(), 0, m.caller()); err != nil || a.Revision != 3 || m.enforced(t, testPolicy) == "" {
		t.Errorf("rollback of a pending apply %+v, %v", a, err)
	}
}

// TestDeathAtEveryStep ends the program at each step of an apply and starts it
// again: what runs then is one of the two policies, whole, and nothing is under way.
func TestDeathAtEveryStep(t *testing.T) {
	steps := []string{"journal", "memory", "kernel", "rules", "enforced", "revision", "current", "clean", "kept"}
	for _, die := range steps {
		for _, reboot := range []bool{false, true} {
			m := newMachine(t)
			_, stop := m.start(t, nil)
			stop()
			met := false
			f, stop := m.start(t, func(step string) {
				if step == die {
					met = true
					runtime.Goexit()
				}
			})
			_, err := f.Apply(t.Context(), report.Request{Draft: draft(otherPolicy)}, m.caller())
			if !met || !errors.Is(err, errStopped) {
				t.Fatalf("%s: the program did not die there: %v", die, err)
			}
			stop()
			if reboot {
				m.boot, m.kernel = "boot-2", nft.NewFake(TableName)
				m.network.Reboot()
			}
			f, stop = m.start(t, nil)
			runs := m.enforced(t, testPolicy, otherPolicy)
			s, err := f.Status(t.Context())
			if err != nil || runs == "" || s.Pending != nil {
				t.Errorf("%s, reboot %v: status %+v, %v; the kernel has\n%s", die, reboot, s, err, m.kernel)
			}
			r, err := f.Revision(t.Context(), s.Revision)
			if err != nil || string(r.Policy) != runs {
				t.Errorf("%s, reboot %v: revision %d is not what runs: %v", die, reboot, s.Revision, err)
			}
			if j, err := f.State.Journal(); j != nil || err != nil {
				t.Errorf("%s, reboot %v: journal %v, %v", die, reboot, j, err)
			}
			if (die == "clean" || die == "kept") != (runs == otherPolicy) {
				t.Errorf("%s, reboot %v: the wrong policy runs", die, reboot)
			}
			stop()
		}
	}
}

// TestRestartKeepsThePendingApply and its deadline; a reboot takes it back.
func TestRestartKeepsThePendingApply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		f, stop := m.start(t, nil)
		m.apply(t, f, otherPolicy, 60)
		stop()
		time.Sleep(10 * time.Second)
		f, stop = m.start(t, nil)
		if s, _ := f.Status(t.Context()); s.Pending == nil || m.enforced(t, otherPolicy) == "" {
			t.Fatal("the pending apply is gone after a restart")
		}
		time.Sleep(51 * time.Second)
		if m.enforced(t, testPolicy) == "" {
			t.Error("its deadline was forgotten")
		}
		m.apply(t, f, otherPolicy, 60)
		stop()
		m.boot = "boot-2"
		f, _ = m.start(t, nil)
		if s, _ := f.Status(t.Context()); s.Pending != nil || m.enforced(t, testPolicy) == "" {
			t.Error("a reboot did not take the pending apply back")
		}
	})
}

func TestTamperingIsMendedAndTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		f, _ := m.start(t, nil)
		if err := m.kernel.Commit(t.Context(), nft.Batch{nft.FlushTable{Table: TableName}}, 0); err != nil {
			t.Fatal(err)
		}
		m.tampered <- nft.Event{Process: "nft", PID: 4711}
		time.Sleep(2 * mendAfter)
		synctest.Wait()
		if m.enforced(t, testPolicy) == "" {
			t.Errorf("the table was not put back:\n%s", m.kernel)
		}
		if s, err := f.Status(t.Context()); err != nil || !strings.Contains(strings.Join(s.Warnings, "\n"), "4711") {
			t.Errorf("status %+v, %v", s, err)
		}
	})
}

func TestSecondDaemonIsRefused(t *testing.T) {
	dir := t.TempDir()
	s, err := OpenState(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenState(dir); err == nil || !strings.Contains(err.Error(), "another rempart") {
		t.Errorf("second open: %v", err)
	}
	s.Close()
	if s, err = OpenState(dir); err != nil {
		t.Fatal(err)
	}
	s.Close()
}
