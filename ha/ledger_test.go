package ha

import (
	"testing"
	"time"
)

func everywhere(string) bool { return true }

func TestLedgerHealsLater(t *testing.T) {
	var l ledger
	now := time.Now()
	if !l.set(now, "link lan", 1, true, "", "lan") || !l.set(now, "maintenance", 200, true, "", "") {
		t.Error("a new reason is no change")
	}
	if l.set(now, "link lan", 1, true, "", "lan") {
		t.Error("the same reason again is a change")
	}
	if got := l.sum(everywhere); got != 201 {
		t.Errorf("sum %d", got)
	}
	if got := l.sum(func(link string) bool { return link == "wan" }); got != 200 {
		t.Errorf("sum of a group that is not on lan: %d", got)
	}
	if got := l.list(); len(got) != 2 || got[0].Reason != "maintenance" {
		t.Errorf("list %+v", got)
	}
	l.set(now, "link lan", 1, false, "", "lan")
	if !l.has("link lan") || l.heal(now.Add(healAfter-1)) {
		t.Error("a reason goes with its cause")
	}
	if at := l.due(); !at.Equal(now.Add(healAfter)) {
		t.Errorf("due %v", at)
	}
	l.set(now.Add(time.Second), "link lan", 1, true, "", "lan") // the cable bounces
	l.set(now.Add(time.Second), "link lan", 1, false, "", "lan")
	if l.heal(now.Add(healAfter)) {
		t.Error("a bounce does not count")
	}
	if !l.heal(now.Add(time.Second+healAfter)) || l.has("link lan") {
		t.Error("a reason never goes")
	}
	l.drop("maintenance")
	if l.sum(everywhere) != 0 || !l.due().IsZero() {
		t.Errorf("left: %+v", l.list())
	}
}

func TestLedgerKeepsWhatIsNamed(t *testing.T) {
	var l ledger
	for _, name := range []string{"a", "b", "c"} {
		l.set(time.Now(), name, 1, true, "", "")
	}
	l.keep([]string{"b", "d"})
	if got := l.list(); len(got) != 1 || got[0].Reason != "b" {
		t.Errorf("kept %+v", got)
	}
}
