package scenario_test

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/view"
)

// Networks break between the nodes, or at one of them, with and without carrier. There is never a second master while
// any path works, and always one at the end.
func TestBrokenNetworks(t *testing.T) {
	for _, c := range []struct {
		name   string
		broken []string // devices of the master
		moves  bool     // the master gives way
	}{
		{"cable", []string{cableDevice}, false},
		{"lan", []string{lanDevice}, true},
		{"lan and cable", []string{lanDevice, cableDevice}, true},
	} {
		for _, carrier := range []bool{true, false} {
			preempt := c.name == "lan" && carrier // and without it the role stays where it went
			t.Run(fmt.Sprintf("%s, carrier %v", c.name, carrier), func(t *testing.T) {
				b := newPair(t, settings{ha: fmt.Sprintf("preempt = %v", preempt)})
				b.passes()
				b.breakNetworks(c.broken, carrier, c.moves)
				master := b.nodes[0]
				if c.moves && !preempt {
					master = b.nodes[1]
				}
				b.heal(c.broken, carrier, master)
			})
		}
	}
}

// stands says that a node with a role stands by: it may lack flows, as long as there is no cable for them.
func stands(role string) bool { return role == "BACKUP" || role == "SYNCING" }

// breakNetworks breaks networks of the first node, and looks whether the role goes where it belongs.
func (b *bed) breakNetworks(devices []string, carrier, moves bool) {
	b.Helper()
	first, second := b.nodes[0], b.nodes[1]
	before, w := b.snapshot(), b.watch()
	at := time.Now()
	for _, dev := range devices {
		if carrier {
			first.host.Silence(dev)
		} else {
			first.host.Unplug(dev)
		}
	}
	if moves {
		b.await("the other node to be master", func() bool { return second.role() == "MASTER" && stands(first.role()) })
		took := w.when(second, lanVIP, true, at).Sub(at)
		b.Logf("takeover after %s", took)
		if took > takeoverAtMost {
			b.Errorf("takeover took %s", took)
		}
		b.awaitPass()
	} else {
		b.await("the path to be missed", func() bool { return missed(first, "cable") })
		b.staysFor(time.Second, before)
		b.passes()
	}
}

// heal puts networks of the first node right.
func (b *bed) heal(devices []string, carrier bool, master *node) {
	b.Helper()
	first, w, healed := b.nodes[0], b.watch(), time.Now()
	for _, dev := range devices {
		if carrier {
			first.host.Speak(dev)
		} else {
			first.host.Replug(dev)
		}
	}
	b.await("the nodes to hear each other", func() bool { return hears(first, "cable") && hears(first, "lan") })
	b.settle(master)
	b.wantOneMaster()
	if _, neither := w.spans(lanVIP, healed); neither > noticed {
		b.Errorf("nobody had %v for %s after it was healed", lanVIP, neither)
	}
	b.awaitPass()
}

// missed says that a node does not hear the other one on a path any more.
func missed(n *node, path string) bool {
	s, err := n.try()
	for _, p := range s.Paths {
		if p.Interface == path {
			return err == nil && (!p.Carrier || time.Since(p.Beat) > time.Second)
		}
	}
	return false
}

// multicast6 is a table for a port of a switch: IPv6 multicast of CARP and heartbeats does not pass.
const multicast6 = `table netdev deaf_%[1]s {
	chain in { type filter hook ingress device %[1]q priority 0; ether daddr 33:33:00:00:00:12 drop; }
}`

// Of the two families one is lost: the other one is enough.
func TestNoIPv6Multicast(t *testing.T) {
	b := newPair(t, settings{})
	before := b.snapshot()
	b.drop("lan", multicast6)
	b.drop("wan", multicast6)
	b.drop("cable", multicast6)
	b.staysFor(3500*time.Millisecond, before) // longer than the patience of CARP
	for i, n := range b.snapshot() {
		if n.Peer.State == "dead" {
			t.Errorf("%s: %+v", b.nodes[i], n)
		}
	}
}

// staysFor fails when a role moves within some time: what must not happen has that long to happen.
func (b *bed) staysFor(d time.Duration, before [2]view.Status) {
	b.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		b.wantUnmoved(before)
	}
	b.wantUnmoved(before)
}

// wantUnmoved fails when a role moved since.
func (b *bed) wantUnmoved(before [2]view.Status) {
	b.Helper()
	for i, after := range b.snapshot() {
		if !slices.Equal(after.Transitions, before[i].Transitions) {
			b.Fatalf("the role of %s moved: %+v", b.nodes[i], after.Transitions)
		}
	}
}

// drop has all ports of a switch drop what a table says.
func (b *bed) drop(sw, table string) {
	b.Helper()
	name := b.net.Prefix() + sw
	for _, port := range b.ports(name) {
		b.exec("ip", "netns", "exec", name, "nft", fmt.Sprintf(table, port))
	}
}

// ports are the names of the ports of a switch.
func (b *bed) ports(namespace string) []string {
	b.Helper()
	var all []string
	out := b.exec("ip", "-netns", namespace, "-brief", "link", "show", "master", "br0")
	for line := range strings.Lines(out) {
		name, _, _ := strings.Cut(line, "@")
		all = append(all, name)
	}
	if len(all) == 0 {
		b.Fatalf("%s has no ports", namespace)
	}
	return all
}

// exec runs a command in no namespace of the network.
func (b *bed) exec(name string, args ...string) string {
	b.Helper()
	out, err := exec.CommandContext(b.Context(), name, args...).CombinedOutput()
	if err != nil {
		b.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}
