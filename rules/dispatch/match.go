package dispatch

import "github.com/rempart/rempart/firewall/nft"

// Matches is all that a packet has to pass, in the order of the terms.
func (r *Rule) Matches() []nft.Expr { return r.ask(^uint32(0)) }

// ask is the matches of the open terms, in their order. That of a family or a
// protocol is left out where another one asks for it as well.
func (r *Rule) ask(open uint32) []nft.Expr {
	var nfproto, l4proto uint8
	for i := range r.Terms {
		if t := &r.Terms[i]; open>>i&1 == 1 && t.Dim != Family && t.Dim != Protocol {
			for _, x := range t.Match {
				n, l := nft.Implied(x)
				nfproto, l4proto = max(nfproto, n), max(l4proto, l)
			}
		}
	}
	var out []nft.Expr
	for i := range r.Terms {
		t := &r.Terms[i]
		switch {
		case open>>i&1 == 0:
		case t.Dim == Family && nfproto != 0:
		case t.Dim == Protocol && l4proto != 0:
		default:
			out = append(out, t.Match...)
		}
	}
	return out
}
