package onepolicy_test

import (
	"strings"
	"testing"

	"github.com/rempart/rempart/ha/view"
)

// dmz is an interface that a node may lack.
const dmz = "\n[interface.dmz]\n"

func (n *node) ownWithDMZ() string {
	return strings.Replace(n.own(), "[ha]", "[interface.dmz]\ndevice    = \"dmz0\"\naddresses = [\""+subnet(numbered("10.30.0.%d", n.number+2)).String()+"\"]\n\n[ha]", 1)
}

func TestPeerRefuses(t *testing.T) {
	b := newPair(t)
	one, two := b.nodes[0], b.nodes[1]
	b.sub("refused", func() {
		one.write("node.toml", one.ownWithDMZ())
		one.write("rempart.toml", policy(b.last+1, dmz))
		sw := b.net.Switch("dmz")
		for _, n := range b.nodes {
			n.host.Plug("dmz0", sw)
		}
		one.refused([]string{"apply", "--now"}, "fw2 refuses", "fw2: rempart.toml:", "dmz")
		b.runBoth(b.last)
	})
	b.sub("alone", func() {
		b.last++
		one.order("apply", "--now", "--alone")
		one.awaitPolicy(view.PolicyAhead, "fw2", "dmz")
		two.awaitPolicy(view.PolicyBehind, "dmz")
		if one.mark() != b.last || two.mark() != b.last-1 {
			b.Errorf("the kernels have %d and %d", one.mark(), two.mark())
		}
		one.refused([]string{"ha", "push"}, "fw2", "dmz")
	})
	b.sub("mended", func() {
		two.write("node.toml", two.ownWithDMZ())
		one.order("ha", "push")
		b.runBoth(b.last)
	})
}
