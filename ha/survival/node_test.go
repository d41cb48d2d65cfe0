package survival_test

import (
	"context"
	"encoding/json"
	"fmt"
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
func (n *node) dmz() netip.Addr   { return numbered("10.30.0.%d", n.number+2) }
func (n *node) dmz6() netip.Addr  { return numbered("fd30::%d", n.number+2) }
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

func (n *node) signal(sig syscall.Signal) {
	n.Helper()
	if err := n.Signal(sig); err != nil {
		n.Fatal(err)
	}
}

// applied says that the node's first policy is wholly applied.
func (n *node) applied() bool { return strings.Contains(n.Said(), "policy applied") }

// story is what is known of the node, for who reads a failure.
func (n *node) story() string {
	s, err := n.try()
	status, _ := json.Marshal(s) // its types cannot fail
	return fmt.Sprintf("%s: %v\n%s\n%s", n, err, n.Said(), status)
}

// order runs a command of the program that has to succeed.
func (n *node) order(args ...string) string {
	n.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitAtMost)
	defer cancel()
	out, err := n.Do(ctx, args...)
	if err != nil {
		n.Fatal(err)
	}
	return out
}

// command runs a command of the program and reads what it answers as JSON.
func (n *node) command(into any, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), waitAtMost)
	defer cancel()
	out, err := n.Do(ctx, args...)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(out), into)
}

// run runs a command of the distribution in the node's namespace.
func (n *node) run(name string, args ...string) string {
	n.Helper()
	out, err := n.host.Run(context.Background(), name, args...)
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
		n.Fatal(err)
	}
	return s
}

// allAre says whether a node has one role in all groups.
func allAre(s view.Status, role string) bool {
	return !slices.ContainsFunc(s.Groups, func(g view.Group) bool { return g.Role != role })
}

// program is what the tests run.
var program = lab.NewProgram("github.com/rempart/rempart/cmd/rempart")

func TestMain(m *testing.M) { os.Exit(program.Main(m)) }
