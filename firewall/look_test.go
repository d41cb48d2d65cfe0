package firewall

import (
	"net/netip"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/firewall/links"
)

// seeing is a machine on which others put the same on every interface that is asked about.
type seeing struct {
	Links
	hop netip.Addr
}

func (s *seeing) Learned(want links.State) (links.Learned, error) {
	out := links.Learned{Hops4: map[string]netip.Addr{}}
	for _, l := range want.Links {
		out.Hops4[l.Name] = s.hop
	}
	return out, nil
}

// TestLookHoldsAgainstWhatRuns: what is asked for a draft in between hides no change.
func TestLookHoldsAgainstWhatRuns(t *testing.T) {
	c, other := policyOfText(t, learnedLine), policyOfText(t, loneLine)
	machine := &seeing{hop: netip.MustParseAddr("100.64.7.1")}
	f := New(Parts{Links: machine, Logger: hclog.NewNullLogger()})
	f.look(c)
	f.running = &running{world: NewWorld(c, Learned{Machine: f.seen}, friday)}
	if f.look(c) {
		t.Error("changed, although nothing did")
	}
	machine.hop = netip.MustParseAddr("100.64.7.254")
	f.look(other)
	if !f.look(c) {
		t.Error("the next hop changed while a draft was looked at, and nobody noticed")
	}
}
