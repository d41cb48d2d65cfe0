package replication_test

import (
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

// contender is a way to have the flows of one node on another.
type contender interface {
	name() string
	// install brings both nodes' rules about, and remove takes them away.
	install(tb testing.TB, b *bed)
	remove(tb testing.TB, b *bed)
	// start starts a clean node: the first as master, the second beside it.
	start(tb testing.TB, n *node)
	// ready reports whether a node does what it was started for.
	ready(tb testing.TB, n *node) bool
	// fetch has a backup ask for all flows, if it does not by itself, and reports whether it was up to it.
	fetch(tb testing.TB, n *node) bool
	// proved reports whether the backup says itself that it is complete; true of those that never say.
	proved(tb testing.TB, n *node) bool
	// remarks are what a node's daemon says of its work, for who looks into what went wrong.
	remarks(tb testing.TB, n *node) string
	// daemon is the process that replicates, nil if the node has none.
	daemon(n *node) *lab.Process
}

func contenders() []contender {
	return []contender{&rempart{interval: 100 * time.Millisecond}, &conntrackd{mode: ftfw}, &conntrackd{mode: notrack}}
}

// handRules is what one would write by hand for nodes without a policy of ours. What comes to a virtual address has to be
// dropped: else it begins a flow of the gateway's own before the flow that it belongs to is committed, whose place is
// then taken.
const handRules = `table inet gateway {
	chain input {
		type filter hook input priority filter; policy drop
		ct state established,related accept
		iifname { "lo", "sync0" } accept
		meta l4proto { icmp, vrrp } accept
	}
	chain translate {
		type nat hook postrouting priority srcnat
		oifname "wan0" ip saddr 10.10.0.0/24 snat ip to 10.20.0.1
	}
	chain forward {
		type filter hook forward priority filter; policy drop
		ct state established,related accept
		iifname "lan0" oifname "wan0" meta l4proto { tcp, udp } th dport 9000-9019 accept
	}
}`

func installByHand(tb testing.TB, b *bed) {
	tb.Helper()
	for _, n := range b.nodes {
		n.run(tb, "nft", handRules)
		n.host.Sysctl("net.netfilter.nf_conntrack_events", "1")
	}
}

func removeByHand(tb testing.TB, b *bed) {
	tb.Helper()
	for _, n := range b.nodes {
		n.run(tb, "nft", "delete table inet gateway")
	}
}

// pair is a contender at work.
type pair struct {
	*bed
	contender
}

func (p *pair) master() *node { return p.nodes[0] }
func (p *pair) backup() *node { return p.nodes[1] }

// install readies the bed for a contender until the test within the test ends.
func install(tb testing.TB, b *bed, c contender) *pair {
	tb.Helper()
	c.install(tb, b)
	p := &pair{bed: b, contender: c}
	tb.Cleanup(func() {
		p.stop(tb)
		c.remove(tb, b)
	})
	return p
}

// startPair starts both nodes of a contender, without flows.
func startPair(tb testing.TB, b *bed, c contender) *pair {
	tb.Helper()
	p := install(tb, b, c)
	p.join(tb, p.master())
	p.join(tb, p.backup())
	return p
}

// join starts a node and waits until it does what it is there for.
func (p *pair) join(tb testing.TB, n *node) {
	tb.Helper()
	p.start(tb, n)
	if !within(waitAtMost, func() bool { return p.ready(tb, n) }) {
		tb.Fatalf("%s: %s is not ready\n%s", p.name(), n.host.Name(), n.output())
	}
}

// stop leaves both nodes without daemons and flows.
func (p *pair) stop(tb testing.TB) {
	tb.Helper()
	for _, n := range p.nodes {
		n.clean(tb)
	}
}

// idle is what the pair uses while nothing happens.
func (p *pair) idle(tb testing.TB) cost {
	tb.Helper()
	p.quiet(tb, p.master())
	p.quiet(tb, p.backup())
	before := p.use(tb)
	time.Sleep(time.Second) // the length of what is measured
	return p.use(tb).since(before)
}
