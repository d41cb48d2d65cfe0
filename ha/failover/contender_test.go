package failover_test

import (
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

// contender is a way to run a pair.
type contender interface {
	// name is of the program and how often its master speaks.
	name() string
	// advert is how often that is: faults come at any phase of it.
	advert() time.Duration
	// against is the name of the contender of ours that it is compared with; its own for ours.
	against() string
	// install brings both nodes' rules about, and remove takes them away.
	install(tb testing.TB, b *bed)
	remove(tb testing.TB, b *bed)
	// start starts the daemons of a clean node.
	start(tb testing.TB, n *node)
	// standsBy reports whether a node whose peer is master is ready to follow it.
	standsBy(tb testing.TB, n *node) bool
	// release has the master give the role away.
	release(tb testing.TB, n *node)
}

func contenders() []contender {
	const slow, fast = "rempart-100ms", "rempart-10ms"
	return []contender{
		&rempart{interval: 100 * time.Millisecond},
		&rempart{interval: 10 * time.Millisecond},
		&keepalived{interval: time.Second, rival: slow},
		&keepalived{interval: 10 * time.Millisecond, rival: fast},
		&ucarp{interval: time.Second, rival: slow},
	}
}

// handRules is what one would write by hand for nodes without a policy of ours: the same translations.
const handRules = `table inet gateway {
	chain translate_in {
		type nat hook prerouting priority dstnat
		iifname "wan0" ip daddr 10.20.0.1 udp dport 7000 dnat ip to 10.10.0.100
	}
	chain translate_out {
		type nat hook postrouting priority srcnat
		oifname "wan0" ip saddr 10.10.0.0/24 snat ip to 10.20.0.1
	}
	chain forward {
		type filter hook forward priority filter; policy drop
		ct state established,related accept
		iifname "lan0" oifname "wan0" udp dport 9000 accept
		iifname "wan0" ct status dnat accept
	}
}`

func installByHand(tb testing.TB, b *bed) {
	tb.Helper()
	for _, n := range b.nodes {
		n.run(tb, "nft", handRules)
	}
}

func removeByHand(tb testing.TB, b *bed) {
	tb.Helper()
	for _, n := range b.nodes {
		n.run(tb, "nft", "delete table inet gateway")
	}
}

// pair is a contender at work, with one node master and the other ready to follow it.
type pair struct {
	*bed
	contender
	master *node
	heard  announced // by the other node since it was started
}

// startPair starts both nodes, the first as master.
func startPair(tb testing.TB, b *bed, c contender) *pair {
	tb.Helper()
	p := &pair{bed: b, contender: c}
	c.install(tb, b)
	p.startBoth(tb)
	return p
}

func (p *pair) startBoth(tb testing.TB) {
	tb.Helper()
	p.master = p.nodes[0]
	heard := p.listen(p.master)
	p.contender.start(tb, p.master)
	// Traffic proves nothing: who still knows the hardware address of the master before gets through by it.
	if !lab.Poll(waitAtMost, heard.all) {
		tb.Fatalf("%s: the first node does not become master\n%s", p.name(), p.master.output())
	}
	heard.stop()
	p.join(tb, p.other(p.master))
}

// join starts a node beside the master.
func (p *pair) join(tb testing.TB, n *node) {
	tb.Helper()
	p.heard = p.listen(n)
	p.contender.start(tb, n)
	if !lab.Poll(waitAtMost, func() bool { return p.standsBy(tb, n) }) {
		tb.Fatalf("%s: the second node does not stand by\n%s", p.name(), n.output())
	}
}

// stop ends both nodes and removes what was installed.
func (p *pair) stop(tb testing.TB) {
	tb.Helper()
	for _, n := range p.nodes {
		n.clean(tb)
	}
	p.remove(tb, p.bed)
}
