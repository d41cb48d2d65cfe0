package rules

import (
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules/dispatch"
	"github.com/rempart/rempart/rules/space"
)

// protocolTerms is the alternatives of protocol, ports and ICMP types for one family (0: both).
func (s *Sets) protocolTerms(sel Selector, f Family) []Alternative {
	flags := func(a Alternative) Alternative {
		if sel.TCPFlags != nil {
			match := nft.TCPFlags{Mask: sel.TCPFlags.Mask, Value: sel.TCPFlags.Value}
			a.Terms = append(a.Terms, dispatch.Term{Dim: dispatch.Other, Match: []nft.Expr{match}})
		}
		return a
	}
	if len(sel.Protocols) == 0 && len(sel.ICMP) == 0 {
		return []Alternative{flags(Alternative{Family: f})}
	}
	var out []Alternative
	ported, rest := split(sel.Protocols)
	sports, ports := s.w.Ports(sel.SourcePorts), s.w.Ports(sel.Ports)
	none := sports != nil && len(sports) == 0 || ports != nil && len(ports) == 0 // aliases may come to nothing
	if len(ported) > 0 && !none {
		terms := portTerms(ported, sports, ports)
		out = append(out, flags(Alternative{Family: f, Terms: terms}))
	}
	for _, p := range []config.Protocol{config.ICMP, config.ICMPv6} {
		own := familyOfICMP(p)
		if !slices.Contains(rest, p) || f != 0 && f != own {
			continue
		}
		for _, terms := range icmpTerms(p, sel.ICMP) {
			out = append(out, Alternative{Family: own, Terms: terms})
		}
	}
	rest = slices.DeleteFunc(rest, func(p config.Protocol) bool { return p == config.ICMP || p == config.ICMPv6 })
	if len(rest) > 0 {
		out = append(out, Alternative{Family: f, Terms: []dispatch.Term{protocolTerm(rest)}})
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

func protocolTerm(ps []config.Protocol) dispatch.Term {
	m := nft.Match{Field: nft.L4Proto}
	var within []space.Range
	for _, p := range slices.Compact(slices.Sorted(slices.Values(ps))) {
		m.Values = append(m.Values, nft.Number(nft.TypeProto, uint32(p)))
		within = append(within, space.Range{From: space.Num(uint64(p)), To: space.Num(uint64(p))})
	}
	return dispatch.Term{Dim: dispatch.Protocol, Within: space.Union(within), Exact: true, Match: []nft.Expr{m}}
}

// portTerms asks for the protocols and their ports; nil ports are any.
func portTerms(ps []config.Protocol, src, dst []config.PortRange) []dispatch.Term {
	sport, dport := nft.THSport, nft.THDport
	if len(ps) == 1 && ps[0] == config.TCP {
		sport, dport = nft.TCPSport, nft.TCPDport
	}
	if len(ps) == 1 && ps[0] == config.UDP {
		sport, dport = nft.UDPSport, nft.UDPDport
	}
	out := []dispatch.Term{protocolTerm(ps)}
	if src != nil {
		out = append(out, portTerm(dispatch.SourcePort, sport, src))
	}
	if dst != nil {
		out = append(out, portTerm(dispatch.Port, dport, dst))
	}
	return out
}

func portTerm(d dispatch.Dim, field nft.Field, rs []config.PortRange) dispatch.Term {
	within := make(space.Set, len(rs)) // sorted and merged, as Ports has them
	for i, r := range rs {
		within[i] = space.Range{From: space.Num(uint64(r.From)), To: space.Num(uint64(r.To))}
	}
	return dispatch.Term{Dim: d, Within: within, Exact: true, Match: []nft.Expr{nft.Match{Field: field, Values: portValues(rs)}}}
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

// icmpTerms is one alternative for all types without a code, and one for each type with a code.
func icmpTerms(p config.Protocol, types []config.ICMPType) [][]dispatch.Term {
	field, code, typ := nft.ICMPTypeF, nft.ICMPCodeF, nft.TypeICMP
	if p == config.ICMPv6 {
		field, code, typ = nft.ICMPv6TypeF, nft.ICMPv6CodeF, nft.TypeICMPv6
	}
	protocol := protocolTerm([]config.Protocol{p})
	if len(types) == 0 {
		return [][]dispatch.Term{{protocol}}
	}
	of := func(types []uint64) dispatch.Term {
		m := nft.Match{Field: field}
		for _, t := range types {
			m.Values = append(m.Values, nft.Number(typ, uint32(t)))
		}
		return dispatch.Term{Dim: dispatch.ICMPType, Within: space.Points(types...), Exact: true, Match: []nft.Expr{m}}
	}
	var out [][]dispatch.Term
	var plain []uint64
	for _, t := range types {
		switch {
		case t.Protocol != p:
		case t.Code < 0:
			plain = append(plain, uint64(t.Type))
		default:
			coded := nft.Match{Field: code, Values: []nft.Value{nft.Number(nft.TypeCode, uint32(t.Code))}}
			out = append(out, []dispatch.Term{protocol, of([]uint64{uint64(t.Type)}), {Dim: dispatch.Other, Match: []nft.Expr{coded}}})
		}
	}
	if len(plain) > 0 {
		slices.Sort(plain)
		out = slices.Insert(out, 0, []dispatch.Term{protocol, of(slices.Compact(plain))})
	}
	return out
}
