package analysis

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules"
	"github.com/rempart/rempart/rules/space"
)

// Change is something that happens otherwise under another policy.
type Change struct {
	// What is packets, a translation, or a remark that stands for itself.
	What string
	// Old and New are what becomes of it: a verdict and what gives it, or what a
	// translation does. Empty: it is not there.
	Old, New string
	// Packet is one of the packets, as config.ParsePacket reads it; empty when none can be told.
	Packet string
}

// String is one line.
func (c Change) String() string {
	switch {
	case c.Old == "" && c.New == "":
		return c.What
	case c.Old == "":
		return c.What + " is new: " + c.New
	case c.New == "":
		return c.What + " is gone: " + c.Old
	}
	return c.What + ": " + c.Old + " becomes " + c.New
}

// What bounds a list of changes: lines in all, and of one pair of rules.
const (
	mostChanges     = 40
	mostChangesEach = 4
)

// Changes is what traffic has another verdict under a new policy or leaves by
// another gateway, what passes then first, and which translations, lines and
// routes come, go or are others. Both worlds have to
// be made for the same moment. It is exact, for every content of aliases that
// learn; where there is more to tell than anybody reads, the last line says so.
func Changes(old, new *rules.World) []Change {
	c := compare(old, new)
	var out []Change
	for _, k := range slices.SortedFunc(maps.Keys(c.found), c.order) {
		out = append(out, c.changes(k, c.simplified(c.found[k]))...)
	}
	if more := len(out) - mostChanges; more > 0 {
		out = append(out[:mostChanges], Change{What: fmt.Sprintf("%d more changes of verdicts", more)})
	}
	if c.incomplete {
		out = append(out, Change{What: "more changes than could be worked out: the policies differ too much"})
	}
	return append(out, translations(old, new)...)
}

// order brings what passes now before what is stopped now, and the rest last; each
// in the order of the new policy.
func (c *comparison) order(a, b [2]int) int {
	rank := func(k [2]int) int {
		was, is := c.was.entries[k[0]].action == config.Pass, c.is.entries[k[1]].action == config.Pass
		switch {
		case is && !was:
			return 0
		case was && !is:
			return 1
		}
		return 2
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a[1], b[1]), cmp.Compare(a[0], b[0]))
}

// changes tells the region that goes over from one entry to another.
func (c *comparison) changes(k [2]int, region []space.Cube) []Change {
	var out []Change
	old, new := &c.was.entries[k[0]], &c.is.entries[k[1]]
	lines := c.traffics(region)
	for i, t := range lines {
		if i == mostChangesEach && len(lines) > mostChangesEach+1 {
			out = append(out, Change{What: fmt.Sprintf("%d more parts", len(lines)-i), Old: old.verdict(), New: new.verdict()})
			break
		}
		out = append(out, Change{What: t.String(), Old: old.verdict(), New: new.verdict()})
	}
	for i := range c.found[k] {
		if out[0].Packet = c.new.example(&c.found[k][i]); out[0].Packet != "" {
			break
		}
	}
	return out
}

// verdict is what an entry does, and its name.
func (e *entry) verdict() string {
	switch {
	case e.rule != nil && e.effect().gateway != "":
		return fmt.Sprintf("%s (rule %s by %s)", e.action, e.name, e.rule.Gateway)
	case e.rule != nil:
		return fmt.Sprintf("%s (rule %s)", e.action, e.name)
	}
	return fmt.Sprintf("%s (%s)", e.action, e.name)
}
