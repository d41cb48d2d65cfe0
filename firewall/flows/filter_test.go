package flows

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// numbers is the rule book of the tests.
func numbers() Numbers {
	return Numbers{
		Rules:    map[string]uint16{"lan-out": 17, "www": 18, "lan-dns": 19},
		Gateways: map[string]uint16{"cable": 1, "dsl": 2, "7": 2},
	}
}

func TestFilterPicks(t *testing.T) {
	for _, tc := range []struct {
		words string
		want  string // of office, www (forwarded), ping and query
	}{
		{"", "office www ping query"},
		{"rule lan-out", "office"},
		{"rule lan-out,lan-dns", "office query"},
		{"rule lan-out rule lan-dns", ""},
		{"gateway cable", "query"},
		{"gateway dsl,cable", "office query"},
		{"gateway 2", "office"},
		{"gateway 0", "www ping"},
		{"gateway 7", "office"}, // a name goes before a number
		{"gateway 3", ""},
		{"mark 0x20000/0xff0000", "office"},
		{"mark 0x2000000/0xf000000", ""},
		{"mark 18,65555", "www query"},
		{"mark 0/0", "office www ping query"},
		{"host 10.1.2.9", "office query"},
		{"host 10.1.2.9 host 10.1.2.1", "query"},
		{"host 203.0.113.2", "office"}, // the address it leaves with
		{"host 10.1.3.10", "www"},      // the server behind the forward
		{"host ::ffff:10.1.2.9", "office query"},
		{"net 10.0.0.0/8", "office www query"},
		{"net 2001:db8::/32", "ping"},
		{"src 10.1.2.9", "office query"},
		{"src 203.0.113.2", "office"},
		{"src 198.51.100.7", ""},
		{"dst 198.51.100.7", "office"},
		{"dst 203.0.113.5", "www"},
		{"dst 10.1.3.0/24", "www"},
		{"dst 10.1.2.9", ""},
		{"port 443", "office www"},
		{"port 8443", "www"},
		{"port 40000-50000", "office www"},
		{"port 53,8443", "www query"},
		{"port 1-65535", "office www query"},
		{"proto tcp", "office www"},
		{"proto TCP,17", "office www query"},
		{"proto icmp", "ping"},
		{"proto 1", ""},
		{"proto icmpv6", "ping"},
		{"state established", "office"},
		{"state SYN_SENT", "www"},
		{"state syn-sent,established", "office www"},
		{"state unreplied", "www query"},
		{"state assured", "office"},
		{"state src-nat", "office"},
		{"state src-nat,dst-nat", "office www"},
		{"state seen-reply", "office ping"},
		{"host 10.1.2.9 and port 443", "office"},
		{"net 10.0.0.0/8 and proto tcp state unreplied", "www"},
	} {
		f, err := ParseFilter(strings.Fields(tc.words), numbers())
		if err != nil {
			t.Errorf("%q: %v", tc.words, err)
			continue
		}
		var picked []string
		for _, c := range []struct {
			name string
			flow Flow
		}{{"office", office()}, {"www", forwarded()}, {"ping", ping()}, {"query", query()}} {
			if f.Match(c.flow) {
				picked = append(picked, c.name)
			}
		}
		if got := strings.Join(picked, " "); got != tc.want {
			t.Errorf("%q picks %q, want %q", tc.words, got, tc.want)
		}
	}
}

