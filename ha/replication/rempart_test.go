package replication_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/view"
	"github.com/rempart/rempart/lab"
)

// rempart is the built program; nobody takes the role back.
type rempart struct{ interval time.Duration }

// oursName is the name of the contender that is ours.
const oursName = "rempart"

func (r *rempart) name() string { return oursName }

// install writes the policy; the daemons bring the rules about themselves.
func (r *rempart) install(tb testing.TB, b *bed) {
	tb.Helper()
	needsSync(tb)
	for _, n := range b.nodes {
		dir := n.file("etc")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			tb.Fatal(err)
		}
		n.write(tb, "etc/rempart.toml", policy(r.interval), 0o600)
		n.write(tb, "etc/node.toml", nodeFile(n), 0o600)
		n.write(tb, "etc/carp.key", "secret\n", 0o600)
	}
}

func (r *rempart) remove(tb testing.TB, b *bed) {
	tb.Helper()
	for _, n := range b.nodes {
		if strings.Contains(n.run(tb, "nft", "list", "tables"), "inet rempart") {
			n.run(tb, "nft", "delete table inet rempart")
		}
		if err := os.RemoveAll(n.file("state")); err != nil {
			tb.Fatal(err)
		}
	}
}

func (r *rempart) start(tb testing.TB, n *node) {
	tb.Helper()
	n.start(tb, mustBuild(tb), append([]string{"run"}, n.flags()...)...)
}

// ready reports whether the first node is master, or the second complete beside it.
func (r *rempart) ready(tb testing.TB, n *node) bool {
	tb.Helper()
	if n.number == 1 {
		return r.proved(tb, n)
	}
	s, err := n.status(tb.Context())
	return err == nil && len(s.Groups) > 0 && s.Groups[0].Role == "MASTER"
}

func (r *rempart) fetch(testing.TB, *node) bool { return true }

// proved reports whether the digests of both nodes were equal with nothing on its way.
func (r *rempart) proved(tb testing.TB, n *node) bool {
	tb.Helper()
	s, err := n.status(tb.Context())
	return err == nil && len(s.Groups) > 0 && s.Groups[0].Role == "BACKUP" && s.Peer.Connected &&
		s.Sync != nil && s.Sync.State == view.SyncComplete
}

func (r *rempart) remarks(tb testing.TB, n *node) string {
	tb.Helper()
	s, err := n.status(tb.Context())
	if err != nil || s.Sync == nil {
		return fmt.Sprintf("no state of flow sync: %v", err)
	}
	return fmt.Sprintf("%+v", *s.Sync)
}

func (r *rempart) daemon(n *node) *lab.Process { return n.first() }

// holds reports whether the backup is complete, and has so many flows.
func (r *rempart) holds(tb testing.TB, n *node, flows int) bool {
	tb.Helper()
	return countOf(tb, n) >= flows && r.proved(tb, n)
}

// policy is that of the pair: what handRules say.
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
protocol = ["tcp", "udp"]
port     = ["%d-%d"]
action   = "pass"

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
`, firstPort, firstPort+portsCount-1, interval, lanVIP, wanVIP)
}

// nodeFile is what belongs to one node.
func nodeFile(n *node) string {
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
`, n.host.Name(), lanDevice, n.lan(), wanDevice, n.wan(), cableDevice, n.cable(), 100*n.number)
}

// flags say where a node's files are.
func (n *node) flags() []string {
	return []string{"--config", n.file("etc"), "--state", n.file("state"), "--socket", n.file("rempart.sock")}
}

// status is what the node's daemon says of the pair, asked at its socket: a program in between would take part of
// the processors.
func (n *node) status(ctx context.Context) (view.Status, error) {
	var s view.Status
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", n.file("rempart.sock"))
	}
	c := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://rempart/v1/ha", nil)
	if err != nil {
		return s, err
	}
	answer, err := c.Do(request)
	if err != nil {
		return s, err
	}
	err = json.NewDecoder(answer.Body).Decode(&s)
	return s, errors.Join(err, answer.Body.Close())
}

// programDir is where the built program is while this process lives.
func programDir() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("rempart-replication-%d", os.Getpid()))
}

var programFlag = flag.String("replication.program", "", "a rempart that is built, in place of one that is built now")

// build builds the program when it is first needed.
var build = sync.OnceValues(func() (string, error) {
	if *programFlag != "" {
		return *programFlag, nil
	}
	program := filepath.Join(programDir(), "rempart")
	cmd := exec.Command("go", "build", "-o", program, "github.com/rempart/rempart/cmd/rempart")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build rempart: %w\n%s", err, out)
	}
	return program, nil
})

func mustBuild(tb testing.TB) string {
	tb.Helper()
	program, err := build()
	if err != nil {
		tb.Fatal(err)
	}
	return program
}

// needsSync skips the test while the program replicates no flows.
func needsSync(tb testing.TB) {
	tb.Helper()
	if out, err := exec.Command(mustBuild(tb), "ha", "resync", "--help").CombinedOutput(); err != nil {
		tb.Skipf("this rempart replicates no flows: %s", out)
	}
}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := os.RemoveAll(programDir()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}
