package firewall

import (
	"net/netip"
	"testing"

	"github.com/rempart/rempart/firewall/nft"
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
	nameIntervals(&r)
	want := []string{
		"tcp dport @ports_80_8000-8080", "tcp dport @ports_80_8000-8080", "th sport @ports_80_8000-8080",
		"udp dport { 53, 80 }", "udp dport 5000-6000", "ip6 saddr != @ip6_094ced53cabc",
	}
	for i, x := range want {
		if got := r.Chains[0].Rules[i].Exprs[0].String(); got != x {
			t.Errorf("rule %d asks %q, want %q", i, got, x)
		}
	}
	if _, same := shared[0].(nft.Match); !same {
		t.Error("a list that rules share was changed for all of them")
	}
	if len(r.Sets) != 2 || len(r.Sets[1].Elements) != 2 {
		t.Errorf("sets: %v", r.Sets)
	}
}