func TestParseFilterRefuses(t *testing.T) {
	for _, tc := range []struct{ words, want string }{
		{"hots 10.1.2.9", `filter: "hots": want rule, gateway, mark, host, net, src, dst, port, proto or state`},
		{"10.1.2.9", `filter: "10.1.2.9": want rule, gateway, mark, host, net, src, dst, port, proto or state`},
		{"and port 1", `filter: "and": want rule, gateway, mark, host, net, src, dst, port, proto or state`},
		{"port 1 and", `filter: "and": want rule, gateway, mark, host, net, src, dst, port, proto or state`},
		{"port 1 and and port 2", `filter: "and": want rule, gateway, mark, host, net, src, dst, port, proto or state`},
		{"port 1 host", `filter: host: a value must follow`},
		{"rule nope", `filter: rule: no rule "nope"`},
		{"rule lan-out,nope", `filter: rule: no rule "nope"`},
		{"gateway fiber", `filter: gateway: no gateway "fiber"`},
		{"gateway 256", `filter: gateway: no gateway "256"`},
		{"gateway dsl,", `filter: gateway: no gateway ""`},
		{"mark two", `filter: mark: "two": want a mark such as 0x20000/0xff0000`},
		{"mark 1/", `filter: mark: "1/": want a mark such as 0x20000/0xff0000`},
		{"mark 0x100000000", `filter: mark: "0x100000000": want a mark such as 0x20000/0xff0000`},
		{"mark 0x30000/0x10000", `filter: mark: "0x30000/0x10000": the value has bits that the mask does not cover`},
		{"host web.example", `filter: host: "web.example": want an address`},
		{"host fe80::1%eth0", `filter: host: "fe80::1%eth0": want an address`},
		{"host 10.0.0.0/8", `filter: host: "10.0.0.0/8": want an address`},
		{"net 10.0.0.1", `filter: net: "10.0.0.1": want a prefix such as 10.0.0.0/8`},
		{"src x", `filter: src: "x": want an address`},
		{"dst 10.0.0.0/33", `filter: dst: "10.0.0.0/33": want a prefix such as 10.0.0.0/8`},
		{"port 0", `filter: port: "0": want a port from 1 to 65535, or a range such as 8000-8080`},
		{"port 65536", `filter: port: "65536": want a port from 1 to 65535, or a range such as 8000-8080`},
		{"port 90-80", `filter: port: "90-80": want a port from 1 to 65535, or a range such as 8000-8080`},
		{"port 80,", `filter: port: "": want a port from 1 to 65535, or a range such as 8000-8080`},
		{"proto tcpp", `filter: proto: protocol "tcpp": want a name such as tcp, udp, icmp, or a number up to 255`},
		{"state merry", `filter: state: "merry": want a TCP state such as established, a status such as assured or src-nat, or unreplied`},
		{"state 0", `filter: state: "0": want a TCP state such as established, a status such as assured or src-nat, or unreplied`},
	} {
		f, err := ParseFilter(strings.Fields(tc.words), numbers())
		if err == nil || err.Error() != tc.want {
			t.Errorf("%q: %v, %v, want %s", tc.words, f, err, tc.want)
		}
	}
}

func TestEmptyTermPicksNothing(t *testing.T) {
	for _, term := range []Term{Any{}, Marks{}, Rules{}, Gateways{}, Protos{}, Hosts{}, Sources{}, Destinations{}, Ports{}, States{}} {
		if (Filter{term}).Match(office()) {
			t.Errorf("%T without members picks a flow", term)
		}
	}
}

func TestAnyPicksForSeveral(t *testing.T) {
	either := Filter{Any{{Rules{17}, Protos{ProtoTCP}}, {Rules{19}}}, Hosts{netip.MustParsePrefix("10.1.2.0/24")}}
	for _, tc := range []struct {
		flow Flow
		want bool
	}{{office(), true}, {query(), true}, {forwarded(), false}, {ping(), false}} {
		if got := either.Match(tc.flow); got != tc.want {
			t.Errorf("%v picked: %v", tc.flow, got)
		}
	}
}

