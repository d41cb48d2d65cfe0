package replication_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

// waitAtMost bounds every wait for something that has to happen: a busy machine is slow, not wrong.
const waitAtMost = 20 * time.Second

// The addresses of the network.
const (
	lanVIP, wanVIP = "10.10.0.1", "10.20.0.1"
	clientAddress  = "10.10.0.100"
	serverAddress  = "10.20.0.100"
)

// virtual is the address that the master has on each device.
var virtual = map[string]string{lanDevice: lanVIP, wanDevice: wanVIP}

// The server's ports that rules let the client reach: a port of translation is free once for each.
const (
	firstPort  = 9000
	portsCount = 20
)

// The devices of a node.
const (
	lanDevice, wanDevice, cableDevice = "lan0", "wan0", "sync0"
)

// bed is the network in which pairs run.
type bed struct {
	client, server *lab.Host
	nodes          [2]*node // the first is to be master
}

// node is one of the two gateways, with what runs on it.
type node struct {
	host   *lab.Host
	number int // 0 or 1
	dir    string
	procs  []*lab.Process
}

// newBed builds the network without anything that runs.
func newBed(tb testing.TB) *bed {
	tb.Helper()
	// First, so that it goes last: daemons write until the network ends them.
	dirs := [...]string{tb.TempDir(), tb.TempDir()}
	n := lab.Test(tb)
	b := &bed{client: n.Host("client"), server: n.Host("server")}
	needs(tb, "nft", "conntrack")
	lan, wan, cable := n.Switch("lan"), n.Switch("wan"), n.Switch("cable")
	b.client.Plug("eth0", lan, subnet(clientAddress))
	b.server.Plug("eth0", wan, subnet(serverAddress))
	b.client.Default(netip.MustParseAddr(lanVIP))
	for i := range b.nodes {
		one := &node{host: n.Host(fmt.Sprintf("fw%d", i+1)), number: i, dir: dirs[i]}
		one.host.Forward()
		one.host.Plug(lanDevice, lan, subnet(one.lan()))
		one.host.Plug(wanDevice, wan, subnet(one.wan()))
		// A cable is a switch of two ports: both ends of it can lose their carrier.
		one.host.Plug(cableDevice, cable, subnet(one.cable()))
		b.nodes[i] = one
	}
	for _, n := range b.nodes {
		n.run(tb, "nft", tracked)
	}
	return b
}

// tracked is why a node tracks flows before a contender's rules are there, as gateways do that have flows. No packet
// comes by it. Without it the first rule of a contender has the kernel go through all flows, and again for each thing
// that it is asked whether it can.
const tracked = `table inet tracked {
	chain unused {
		ct state new accept
	}
}`

func subnet(a string) netip.Prefix { return netip.PrefixFrom(netip.MustParseAddr(a), 24) }

func port(a string, p uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(a), p)
}

// The node's own addresses.
func (n *node) lan() string   { return fmt.Sprintf("10.10.0.%d", n.number+2) }
func (n *node) wan() string   { return fmt.Sprintf("10.20.0.%d", n.number+2) }
func (n *node) cable() string { return fmt.Sprintf("172.16.0.%d", n.number+1) }

// peer is the other end of the node's cable.
func (n *node) peer() string { return fmt.Sprintf("172.16.0.%d", 2-n.number) }

// run runs a program on the node to its end, also while a test cleans up.
func (n *node) run(tb testing.TB, name string, args ...string) string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitAtMost)
	defer cancel()
	out, err := n.host.Run(ctx, name, args...)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// start starts a daemon on the node, which ends with the network: it may outlive a test within a test.
func (n *node) start(tb testing.TB, name string, args ...string) *lab.Process {
	tb.Helper()
	p, err := n.host.Start(n.host.Command(context.Background(), name, args...))
	if err != nil {
		tb.Fatal(err)
	}
	n.procs = append(n.procs, p)
	return p
}

// first is the daemon that was started first, nil if none was.
func (n *node) first() *lab.Process {
	if len(n.procs) == 0 {
		return nil
	}
	return n.procs[0]
}

// signal sends a signal to every daemon of the node.
func (n *node) signal(tb testing.TB, sig syscall.Signal) {
	tb.Helper()
	for _, p := range n.procs {
		if err := p.Signal(sig); err != nil {
			tb.Fatal(err)
		}
	}
}

// output is what the node's daemons have written.
func (n *node) output() string {
	var all strings.Builder
	for _, p := range n.procs {
		fmt.Fprintf(&all, "%s:\n%s\n", n.host.Name(), p.Output())
	}
	return all.String()
}

// clean leaves the node as a machine that has just started: no daemons, virtual addresses or flows.
// What rules there are stay.
func (n *node) clean(tb testing.TB) {
	tb.Helper()
	for _, p := range n.procs {
		_ = p.Kill() // it says how the process ended, and that is known
	}
	n.procs = nil
	for device, vip := range virtual {
		if strings.Contains(n.run(tb, "ip", "-4", "-o", "address", "show", "dev", device), " "+vip+"/") {
			n.run(tb, "ip", "address", "del", subnet(vip).String(), "dev", device)
		}
	}
	n.run(tb, "conntrack", "-F")
}

// write writes a file of the node and returns its path.
func (n *node) write(tb testing.TB, name, text string, mode os.FileMode) string {
	tb.Helper()
	path := n.file(name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		tb.Fatal(err)
	}
	return path
}

// file is the path of one of the node's files.
func (n *node) file(name string) string { return n.dir + "/" + name }

// needs skips the test when a program of the distribution is not installed.
func needs(tb testing.TB, programs ...string) {
	tb.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			tb.Skipf("needs %s, which `make witnesses` installs", p)
		}
	}
}

// within polls until ok and reports whether it was in time.
func within(d time.Duration, ok func() bool) bool {
	for end := time.Now().Add(d); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}
