package scenario_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/rempart/rempart/ha/view"
	"github.com/rempart/rempart/lab"
)

// node is one of the two gateways.
type node struct {
	*bed
	*lab.Gateway
	host   *lab.Host
	number int // 0 or 1
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

// start starts the daemon. The network ends it, after failures have been told.
func (n *node) start() {
	n.Helper()
	if err := n.Start(); err != nil {
		n.Fatal(err)
	}
}

// stop ends the daemon as a service manager does, and waits for its end.
func (n *node) stop() {
	n.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitAtMost)
	defer cancel()
	if err := n.Stop(ctx); err != nil {
		n.Fatal(err)
	}
}

// kill ends the daemon without a word.
func (n *node) kill() { n.Kill() }

func (n *node) signal(sig syscall.Signal) {
	n.Helper()
	if err := n.Signal(sig); err != nil {
		n.Fatal(err)
	}
}

// applied says that the node's first policy is wholly applied: before, it survives neither a kill nor a missing device.
func (n *node) applied() bool { return strings.Contains(n.Said(), "policy applied") }

// story is what is known of the node, for who reads a failure.
func (n *node) story() string {
	s, err := n.try()
	status, _ := json.Marshal(s) // its types cannot fail
	return fmt.Sprintf("%s: %v\n%s\n%s", n, err, n.Said(), status)
}

// rempart runs a command of the program that asks the node's daemon.
func (n *node) rempart(args ...string) (string, error) {
	n.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitAtMost)
	defer cancel()
	return n.Do(ctx, args...)
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
	var s view.Status
	return s, n.Ask("/v1/ha", &s)
}

// status asks a daemon that has to answer.
func (n *node) status() view.Status {
	n.Helper()
	var s view.Status
	var err error
	if !lab.Poll(waitAtMost, func() bool { s, err = n.try(); return err == nil }) {
		n.Fatalf("%s: %v", n, err)
	}
	return s
}

// troubles are the warnings of a status, but for the advice that every node gives that is not paired, as those here
// are not.
func troubles(s view.Status) []string {
	return slices.DeleteFunc(slices.Clone(s.Warnings), func(w string) bool { return strings.HasPrefix(w, "the nodes are not paired") })
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

// program is what the tests run.
var program = lab.NewProgram("github.com/rempart/rempart/cmd/rempart")

func TestMain(m *testing.M) { os.Exit(program.Main(m)) }
