package onepolicy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rempart/rempart/ha/view"
)

// TestOwnRules has the nodes share all but their rules.
func TestOwnRules(t *testing.T) {
	b := newPair(t)
	one, two := b.nodes[0], b.nodes[1]
	alias := func(address string) string {
		return "\n[alias.servers]\naddresses = [\"" + address + "\"]\n" + rule("servers", "@servers")
	}
	shared := func(text string) string {
		return strings.Replace(text, "[ha]\n", "[ha]\nsections = [\"nat\", \"aliases\", \"schedules\", \"routes\", \"vips\", \"shaper\"]\n", 1)
	}
	one.write("rempart.toml", shared(b.next(alias(leftAddress))))
	one.mustApply()
	b.runOwn(one, b.last, leftAddress)
	b.await("fw2 to have the alias", func() bool { return strings.Contains(string(two.running()), leftAddress) })
	if mark := two.mark(); mark != b.last-1 {
		b.Errorf("fw2 has the rules of %d, want its own of %d", mark, b.last-1)
	}
	own := b.last + 50
	two.write("rempart.toml", shared(policy(own, alias(leftAddress))))
	two.mustApply()
	b.runOwn(two, own, leftAddress)
	one.write("rempart.toml", shared(b.next(alias(rightAddress))))
	one.mustApply()
	b.runOwn(one, b.last, rightAddress)
	b.runOwn(two, own, rightAddress)
	if text := two.read("rempart.toml"); !strings.Contains(text, rightAddress) || !strings.Contains(text, fmt.Sprintf("192.0.2.%d", own)) {
		b.Errorf("the file of fw2 is\n%s", text)
	}
	two.order("rollback")
	b.runOwn(two, own, leftAddress)
	b.runOwn(one, b.last, leftAddress)
}

// runOwn waits until a node runs rules of its own, and what both share, and both are in step.
func (b *bed) runOwn(n *node, mark int, address string) {
	b.Helper()
	b.await(n.String()+" to run its rules and what is shared", func() bool {
		return n.mark() == mark && strings.Contains(n.ruleset(), address)
	})
	for _, m := range b.nodes {
		b.await("the nodes to be in step", func() bool {
			p, err := m.policy()
			return err == nil && p.State == view.PolicyInStep && p.Ruleset == view.RulesetUnknown && slices.Equal(p.Kept, []string{"rules"})
		})
	}
}
