package survival_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

// waitAtMost bounds every wait for something that has to happen.
const waitAtMost = 30 * time.Second

// The devices of a node.
const (
	lanDevice, wanDevice, dmzDevice, cableDevice = "lan0", "wan0", "dmz0", "sync0"
)

// The addresses of the network.
var (
	lanVIP, lanVIP6 = netip.MustParseAddr("10.10.0.1"), netip.MustParseAddr("fd10::1")
	wanVIP, wanVIP6 = netip.MustParseAddr("10.20.0.1"), netip.MustParseAddr("fd20::1")
	dmzVIP, dmzVIP6 = netip.MustParseAddr("10.30.0.1"), netip.MustParseAddr("fd30::1")
	client, client6 = netip.MustParseAddr("10.10.0.100"), netip.MustParseAddr("fd10::100")
	inner, inner6   = netip.MustParseAddr("10.10.0.110"), netip.MustParseAddr("fd10::110")
	server, server6 = netip.MustParseAddr("10.20.0.100"), netip.MustParseAddr("fd20::100")
	site, site6     = netip.MustParseAddr("10.30.0.100"), netip.MustParseAddr("fd30::100")
	stranger        = netip.MustParseAddr("172.16.0.66")
)

// inside are the networks whose addresses nobody outside may ever see.
var inside = []netip.Prefix{
	netip.MustParsePrefix("10.10.0.0/16"), netip.MustParsePrefix("10.30.0.0/16"), netip.MustParsePrefix("172.16.0.0/16"),
	netip.MustParsePrefix("fd10::/16"), netip.MustParsePrefix("fd30::/16"),
}

// bed is a network with a pair in it.
type bed struct {
	testing.TB
	net                                   *lab.Net
	client, inner, server, site, stranger *lab.Host
	nodes                                 [2]*node
	wire                                  *lab.Wire // the cable, if it can go bad
	leaks                                 *lab.Capture
}

// cable is what is between the nodes.
type cable int

const (
	goodCable  cable = iota // a switch, with the stranger at its third port
	frailCable              // a wire that can lose, delay, double and reorder frames
)

// newBed builds the network and writes the files of both nodes. Nothing runs.
func newBed(t *testing.T, between cable) *bed {
	t.Helper()
	b := newNetwork(t, between)
	for _, n := range b.nodes {
		n.write()
	}
	return b
}

// newNetwork builds the network, with two nodes that have no files.
func newNetwork(t *testing.T, between cable) *bed {
	t.Helper()
	n := lab.Test(t)
	b := &bed{TB: t, net: n, client: n.Host("client"), inner: n.Host("inner"), server: n.Host("server"), site: n.Host("site"), stranger: n.Host("stranger")}
	lan, wan, dmz := n.Switch("lan"), n.Switch("wan"), n.Switch("dmz")
	b.client.Plug("eth0", lan, subnet(client), subnet(client6))
	b.inner.Plug("eth0", lan, subnet(inner), subnet(inner6))
	b.server.Plug("eth0", wan, subnet(server), subnet(server6))
	b.site.Plug("eth0", dmz, subnet(site), subnet(site6))
	for _, h := range []*lab.Host{b.client, b.inner} {
		h.Default(lanVIP)
		h.Default(lanVIP6)
	}
	b.site.Default(dmzVIP)
	b.site.Default(dmzVIP6)
	for i := range b.nodes {
		host := n.Host(fmt.Sprintf("fw%d", i+1))
		host.Forward()
		one := &node{bed: b, host: host, number: i, Gateway: host.Gateway(program, t.TempDir())}
		host.Plug(lanDevice, lan, subnet(one.lan()), subnet(one.lan6()))
		host.Plug(wanDevice, wan, subnet(one.wan()), subnet(one.wan6()))
		host.Plug(dmzDevice, dmz, subnet(one.dmz()), subnet(one.dmz6()))
		b.nodes[i] = one
	}
	b.connect(between)
	t.Cleanup(b.tell)
	return b
}

// connect puts the cable between the nodes.
func (b *bed) connect(between cable) {
	b.Helper()
	if between == frailCable {
		b.wire = b.net.Wire(b.nodes[0].host, cableDevice, b.nodes[1].host, cableDevice)
	} else {
		sw := b.net.Switch("cable")
		b.stranger.Plug("eth0", sw, subnet(stranger))
		for _, n := range b.nodes {
			n.host.Plug(cableDevice, sw)
		}
	}
	for _, n := range b.nodes {
		n.host.AddAddr(cableDevice, subnet(n.cable()))
	}
}

// newPair is a bed in which both nodes run, the first as master and the second with all of its flows.
func newPair(t *testing.T, between cable) *bed {
	t.Helper()
	return newBed(t, between).startPair()
}

// startPair starts both nodes of a bed.
func (b *bed) startPair() *bed {
	b.Helper()
	b.nodes[0].start()
	b.nodes[1].start()
	b.settle(b.nodes[0])
	b.complete(b.nodes[1])
	b.watchLeaks()
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
