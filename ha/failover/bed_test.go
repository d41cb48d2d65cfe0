package failover_test

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

// waitAtMost bounds every wait for something that has to happen: a busy machine is slow, not wrong.
const waitAtMost = 20 * time.Second

// The addresses of the network, and the ports that are probed: the server's from the client, and the
// one of the WAN's virtual address from the server, which is the client's.
const (
	lanVIP, wanVIP = "10.10.0.1", "10.20.0.1"
	clientAddress  = "10.10.0.100"
	serverAddress  = "10.20.0.100"
	serverPort     = 9000
	clientPort     = 7000
)

// The devices of a node.
const (
	lanDevice, wanDevice, cableDevice = "lan0", "wan0", "sync0"
)

// bed is the network in which pairs run.
type bed struct {
	net            *lab.Net
	client, server *lab.Host
	nodes          [2]*node
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
	b := &bed{net: n, client: n.Host("client"), server: n.Host("server")}
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
	b.server.ServeUDP(port(serverAddress, serverPort))
	b.client.ServeUDP(port(clientAddress, clientPort))
	return b
}

func subnet(a string) netip.Prefix { return netip.PrefixFrom(netip.MustParseAddr(a), 24) }

func port(a string, p uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(a), p)
}

// The node's own addresses.
func (n *node) lan() string   { return fmt.Sprintf("10.10.0.%d", n.number+2) }
func (n *node) wan() string   { return fmt.Sprintf("10.20.0.%d", n.number+2) }
func (n *node) cable() string { return fmt.Sprintf("172.16.0.%d", n.number+1) }

// other is the node that is not n.
func (b *bed) other(n *node) *node { return b.nodes[1-n.number] }

// run runs a program on the node to its end.
func (n *node) run(tb testing.TB, name string, args ...string) string {
	tb.Helper()
	out, err := n.host.Run(tb.Context(), name, args...)
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
	for device, vip := range map[string]string{lanDevice: lanVIP, wanDevice: wanVIP} {
		if strings.Contains(n.run(tb, "ip", "-4", "-o", "address", "show", "dev", device), " "+vip+"/") {
			n.run(tb, "ip", "address", "del", subnet(vip).String(), "dev", device)
		}
	}
	n.run(tb, "conntrack", "-F")
}

// needs skips the test when a program of the distribution is not installed.
func needs(tb testing.TB, programs ...string) {
	tb.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			tb.Skipf("needs %s, which `make witnesses` installs", p)
		}
	}
}

// waitFor polls until ok.
func waitFor(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	if !lab.Poll(waitAtMost, ok) {
		tb.Fatalf("waited %s for %s", waitAtMost, what)
	}
}
