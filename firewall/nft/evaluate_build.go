package nft

import "net/netip"

// builder makes a rule ready. It puts in what fields imply just as ruleEncoder
// does, for that is what the kernel runs.
type builder struct {
	*shared
	known protocols
	expr  int
	steps []step
}

// shared is what the rules of a ruleset have in common.
type shared struct {
	slots    map[string]int // of the named sets
	chains   map[string]*program
	verdicts map[string][]verdict    // of the named verdict maps, by element
	targets  map[string][]netip.Addr // of the named maps to addresses, by element
}

// newShared makes all chains by name, still empty, for jumps lead anywhere.
func newShared(slots map[string]int, r Ruleset) *shared {
	s := &shared{
		slots: slots, chains: make(map[string]*program, len(r.Chains)),
		verdicts: map[string][]verdict{}, targets: map[string][]netip.Addr{},
	}
	for _, c := range r.Chains {
		s.chains[c.Name] = &program{name: c.Name, hook: c.Hook}
	}
	for _, set := range r.Sets {
		switch set.Data {
		case TypeVerdict:
			s.verdicts[set.Name] = s.resolve(set.Elements)
		case TypeIPv4, TypeIPv6:
			s.targets[set.Name] = addressesOf(set.Elements)
		}
	}
	return s
}

func (s *shared) resolve(elements []Element) []verdict {
	out := make([]verdict, len(elements))
	for i, e := range elements {
		out[i] = s.verdict(e.Verdict)
	}
	return out
}

// verdict is a verdict with its chain, nil where that is missing.
func (s *shared) verdict(v Verdict) verdict {
	out := verdict{kind: v.Kind}
	if v.Kind == Jump || v.Kind == Goto {
		out.chain = s.chains[v.Chain]
	}
	return out
}

// slot is where the index of a named set is; missing where there is none.
func (s *shared) slot(set string) int {
	if i, ok := s.slots[set]; ok {
		return i
	}
	return missing
}

const missing = -1

func (b *builder) rule(r Rule) []step {
	for i, x := range r.Exprs {
		b.expr = i
		b.add(x)
		b.known.learn(x)
	}
	return b.steps
}

func (b *builder) put(op operation) { b.steps = append(b.steps, step{op, b.expr}) }

func (b *builder) add(x Expr) {
	switch x := x.(type) {
	case Match:
		b.match(x)
	case Lookup:
		b.require(x.Fields...)
		b.put(&member{fields: x.Fields, slot: b.slot(x.Set), not: x.Not})
	case VMap:
		b.vmap(x)
	case Verdict:
		b.put(&decision{b.verdict(x)})
	case Count:
		b.put(count(x))
	case Log:
		b.put(logged(x))
	case CTState:
		b.put(stateBits(x))
	case CTStatus:
		b.put(statusBits(x))
	case TCPFlags:
		b.requireProtocol(L4Proto, protoTCP, &b.known.l4proto)
		b.put(tcpFlags(x))
	case Limit, ConnLimit:
		b.put(b.limit(x))
	case DynSet:
		b.require(x.Fields...)
		b.put(&addTo{name: x.Set, slot: b.slot(x.Set), fields: x.Fields, limit: b.limit(x.Stmt)})
	case SetMark:
		b.put(setMark(x))
	case CopyMark:
		b.put(copyMark(x))
	case NoTrack:
		b.put(noTrack{})
	case SetHelper:
		b.put(setHelper{})
	case Deal:
		b.require(x.fields()...)
		b.put(&deal{Deal: x, slot: b.slot(x.Set), verdicts: b.verdicts[x.Set]})
	case NAT:
		b.nat(x)
	case Masquerade:
		b.put(masquerade{x.toPorts()})
	case Reject:
		if x.With == RejectTCPReset {
			b.requireProtocol(L4Proto, protoTCP, &b.known.l4proto)
		}
		b.put(reject(x))
	}
}

// require puts in the matches on protocols that fields imply and that are not made yet.
func (b *builder) require(fields ...Field) {
	for _, f := range fields {
		info := f.info()
		b.requireProtocol(NFProto, info.nfproto, &b.known.nfproto)
		b.requireProtocol(L4Proto, info.l4proto, &b.known.l4proto)
	}
}

func (b *builder) requireProtocol(f Field, want uint8, known *uint8) {
	if want == 0 || want == *known {
		return
	}
	is := number(uint32(want))
	b.put(&compare{field: f, mask: wholeWord, lo: is, hi: is})
	*known = want
}

func (b *builder) match(m Match) {
	b.require(m.Field)
	t := m.Field.info().typ
	mask := wholeWord
	if m.masked() {
		mask = number(m.Mask)
	}
	switch len(m.Values) {
	case 0:
		b.put(&decision{verdict{kind: Drop}}) // the kernel takes no such rule
	case 1:
		b.put(&compare{
			field: m.Field, mask: mask, not: m.Not,
			lo: wordOf(m.Values[0], t, first), hi: wordOf(m.Values[0], t, last),
		})
	default:
		b.put(&oneOf{field: m.Field, mask: mask, not: m.Not, index: newIndex(m.set())})
	}
}

func (b *builder) vmap(v VMap) {
	b.require(v.Fields...)
	if v.Set == "" {
		b.put(&branch{fields: v.Fields, slot: missing, index: newIndex(v.set()), verdicts: b.resolve(v.Elements)})
		return
	}
	b.put(&branch{fields: v.Fields, slot: b.slot(v.Set), verdicts: b.verdicts[v.Set]})
}

// limit is the operation of a Limit or a ConnLimit; nil of none.
func (b *builder) limit(x Expr) *limited {
	switch x := x.(type) {
	case Limit:
		return &limited{limit: x, over: x.Over}
	case ConnLimit:
		return &limited{limit: x, over: true}
	}
	return nil
}

func (b *builder) nat(n NAT) {
	op := &translate{NAT: n}
	if d, ok := n.dealt(); ok {
		b.require(d.fields()...)
		op.spread = b.spread(n, d)
	}
	if len(n.MapPorts) > 0 {
		op.ports = make(map[word]uint16, len(n.MapPorts))
		for _, p := range n.MapPorts {
			insertPort(op.ports, p)
		}
	}
	b.put(op)
}

func insertPort(m map[word]uint16, p PortPair) {
	if _, ok := m[number(uint32(p.From))]; !ok {
		m[number(uint32(p.From))] = p.To
	}
}
