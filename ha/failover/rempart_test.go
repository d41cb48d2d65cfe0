package failover_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/view"
	"github.com/rempart/rempart/lab"
)

// rempart is the built program; nobody takes the role back, for the two nodes take turns in losing it.
type rempart struct {
	interval time.Duration
}

func (r *rempart) name() string          { return "rempart-" + r.interval.String() }
func (r *rempart) advert() time.Duration { return r.interval }
func (r *rempart) against() string       { return r.name() }

// install writes the policy; the daemons bring the rules about themselves.
func (r *rempart) install(tb testing.TB, b *bed) {
	tb.Helper()
	needs(tb, "conntrack")
	needsPair(tb)
	for _, n := range b.nodes {
		n.configure(tb, policy(r.interval), nodeFile(n, 100*n.number), "secret")
	}
}

func (r *rempart) remove(tb testing.TB, b *bed) {
	tb.Helper()
	for _, n := range b.nodes {
		if strings.Contains(n.run(tb, "nft", "list", "tables"), "inet rempart") {
			n.run(tb, "nft", "delete table inet rempart")
		}
		if err := os.RemoveAll(filepath.Join(n.dir, "state")); err != nil {
			tb.Fatal(err)
		}
	}
}

func (r *rempart) start(tb testing.TB, n *node) {
	tb.Helper()
	startRempart(tb, n)
}

func (r *rempart) standsBy(tb testing.TB, n *node) bool {
	tb.Helper()
	s, err := n.status()
	return err == nil && len(s.Groups) > 0 && s.Groups[0].Role == "BACKUP" && s.Peer.State == "alive" && s.Peer.Connected
}

// release returns when the switch is done; what the traffic notices is in the meantime.
func (r *rempart) release(tb testing.TB, n *node) {
	tb.Helper()
	if out, err := n.rempart("ha", "release"); err != nil {
		tb.Fatalf("ha release: %v\n%s", err, out)
	}
}

// policy is that of the pair: the same translations as handRules.
func policy(interval time.Duration) string {
	return fmt.Sprintf(`schema = 1

[interface.lan]
[interface.wan]
external = true
[interface.cable]

[[rule]]
name     = "questions"
from     = "lan"
to       = "wan"
protocol = "udp"
port     = [%d]
action   = "pass"

[[port_forward]]
name     = "answers"
on       = "wan"
protocol = "udp"
port     = [%d]
target   = [%q]
pass     = true

[ha]
preempt   = false
interval  = %q
secret    = "file:carp.key"
interface = "cable"

[[vip]]
interface = "lan"
address   = "%s/24"
vhid      = 1

[[vip]]
interface = "wan"
address   = "%s/24"
vhid      = 2
`, serverPort, clientPort, clientAddress, interval, lanVIP, wanVIP)
}

// nodeFile is what belongs to one node.
func nodeFile(n *node, advskew int) string {
	return fmt.Sprintf(`name = %q

[interface.lan]
device    = %q
addresses = ["%s/24"]

[interface.wan]
device    = %q
addresses = ["%s/24"]

[interface.cable]
device    = %q
addresses = ["%s/24"]

[ha]
advskew = %d
`, n.host.Name(), lanDevice, n.lan(), wanDevice, n.wan(), cableDevice, n.cable(), advskew)
}

// configure writes what a daemon of ours reads.
func (n *node) configure(tb testing.TB, policy, own, secret string) {
	tb.Helper()
	dir := filepath.Join(n.dir, "etc")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		tb.Fatal(err)
	}
	for name, text := range map[string]string{"rempart.toml": policy, "node.toml": own, "carp.key": secret + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
}

// flags say where a node's files are.
func (n *node) flags() []string {
	at := func(name string) string { return filepath.Join(n.dir, name) }
	return []string{"--config", at("etc"), "--state", at("state"), "--socket", at("rempart.sock")}
}

func startRempart(tb testing.TB, n *node) {
	tb.Helper()
	n.start(tb, mustBuild(tb), append([]string{"run"}, n.flags()...)...)
}

// rempart runs a command of ours that asks the node's daemon.
func (n *node) rempart(args ...string) (string, error) {
	path, err := program.Path()
	if err != nil {
		return "", err
	}
	out, err := exec.Command(path, append(args, n.flags()...)...).Output()
	if failed, ok := err.(*exec.ExitError); ok {
		return string(out) + string(failed.Stderr), err
	}
	return string(out), err
}

// status is what the node's daemon says of the pair.
func (n *node) status() (view.Status, error) {
	var s view.Status
	out, err := n.rempart("ha", "status", "--json")
	if err == nil {
		err = json.Unmarshal([]byte(out), &s)
	}
	return s, err
}

// program is ours.
var program = lab.NewProgram("github.com/rempart/rempart/cmd/rempart")

func mustBuild(tb testing.TB) string {
	tb.Helper()
	path, err := program.Path()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// needsPair skips the test while the program knows no pairs.
func needsPair(tb testing.TB) {
	tb.Helper()
	if out, err := exec.Command(mustBuild(tb), "ha", "status", "--help").CombinedOutput(); err != nil {
		tb.Skipf("this rempart has no pair: %s", out)
	}
}

func TestMain(m *testing.M) { os.Exit(program.Main(m)) }