func TestFilterHints(t *testing.T) {
	net := func(s string) netip.Prefix { return netip.MustParsePrefix(s) }
	rule, dsl := hint{mark: Bits{17, RuleMask}}, hint{mark: Bits{0x20000, GatewayMask}}
	for _, tc := range []struct {
		what   string
		filter Filter
		want   hint
	}{
		{"all", nil, hint{}},
		{"a rule", Filter{Rules{17}}, rule},
		{"two rules", Filter{Rules{17, 18}}, hint{mark: Bits{16, 0xfffc}}},
		{"no rule", Filter{Rules{}}, hint{}},
		{"a gateway", Filter{Gateways{2}}, dsl},
		{"two gateways", Filter{Gateways{2, 3}}, hint{mark: Bits{0x20000, 0xfe0000}}},
		{"a rule and a gateway", Filter{Rules{17}, Protos{ProtoTCP}, Gateways{2}}, hint{mark: Bits{0x20011, RuleMask | GatewayMask}}},
		{"marks", Filter{Marks{{0x20000, GatewayMask}, {0x3020000, 0xffff0000}}}, dsl},
		{"one family", Filter{Hosts{net("10.0.0.0/8"), net("192.0.2.1/32")}}, hint{family: familyIPv4}},
		{"the other family", Filter{Sources{net("2001:db8::/32")}}, hint{family: familyIPv6}},
		{"both families", Filter{Destinations{net("2001:db8::/32"), net("10.0.0.0/8")}}, hint{}},
		{"a status", Filter{States{{With: SeenReply, Without: Assured}}}, hint{status: Bits{2, 6}}},
		{"a TCP state", Filter{States{{TCP: Established}}}, hint{}},
		{"one of two", Filter{Any{{Gateways{2}, Hosts{net("10.0.0.0/8")}}, {Gateways{2}, Rules{17}}}}, dsl},
		{"anything or a rule", Filter{Any{nil, {Rules{17}}}}, hint{}},
		{"none of none", Filter{Any{}}, hint{}},
		{"ports", Filter{Ports{{1, 2}}}, hint{}},
	} {
		if got := tc.filter.hint(); got != tc.want {
			t.Errorf("%s: %+v, want %+v", tc.what, got, tc.want)
		}
	}
}

// TestHintsLeaveNothingOut holds what the kernel is told against what the filter picks.
func TestHintsLeaveNothingOut(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	flows := []Flow{office(), forwarded(), ping(), query()}
	term := func() Term {
		n := uint32(random.IntN(8))
		return []Term{
			Rules{16 + uint16(n)}, Rules{17, 18, 19}[:n%4], Gateways{uint8(n % 4)}, Gateways{1, 2, 3}[:n%4], Marks{{n << 16, n << 16}, {n, 3}},
			Hosts{netip.MustParsePrefix("10.0.0.0/8")}, Sources{netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("10.0.0.0/8")},
			States{{With: Status(n), Without: Status(8 - n)}}, States{{With: SeenReply}, {With: SeenReply | Assured}}, Protos{ProtoTCP},
		}[random.IntN(10)]
	}
	picked := 0
	for range 20_000 {
		either := Any{{term(), term()}, {term()}, {term()}}[:1+random.IntN(3)]
		f := Filter{either, term()}
		h := f.hint()
		for _, flow := range flows {
			kept := h.mark.In(flow.Mark) && h.status.In(uint32(flow.Status)) && (h.family == familyBoth || h.family == flow.Orig.family())
			if f.Match(flow) {
				if picked++; !kept {
					t.Fatalf("%+v picks %v, which the kernel leaves out by %+v", f, flow, h)
				}
			}
		}
	}
	if picked < 1000 {
		t.Errorf("only %d flows were picked", picked)
	}
}

func FuzzParseFilter(f *testing.F) {
	f.Add("rule lan-out and host 10.1.2.9 port 80-90,443 state unreplied")
	f.Add("net ::/0 proto icmp src ::ffff:1.2.3.4 dst 10.0.0.0/8")
	f.Fuzz(func(t *testing.T, line string) {
		filter, err := ParseFilter(strings.Fields(line), numbers())
		if err != nil && filter != nil {
			t.Errorf("%q: both %v and %v", line, filter, err)
		}
		if err == nil && len(strings.Fields(line)) < 2*len(filter) {
			t.Errorf("%q: %d terms", line, len(filter))
		}
		filter.Match(office())
	})
}

