package nat

import (
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
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
	mirrors  []string // interfaces whose packets may come back by them, as a port forward sends them
	outbound []outboundRead
	inside   *netipx.IPSet
}

// forwardRead is a port forward with what its lists stand for.
type forwardRead struct {
	config.PortForward
	entries []string
	source  *rules.Listed
	v4, v6  side
}

// side is what a port forward is for one family.
type side struct {
	destination *rules.Listed
	targets     []netip.Addr // empty: it translates nothing of the family
}

type pairRead struct {
	pair
	kind  Kind
	pos   config.Position
	reach *netipx.IPSet
}

// outboundRead is an [[outbound]] with what its lists stand for.
type outboundRead struct {
	config.Outbound
	family              rules.Family
	source, destination *rules.Listed
	ports               []config.PortRange // nil: any
}

// NewEvaluator reads the world's translations.
func NewEvaluator(w *rules.World) *Evaluator {
	e := &Evaluator{w: w, inside: w.Inside()}
	lists := rules.NewLists(w)
	for _, f := range forwards(w.Config) {
		r := forwardRead{PortForward: f, entries: entries(w, f), source: lists.Read(f.Source)}
		r.v4, r.v6 = sideOf(lists, w, f, rules.V4), sideOf(lists, w, f, rules.V6)
		e.forwards = append(e.forwards, r)
	}
	for _, p := range pairs(w.Config) {
		r := pairRead{pair: p, reach: p.reach(w)}
		r.kind, r.pos = p.origin(w.Config)
		e.pairs = append(e.pairs, r)
	}
	for _, i := range w.Config.Interfaces {
		if !i.External && slices.ContainsFunc(e.forwards, func(f forwardRead) bool { return slices.Contains(f.entries, i.Name) }) {
			e.mirrors = append(e.mirrors, i.Name)
		}
	}
	if mode := w.Config.NAT.Outbound; mode == config.NATHybrid || mode == config.NATManual {
		for _, o := range w.Config.Outbound {
			if !o.Disabled {
				e.outbound = append(e.outbound, readOutbound(lists, w, o))
			}
		}
	}
	return e
}

func sideOf(lists *rules.Lists, w *rules.World, f config.PortForward, fam rules.Family) side {
	dst := destination(w, f, fam)
	if len(dst) == 0 {
		return side{}
	}
	return side{destination: lists.Read(dst), targets: targets(w, f, fam)}
}

func (f *forwardRead) side(fam rules.Family) *side {
	if fam == rules.V6 {
		return &f.v6
	}
	return &f.v4
}

// origin is the table of the policy that a pair is written in.
func (p pair) origin(c *config.Config) (Kind, config.Position) {
	for _, o := range c.OneToOne {
		if o.Name == p.name {
			return OneToOne, o.Pos
		}
	}
	for _, t := range c.Prefixes {
		if t.Name == p.name {
			return Prefix, t.Pos
		}
	}
	return None, config.Position{}
}

func readOutbound(lists *rules.Lists, w *rules.World, o config.Outbound) outboundRead {
	r := outboundRead{
		Outbound: o, family: rules.V4,
		source: lists.Read(o.Source), destination: lists.Read(o.Destination), ports: w.Ports(o.Ports),
	}
	if o.Address.IsValid() {
		r.family = familyOf(o.Address)
	}
	return r
}

// Kind is what translated a packet: the table of the policy, or an automatism.
type Kind int

// The kinds of translations.
const (
	None Kind = iota
	PortForward
	OneToOne
	Prefix
	Reflection // nat.reflection, and a port forward back into its own segment
	Outbound
	Automatic // nat.outbound
)

// String is the key of the policy that brings the translation about.
func (k Kind) String() string {
	switch k {
	case PortForward:
		return "port_forward"
	case OneToOne:
		return "one_to_one"
	case Prefix:
		return "prefix"
	case Reflection:
		return "nat.reflection"
	case Outbound:
		return "outbound"
	case Automatic:
		return "nat.outbound"
	}
	return "none"
}
