package applying_test

import (
	"context"
	"io"
	"net/netip"
	"os"

	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/ha/view"
)

// contender is a way to have gateways run a policy.
type contender interface {
	name() string
	// gateways are those that are to run it, the one that is told first.
	gateways() []*gateway
	// prepare returns what has them run a policy of so many rules, of which one opens a port.
	prepare(rules, port int) func() error
	// rest waits until there is nothing left to do.
	rest()
}

// ours is the built program, as a pair or alone.
type ours struct {
	*bed
	called string
	nodes  []*gateway
	more   string // of the policy
}

func (o *ours) name() string         { return o.called }
func (o *ours) gateways() []*gateway { return o.nodes }

// prepare asks the daemon of the first node, as `rempart apply --now` does when it has shown the change.
func (o *ours) prepare(rules, port int) func() error {
	o.Helper()
	own, err := os.ReadFile(o.nodes[0].File("etc/node.toml"))
	if err != nil {
		o.Fatal(err)
	}
	draft := report.Draft{PolicyName: "rempart.toml", Policy: []byte(policy(rules, port) + o.more), NodeName: "node.toml", Node: own}
	return func() error {
		_, err := o.nodes[0].daemon().Apply(o.Context(), report.Request{Draft: draft}, report.Caller{})
		return err
	}
}

// rest waits until the nodes of a pair have compared what they run.
func (o *ours) rest() {
	o.Helper()
	if len(o.nodes) == 1 {
		return
	}
	o.await("the pair to be in step", func() bool {
		for _, g := range o.nodes {
			s, err := g.daemon().HAStatus(o.Context())
			if err != nil || s.Policy == nil || s.Policy.State != view.PolicyInStep || s.Policy.Ruleset != view.RulesetEqual {
				return false
			}
		}
		return true
	})
}

// byHand is nft(8) on two gateways: on the one, and when the file has been copied there, on the other. Nobody logs in on
// that one, and nothing is ciphered, which would take longer.
type byHand struct {
	*bed
	nodes []*gateway
}

func (h *byHand) name() string         { return "nft by hand" }
func (h *byHand) gateways() []*gateway { return h.nodes }
func (h *byHand) rest()                {}

// prepare writes the file.
func (h *byHand) prepare(rules, port int) func() error {
	h.Helper()
	one, two := h.nodes[0], h.nodes[1]
	one.write("rules.nft", handRules(rules, port))
	return func() error {
		if err := one.nft(h.Context()); err != nil {
			return err
		}
		if err := copyRules(h.Context(), one, two); err != nil {
			return err
		}
		return two.nft(h.Context())
	}
}

// nft loads the gateway's file.
func (g *gateway) nft(ctx context.Context) error {
	_, err := g.host.Run(ctx, "nft", "-f", g.File("etc/rules.nft"))
	return err
}

// copyRules copies the file of a gateway to another one, over the network between them.
func copyRules(ctx context.Context, from, to *gateway) error {
	const port = 7000
	l, err := to.host.Listen("tcp", netip.AddrPortFrom(to.lan(), port))
	if err != nil {
		return err
	}
	defer l.Close() // all is said
	sent := make(chan error, 1)
	go func() { sent <- send(ctx, from, l.Addr().(interface{ AddrPort() netip.AddrPort }).AddrPort()) }()
	c, err := l.Accept()
	if err != nil {
		return err
	}
	defer c.Close() // was only read
	text, err := io.ReadAll(c)
	if err != nil {
		return err
	}
	if err := <-sent; err != nil {
		return err
	}
	return to.Write("etc/rules.nft", string(text), 0o600)
}

// send sends the gateway's file.
func send(ctx context.Context, from *gateway, to netip.AddrPort) error {
	text, err := os.ReadFile(from.File("etc/rules.nft"))
	if err != nil {
		return err
	}
	c, err := from.host.Dial(ctx, "tcp", netip.AddrPort{}, to)
	if err != nil {
		return err
	}
	if _, err := c.Write(text); err != nil {
		_ = c.Close() // the write said why
		return err
	}
	return c.Close()
}
