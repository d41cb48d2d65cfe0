package scenario_test

import (
	"os"
	"strings"
	"testing"
	"time"
)

// roles are what a hook has written down, one role a line.
func (n *node) roles() []string {
	text, _ := os.ReadFile(n.File("roles")) // not there before the first one
	return strings.Fields(string(text))
}

// Hooks are told of roles, in order; one that hangs holds up nothing.
func TestHooks(t *testing.T) {
	b := newBed(t, settings{})
	for _, n := range b.nodes {
		// The roles come in the order of time, and hooks in that of their names.
		n.writeFile("etc/hooks.d/10-note", "#!/bin/sh\necho \"$1:$REMPART_FROM:$2\" >>"+n.File("roles")+"\n", 0o755)
		n.writeFile("etc/hooks.d/20-hang", "#!/bin/sh\n[ \"$2\" = MASTER ] && [ -e "+n.File("hang")+" ] && exec sleep 60\nexit 0\n", 0o755)
	}
	b.nodes[0].start()
	b.nodes[1].start()
	first, second := b.nodes[0], b.nodes[1]
	b.settle(first)
	// A backup is SYNCING for a moment, from and to which hooks are told as well if there is time.
	told := func(n *node, role string) bool {
		all := n.roles()
		return len(all) > 0 && strings.HasSuffix(all[len(all)-1], ":"+role)
	}
	b.await("the master's hook", func() bool { return told(first, "MASTER") })
	b.await("the backup's hook", func() bool { return told(second, "BACKUP") })

	second.writeFile("hang", "", 0o600)
	at := time.Now()
	first.order("ha", "release")
	b.settle(second)
	if took := time.Since(at); took > takeoverAtMost {
		t.Errorf("with a hook that hangs the switch took %s", took)
	}
	b.await("the hook of who releases", func() bool { return told(first, "BACKUP") })
	b.await("the hook of who takes over", func() bool { return told(second, "MASTER") })
	b.passes()
	// The hook hangs on, and the role moves all the same.
	first.order("ha", "takeover")
	b.settle(first)
	b.await("the master's hook", func() bool { return told(first, "MASTER") })
}

// Two groups share the work. When a node dies the other one has both, until it is back.
func TestGroups(t *testing.T) {
	vips := strings.ReplaceAll(usualVIPs, "vhid      = 2", "vhid      = 2\ngroup     = \"outer\"")
	b := newBed(t, settings{vips: vips, tables: "[ha_group.outer]\npreferred = \"fw2\"\n"})
	first, second := b.nodes[0], b.nodes[1]
	first.start()
	second.start()
	shared := func() bool {
		return first.applied() && second.applied() && roleIn(first, "main") == "MASTER" && roleIn(first, "outer") == "BACKUP" &&
			roleIn(second, "main") == "BACKUP" && roleIn(second, "outer") == "MASTER"
	}
	b.await("each to be master of one", shared)
	if !first.has(lanVIP) || first.has(wanVIP) || second.has(lanVIP) || !second.has(wanVIP) {
		t.Error("the addresses are not where the roles are")
	}
	second.kill()
	b.await("the other to have both", func() bool { return roleIn(first, "main") == "MASTER" && roleIn(first, "outer") == "MASTER" })
	b.awaitPass()
	second.start()
	b.await("each to be master of one again", shared)
	b.wantOneMaster()
	first.order("ha", "takeover", "outer")
	b.await("one to have both by order", func() bool { return roleIn(first, "outer") == "MASTER" && roleIn(second, "outer") == "BACKUP" })
	b.awaitPass()
}

// roleIn is the node's role in a group.
func roleIn(n *node, group string) string {
	s, err := n.try()
	if err != nil {
		return ""
	}
	for _, g := range s.Groups {
		if g.Name == group {
			return g.Role
		}
	}
	return ""
}

// Where a switch lets no multicast pass, the nodes are told of each other.
func TestUnicast(t *testing.T) {
	s := settings{lan: func(n *node) string {
		o := n.other(n)
		return "peer = [\"" + o.lan().String() + "\", \"" + o.lan6().String() + "\"]\n"
	}}
	b := newBed(t, s)
	b.drop("lan", noMulticast)
	b.nodes[0].start()
	b.nodes[1].start()
	first, second := b.nodes[0], b.nodes[1]
	b.settle(first)
	b.await("the nodes to hear each other by unicast", func() bool { return hears(first, "lan") && hears(second, "lan") })
	w := b.watch()
	at := time.Now()
	first.kill()
	b.tookOver(w, second, at)
	first.start()
	b.settle(first)
	b.wantOneMaster()
	for _, n := range b.nodes {
		if count := n.status().Counters["replayed or forged heartbeats"]; count > 0 {
			t.Errorf("%s takes %d heartbeats for replayed ones", n, count)
		}
	}
	// A busy machine lets a node look doubtful for a moment.
	b.await("a content doctor", func() bool { _, content := first.findings(); return content })
}

// noMulticast has a port pass nothing to the groups of CARP.
const noMulticast = `table netdev deaf_%[1]s {
	chain in { type filter hook ingress device %[1]q priority 0; ether daddr { 01:00:5e:00:00:12, 33:33:00:00:00:12 } drop; }
}`
