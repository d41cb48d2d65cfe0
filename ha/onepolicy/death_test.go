package onepolicy_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

// more is a virtual address that every second policy has, so that the nodes' networks change as well as their rules.
var more = netip.MustParseAddr("10.10.0.77")

const moreVIP = "\n[[vip]]\ninterface = \"lan\"\naddress   = \"10.10.0.77/24\"\nvhid      = 1\n"

func TestDeathOfWhoApplies(t *testing.T) { sweep(t, 0) }
func TestDeathOfTheOther(t *testing.T)   { sweep(t, 1) }

// sweep kills a daemon at many moments of an apply on the first node. The command takes as long as the machine is
// busy, so the moments are parts of that.
func sweep(t *testing.T, victim int) {
	b := newPair(t)
	one, dies := b.nodes[0], b.nodes[victim]
	whole := b.timeOfApply(one)
	const parts = 8
	for i := range parts + 1 {
		b.sub(fmt.Sprintf("kept at once, %d of %d parts", i, parts), func() {
			b.deadly(dies, func() said {
				end := one.begin("apply", "--now")
				time.Sleep(whole * time.Duration(i) / parts)
				dies.Kill()
				return end()
			})
		})
	}
	for _, line := range []string{"policy applied", "apply confirmed"} {
		b.sub("kept at once, "+line, func() {
			b.deadly(dies, func() said {
				end := one.begin("apply", "--now")
				dies.killAfter(line)
				return end()
			})
		})
	}
	for i := range 3 {
		b.sub(fmt.Sprintf("confirmed, %d of 3 parts", i), func() {
			b.deadly(dies, func() said {
				one.order("apply", "--confirm", "8s")
				end := one.begin("confirm")
				time.Sleep(whole * time.Duration(i) / 6) // it has half of the steps
				dies.Kill()
				return end()
			})
		})
	}
	b.sub("never confirmed", func() {
		b.deadly(dies, func() said {
			end := one.begin("apply", "--confirm", "4s")
			dies.killAfter("policy applied")
			end()
			return said{"nobody confirmed", 1}
		})
		if b.settled() != b.last {
			b.Error("what nobody confirmed is kept")
		}
	})
}

// deadly has a policy with a new mark applied by do, which kills a daemon, and starts that again. Then both nodes run
// one whole policy: the new one if do says so, and else that or the one before.
func (b *bed) deadly(dies *node, do func() said) {
	b.Helper()
	before := b.last
	var tables []string
	if b.last%2 == 0 {
		tables = append(tables, moreVIP)
	}
	text := b.next(tables...)
	b.nodes[0].write("rempart.toml", text)
	s := do()
	dies.start()
	b.wantOutcome(s, before)
	want := 0
	if strings.Contains(string(b.nodes[0].running()), more.String()) {
		want = 1
	}
	b.await(fmt.Sprintf("%d nodes to have %s", want, more), func() bool { return b.holders(more) == want })
}

// running is the policy that the node says it runs.
func (n *node) running() []byte {
	n.Helper()
	var s struct {
		Revision int    `json:"revision"`
		Policy   []byte `json:"policy"`
	}
	n.ask("/v1/status", &s)
	n.ask(fmt.Sprintf("/v1/revisions/%d", s.Revision), &s)
	return s.Policy
}

// holders is how many of the nodes have an address in their kernels.
func (b *bed) holders(a netip.Addr) (count int) {
	b.Helper()
	for _, n := range b.nodes {
		err := n.host.Do(func() error {
			all, err := net.InterfaceAddrs()
			for _, one := range all {
				if p, ok := one.(*net.IPNet); ok && p.IP.Equal(a.AsSlice()) {
					count++
				}
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return count
}

// killAfter kills the daemon as soon as it has said something once more.
func (n *node) killAfter(line string) {
	n.Helper()
	said := strings.Count(n.Said(), line)
	if !lab.Poll(waitAtMost, func() bool { return strings.Count(n.Said(), line) > said }) {
		n.Fatalf("%s never said %q", n, line)
	}
	n.Kill()
}
