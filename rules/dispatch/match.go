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
		case (t.Dim == SourcePort || t.Dim == Port) && !r.asks(Protocol, open):
			out = append(out, bare(t)...)
		default:
			out = append(out, t.Match...)
		}
	}
	return out
}

// asks says whether a term of that dimension is open.
func (r *Rule) asks(d Dim, open uint32) bool {
	for i := range r.Terms {
		if r.Terms[i].Dim == d {
			return open>>i&1 == 1
		}
	}
	return false
}

// bare is a match of ports that does not ask for the protocol again, which costs
// as much as two comparisons.
func bare(t *Term) []nft.Expr {
	field := pick(t.Dim == SourcePort, nft.THSport, nft.THDport)
	out := make([]nft.Expr, len(t.Match))
	for i, x := range t.Match {
		if m, ok := x.(nft.Match); ok {
			m.Field = field
			x = m
		}
		out[i] = x
	}
	return out
}

// Weight is what a term costs in the kernel beside others: 0 for plain
// comparisons, then devices, sets, the time, and at last the routing table. What is
// cheap is best asked first.
func (t *Term) Weight() int {
	w := 0
	for _, x := range t.Match {
		switch x := x.(type) {
		case nft.Match:
			switch x.Field {
			case nft.IIFName, nft.OIFName:
				w = max(w, 1)
			case nft.FIBDaddrOIFName:
				w = 3
			}
		case nft.Lookup:
			w = max(w, 2)
		}
	}
	return w
}
