package survival_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/rempart/rempart/lab"
)

// A flow that nobody uses any more after a takeover ends as it would have on the node that made it, and is not kept for
// as long as copies are; one that is used goes on.
func TestForgottenFlowsEnd(t *testing.T) {
	t.Parallel()
	b := newBed(t, goodCable)
	for _, n := range b.nodes {
		for key, seconds := range short {
			n.host.Sysctl("net.netfilter.nf_conntrack_"+key, seconds)
		}
	}
	to := netip.AddrPortFrom(server, openPort)
	b.server.ServeUDP(to)
	b.startPair()
	forgotten, used := netip.AddrPortFrom(client, samePort+1), netip.AddrPortFrom(client, samePort+2)
	ask := func(from netip.AddrPort) {
		t.Helper()
		b.await("an answer to "+from.String(), func() bool {
			return b.client.UDP(b.Context(), to, lab.From(from)).Outcome == lab.Open
		})
	}
	ask(forgotten)
	ask(used)
	b.complete(b.nodes[1])
	heir := b.crashed(b.nodes[0])
	has := func(from netip.AddrPort) bool {
		return strings.Contains(heir.run("conntrack", "-L", "-p", "udp", "--sport", portOf(from)), "src="+client.String())
	}
	if !has(forgotten) {
		t.Error("the flow that is not used any more did not come over")
	}
	b.await("the forgotten flow to end", func() bool { ask(used); return !has(forgotten) })
	if !has(used) {
		t.Error("the flow that is used has ended")
	}
}

// portOf is the port of an address as programs of the distribution read it.
func portOf(a netip.AddrPort) string {
	_, port, _ := strings.Cut(a.String(), ":")
	return port
}
