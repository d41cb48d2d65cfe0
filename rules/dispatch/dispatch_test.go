package dispatch

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules/space"
)

var devices = []string{"wan", "lan", "dmz"}

// eager splits as soon as it can, so that short lists show every shape.
func eager() Cost {
	c := Measured()
	c.Written, c.Leaf, c.Rule, c.Allowance = 1, 1, 1000, 1<<20
	return c
}

// lists draws rules that overlap.
type lists struct{ *rand.Rand }

func (d lists) rule(i int) *Rule {
	r := &Rule{Body: &Body{
		Chain: fmt.Sprintf("rule_%d", i), Comment: fmt.Sprint(i),
		Statements: []nft.Expr{nft.Count{Counter: fmt.Sprint(i)}, nft.Verdict{Kind: nft.Accept}},
	}}
	add := func(dim Dim, within space.Set, match nft.Expr) {
		r.Terms = append(r.Terms, Term{Dim: dim, Within: within, Exact: true, Match: []nft.Expr{match}})
	}
	if d.IntN(3) == 0 {
		n := d.Uint64N(uint64(len(devices)))
		add(Out, space.Points(n), nft.Match{Field: nft.OIFName, Values: []nft.Value{nft.Ifname(devices[n])}})
	}
	if v6 := d.IntN(4) == 0; d.IntN(4) > 0 {
		d.addresses(v6, add)
	}
	d.protocol(r, add)
	if d.IntN(8) == 0 {
		r.Terms = append(r.Terms, Term{Dim: Other, Match: []nft.Expr{nft.Match{Field: nft.MetaMark, Values: []nft.Value{nft.Number(nft.TypeMark, 1)}}}})
	}
	return r
}

func (d lists) addresses(v6 bool, add func(Dim, space.Set, nft.Expr)) {
	family, bits, base := uint64(ipv4), 32, netip.MustParseAddr("10.0.0.0")
	src, dst := nft.IPSaddr, nft.IPDaddr
	number := uint32(2)
	if v6 {
		family, bits, base = ipv6, 128, netip.MustParseAddr("2001:db8::")
		src, dst, number = nft.IP6Saddr, nft.IP6Daddr, 10
	}
	add(Family, space.Points(family), nft.Match{Field: nft.NFProto, Values: []nft.Value{nft.Number(nft.TypeNFProto, number)}})
	for dim, field := range map[Dim]nft.Field{Source: src, Destination: dst} {
		if d.IntN(3) == 0 {
			continue
		}
		var within []space.Range
		for range 1 + d.IntN(2) {
			p := space.Addr(base)
			p.Lo += d.Uint64N(16)
			to := p
			to.Lo += d.Uint64N(1 << d.IntN(5))
			within = append(within, space.Range{From: p, To: to})
		}
		set := space.Union(within)
		if d.IntN(12) == 0 { // everything: the edges of the line
			set = space.Set{{To: space.Addr(lastOf(bits))}}
		}
		m := nft.Match{Field: field}
		for _, r := range set {
			if v6 {
				m.Values = append(m.Values, nft.Addresses(r.From.Addr6(), r.To.Addr6()))
			} else {
				m.Values = append(m.Values, nft.Addresses(r.From.Addr4(), r.To.Addr4()))
			}
		}
		add(dim, set, m)
	}
}

// point is a rule of single values, like its neighbours in everything else.
func (d lists) point(i int, protocols bool) *Rule {
	r := d.rule(i)
	r.Terms = nil
	add := func(dim Dim, n uint64, f nft.Field, v nft.Value) {
		m := nft.Match{Field: f, Values: []nft.Value{v}}
		r.Terms = append(r.Terms, Term{Dim: dim, Within: space.Points(n), Exact: true, Match: []nft.Expr{m}})
	}
	add(Family, ipv4, nft.NFProto, nft.Number(nft.TypeNFProto, 2))
	for dim, f := range map[Dim]nft.Field{Source: nft.IPSaddr, Destination: nft.IPDaddr} {
		a := space.Addr(netip.MustParseAddr("10.0.0.0")).Lo + d.Uint64N(6)
		add(dim, a, f, nft.Address(space.Num(a).Addr4()))
	}
	p := uint64(6)
	if protocols {
		p = []uint64{6, 17}[d.IntN(2)]
	}
	add(Protocol, p, nft.L4Proto, nft.Number(nft.TypeProto, uint32(p)))
	n := d.Uint64N(4)
	add(Port, n, nft.THDport, nft.Number(nft.TypePort, uint32(n)))
	return r
}