func TestFakeEndsByTupleAndID(t *testing.T) {
	ctx := context.Background()
	k := NewFake(office(), forwarded(), ping(), query())
	old, err := k.List(ctx, Filter{Rules{17, 19}})
	if err != nil || len(old) != 2 {
		t.Fatalf("listed %v, %v", old, err)
	}
	k.Put(query()) // the same tuple again: a newer flow
	if n, err := k.End(ctx, old); n != 1 || err != nil {
		t.Errorf("ended %d, %v, want 1: the newer flow stays", n, err)
	}
	if n, err := k.End(ctx, old); n != 0 || err != nil {
		t.Errorf("ended %d, %v the second time", n, err)
	}
	const want = "tcp 192.0.2.1:50000 -> 203.0.113.5:443 (to 10.1.3.10:8443) SYN_SENT 1m59s\n" +
		"icmpv6 2001:db8::9 -> 2001:db8:1::7 type 128 id 77 replied 29s\n" +
		"udp 10.1.2.9:5353 -> 10.1.2.1:53 unreplied 30s\n"
	if diff := cmp.Diff(want, k.String()); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	if c, err := k.Count(ctx); err != nil || c != (Count{3, 262144}) {
		t.Errorf("count %+v, %v", c, err)
	}
}

func TestFakeMarks(t *testing.T) {
	ctx := t.Context()
	k := NewFake(office(), query())
	all, err := k.List(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	k.Put(query()) // the tuple is found, whatever the ID
	gone := all[0]
	gone.Orig.Proto = ProtoUDP
	if n, err := k.Remark(ctx, []Marked{{all[0], GatewayBits(7)}, {all[1], RuleBits(3)}, {gone, RuleBits(4)}}); n != 2 || err != nil {
		t.Errorf("changed %d, %v, want 2", n, err)
	}
	var marks []uint32
	err = k.Walk(ctx, Filter{Marks{{0x70000, GatewayMask}, {3, RuleMask}}}, func(f Flow) { marks = append(marks, f.Mark) })
	if want := []uint32{Mark(17, 7, 3), Mark(3, 1, 0)}; err != nil || !slices.Equal(marks, want) {
		t.Errorf("marks are %#x, %v, want %#x", marks, err, want)
	}
}

func TestFakeGuards(t *testing.T) {
	k := NewFake(office(), query())
	all, err := k.List(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := k.End(context.Background(), append(all, Flow{})); n != 0 || !errors.Is(err, ErrNotOne) {
		t.Errorf("a flow without tuple: ended %d, %v", n, err)
	}
	elsewhere := all[0]
	elsewhere.Zone = 7
	if n, err := k.End(context.Background(), []Flow{elsewhere}); n != 0 || err != nil {
		t.Errorf("a tuple in a zone where it is not: ended %d, %v", n, err)
	}
	if n, err := k.Remark(context.Background(), []Marked{{Flow: all[0]}, {}}); n != 0 || !errors.Is(err, ErrNotOne) {
		t.Errorf("a flow without tuple: changed %d, %v", n, err)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := k.List(gone, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("list after cancel: %v", err)
	}
	if n, err := k.End(gone, all); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("end after cancel: %d, %v", n, err)
	}
	if n, err := k.Remark(gone, []Marked{{Flow: all[0]}}); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("mark after cancel: %d, %v", n, err)
	}
	if err := k.Walk(gone, nil, func(f Flow) { t.Errorf("saw %v after cancel", f) }); !errors.Is(err, context.Canceled) {
		t.Errorf("walk after cancel: %v", err)
	}
}

func TestHostIsOneAddress(t *testing.T) {
	f, err := ParseFilter([]string{"host", "2001:db8::9"}, Numbers{})
	want := Filter{Hosts{netip.MustParsePrefix("2001:db8::9/128")}}
	if diff := cmp.Diff(want, f, equalAddrs()); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
