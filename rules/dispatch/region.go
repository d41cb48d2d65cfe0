package dispatch

import (
	"math"

	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules/space"
)

// region is what the way to a list has told of a packet: in each dimension the
// points where it can be; nil where nothing is known.
type region [numDims]space.Set

// answered says whether every packet of the region is within a term.
func (g *region) answered(t *Term) bool {
	return t.Dim < numDims && t.Exact && g[t.Dim] != nil && t.Within.Covers(g[t.Dim])
}

// open is the terms of a rule that the region has not answered, as bits.
func (g *region) open(r *Rule) uint32 {
	var mask uint32
	for i := range r.Terms {
		if !g.answered(&r.Terms[i]) {
			mask |= 1 << i
		}
	}
	return mask
}

// reaches says whether a packet of the region can match a term.
func (g *region) reaches(t *Term) bool {
	return t.Dim >= numDims || t.Within == nil || g[t.Dim] == nil || t.Within.Meets(g[t.Dim])
}

// count notes which term is of which dimension.
func (r *Rule) count() {
	if r.at != nil {
		return
	}
	r.at = new([numDims]int8)
	for i := range r.Terms {
		if d := r.Terms[i].Dim; d < numDims {
			r.at[d] = int8(i + 1)
		}
	}
}

// term is the rule's term of a dimension; nil when it has none there.
func (r *Rule) term(d Dim) *Term {
	if i := r.at[d]; i > 0 {
		return &r.Terms[i-1]
	}
	return nil
}

// single is the only number of a set.
func single(s space.Set) (uint64, bool) {
	if len(s) != 1 || s[0].From != s[0].To {
		return 0, false
	}
	return s[0].From.Lo, true
}

const (
	ipv4 = 4
	ipv6 = 6

	icmp4 = 1
	icmp6 = 58
)

// ported are the protocols whose headers begin with both ports.
var ported = space.Points(6, 17, 33, 132, 136)

// universe is every point of a dimension where packets of a region can be.
func (g *region) universe(d Dim, devices int) space.Set {
	switch {
	case g[d] != nil:
		return g[d]
	case d.device():
		return space.Span(0, uint64(devices)) // the last stands for every other device
	case d == Family:
		return space.Points(ipv4, ipv6)
	case d == Protocol, d == ICMPType:
		return space.Span(0, math.MaxUint8)
	case d == SourcePort, d == Port:
		return space.Span(0, math.MaxUint16)
	case g.family() == ipv6:
		return space.Set{{To: space.Point{Hi: math.MaxUint64, Lo: math.MaxUint64}}}
	}
	return space.Span(0, math.MaxUint32)
}

func (g *region) family() uint64 {
	f, _ := single(g[Family])
	return f
}

// field is what a map of a dimension looks at in a region; false where no field serves all its packets.
func (g *region) field(d Dim) (nft.Field, bool) {
	four, known := g.family() == ipv4, g.family() != 0
	switch d {
	case Out:
		return nft.OIFName, true
	case Route:
		return nft.FIBDaddrOIFName, true
	case Family:
		return nft.NFProto, true
	case Protocol:
		return nft.L4Proto, true
	case Source:
		return pick(four, nft.IPSaddr, nft.IP6Saddr), known
	case Destination:
		return pick(four, nft.IPDaddr, nft.IP6Daddr), known
	case SourcePort, Port: // th implies no protocol, which is known and not asked for again
		return pick(d == SourcePort, nft.THSport, nft.THDport), g[Protocol] != nil && ported.Covers(g[Protocol])
	}
	p, _ := single(g[Protocol])
	return pick(p == icmp4, nft.ICMPTypeF, nft.ICMPv6TypeF), p == icmp4 || p == icmp6
}

func pick(first bool, a, b nft.Field) nft.Field {
	if first {
		return a
	}
	return b
}

// value is a range of a dimension as the key of a map.
func (b *Builder) value(d Dim, f nft.Field, r space.Range) nft.Value {
	switch d {
	case Out, Route:
		return nft.Ifname(b.devices[r.From.Lo])
	case Family:
		return nft.Number(nft.TypeNFProto, map[uint64]uint32{ipv4: 2, ipv6: 10}[r.From.Lo])
	case Source, Destination:
		if f == nft.IPSaddr || f == nft.IPDaddr {
			return nft.Addresses(r.From.Addr4(), r.To.Addr4())
		}
		return nft.Addresses(r.From.Addr6(), r.To.Addr6())
	}
	return nft.Numbers(f.Type(), uint32(r.From.Lo), uint32(r.To.Lo))
}
