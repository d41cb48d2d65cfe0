package onepolicy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/rempart/rempart/firewall/report"
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
func (n *node) wan() netip.Addr   { return numbered("10.20.0.%d", n.number+2) }
func (n *node) cable() netip.Addr { return numbered("172.16.0.%d", n.number+1) }

// start starts the daemon and waits until it answers. The network ends it, after failures have been told.
func (n *node) start() {
	n.Helper()
	if err := n.Start(); err != nil {
		n.Fatal(err)
	}
	n.await(n.String()+" to answer", func() bool {
		var s report.Status
		return n.Ask("/v1/status", &s) == nil
	})
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

// story is what is known of the node, for who reads a failure.
func (n *node) story() string {
	s, err := n.pair()
	status, _ := json.Marshal(s) // its types cannot fail
	return fmt.Sprintf("%s: %v\n%s\n%s", n, err, n.Said(), status)
}

// said is what a command wrote, all of it if it failed, and the code that it ended with.
type said struct {
	text string
	code int
}

// rempart runs a command of the program.
func (n *node) rempart(args ...string) said {
	n.Helper()
	return n.begin(args...)()
}

// begin begins a command of the program. What it returns waits for the end, which may not take long.
func (n *node) begin(args ...string) func() said {
	type outcome struct {
		out string
		err error
	}
	ended := make(chan outcome, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), waitAtMost)
		defer cancel()
		out, err := n.Do(ctx, args...)
		if ctx.Err() != nil {
			err = fmt.Errorf("rempart %s: still runs after %s", strings.Join(args, " "), waitAtMost)
		}
		ended <- outcome{out, err}
	}()
	return func() said {
		n.Helper()
		o := <-ended
		var failed *exec.ExitError
		switch {
		case o.err == nil:
			return said{text: o.out}
		case !errors.As(o.err, &failed):
			n.Fatal(o.err)
		}
		return said{o.err.Error(), failed.ExitCode()}
	}
}

// order runs a command that has to succeed.
func (n *node) order(args ...string) string {
	n.Helper()
	s := n.rempart(args...)
	if s.code != 0 {
		n.Fatal(s.text)
	}
	return s.text
}

// refused runs a command that has to be refused as wrong, with all of these words.
func (n *node) refused(args []string, words ...string) {
	n.Helper()
	s := n.rempart(args...)
	if s.code != 1 {
		n.Errorf("%s: rempart %s ends with %d, want 1: %s", n, strings.Join(args, " "), s.code, s.text)
	}
	n.wantWords(s.text, words...)
}

// wantWords wants words in what a command wrote, however its lines are broken.
func (n *node) wantWords(text string, words ...string) {
	n.Helper()
	flat := strings.Join(strings.Fields(text), " ")
	for _, w := range words {
		if !strings.Contains(flat, w) {
			n.Errorf("%s: want %q in: %s", n, w, text)
		}
	}
}

// answer runs a command that has to succeed, and reads what it answers as JSON.
func (n *node) answer(into any, args ...string) {
	n.Helper()
	if err := json.Unmarshal([]byte(n.order(append(args, "--json")...)), into); err != nil {
		n.Fatalf("%s: rempart %s: %v", n, strings.Join(args, " "), err)
	}
}

// mustApply applies the file of the node for good.
func (n *node) mustApply(flags ...string) report.Applied {
	n.Helper()
	var a report.Applied
	n.answer(&a, append([]string{"apply", "--now"}, flags...)...)
	return a
}

// pair asks the daemon how the pair is.
func (n *node) pair() (view.Status, error) {
	var s view.Status
	return s, n.Ask("/v1/ha", &s)
}

// policy asks the daemon how the policies of both nodes stand.
func (n *node) policy() (view.Policy, error) {
	s, err := n.pair()
	if err == nil && s.Policy == nil {
		err = errors.New("it says nothing of the policies")
	}
	if err != nil {
		return view.Policy{}, err
	}
	return *s.Policy, nil
}

// awaitPolicy waits until the node says that the policies stand so, with these words.
func (n *node) awaitPolicy(state view.PolicyState, words ...string) {
	n.Helper()
	var p view.Policy
	var err error
	if !lab.Poll(waitAtMost, func() bool {
		p, err = n.policy()
		return err == nil && p.State == state && containsAll(p.Why, words)
	}) {
		n.Fatalf("%s says %+v, %v; want %s, with %q", n, p, err, state, words)
	}
}

func containsAll(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// history is the revisions that the node keeps, newest first.
func (n *node) history() []report.Revision {
	n.Helper()
	var all []report.Revision
	n.ask("/v1/revisions", &all)
	if len(all) == 0 {
		n.Fatalf("%s keeps no revision", n)
	}
	return all
}

// ask asks a daemon that has to answer.
func (n *node) ask(path string, into any) {
	n.Helper()
	var err error
	if !lab.Poll(waitAtMost, func() bool { err = n.Ask(path, into); return err == nil }) {
		n.Fatal(err)
	}
}

// ruleset is the table of the gateway in the node's kernel.
func (n *node) ruleset() string {
	n.Helper()
	out, err := n.host.Run(context.Background(), "nft", "list", "table", "inet", "rempart")
	if err != nil {
		n.Fatal(err)
	}
	return out
}

// write writes a file of the configuration.
func (n *node) write(name, text string) {
	n.Helper()
	if err := n.Write("etc/"+name, text, 0o600); err != nil {
		n.Fatal(err)
	}
}

// read reads a file of the configuration; empty: there is none.
func (n *node) read(name string) string {
	n.Helper()
	text, err := os.ReadFile(n.File("etc/" + name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		n.Fatal(err)
	}
	return string(text)
}

// awaitFile waits until a file of the configuration has a text, and then wants nobody but its owner to read it.
func (n *node) awaitFile(name, text string) {
	n.Helper()
	n.await(fmt.Sprintf("%s of %s to follow", name, n), func() bool { return n.read(name) == text })
	info, err := os.Stat(n.File("etc/" + name))
	if err != nil || info.Mode().Perm() != 0o600 {
		n.Errorf("%s: %v, %v, want it to be for its owner alone", name, info.Mode(), err)
	}
}

// program is what the tests run.
var program = lab.NewProgram("github.com/rempart/rempart/cmd/rempart")

func TestMain(m *testing.M) { os.Exit(program.Main(m)) }
