package nat

import (
	"net/netip"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules"
	"go4.org/netipx"
)

// Evaluator reads the translations of a policy as its author wrote them. It
// holds what every list stands for, so that many packets can be asked about.
// It may be asked from many goroutines at once.
type Evaluator struct {
	w        *rules.World
	forwards []forwardRead
	pairs    []pairRead
	mirrors  []string // interfaces whose packets may come back by them, as a translation sends them
	outbound []outboundRead
	inside   *netipx.IPSet
}

// forwardRead is a port forward with what its lists stand for.
type forwardRead struct {
	config.PortForward
	entries []string
	source  *rules.Listed
	v4, v6  side
	without bool // it has no target of any family
}

// side is what a port forward is for one family.
type side struct {
	destination *rules.Listed // nil: nothing comes for it
	choice
}

// choice is addresses, of which a translation takes one.
type choice struct {
	targets
	candidates []netip.Addr
	dealt      []netip.Addr // by slot; empty: it translates nothing of the family
}

type pairRead struct {
	pair
	entries []string
	reach   *netipx.IPSet
}

// outboundRead is an [[outbound]] with what its lists stand for.
type outboundRead struct {
	config.Outbound
	v4, v6              *choice // nil: it is not for the family
	source, destination *rules.Listed
	sourcePorts, ports  []config.PortRange // nil: any
}

// NewEvaluator reads the world's translations.
func NewEvaluator(w *rules.World) *Evaluator {
	e := &Evaluator{w: w, inside: w.Inside(), mirrors: mirrors(w)}
	lists := rules.NewLists(w)
	for _, f := range forwards(w.Config) {
		r := forwardRead{PortForward: f, entries: entries(w, f), source: lists.Read(f.Source)}
		r.v4, r.v6 = sideOf(lists, w, f, rules.V4), sideOf(lists, w, f, rules.V6)
		r.without = len(r.v4.all)+len(r.v6.all) == 0
		e.forwards = append(e.forwards, r)
	}
	for _, p := range pairs(w.Config) {
		e.pairs = append(e.pairs, pairRead{p, p.entries(w), p.reach(w)})
	}
	for _, o := range outbounds(w.Config) {
		r := outboundRead{
			Outbound: o, source: lists.Read(o.Source), destination: lists.Read(o.Destination),
			sourcePorts: w.Ports(o.SourcePorts), ports: w.Ports(o.Ports),
		}
		for _, f := range familiesOf(w, o) {
			*r.of(f) = read(poolOf(w, o, f))
		}
		e.outbound = append(e.outbound, r)
	}
	return e
}

// sideOf reads one family of a port forward. Without a destination it is for the
// outside address of its interface.
func sideOf(lists *rules.Lists, w *rules.World, f config.PortForward, fam rules.Family) side {
	s := side{choice: *read(targetsOf(w, f, fam))}
	terms := f.Destination
	if len(terms) == 0 {
		a := Outside(w, f.On, fam)
		if !a.IsValid() {
			return s
		}
		terms = addresses(config.Range{From: a, To: a})
	}
	s.destination = lists.Read(terms)
	return s
}

// read makes targets ready to be asked.
func read(t targets) *choice { return &choice{t, t.candidates(), t.slots()} }

// chosen is the address that the kernel takes for a source; of those that it
// counts or draws, the first stands for all.
func (c *choice) chosen(src netip.Addr) netip.Addr {
	if isFree(c.spread) {
		return c.candidates[0]
	}
	return slotOf(c.dealt, src)
}

// isFree says whether the kernel chooses by more than the packet itself.
func isFree(s config.Spread) bool { return s == config.SpreadRoundRobin || s == config.SpreadRandom }

// slotOf is the address in the slot of a source.
func slotOf(slots []netip.Addr, src netip.Addr) netip.Addr {
	return slots[nft.Spread(src, spreadSeed, len(slots))]
}

func (f *forwardRead) side(fam rules.Family) *side {
	if fam == rules.V6 {
		return &f.v6
	}
	return &f.v4
}

// of is where the choice for a family stands.
func (o *outboundRead) of(fam rules.Family) **choice {
	if fam == rules.V6 {
		return &o.v6
	}
	return &o.v4
}
