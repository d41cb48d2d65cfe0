package scenario_test

import (
	"strings"
	"testing"
)

// Who is blocked on the master is blocked by the other node when that is master, for the time that is left.
func TestBlockListsFollowTheRole(t *testing.T) {
	b := newBed(t, settings{tables: "[alias.caught]\ndynamic = true\ntimeout = \"2h\"\n"})
	first, second := b.nodes[0], b.nodes[1]
	first.start()
	second.start()
	b.settle(first)
	caught := func(n *node) string { return n.run("nft", "list", "set", "inet", "rempart", "alias_caught_v4") }
	first.run("nft", "add element inet rempart alias_caught_v4 { 198.51.100.66 expires 61m, 198.51.100.67 }")
	b.await("the backup to know who is blocked", func() bool {
		list := caught(second)
		return strings.Contains(list, "198.51.100.66 expires 1h") && strings.Contains(list, "198.51.100.67 expires 1h59m")
	})
	first.run("nft", "delete element inet rempart alias_caught_v4 { 198.51.100.67 }")
	b.await("the backup to forget who is not blocked any more", func() bool { return !strings.Contains(caught(second), "198.51.100.67") })
	if w := troubles(second.status()); len(w) > 0 {
		t.Errorf("the backup warns: %q", w)
	}
	first.kill()
	b.await("the other node to be master", func() bool { return second.role() == "MASTER" })
	if list := caught(second); !strings.Contains(list, "198.51.100.66 expires 1h") {
		t.Errorf("the new master has\n%s", list)
	}
	second.run("nft", "add element inet rempart alias_caught_v4 { 198.51.100.68 }")
	first.start()
	b.settle(first) // it is preferred, and takes the role back
	b.await("the first master to know who was blocked meanwhile", func() bool {
		list := caught(first)
		return strings.Contains(list, "198.51.100.66") && strings.Contains(list, "198.51.100.68")
	})
}
