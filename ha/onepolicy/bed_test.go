package onepolicy_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/view"
	"github.com/rempart/rempart/lab"
)

// waitAtMost bounds every wait for something that has to happen, and every command.
const waitAtMost = 90 * time.Second

// The devices of a node.
const (
	lanDevice, wanDevice, cableDevice = "lan0", "wan0", "sync0"
)

// client is who uses the gateway.
var client = netip.MustParseAddr("10.10.0.100")

// bed is a network with two gateways in it.
type bed struct {
	*testing.T // of the subtest that uses it now
	net        *lab.Net
	client     *lab.Host
	nodes      [2]*node
	last       int // the mark of the last policy that was written
}

// newBed builds the network, and gives each node no more than its node.toml. Nothing runs.
func newBed(t *testing.T) *bed {
	t.Helper()
	t.Parallel()
	n := lab.Test(t)
	b := &bed{T: t, net: n, client: n.Host("client")}
	lan, wan, cable := n.Switch("lan"), n.Switch("wan"), n.Switch("cable")
	b.client.Plug("eth0", lan, subnet(client))
	b.client.Default(netip.MustParseAddr("10.10.0.1"))
	for i := range b.nodes {
		host := n.Host(fmt.Sprintf("fw%d", i+1))
		host.Forward()
		one := &node{bed: b, host: host, number: i, Gateway: host.Gateway(program, t.TempDir())}
		host.Plug(lanDevice, lan, subnet(one.lan()))
		host.Plug(wanDevice, wan, subnet(one.wan()))
		host.Plug(cableDevice, cable, subnet(one.cable()))
		one.write("node.toml", one.own())
		b.nodes[i] = one
	}
	t.Cleanup(b.tell)
	return b
}

// newPair is a bed in which both nodes were paired by code, and run a policy that was applied on the first.
func newPair(t *testing.T) *bed {
	t.Helper()
	b := newBed(t)
	b.nodes[0].write("carp.key", secret)
	for _, n := range b.nodes {
		n.start()
	}
	b.pair(b.nodes[0], b.nodes[1])
	b.nodes[0].write("rempart.toml", b.next())
	if a := b.nodes[0].mustApply(); a.Peer == nil || a.Peer.State != "switched" {
		b.Fatalf("the first apply: %+v", a)
	}
	b.runBoth(b.last)
	b.await("one of both nodes to be master", func() bool {
		s, err := b.nodes[0].pair()
		return err == nil && len(s.Groups) > 0 && s.Groups[0].Role == "MASTER" && s.Peer.State == "alive"
	})
	return b
}

// sub runs a part of a test that finds the bed as the part before left it, and ends the test when it fails.
func (b *bed) sub(name string, part func()) {
	b.Helper()
	whole := b.T
	ok := whole.Run(name, func(t *testing.T) {
		b.T = t
		part()
	})
	if b.T = whole; !ok {
		b.FailNow()
	}
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

// runBoth waits until both nodes run a policy, each in its kernel, and each says that they are in step and
// compiled the same. Nothing is staged or pending on either then.
func (b *bed) runBoth(mark int) {
	b.Helper()
	if got := b.settled(); got != mark {
		b.Fatalf("both nodes run the policy %d, want %d", got, mark)
	}
}

// settled waits until both nodes run one policy, whichever that is, and returns its mark.
func (b *bed) settled() (mark int) {
	b.Helper()
	b.await("both nodes to run one policy", func() bool {
		for _, n := range b.nodes {
			s, err := n.policy()
			if err != nil || s.State != view.PolicyInStep || s.Ruleset != view.RulesetEqual || s.Own.ID != s.Peer.ID || !s.Pending.IsZero() {
				return false
			}
		}
		return true
	})
	marks := [2]int{b.nodes[0].mark(), b.nodes[1].mark()}
	if marks[0] != marks[1] {
		b.Fatalf("both say that they are in step, and their kernels have the policies %v", marks)
	}
	one, two := b.nodes[0].history(), b.nodes[1].history()
	if one[0].ID != two[0].ID || !one[0].Current || !two[0].Current {
		b.Fatalf("both say that they are in step, and the newest revisions are %+v and %+v", one[0], two[0])
	}
	return marks[0]
}

// subnet is an address with the length of the network's prefixes.
func subnet(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, 24) }
