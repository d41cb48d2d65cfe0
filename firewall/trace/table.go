package trace

import (
	"math"
	"strings"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
)

// TablePrefix begins the name of every table that marks packets. Such a table
// decides nothing and goes with the process.
const TablePrefix = "rempart_trace_"

// Ours says that a table exists only to follow packets.
func Ours(table string) bool { return strings.HasPrefix(table, TablePrefix) }

// The chains of a marking table. The last two have no rules: that a packet which is
// followed gets there is told, with its headers as they are in the end.
const (
	chainCame       = "came" // from outside
	chainSent       = "sent" // by the gateway itself
	chainAnswersIn  = "answers_in"
	chainAnswersOut = "answers_out"
	chainLeft       = "left"
	chainTaken      = "taken"
)

// Priorities: before everything that nft has a name for; after conntrack, which
// knows answers whatever was translated; and after everything.
const (
	priorityFirst   = -400
	priorityAnswers = -199
	priorityLast    = math.MaxInt32 - 1
)

// A busy flow is followed at this rate at most: each packet has some tens of steps to tell.
const (
	packetsASecond = 5
	packetsAtOnce  = 5
)

// Table is the ruleset that marks the packets of a flow that come in by a
// device, which is empty when the flow names none. With reply it marks the answers.
func (f Flow) Table(name, device string, reply bool) nft.Ruleset {
	r := nft.Ruleset{Table: nft.Table{Name: name}}
	add := func(name, point string, priority int, matches ...[]nft.Expr) {
		chain := nft.Chain{Name: name, Hook: &nft.Hook{Type: "filter", Point: point, Priority: priority, Policy: nft.Verdict{Kind: nft.Accept}}}
		if matches != nil {
			chain.Rules = []nft.Rule{mark(matches...)}
		}
		r.Chains = append(r.Chains, chain)
	}
	switch {
	case reply:
		add(chainAnswersIn, nft.Prerouting, priorityAnswers, f.answerMatches())
		add(chainAnswersOut, nft.Output, priorityAnswers, f.answerMatches())
	default:
		if f.In != Self {
			add(chainCame, nft.Prerouting, priorityFirst, by(device), f.matches())
		}
		if f.In == "" || f.In == Self {
			add(chainSent, nft.Output, priorityFirst, f.matches())
		}
	}
	add(chainLeft, nft.Postrouting, priorityLast)
	add(chainTaken, nft.Input, priorityLast)
	return r
}

// mark begins the trace of packets that match.
func mark(matches ...[]nft.Expr) nft.Rule {
	var r nft.Rule
	for _, m := range matches {
		r.Exprs = append(r.Exprs, m...)
	}
	r.Exprs = append(r.Exprs, nft.Limit{Rate: packetsASecond, Unit: time.Second, Burst: packetsAtOnce}, nft.SetTrace{})
	return r
}

func by(device string) []nft.Expr {
	if device == "" {
		return nil
	}
	return []nft.Expr{nft.Match{Field: nft.IIFName, Values: []nft.Value{nft.Ifname(device)}}}
}

// matches compares the headers of a packet.
func (f Flow) matches() []nft.Expr {
	from, to := nft.IPSaddr, nft.IPDaddr
	if f.family().Is6() {
		from, to = nft.IP6Saddr, nft.IP6Daddr
	}
	out := append(f.protocolMatch(), addressMatch(from, f.Source)...)
	out = append(out, addressMatch(to, f.Destination)...)
	out = append(out, portMatch(nft.THSport, f.SourcePort)...)
	out = append(out, portMatch(nft.THDport, f.DestinationPort)...)
	if f.TCPFlags != nil {
		out = append(out, nft.TCPFlags{Mask: f.TCPFlags.Mask, Value: f.TCPFlags.Value})
	}
	return append(out, f.icmpMatch()...)
}

// answerMatches compares what the first packet of an answer's flow said: that is
// what was asked for, whatever was translated since.
func (f Flow) answerMatches() []nft.Expr {
	const reply = 1
	from, to := nft.CTOrigSaddr, nft.CTOrigDaddr
	family := nft.Number(nft.TypeNFProto, 2)
	if f.family().Is6() {
		from, to = nft.CTOrigSaddr6, nft.CTOrigDaddr6
		family = nft.Number(nft.TypeNFProto, 10)
	}
	var out []nft.Expr
	if f.family().IsValid() {
		out = append(out, nft.Match{Field: nft.NFProto, Values: []nft.Value{family}})
	}
	out = append(out, f.protocolMatch()...)
	out = append(out, nft.Match{Field: nft.CTDirection, Values: []nft.Value{nft.Number(nft.TypeDirection, reply)}})
	out = append(out, addressMatch(from, f.Source)...)
	out = append(out, addressMatch(to, f.Destination)...)
	out = append(out, portMatch(nft.CTOrigSport, f.SourcePort)...)
	return append(out, portMatch(nft.CTOrigDport, f.DestinationPort)...)
}

func (f Flow) protocolMatch() []nft.Expr {
	if !f.Protocol.Known {
		return nil
	}
	return []nft.Expr{nft.Match{Field: nft.L4Proto, Values: []nft.Value{nft.Number(nft.TypeProto, uint32(f.Protocol.Number))}}}
}

func addressMatch(field nft.Field, r config.Range) []nft.Expr {
	if !r.From.IsValid() {
		return nil
	}
	return []nft.Expr{nft.Match{Field: field, Values: []nft.Value{nft.Addresses(r.From, r.To)}}}
}

func portMatch(field nft.Field, r config.PortRange) []nft.Expr {
	if r == (config.PortRange{}) {
		return nil
	}
	return []nft.Expr{nft.Match{Field: field, Values: []nft.Value{nft.Numbers(nft.TypePort, uint32(r.From), uint32(r.To))}}}
}

func (f Flow) icmpMatch() []nft.Expr {
	if f.ICMP == nil {
		return nil
	}
	typ, code, kind := nft.ICMPTypeF, nft.ICMPCodeF, nft.TypeICMP
	if f.ICMP.Protocol == config.ICMPv6 {
		typ, code, kind = nft.ICMPv6TypeF, nft.ICMPv6CodeF, nft.TypeICMPv6
	}
	out := []nft.Expr{nft.Match{Field: typ, Values: []nft.Value{nft.Number(kind, uint32(f.ICMP.Type))}}}
	if f.ICMP.Code >= 0 {
		out = append(out, nft.Match{Field: code, Values: []nft.Value{nft.Number(nft.TypeCode, uint32(f.ICMP.Code))}})
	}
	return out
}
