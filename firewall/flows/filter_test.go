package flows

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// numbers is the rule book of the tests.
func numbers(name string) (uint16, bool) {
	n, ok := map[string]uint16{"lan-out": 17, "www": 18, "lan-dns": 19}[name]
	return n, ok
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
		f, err := ParseFilter(strings.Fields(tc.words), numbers)
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
		{"hots 10.1.2.9", `filter: "hots": want rule, host, net, src, dst, port, proto or state`},
		{"10.1.2.9", `filter: "10.1.2.9": want rule, host, net, src, dst, port, proto or state`},
		{"and port 1", `filter: "and": want rule, host, net, src, dst, port, proto or state`},
		{"port 1 and", `filter: "and": want rule, host, net, src, dst, port, proto or state`},
		{"port 1 and and port 2", `filter: "and": want rule, host, net, src, dst, port, proto or state`},
		{"port 1 host", `filter: host: a value must follow`},
		{"rule nope", `filter: rule: no rule "nope"`},
		{"rule lan-out,nope", `filter: rule: no rule "nope"`},
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
		f, err := ParseFilter(strings.Fields(tc.words), numbers)
		if err == nil || err.Error() != tc.want {
			t.Errorf("%q: %v, %v, want %s", tc.words, f, err, tc.want)
		}
	}
}

func TestEmptyTermPicksNothing(t *testing.T) {
	for _, term := range []Term{Rules{}, Gateways{}, Protos{}, Hosts{}, Sources{}, Destinations{}, Ports{}, States{}} {
		if (Filter{term}).Match(office()) {
			t.Errorf("%T without members picks a flow", term)
		}
	}
}

func TestFilterTellsTheKernelTheMark(t *testing.T) {
	for _, tc := range []struct {
		filter      Filter
		value, mask uint32
	}{
		{nil, 0, 0},
		{Filter{Rules{17}}, 17, RuleMask},
		{Filter{Rules{17, 18}}, 0, 0},
		{Filter{Gateways{2}}, 0x20000, GatewayMask},
		{Filter{Rules{17}, Protos{ProtoTCP}, Gateways{2}}, 0x20011, RuleMask | GatewayMask},
	} {
		if value, mask := tc.filter.mark(); value != tc.value || mask != tc.mask {
			t.Errorf("%v: mark %#x/%#x, want %#x/%#x", tc.filter, value, mask, tc.value, tc.mask)
		}
	}
}

func FuzzParseFilter(f *testing.F) {
	f.Add("rule lan-out and host 10.1.2.9 port 80-90,443 state unreplied")
	f.Add("net ::/0 proto icmp src ::ffff:1.2.3.4 dst 10.0.0.0/8")
	f.Fuzz(func(t *testing.T, line string) {
		filter, err := ParseFilter(strings.Fields(line), numbers)
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

func TestFakeGuards(t *testing.T) {
	k := NewFake(office(), query())
	all, err := k.List(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := k.End(context.Background(), append(all, Flow{})); n != 0 || !errors.Is(err, ErrNotOne) {
		t.Errorf("a flow without tuple: ended %d, %v", n, err)
	}
	zoned := all[0]
	zoned.Zone = 7
	if n, err := k.End(context.Background(), []Flow{zoned, all[1]}); n != 1 || !errors.Is(err, ErrZone) {
		t.Errorf("a flow in a zone and one outside: ended %d, %v", n, err)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := k.List(gone, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("list after cancel: %v", err)
	}
	if n, err := k.End(gone, all); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("end after cancel: %d, %v", n, err)
	}
}

func TestHostIsOneAddress(t *testing.T) {
	f, err := ParseFilter([]string{"host", "2001:db8::9"}, nil)
	want := Filter{Hosts{netip.MustParsePrefix("2001:db8::9/128")}}
	if diff := cmp.Diff(want, f, equalAddrs()); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
