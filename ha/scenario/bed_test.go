package scenario_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

// waitAtMost bounds every wait for something that has to happen, and takeoverAtMost every takeover.
const (
	waitAtMost     = 30 * time.Second
	takeoverAtMost = 3 * time.Second
)

// fewLost is what traffic of 500 a second may lose in a planned switch: less than it takes to find a node dead. On
// a calm machine it is nothing; a busy one let the new master wait 150 ms for the client's next packet, and answers
// that come before it are of a flow that the new master does not know yet.
const fewLost = 200

// The devices of a node.
const (
	lanDevice, wanDevice, cableDevice = "lan0", "wan0", "sync0"
)

// The addresses of the network.
var (
	lanVIP, lanVIP6 = netip.MustParseAddr("10.10.0.1"), netip.MustParseAddr("fd10::1")
	wanVIP, wanVIP6 = netip.MustParseAddr("10.20.0.1"), netip.MustParseAddr("fd20::1")
	routerVIP       = netip.MustParseAddr("fe80::1")
	client, client6 = netip.MustParseAddr("10.10.0.100"), netip.MustParseAddr("fd10::100")
	server, server6 = netip.MustParseAddr("10.20.0.100"), netip.MustParseAddr("fd20::100")
	stranger        = netip.MustParseAddr("10.10.0.66")
)

// Where the server answers.
const serverPort = 9000

var server4Port, server6Port = netip.AddrPortFrom(server, serverPort), netip.AddrPortFrom(server6, serverPort)

// bed is a network with a pair in it.
type bed struct {
	testing.TB
	net                      *lab.Net
	client, server, stranger *lab.Host
	nodes                    [2]*node
	lan                      *lab.Switch
}

// newBed builds the network and writes the files of both nodes. Nothing runs.
func newBed(t *testing.T, s settings) *bed {
	t.Helper()
	t.Parallel()
	n := lab.Test(t)
	b := &bed{TB: t, net: n, client: n.Host("client"), server: n.Host("server"), stranger: n.Host("stranger"), lan: n.Switch("lan")}
	wan, cable := n.Switch("wan"), n.Switch("cable")
	b.client.Plug("eth0", b.lan, subnet(client), subnet(client6))
	b.server.Plug("eth0", wan, subnet(server), subnet(server6))
	b.stranger.Plug("eth0", b.lan, subnet(stranger))
	// The stranger listens to the cable as well: it is a switch of three ports.
	b.stranger.Plug("eth1", cable)
	b.client.Default(lanVIP)
	b.client.Default(lanVIP6)
	b.server.Route(netip.MustParsePrefix("fd10::/64"), wanVIP6)
	for i := range b.nodes {
		host := n.Host(fmt.Sprintf("fw%d", i+1))
		one := &node{bed: b, host: host, number: i, Gateway: host.Gateway(program, t.TempDir())}
		one.host.Forward()
		one.host.Plug(lanDevice, b.lan, subnet(one.lan()), subnet(one.lan6()))
		one.host.Plug(wanDevice, wan, subnet(one.wan()), subnet(one.wan6()))
		one.host.Plug(cableDevice, cable, subnet(one.cable()))
		b.nodes[i] = one
	}
	for _, n := range b.nodes {
		n.write(s)
	}
	b.server.ServeUDP(server4Port)
	b.server.ServeUDP(server6Port)
	t.Cleanup(b.tell)
	return b
}

// newPair is a bed in which both nodes run, the first as master and the second ready to follow it.
func newPair(t *testing.T, s settings) *bed {
	t.Helper()
	b := newBed(t, s)
	b.nodes[0].start()
	b.nodes[1].start()
	b.settle(b.nodes[0])
	return b
}

// settle waits until a node is master of all and the other one stands by it.
func (b *bed) settle(master *node) {
	b.Helper()
	other := b.other(master)
	b.await(fmt.Sprintf("%s to be master and %s to stand by", master, other), func() bool {
		m, mine := master.try()
		o, theirs := other.try()
		return mine == nil && theirs == nil && m.Peer.State == "alive" && o.Peer.State == "alive" && o.Peer.Connected && m.Peer.Connected &&
			master.applied() && other.applied() && len(m.Groups) > 0 && allAre(m, "MASTER") && allAre(o, "BACKUP")
	})
}

// other is the node that is not n.
func (b *bed) other(n *node) *node { return b.nodes[1-n.number] }

// tell writes down what the nodes said, for who reads a failure.
func (b *bed) tell() {
	if !b.Failed() {
		return
	}
	for _, n := range b.nodes {
		b.Log(n.story())
	}
}

// await polls until ok.
func (b *bed) await(what string, ok func() bool) {
	b.Helper()
	if !lab.Poll(waitAtMost, ok) {
		b.Fatalf("waited %s for %s", waitAtMost, what)
	}
}

// subnet is an address with the length of the network's prefixes.
func subnet(a netip.Addr) netip.Prefix {
	if a.Is6() {
		return netip.PrefixFrom(a, 64)
	}
	return netip.PrefixFrom(a, 24)
}
