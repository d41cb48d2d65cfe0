package firewall

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/lab"
)

func TestListsOfRangesStandInSets(t *testing.T) {
	ports := func(f nft.Field, pairs ...[2]uint32) nft.Match {
		m := nft.Match{Field: f}
		for _, p := range pairs {
			m.Values = append(m.Values, nft.Numbers(nft.TypePort, p[0], p[1]))
		}
		return m
	}
	from, to := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::9")
	shared := []nft.Expr{ports(nft.TCPDport, [2]uint32{80, 80}, [2]uint32{8000, 8080})}
	r := nft.Ruleset{Chains: []nft.Chain{{Name: "a", Rules: []nft.Rule{
		{Exprs: shared},
		{Exprs: shared},
		{Exprs: []nft.Expr{ports(nft.THSport, [2]uint32{80, 80}, [2]uint32{8000, 8080})}},
		{Exprs: []nft.Expr{ports(nft.UDPDport, [2]uint32{53, 53}, [2]uint32{80, 80})}},
		{Exprs: []nft.Expr{ports(nft.UDPDport, [2]uint32{5000, 6000})}},
		{Exprs: []nft.Expr{nft.Match{Field: nft.IP6Saddr, Not: true, Values: []nft.Value{nft.Addresses(from, to), nft.Address(netip.MustParseAddr("::1"))}}}},
	}}}}
	long := nft.Match{Field: nft.OIFName}
	for i := range longestList + 1 {
		long.Values = append(long.Values, nft.Ifname(fmt.Sprintf("eth%d", i)))
	}
	r.Chains[0].Rules = append(r.Chains[0].Rules, nft.Rule{Exprs: []nft.Expr{long}})
	nameLists(&r)
	want := []string{
		"tcp dport @ports_80_8000-8080", "tcp dport @ports_80_8000-8080", "th sport @ports_80_8000-8080",
		"udp dport { 53, 80 }", "udp dport 5000-6000", "ip6 saddr != @ip6_094ced53cabc",
		"oifname @devices_bb82829ad529",
	}
	for i, x := range want {
		if got := r.Chains[0].Rules[i].Exprs[0].String(); got != x {
			t.Errorf("rule %d asks %q, want %q", i, got, x)
		}
	}
	if _, same := shared[0].(nft.Match); !same {
		t.Error("a list that rules share was changed for all of them")
	}
	if len(r.Sets) != 3 || r.Sets[0].Interval || len(r.Sets[2].Elements) != 2 {
		t.Errorf("sets: %v", r.Sets)
	}
}

// TestKernelTakesLongLists loads a list of each type that is moved into a set, and expects nft to list what we print.
func TestKernelTakesLongLists(t *testing.T) {
	gw := lab.Test(t).Host("gw")
	chain := nft.Chain{Name: "long"}
	for _, m := range []nft.Match{
		{Field: nft.OIFName}, {Field: nft.L4Proto}, {Field: nft.TCPDport}, {Field: nft.IPSaddr}, {Field: nft.IP6Daddr}, {Field: nft.ICMPTypeF}, {Field: nft.ICMPv6TypeF},
	} {
		a, six := netip.MustParseAddr("10.0.0.0"), netip.MustParseAddr("2001:db8::")
		for i := range uint32(longestList + 2) {
			a, six = a.Next().Next(), six.Next().Next()
			m.Values = append(m.Values, map[nft.Type]nft.Value{
				nft.TypeIfname: nft.Ifname(fmt.Sprintf("eth%d", i)), nft.TypeIPv4: nft.Address(a), nft.TypeIPv6: nft.Address(six),
			}[m.Field.Type()])
			if v := &m.Values[i]; v.Type == 0 {
				*v = nft.Number(m.Field.Type(), 2*i)
			}
		}
		chain.Rules = append(chain.Rules, nft.Rule{Exprs: []nft.Expr{m, nft.Verdict{Kind: nft.Drop}}})
	}
	r := nft.Ruleset{Table: nft.Table{Name: TableName}, Chains: []nft.Chain{chain}}
	nameLists(&r)
	if len(r.Sets) != len(chain.Rules) {
		t.Fatalf("%d lists became %d sets", len(chain.Rules), len(r.Sets))
	}
	if err := new(table).put(t.Context(), openKernel(t, gw), r); err != nil {
		t.Fatal(err)
	}
	sameListing(t, gw, r.String())
}
