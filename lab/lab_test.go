package lab

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// pair is a client and a server on one switch, with both families.
type pair struct {
	net            *Net
	client, server *Host
}

const (
	client4, server4 = "10.0.0.2", "10.0.0.1"
	client6, server6 = "fd00::2", "fd00::1"
)

func newPair(t *testing.T) pair {
	t.Helper()
	n := Test(t)
	p := pair{net: n, client: n.Host("client"), server: n.Host("server")}
	lan := n.Switch("lan")
	p.client.Plug("eth0", lan, prefix(client4+"/24"), prefix(client6+"/64"))
	p.server.Plug("eth0", lan, prefix(server4+"/24"), prefix(server6+"/64"))
	return p
}

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }

func port(a string, p uint16) netip.AddrPort { return netip.AddrPortFrom(addr(a), p) }

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}

func mustNew(t *testing.T, name string) *Net {
	t.Helper()
	needsRoot(t)
	n, err := New(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// mustStart starts a process on a host.
func mustStart(t *testing.T, h *Host, name string, args ...string) *Process {
	t.Helper()
	p, err := h.Start(h.Command(t.Context(), name, args...))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// eventually polls until ok, for five seconds at most.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestCloseLeavesNothing(t *testing.T) {
	n := mustNew(t, "leave")
	a, b := n.Host("a"), n.Host("b")
	a.Plug("eth0", n.Switch("sw"), prefix("10.0.0.1/24"))
	n.Cable(a, "sync", b, "sync")
	p := mustStart(t, a, "sleep", "300")
	if err := n.Err(); err != nil {
		t.Fatal(err)
	}
	if names, err := namespaces(n.Prefix()); len(names) != 3 || err != nil {
		t.Fatalf("namespaces %v, %v, want 3", names, err)
	}
	for range 2 {
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := namespaces(n.Prefix()); len(names) != 0 || err != nil {
		t.Errorf("namespaces %v, %v, want none", names, err)
	}
	if exists(n.claim.file.Name()) {
		t.Errorf("%s is left", n.claim.file.Name())
	}
	select {
	case <-p.Done():
	default:
		t.Errorf("process %d is left", p.Pid())
	}
}

func TestUseAfterClose(t *testing.T) {
	n := mustNew(t, "after")
	h := n.Host("a")
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Start(h.Command(t.Context(), "true")); !errors.Is(err, errClosed) {
		t.Errorf("start: %v, want %v", err, errClosed)
	}
	if err := h.Do(func() error { return nil }); err == nil {
		t.Error("do: want an error")
	}
	n.Host("b")
	if err := n.Err(); !errors.Is(err, errClosed) {
		t.Errorf("add host: %v, want %v", err, errClosed)
	}
}

func TestTwoAtOnce(t *testing.T) {
	a, b := newPair(t), newPair(t)
	for _, p := range []pair{a, b} {
		p.server.ServeTCP(port(server4, 80))
	}
	for _, p := range []pair{a, b} {
		if r := p.client.TCP(t.Context(), port(server4, 80)); r.Outcome != Open {
			t.Errorf("%s: %s", p.net.Prefix(), r)
		}
	}
	if a.net.Prefix() == b.net.Prefix() {
		t.Errorf("both have the prefix %q", a.net.Prefix())
	}
	if err := a.net.Close(); err != nil {
		t.Fatal(err)
	}
	if r := b.client.TCP(t.Context(), port(server4, 80)); r.Outcome != Open {
		t.Errorf("the other, after one has closed: %s", r)
	}
}

func TestBuildingKeepsFirstError(t *testing.T) {
	tests := []struct {
		name  string
		build func(*Net)
		want  string
	}{
		{"host twice", func(n *Net) { n.Host("a"); n.Host("a") }, `add host: name "a": taken`},
		{"host and switch", func(n *Net) { n.Host("a"); n.Switch("a") }, `add switch: name "a": taken`},
		{"host name", func(n *Net) { n.Host("../a") }, `add host: name "../a": want lower case`},
		{"no name", func(n *Net) { n.Host("") }, `add host: name "": want lower case`},
		{"sysctl", func(n *Net) { n.Host("a").Sysctl("net.no", "1") }, "host a: set sysctl"},
		{"no device", func(n *Net) { n.Host("a").Up("eth0") }, `host a: find link "eth0"`},
		{"long device", func(n *Net) { n.Host("a").Plug("sixteen-letters-", n.Switch("s")) }, "host a: plug sixteen-letters- into s: add veth"},
		{"device twice", func(n *Net) {
			h, s := n.Host("a"), n.Switch("s")
			h.Plug("eth0", s)
			h.Plug("eth0", s)
		}, "host a: plug eth0 into s: add veth"},
		{"no cable", func(n *Net) { n.Host("a").Unplug("lo") }, "host a: unplug lo: no such cable"},
		{"no way", func(n *Net) { n.Host("a").Default(addr("10.0.0.1")) }, "host a: route 0.0.0.0/0 via 10.0.0.1: "},
		{"on a host that failed", func(n *Net) {
			h := n.Host("a b")
			h.Plug("eth0", n.Switch("s"), prefix("10.0.0.1/24"))
			n.Cable(h, "x", h, "y")
			h.Forward()
			h.MTU("eth0", 1400)
			h.MAC("eth0")
			h.Capture("eth0", nil).Stop()
			h.Stream(port("10.0.0.1", 1), 1).Stop()
			_ = h.ServeTCP(port("10.0.0.1", 1)).Close()
			_ = h.ServeUDP(port("10.0.0.1", 1)).Close()
		}, `add host: name "a b": want`},
		{"bad stream", func(n *Net) { n.Host("a").Stream(port("127.0.0.1", 1), 0).Stop() }, "host a: stream to 127.0.0.1:1: rate 0"},
		{"address taken", func(n *Net) {
			h := n.Host("a")
			h.ServeTCP(port("127.0.0.1", 80))
			h.ServeTCP(port("127.0.0.1", 80))
		}, "serve tcp: host a: listen tcp4 127.0.0.1:80"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := mustNew(t, "err")
			tt.build(n)
			if err := n.Err(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestNewRefusesName(t *testing.T) {
	needsRoot(t)
	for _, name := range []string{"", "a-b", "A", "a/b", ".."} {
		if n, err := New(name); err == nil {
			t.Errorf("%q: no error, prefix %s", name, n.Prefix())
			_ = n.Close()
		}
	}
}

// recorder is a TB that notes what a failing network does to a test.
type recorder struct {
	testing.TB
	cleanups []func()
	fatal    []any
	errors   []any
}

func (r *recorder) Cleanup(fn func()) { r.cleanups = append(r.cleanups, fn) }
func (r *recorder) Fatal(args ...any) { r.fatal = append(r.fatal, args...) }
func (r *recorder) Error(args ...any) { r.errors = append(r.errors, args...) }

func TestTestReports(t *testing.T) {
	needsRoot(t)
	r := &recorder{TB: t}
	n := Test(r)
	n.Host("Bad")
	if len(r.fatal) != 1 {
		t.Errorf("a bad host: fatal %v", r.fatal)
	}
	// A mount that Close does not know of is left behind.
	left := filepath.Join(netnsDir, n.Prefix()+"left")
	if err := os.WriteFile(left, nil, 0o444); err != nil {
		t.Fatal(err)
	}
	for _, fn := range r.cleanups {
		fn()
	}
	if len(r.errors) != 1 || !strings.Contains(r.errors[0].(error).Error(), "left behind: "+n.Prefix()+"left") {
		t.Errorf("something left behind: errors %v", r.errors)
	}
	if !exists(n.claim.file.Name()) {
		t.Error("the claim is gone, so nobody would ever clean up")
	}
	if err := reap(); err != nil {
		t.Fatal(err)
	}
	if exists(left) || exists(n.claim.file.Name()) {
		t.Error("the next reaper leaves it as well")
	}
}

// orphan names the environment variable that makes this binary the run that dies in TestReap.
const orphan = "LAB_ORPHAN"

func TestMain(m *testing.M) {
	if os.Getenv(orphan) != "" {
		if err := beOrphan(); err != nil {
			log.Fatal(err)
		}
		return
	}
	m.Run()
}

// beOrphan makes a network with two processes, tells of them and waits to be killed.
func beOrphan() error {
	n, err := New(os.Getenv(orphan))
	if err != nil {
		return err
	}
	h := n.Host("a")
	owned, err := h.Start(h.Command(context.Background(), "sleep", "300"))
	if err != nil {
		return errors.Join(n.Err(), err)
	}
	loose := h.Command(context.Background(), "sleep", "300")
	if err := loose.Start(); err != nil {
		return err
	}
	fmt.Println(n.Prefix(), owned.Pid(), loose.Process.Pid)
	_, err = os.Stdin.Read(make([]byte, 1))
	return err
}

func TestReap(t *testing.T) {
	needsRoot(t)
	run := exec.Command(os.Args[0])
	run.Env = append(os.Environ(), orphan+"="+fmt.Sprintf("orphan%d", os.Getpid()))
	stdin, err := run.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := run.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = run.Process.Kill()
		_ = run.Wait()
	}()
	var prefix string
	var owned, loose int
	if _, err := fmt.Fscan(stdout, &prefix, &owned, &loose); err != nil {
		t.Fatal(err)
	}

	mustNew(t, "other")
	if names, err := namespaces(prefix); len(names) != 1 || err != nil {
		t.Fatalf("of the run that lives: %v, %v, want its host", names, err)
	}
	if !running(owned) || !running(loose) {
		t.Fatal("a process of the run that lives is gone")
	}
	if err := run.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = run.Wait() // killed
	eventually(t, "end of what Start started", func() bool { return !running(owned) })
	mustNew(t, "other")
	// Another test binary may have been quicker to begin, and not be done.
	eventually(t, "end of the other process", func() bool { return !running(loose) })
	eventually(t, "end of the claim", func() bool {
		return !exists(filepath.Join(claims, strings.TrimSuffix(prefix, "-")))
	})
	if names, err := namespaces(prefix); len(names) != 0 || err != nil {
		t.Errorf("of the dead run: %v, %v, want nothing", names, err)
	}
}

// running reports whether a process is there and no zombie.
func running(pid int) bool {
	_, err := os.Stat(filepath.Join("/proc", strconv.Itoa(pid), "ns/net"))
	return err == nil
}

func TestThreeHostsAreQuick(t *testing.T) {
	const bound = 100 * time.Millisecond
	best := time.Hour
	for try := 0; best > bound && try < 20; try++ { // others may be busy here as well
		start := time.Now()
		n := Test(t)
		threeHosts(n)
		best = min(best, time.Since(start))
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if best > bound {
		t.Errorf("built in %s", best)
	}
}

// threeHosts builds a small network.
func threeHosts(n *Net) {
	lan := n.Switch("lan")
	for i, name := range []string{"a", "b", "c"} {
		n.Host(name).Plug("eth0", lan, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 24))
	}
}

func BenchmarkNet(b *testing.B) {
	for b.Loop() {
		n := Test(b)
		threeHosts(n)
		if err := n.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
