package onepolicy_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/ha/view"
)

// Addresses by which rules beside the mark are told in a kernel.
const leftAddress, rightAddress = "198.51.100.1", "203.0.113.1"

// apart has each node take a policy of its own while they cannot speak to each other, and then notice it. It
// returns the revisions of both.
func (b *bed) apart(ours, theirs string) [2]report.Revision {
	b.Helper()
	for _, device := range []string{cableDevice, lanDevice} {
		b.nodes[0].host.Unplug(device)
	}
	var sides [2]report.Revision
	for i, text := range []string{ours, theirs} {
		n := b.nodes[i]
		n.awaitPolicy(view.PolicyAway)
		n.write("rempart.toml", text)
		n.wantWords(n.order("apply", "--now"), b.other(n).String()+" is away")
		sides[i] = n.history()[0]
	}
	for _, device := range []string{cableDevice, lanDevice} {
		b.nodes[0].host.Replug(device)
	}
	for _, n := range b.nodes {
		n.awaitPolicy(view.PolicyConflict)
		b.other(n).awaitRevision(sides[n.number].ID)
	}
	return sides
}

// awaitRevision waits until the node keeps a revision.
func (n *node) awaitRevision(id string) {
	n.Helper()
	n.await(n.String()+" to keep what the other made", func() bool {
		return slices.ContainsFunc(n.history(), func(r report.Revision) bool { return r.ID == id })
	})
}

// resolved wants both nodes to run a revision that descends from both sides, and keep all, and have it in their files.
func (b *bed) resolved(sides [2]report.Revision) {
	b.Helper()
	for _, n := range b.nodes {
		all := n.history()
		if p := all[0].Parents; len(p) != 2 || !slices.Contains(p, sides[0].ID) || !slices.Contains(p, sides[1].ID) {
			b.Errorf("%s runs %+v, want a child of both sides", n, all[0])
		}
		for _, s := range sides {
			n.awaitRevision(s.ID)
		}
		n.awaitFile("rempart.toml", string(n.running()))
	}
}

// diff is what a node says differs.
func (n *node) diff() view.PolicyDiff {
	n.Helper()
	var d view.PolicyDiff
	n.answer(&d, "ha", "diff")
	return d
}

func TestConflict(t *testing.T) {
	b := newPair(t)
	one, two := b.nodes[0], b.nodes[1]
	b.sub("merged", func() {
		sides := b.apart(policy(b.last, rule("left", leftAddress)), policy(b.last, rule("right", rightAddress)))
		for _, n := range b.nodes {
			if d := n.diff(); !d.Conflict || len(d.Objects) != 2 || len(d.Merged) == 0 || d.Own.ID == d.Peer.ID || d.Base.ID == "" {
				b.Errorf("%s sees %+v", n, d)
			}
			was := n.read("rempart.toml")
			n.write("rempart.toml", policy(99))
			n.refused([]string{"apply", "--now"}, "rempart ha diff")
			n.write("rempart.toml", was)
		}
		two.order("ha", "resolve", "merged", "--now")
		b.runBoth(b.last)
		for _, n := range b.nodes {
			if r := n.ruleset(); !strings.Contains(r, leftAddress) || !strings.Contains(r, rightAddress) {
				b.Errorf("%s lacks an edit: %s", n, r)
			}
		}
		b.resolved(sides)
	})
	for i, take := range []string{"ours", "theirs"} {
		b.sub(take, func() {
			sides := b.apart(b.next(), b.next())
			one.refused([]string{"ha", "resolve", "merged", "--now"}, "rule mark")
			two.order("ha", "resolve", take, "--now")
			want := b.last - i // what fw2 has, or fw1
			b.runBoth(want)
			b.resolved(sides)
		})
	}
	b.sub("edited", func() {
		sides := b.apart(b.next(), b.next())
		draft := one.rempart("ha", "diff", "--merged")
		if draft.code != 1 || !strings.Contains(draft.text, "<<<<<<<") {
			b.Errorf("ha diff --merged ends with %d: %s", draft.code, draft.text)
		}
		edited := filepath.Join(b.TempDir(), "both.toml")
		for _, text := range []string{draft.text, b.next()} {
			if err := os.WriteFile(edited, []byte(text), 0o600); err != nil {
				b.Fatal(err)
			}
			if text == draft.text {
				one.refused([]string{"ha", "resolve", edited, "--now"}, "mark")
			}
		}
		one.order("ha", "resolve", edited, "--now", "-m", "by hand")
		b.runBoth(b.last)
		b.resolved(sides)
	})
	b.sub("and on", func() {
		two.write("rempart.toml", b.next())
		two.mustApply()
		b.runBoth(b.last)
	})
}
