package trace

import (
	"fmt"
	"slices"

	"github.com/rempart/rempart/firewall/nft"
)

// Policy is our table and what the policy calls the parts of it.
type Policy struct {
	Ruleset nft.Ruleset
	// Comments and Counters name the rules of the ruleset by their comment or, before
	// it, by what they count on.
	Comments, Counters map[string]Origin
	Interfaces         map[string]string // by device
	Gateways           map[uint32]string // by the mark that their flows get
}

// Origin is what of the policy a rule of the ruleset comes from.
type Origin struct {
	Kind    Kind
	Name    string // in the policy; empty: it is automatic
	Line    int    // where it stands there
	Setting string // that makes an automatic one
	Cause   string // as in the packet log
	Text    string // what an automatic one is: "admin access"
}

// Kind says what of a policy an Origin is.
type Kind int

// The kinds of origin.
const (
	Automatic   Kind = iota // Automatic: the gateway's own, that passes.
	Drop                    // Drop: the gateway's own, that blocks.
	Rule                    // Rule: a filter rule.
	Limit                   // Limit: the limits of a filter rule.
	PortForward             // PortForward: a [[port_forward]].
	OneToOne                // OneToOne: a [[one_to_one]].
	Prefix                  // Prefix: a [[prefix]].
	Outbound                // Outbound: an [[outbound]].
)

// String is the kind as people call it.
func (k Kind) String() string {
	names := [...]string{"automatic", "automatic block", "rule", "limit of rule", "port forward", "one-to-one", "prefix", "outbound"}
	if k < 0 || int(k) >= len(names) {
		return "unknown"
	}
	return names[k]
}

// String names the origin: "rule lan-out", "admin access".
func (o Origin) String() string {
	switch {
	case o.Name != "":
		return o.Kind.String() + " " + o.Name
	case o.Kind == Drop:
		return fmt.Sprintf("%s %s: %s", o.Kind, o.Cause, o.Text)
	}
	return o.Text
}

// does is a sentence of what the origin does: "rule lan-out passes it (line 42)".
func (o Origin) does(what string) string {
	s := o.String()
	if o.Kind != Drop { // which says it
		s += " " + what
	}
	if o.Line > 0 {
		s += fmt.Sprintf(" (line %d)", o.Line)
	}
	return s
}

// place is a rule of our table by its handle.
type place struct {
	number  int // in its chain, from 1
	comment string
	rule    nft.Rule // zero when it is not known
}

// index finds rules by their handles.
type index map[uint64]place

// newIndex brings what the kernel has and what was sent to it together: the
// handles of a chain stand in the order of its rules.
func newIndex(r nft.Ruleset, handles []nft.RuleHandle) index {
	by := map[string][]nft.RuleHandle{}
	for _, h := range handles {
		by[h.Chain] = append(by[h.Chain], h)
	}
	out := index{}
	for _, c := range r.Chains {
		same := slices.EqualFunc(by[c.Name], c.Rules, func(h nft.RuleHandle, r nft.Rule) bool { return h.Comment == r.Comment })
		for i, h := range by[c.Name] {
			p := place{number: i + 1, comment: h.Comment}
			if same {
				p.rule = c.Rules[i]
			}
			out[h.Handle] = p
		}
	}
	return out
}

// origin says what of the policy a rule comes from.
func (p Policy) origin(at place) (Origin, bool) {
	for _, x := range at.rule.Exprs {
		if c, ok := x.(nft.Count); ok {
			if o, ok := p.Counters[c.Counter]; ok {
				return o, true
			}
		}
	}
	if p.gateway(at) != "" { // by whose name its comment may go
		return Origin{}, false
	}
	if o, ok := p.Comments[at.comment]; ok {
		return o, true
	}
	return at.unnamed()
}

// gateway is the gateway that a rule gives to a flow; empty: it gives none.
func (p Policy) gateway(at place) string {
	for _, x := range at.rule.Exprs {
		if m, ok := x.(nft.SetMark); ok && m.Field == nft.CTMark {
			return p.Gateways[m.Value]
		}
	}
	return ""
}

// unnamed knows the rules at the head of our base chains, which count nothing.
func (at place) unnamed() (Origin, bool) {
	accepts := slices.Contains(at.rule.Exprs, nft.Expr(nft.Verdict{Kind: nft.Accept}))
	for _, x := range at.rule.Exprs {
		switch x := x.(type) {
		case nft.CTState:
			if accepts && !x.Not && x.States&nft.StateEstablished != 0 {
				return Origin{Cause: causeEstablished, Setting: always, Text: "a flow that stands, or one that belongs to it,"}, true
			}
		case nft.Match:
			if accepts && x.Field == nft.IIFName && len(x.Values) == 1 && x.Values[0].Name == "lo" {
				return Origin{Cause: causeLoopback, Setting: always, Text: "the loopback device"}, true
			}
		}
	}
	return Origin{}, false
}

const always = "always"

// Causes that the packet log has no word for.
const (
	causeEstablished = "established"
	causeLoopback    = "loopback"
	causeOwn         = "own"
	causeForeign     = "foreign"
)

// has says whether the rule has such an expression.
func (at place) has(is func(nft.Expr) bool) bool { return slices.ContainsFunc(at.rule.Exprs, is) }

func isTranslation(x nft.Expr) bool {
	switch x.(type) {
	case nft.NAT, nft.Masquerade:
		return true
	}
	return false
}

func isReject(x nft.Expr) bool {
	_, ok := x.(nft.Reject)
	return ok
}

// base is the hook of a base chain of our table; nil when it is none.
func (p Policy) base(chain string) *nft.Hook {
	for _, c := range p.Ruleset.Chains {
		if c.Name == chain {
			return c.Hook
		}
	}
	return nil
}
