package onepolicy_test

import (
	"strings"
	"testing"
)

// TestFileBeingEdited has a revision come to a node whose rempart.toml somebody is editing.
func TestFileBeingEdited(t *testing.T) {
	b := newPair(t)
	one, two := b.nodes[0], b.nodes[1]
	b.sub("another object", func() {
		edit := policy(b.last, rule("edit", leftAddress))
		two.write("rempart.toml", edit)
		one.write("rempart.toml", b.next())
		one.mustApply()
		b.runBoth(b.last)
		b.left(two, edit)
		var c struct{ File string }
		two.answer(&c, "ha", "pull")
		two.wantWords(c.File, "rempart.toml")
		if want := policy(b.last, rule("edit", leftAddress)); two.read("rempart.toml") != want {
			b.Errorf("the merged file is\n%s\nwant\n%s", two.read("rempart.toml"), want)
		}
		two.mustApply()
		b.runBoth(b.last)
		if !strings.Contains(one.ruleset(), leftAddress) {
			b.Error("fw1 lacks the edit")
		}
	})
	b.sub("the same object", func() {
		edit := b.next()
		two.write("rempart.toml", edit)
		one.write("rempart.toml", b.next())
		one.mustApply()
		b.runBoth(b.last)
		b.left(two, edit)
		var c struct{ File string }
		two.answer(&c, "ha", "pull")
		two.wantWords(c.File, "rempart.toml.conflict")
		if both := two.read("rempart.toml.conflict"); !strings.Contains(both, "<<<<<<<") {
			b.Errorf("the file with both is\n%s", both)
		}
		b.left(two, edit)
		two.write("rempart.toml", b.next()) // what he made of both
		two.mustApply()
		b.runBoth(b.last)
	})
}

// left wants a node to have left a file alone, to say so, and to refuse to apply it.
func (b *bed) left(n *node, edit string) {
	b.Helper()
	if got := n.read("rempart.toml"); got != edit {
		b.Errorf("the file that was edited on %s is now\n%s", n, got)
	}
	p, err := n.policy()
	if err != nil || !strings.Contains(p.Draft, "rempart ha pull") {
		b.Errorf("%s says of the edit: %q, %v", n, p.Draft, err)
	}
	n.refused([]string{"apply", "--now"}, "rempart ha pull")
	b.runBoth(b.last)
}