func lastOf(bits int) netip.Addr {
	if bits == 32 {
		return netip.MustParseAddr("255.255.255.255")
	}
	return netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
}

func (d lists) protocol(r *Rule, add func(Dim, space.Set, nft.Expr)) {
	protocols := [][]uint64{{6}, {17}, {6, 17}, {1}, {47}, {47, 50}}
	ps := protocols[d.IntN(len(protocols))]
	if d.IntN(4) == 0 || ps[0] == 1 && slices.ContainsFunc(r.Terms, func(t Term) bool { return t.Dim == Family && t.Within.Contains(space.Num(ipv6)) }) {
		return
	}
	if ps[0] == 1 && !slices.ContainsFunc(r.Terms, func(t Term) bool { return t.Dim == Family }) {
		add(Family, space.Points(ipv4), nft.Match{Field: nft.NFProto, Values: []nft.Value{nft.Number(nft.TypeNFProto, 2)}})
	}
	m := nft.Match{Field: nft.L4Proto}
	for _, p := range ps {
		m.Values = append(m.Values, nft.Number(nft.TypeProto, uint32(p)))
	}
	add(Protocol, space.Points(ps...), m)
	switch {
	case ps[0] == 1 && d.IntN(2) == 0:
		add(ICMPType, space.Points(8), nft.Match{Field: nft.ICMPTypeF, Values: []nft.Value{nft.Number(nft.TypeICMP, 8)}})
	case ps[0] == 6 || ps[0] == 17:
		fields := map[Dim]nft.Field{SourcePort: nft.THSport, Port: nft.THDport}
		if len(ps) == 1 && ps[0] == 6 {
			fields = map[Dim]nft.Field{SourcePort: nft.TCPSport, Port: nft.TCPDport}
		}
		for dim, f := range fields {
			if d.IntN(2) == 0 {
				lo := d.Uint64N(8)
				hi := lo + d.Uint64N(4)
				add(dim, space.Span(lo, hi), nft.Match{Field: f, Values: []nft.Value{nft.Numbers(nft.TypePort, uint32(lo), uint32(hi))}})
			}
		}
	}
}

func (d lists) packet() nft.Packet {
	p := nft.Packet{
		In: "lan", Out: append(devices, "tun9")[d.IntN(4)], Protocol: []uint8{6, 17, 1, 47, 50}[d.IntN(5)],
		SrcPort: uint16(d.IntN(13)), DstPort: uint16(d.IntN(13)), ICMPType: []uint8{8, 0}[d.IntN(2)], Mark: uint32(d.IntN(2)),
	}
	near := func(v6 bool) netip.Addr {
		a := netip.MustParseAddr("9.255.255.254")
		if v6 {
			a = netip.MustParseAddr("2001:db7:ffff:ffff:ffff:ffff:ffff:fffe")
		}
		for range d.IntN(40) {
			a = a.Next()
		}
		return a
	}
	v6 := d.IntN(3) == 0
	p.Src, p.Dst = near(v6), near(v6)
	return p
}

// compiled is the lists behind a base chain, one after the other.
func compiled(cost Cost, rules ...[]*Rule) (nft.Ruleset, Result) {
	b := New(devices, cost)
	base := nft.Chain{Name: "forward", Hook: &nft.Hook{Type: "filter", Point: "forward", Policy: nft.Verdict{Kind: nft.Drop}}}
	for i, list := range rules {
		name := fmt.Sprintf("list_%d", i)
		b.Add(name, nil, list, nft.Verdict{Kind: nft.Return})
		base.Rules = append(base.Rules, nft.Rule{Exprs: []nft.Expr{nft.Verdict{Kind: nft.Jump, Chain: name}}})
	}
	r := b.Result()
	return nft.Ruleset{Chains: append(r.Chains, base), Sets: r.Maps}, r
}

