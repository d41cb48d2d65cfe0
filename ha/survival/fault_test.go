package survival_test

import (
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/rempart/rempart/ha/view"
	"github.com/rempart/rempart/lab"
)

// poll polls until ok, and says whether it was in time.
func (b *bed) poll(ok func() bool) bool { return lab.Poll(waitAtMost, ok) }

// released is a planned switch to the other node.
func (b *bed) released(master *node) (heir *node) {
	b.Helper()
	master.order("ha", "release")
	b.settle(b.other(master))
	return b.other(master)
}

// powerOff takes the power from a node: all its cables are dead at once, and then its daemon. The links go first, for
// a machine without power has no time to close connections.
func (b *bed) powerOff(n *node) {
	b.Helper()
	n.host.Freeze()
	n.Kill()
}

// boot gives the power back: the node has neither addresses nor rules nor flows then, and starts its daemon.
func (b *bed) boot(n *node) {
	b.Helper()
	for _, device := range []string{lanDevice, wanDevice, dmzDevice} {
		for _, family := range []string{"-4", "-6"} {
			n.run("ip", family, "address", "flush", "dev", device, "scope", "global")
		}
	}
	n.run("nft", "flush", "ruleset")
	n.run("conntrack", "-F")
	n.run("conntrack", "-F", "expect")
	n.host.Thaw()
	n.start()
}

// crashed takes the power from the master, and waits until the other node has taken over.
func (b *bed) crashed(master *node) (heir *node) {
	b.Helper()
	b.powerOff(master)
	return b.taken(master)
}

// frozen has the master's machine hang.
func (b *bed) frozen(master *node) (heir *node) {
	b.Helper()
	master.host.Freeze()
	master.signal(syscall.SIGSTOP)
	return b.taken(master)
}

// thawed has a machine that hung go on where it stopped.
func (b *bed) thawed(n *node) {
	b.Helper()
	n.host.Thaw()
	n.signal(syscall.SIGCONT)
}

// taken waits until the node that is not old is master.
func (b *bed) taken(old *node) (heir *node) {
	b.Helper()
	heir, began := b.other(old), time.Now()
	b.await(heir.String()+" to take over", func() bool {
		s, err := heir.try()
		return err == nil && len(s.Groups) > 0 && allAre(s, "MASTER")
	})
	b.Logf("%s is master after %s", heir, time.Since(began).Round(time.Millisecond))
	return heir
}

// agreed waits until the nodes agree on which of them is master, and the other one has all of its flows.
func (b *bed) agreed() (master *node) {
	b.Helper()
	b.await("one master", func() bool {
		for _, n := range b.nodes {
			s, err := n.try()
			o, theirs := b.other(n).try()
			if err == nil && theirs == nil && allAre(s, "MASTER") && allAre(o, "BACKUP") && s.Peer.Connected && o.Peer.Connected {
				master = n
				return true
			}
		}
		return false
	})
	b.complete(b.other(master))
	return master
}

// joined waits until a node that was away stands by the other one and has all of its flows.
func (b *bed) joined(n *node) {
	b.Helper()
	b.settle(b.other(n))
	b.complete(n)
}

// complete waits until a backup has all flows of the master, by its own account and by the other one's, and both
// tables are alike.
func (b *bed) complete(backup *node) {
	b.Helper()
	began := time.Now()
	var s *view.Sync
	if !b.poll(func() bool {
		status, err := backup.try()
		s = status.Sync
		return err == nil && s != nil && s.State == view.SyncComplete
	}) {
		b.Fatalf("%s is not complete after %s: %+v", backup, waitAtMost, s)
	}
	var last string // what differed when it last did
	if !b.poll(func() bool {
		differs := b.differs(backup)
		if differs != "" {
			last = differs
		}
		return differs == ""
	}) {
		b.Fatalf("%s says that it is complete, and %s", backup, last)
	}
	if last != "" {
		b.Logf("before that, %s", last)
	}
	b.Logf("%s is complete after %s, with %d flows", backup, time.Since(began).Round(time.Millisecond), backup.status().Sync.Flows)
}

// differs is what `ha flows diff` finds, in a few words; empty: nothing.
func (b *bed) differs(n *node) string {
	b.Helper()
	var d view.FlowsDiff
	if err := n.command(&d, "ha", "flows", "diff", "--json"); err != nil {
		return err.Error()
	}
	if len(d.Flows) == 0 && !d.More && d.Here == d.There {
		return ""
	}
	var some strings.Builder
	for i, f := range d.Flows {
		if i == 5 {
			break
		}
		fmt.Fprintf(&some, "\n%s: here %q, there %q", f.Flow, f.Here, f.There)
	}
	return fmt.Sprintf("%d flows are here and %d there; %d differ%s", d.Here, d.There, len(d.Flows), some.String())
}
