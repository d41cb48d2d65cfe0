package rules

import (
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
)

// protocolMatches is the alternatives of protocol, ports and ICMP types for one family (0: both).
func (s *Sets) protocolMatches(sel Selector, f Family) [][]nft.Expr {
	flags := func(m []nft.Expr) []nft.Expr {
		if sel.TCPFlags != nil {
			m = append(m, nft.TCPFlags{Mask: sel.TCPFlags.Mask, Value: sel.TCPFlags.Value})
		}
		return m
	}
	if len(sel.Protocols) == 0 && len(sel.ICMP) == 0 {
		return [][]nft.Expr{flags(nil)}
	}
	var out [][]nft.Expr
	ported, rest := split(sel.Protocols)
	if len(ported) > 0 {
		m := portMatches(ported, s.w.Ports(sel.SourcePorts), s.w.Ports(sel.Ports))
		out = append(out, flags(m))
	}
	for _, p := range []config.Protocol{config.ICMP, config.ICMPv6} {
		if !slices.Contains(rest, p) || p == config.ICMP && f == V6 || p == config.ICMPv6 && f == V4 {
			continue
		}
		for _, m := range icmpMatches(p, sel.ICMP) {
			if f == 0 && len(sel.ICMP) == 0 { // types imply the family, the protocol's number alone does not
				m = slices.Insert(m, 0, familyOfICMP(p).Match())
			}
			out = append(out, m)
		}
	}
	rest = slices.DeleteFunc(rest, func(p config.Protocol) bool { return p == config.ICMP || p == config.ICMPv6 })
	if len(rest) > 0 {
		out = append(out, []nft.Expr{protocolMatch(rest)})
	}
	return out
}

// split tells the protocols that have ports from those that have none.
func split(ps []config.Protocol) (ported, rest []config.Protocol) {
	for _, p := range ps {
		if p.HasPorts() {
			ported = append(ported, p)
		} else {
			rest = append(rest, p)
		}
	}
	return ported, rest
}

func protocolMatch(ps []config.Protocol) nft.Expr {
	m := nft.Match{Field: nft.L4Proto}
	sorted := slices.Compact(slices.Sorted(slices.Values(ps)))
	for _, p := range sorted {
		m.Values = append(m.Values, nft.Number(nft.TypeProto, uint32(p)))
	}
	return m
}

func portMatches(ps []config.Protocol, src, dst []config.PortRange) []nft.Expr {
	if src == nil && dst == nil {
		return []nft.Expr{protocolMatch(ps)}
	}
	var m []nft.Expr
	sport, dport := nft.THSport, nft.THDport
	switch {
	case len(ps) == 1 && ps[0] == config.TCP:
		sport, dport = nft.TCPSport, nft.TCPDport
	case len(ps) == 1 && ps[0] == config.UDP:
		sport, dport = nft.UDPSport, nft.UDPDport
	default:
		m = append(m, protocolMatch(ps))
	}
	if src != nil {
		m = append(m, nft.Match{Field: sport, Values: portValues(src)})
	}
	if dst != nil {
		m = append(m, nft.Match{Field: dport, Values: portValues(dst)})
	}
	return m
}

func portValues(rs []config.PortRange) []nft.Value {
	out := make([]nft.Value, len(rs))
	for i, r := range rs {
		out[i] = nft.Numbers(nft.TypePort, uint32(r.From), uint32(r.To))
	}
	return out
}

// familyOfICMP is the one IP version that a kind of ICMP belongs to.
func familyOfICMP(p config.Protocol) Family {
	if p == config.ICMPv6 {
		return V6
	}
	return V4
}

// icmpMatches is one alternative for all types without a code, and one for each type with a code.
func icmpMatches(p config.Protocol, types []config.ICMPType) [][]nft.Expr {
	field, code, typ := nft.ICMPTypeF, nft.ICMPCodeF, nft.TypeICMP
	if p == config.ICMPv6 {
		field, code, typ = nft.ICMPv6TypeF, nft.ICMPv6CodeF, nft.TypeICMPv6
	}
	if len(types) == 0 {
		return [][]nft.Expr{{protocolMatch([]config.Protocol{p})}}
	}
	var out [][]nft.Expr
	var plain []nft.Value
	for _, t := range types {
		if t.Protocol != p {
			continue
		}
		v := nft.Number(typ, uint32(t.Type))
		if t.Code < 0 {
			plain = append(plain, v)
			continue
		}
		out = append(out, []nft.Expr{
			nft.Match{Field: field, Values: []nft.Value{v}},
			nft.Match{Field: code, Values: []nft.Value{nft.Number(nft.TypeCode, uint32(t.Code))}},
		})
	}
	if len(plain) > 0 {
		slices.SortFunc(plain, func(a, b nft.Value) int { return int(a.Lo) - int(b.Lo) })
		plain = slices.CompactFunc(plain, func(a, b nft.Value) bool { return a.Lo == b.Lo })
		out = append([][]nft.Expr{{nft.Match{Field: field, Values: plain}}}, out...)
	}
	return out
}