// TestMapsMeanWhatListsMean holds split lists against the same lists as they are written.
func TestMapsMeanWhatListsMean(t *testing.T) {
	policies, packets := 600, 400
	if testing.Short() {
		policies = 60
	}
	shapes := map[string]int{}
	for seed := range uint64(policies) {
		d := lists{rand.New(rand.NewPCG(seed, 7))}
		rules := make([]*Rule, 2+d.IntN(60))
		for i := range rules {
			if rules[i] = d.rule(i); seed%5 == 0 {
				rules[i] = d.point(i, seed%10 == 0)
			}
		}
		lists := [][]*Rule{rules, rules[:len(rules)/2]}
		cost := eager()
		switch d.IntN(3) {
		case 0:
			cost = Measured()
		case 1:
			cost.Leaf, cost.Allowance = 3, 10
		}
		splits, r := compiled(cost, lists...)
		plainCost := Measured()
		plainCost.Written = 1000
		written, _ := compiled(plainCost, lists...)
		for _, m := range r.Maps {
			shapes[m.Name[:6]]++
		}
		a, b := nft.NewEvaluator(splits), nft.NewEvaluator(written)
		for range packets {
			p := d.packet()
			got, want := a.Run("forward", p, nft.Options{}), b.Run("forward", p, nft.Options{})
			if got.Verdict != want.Verdict || !slices.Equal(got.Counters, want.Counters) {
				t.Fatalf("seed %d: %+v: split %v %v, written %v %v\n%s\n%s", seed, p, got.Verdict, got.Counters, want.Verdict, want.Counters, splits, written)
			}
		}
	}
	t.Log(shapes)
	for _, want := range []string{"by_sou", "by_des", "by_por", "by_spo", "by_val"} {
		if shapes[want] == 0 {
			t.Errorf("no map %s in all policies: the test does not try it", want)
		}
	}
}

// TestSizeIsBounded draws policies that want to explode: every rule is wide in
// one dimension and narrow in another, and crosses all others.
func TestSizeIsBounded(t *testing.T) {
	d := lists{rand.New(rand.NewPCG(9, 9))}
	for _, n := range []int{50, 500, 3000} {
		var rules []*Rule
		for i := range n {
			r := d.rule(i)
			r.Terms = nil
			span := func(dim Dim, f nft.Field, typ nft.Type, top uint64) {
				lo := d.Uint64N(top)
				hi := lo + d.Uint64N(top-lo)
				m := nft.Match{Field: f, Values: []nft.Value{nft.Numbers(typ, uint32(lo), uint32(hi))}}
				if typ == nft.TypeIPv4 {
					m.Values[0] = nft.Addresses(space.Num(lo).Addr4(), space.Num(hi).Addr4())
				}
				r.Terms = append(r.Terms, Term{Dim: dim, Within: space.Span(lo, hi), Exact: true, Match: []nft.Expr{m}})
			}
			r.Terms = []Term{{Dim: Family, Within: space.Points(ipv4), Exact: true}, {Dim: Protocol, Within: space.Points(6), Exact: true}}
			span(Source, nft.IPSaddr, nft.TypeIPv4, 1<<32-1)
			span(Destination, nft.IPDaddr, nft.TypeIPv4, 1<<32-1)
			span(SourcePort, nft.THSport, nft.TypePort, 1<<16-1)
			span(Port, nft.THDport, nft.TypePort, 1<<16-1)
			rules = append(rules, r)
		}
		_, r := compiled(Measured(), rules)
		entries, elements := 0, 0
		for _, c := range r.Chains {
			for _, rule := range c.Rules {
				if strings.HasPrefix(c.Name, "rules_") && rule.Comment != "" {
					entries++
				}
			}
		}
		for _, m := range r.Maps {
			elements += len(m.Elements)
		}
		if most := int(Measured().Growth*float64(n)) + Measured().Allowance; entries > most {
			t.Errorf("%d rules became %d entries, want at most %d", n, entries, most)
		}
		if elements > 2*entries {
			t.Errorf("%d rules in %d entries are told apart by %d elements", n, entries, elements)
		}
		t.Logf("%d rules: %d entries", n, entries)
	}
}

// TestNamesStay says why an apply that changes one rule sends few maps: what is the same keeps its name.
func TestNamesStay(t *testing.T) {
	d := lists{rand.New(rand.NewPCG(3, 3))}
	rules := make([]*Rule, 80)
	for i := range rules {
		rules[i] = d.rule(i)
	}
	_, a := compiled(Measured(), rules)
	_, b := compiled(Measured(), rules)
	if fmt.Sprint(a) != fmt.Sprint(b) {
		t.Error("the same list compiled twice differs")
	}
	changed := *rules[70]
	body := *changed.Body
	body.Statements = []nft.Expr{nft.Verdict{Kind: nft.Drop}}
	changed.Body = &body
	_, c := compiled(Measured(), append(append(slices.Clone(rules[:70]), &changed), rules[71:]...))
	names := map[string]bool{}
	for _, chain := range a.Chains {
		names[chain.Name] = true
	}
	same := 0
	for _, chain := range c.Chains {
		if names[chain.Name] {
			same++
		}
	}
	if same < len(c.Chains)/2 {
		t.Errorf("%d of %d chains keep their names when one rule changes", same, len(c.Chains))
	}
}
