package scenario_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/view"
	"github.com/rempart/rempart/lab"
)

// node is one of the two gateways.
type node struct {
	*bed
	host   *lab.Host
	number int // 0 or 1
	dir    string
	daemon *lab.Process // the last one
	said   strings.Builder
}

// String is the name of the node.
func (n *node) String() string { return n.host.Name() }

func numbered(format string, number int) netip.Addr {
	return netip.MustParseAddr(fmt.Sprintf(format, number))
}

// The node's own addresses.
func (n *node) lan() netip.Addr   { return numbered("10.10.0.%d", n.number+2) }
func (n *node) lan6() netip.Addr  { return numbered("fd10::%d", n.number+2) }
func (n *node) wan() netip.Addr   { return numbered("10.20.0.%d", n.number+2) }
func (n *node) wan6() netip.Addr  { return numbered("fd20::%d", n.number+2) }
func (n *node) cable() netip.Addr { return numbered("172.16.0.%d", n.number+1) }

// start starts the daemon.
func (n *node) start() {
	n.Helper()
	args := append([]string{"run"}, n.flags()...)
	// The network ends it, after failures have been told.
	p, err := n.host.Start(n.host.Command(context.Background(), program(n), args...))
	if err != nil {
		n.Fatal(err)
	}
	n.daemon = p
}

// stop ends the daemon as a service manager does, and waits for its end.
func (n *node) stop() {
	n.Helper()
	n.signal(syscall.SIGTERM)
	select {
	case <-n.daemon.Done():
	case <-time.After(waitAtMost):
		n.Fatalf("%s: still runs %s after SIGTERM", n, waitAtMost)
	}
	n.note()
}

// kill ends the daemon without a word.
func (n *node) kill() {
	n.Helper()
	_ = n.daemon.Kill() // it says how the process ended, and that is known
	n.note()
}

// note keeps what the daemon that has ended wrote.
func (n *node) note() { fmt.Fprintf(&n.said, "%s\n-- it ended --\n", n.daemon.Output()) }

func (n *node) signal(sig syscall.Signal) {
	n.Helper()
	if err := n.daemon.Signal(sig); err != nil {
		n.Fatal(err)
	}
}

// output is all that the node's daemons have written.
func (n *node) output() string {
	if n.daemon == nil {
		return n.said.String()
	}
	select {
	case <-n.daemon.Done():
		return n.said.String()
	default:
		return n.said.String() + n.daemon.Output()
	}
}

// applied says that the node's first policy is wholly applied: before, it survives neither a kill nor a missing device.
func (n *node) applied() bool { return strings.Contains(n.output(), "policy applied") }

// story is what is known of the node, for who reads a failure.
func (n *node) story() string {
	s, err := n.try()
	status, _ := json.Marshal(s) // its types cannot fail
	return fmt.Sprintf("%s: %v\n%s\n%s", n, err, n.output(), status)
}

// file is the path of one of the node's files.
func (n *node) file(name string) string { return filepath.Join(n.dir, name) }

// flags say where the node's files are.
func (n *node) flags() []string {
	return []string{"--config", n.file("etc"), "--state", n.file("state"), "--socket", n.file("socket")}
}

// rempart runs a command of the program that asks the node's daemon.
func (n *node) rempart(args ...string) (string, error) {
	n.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitAtMost)
	defer cancel()
	out, err := exec.CommandContext(ctx, program(n), append(args, n.flags()...)...).Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return string(out), fmt.Errorf("rempart %s on %s: %w\n%s%s", strings.Join(args, " "), n, err, out, failed.Stderr)
	}
	return string(out), err
}

// order runs a command that has to succeed.
func (n *node) order(args ...string) string {
	n.Helper()
	out, err := n.rempart(args...)
	if err != nil {
		n.Fatal(err)
	}
	return out
}

// try asks the daemon how the pair is.
func (n *node) try() (view.Status, error) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", n.file("socket"))
	}
	c := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}, Timeout: 2 * time.Second}
	var s view.Status
	answer, err := c.Get("http://rempart/v1/ha")
	if err != nil {
		return s, err
	}
	defer answer.Body.Close() // was only read
	return s, json.NewDecoder(answer.Body).Decode(&s)
}

// status asks a daemon that has to answer.
func (n *node) status() view.Status {
	n.Helper()
	var s view.Status
	var err error
	if !within(waitAtMost, func() bool { s, err = n.try(); return err == nil }) {
		n.Fatalf("%s: %v", n, err)
	}
	return s
}

// role is the node's role in its only group, or in the first one; empty if nobody answers.
func (n *node) role() string {
	s, err := n.try()
	if err != nil || len(s.Groups) == 0 {
		return ""
	}
	return s.Groups[0].Role
}

// allAre says whether a node has one role in all groups.
func allAre(s view.Status, role string) bool {
	return !slices.ContainsFunc(s.Groups, func(g view.Group) bool { return g.Role != role })
}

// has says whether the node's kernel has an address now.
func (n *node) has(a netip.Addr) bool {
	n.Helper()
	found := false
	err := n.host.Do(func() error {
		all, err := net.InterfaceAddrs()
		for _, one := range all {
			p, ok := one.(*net.IPNet)
			found = found || ok && p.IP.Equal(a.AsSlice())
		}
		return err
	})
	if err != nil {
		n.Fatal(err)
	}
	return found
}

// run runs a command of the distribution in the node's namespace.
func (n *node) run(name string, args ...string) string {
	n.Helper()
	return runOn(n, n.host, name, args...)
}

func runOn(tb testing.TB, h *lab.Host, name string, args ...string) string {
	tb.Helper()
	out, err := h.Run(tb.Context(), name, args...)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// programDir is where the built program is while this process lives.
func programDir() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("rempart-scenario-%d", os.Getpid()))
}

// build builds the program when it is first needed.
var build = sync.OnceValues(func() (string, error) {
	path := filepath.Join(programDir(), "rempart")
	cmd := exec.Command("go", "build", "-o", path, "github.com/rempart/rempart/cmd/rempart")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build rempart: %w\n%s", err, out)
	}
	return path, nil
})

// program is the built program.
func program(tb testing.TB) string {
	tb.Helper()
	path, err := build()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := os.RemoveAll(programDir()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}
