package firewall

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/lab"
	"github.com/rempart/rempart/rules"
)

// fillPolicy has a set of every kind that is filled while it runs.
const fillPolicy = testPolicy + `
gateway = "fibre"
limits = { rate_per_source = "3/1h", flows_per_source = 7, flows = 9, overload = "@caught" }

[alias.caught]
dynamic = true
timeout = "1h"
size = 4096

[alias.kept]
dynamic = true
size = 8
`

func key(a string) []byte {
	b, err := netip.MustParseAddr(a).MarshalBinary()
	if err != nil {
		panic(err)
	}
	return b
}

// fillsOf are what a gateway's sets hold, by set, in the order of their keys.
func fillsOf(t *testing.T, f *Firewall) map[string]Members {
	t.Helper()
	fills, err := f.Fills(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]Members{}
	for _, fill := range fills {
		slices.SortFunc(fill.Members, func(a, b Member) int { return bytes.Compare(a.Key, b.Key) })
		out[fill.Set] = fill.Members
	}
	return out
}

// putting puts members in and takes keys out, whatever is there.
func putting(gone [][]byte, put ...Member) func(Members) ([][]byte, Members) {
	return func(Members) ([][]byte, Members) { return gone, put }
}

func TestRefill(t *testing.T) {
	m := newMachine(t)
	m.files = draft(fillPolicy)
	f, _ := m.start(t, nil)
	refill := func(set, kind string, change func(Members) ([][]byte, Members)) error {
		return f.Refill(t.Context(), set, kind, change)
	}
	one, two := Member{key("192.0.2.1"), time.Minute}, Member{Key: key("192.0.2.2")}
	if err := refill("alias_kept_v4", "type ipv4_addr", putting(nil, one, two)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Members{one, two}, fillsOf(t, f)["alias_kept_v4"]); diff != "" {
		t.Errorf("what was put in (-want +got):\n%s", diff)
	}
	one.Left = time.Hour
	if err := refill("alias_kept_v4", "type ipv4_addr", putting([][]byte{two.Key, key("192.0.2.9")}, one)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Members{one}, fillsOf(t, f)["alias_kept_v4"]); diff != "" {
		t.Errorf("taken out and put in again (-want +got):\n%s", diff)
	}
	for set, kind := range map[string]string{
		"alias_kept_v4": "type ipv6_addr", "alias_other_v4": "type ipv4_addr",
		"rate_lan-out_3_3600_v4": "type ipv4_addr", "flows_lan-out_7_v4": "type ipv4_addr", "total_lan-out_9": "type ct_dir",
	} {
		called := false
		err := refill(set, kind, func(Members) ([][]byte, Members) { called = true; return nil, Members{one} })
		if !errors.Is(err, ErrNoFill) || called {
			t.Errorf("%s, %s: %v", set, kind, err)
		}
	}
	if err := refill("alias_kept_v4", "type ipv4_addr", putting(nil, Member{Key: []byte{1}})); err == nil {
		t.Error("a key of another length was put in")
	}
}

// TestRefillHeedsTheSize: what finds no room is left out, the rest is put in.
func TestRefillHeedsTheSize(t *testing.T) {
	m := newMachine(t)
	m.files = draft(fillPolicy)
	f, _ := m.start(t, nil)
	var many Members
	for n := range 20 {
		many = append(many, Member{Key: key("192.0.2." + strconv.Itoa(n))})
	}
	if err := f.Refill(t.Context(), "alias_kept_v4", "type ipv4_addr", putting(nil, many...)); err != nil {
		t.Fatal(err)
	}
	if got := fillsOf(t, f)["alias_kept_v4"]; len(got) != 8 {
		t.Errorf("%d elements in a set of 8", len(got))
	}
	gone := [][]byte{many[0].Key, many[1].Key}
	if err := f.Refill(t.Context(), "alias_kept_v4", "type ipv4_addr", putting(gone, many[10:]...)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(append(slices.Clone(many[2:8]), many[10:12]...), fillsOf(t, f)["alias_kept_v4"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFillsWithoutAPolicy(t *testing.T) {
	m := newMachine(t)
	m.files = draft("schema = 1\n[nonsense]\n")
	f, _ := m.start(t, nil)
	if fills, err := f.Fills(t.Context()); err != nil || len(fills) > 0 {
		t.Errorf("fills %v, %v", fills, err)
	}
	if err := f.Refill(t.Context(), "alias_kept_v4", "type ipv4_addr", putting(nil)); !errors.Is(err, ErrNoFill) {
		t.Errorf("refill: %v", err)
	}
}

// tableOf is a gateway in a namespace of which nothing but the table runs.
func tableOf(t testing.TB, h *lab.Host, policy string) (*Firewall, *nft.Netlink) {
	t.Helper()
	ns, err := os.Open(filepath.Join("/run/netns", h.Namespace()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	c, err := parse(draft(policy))
	if err != nil {
		t.Fatal(err)
	}
	kernel := nft.Open(TableName).In(int(ns.Fd()))
	f := New(Parts{Kernel: kernel, Logger: hclog.NewNullLogger()})
	w := NewWorld(c, Learned{}, time.Now())
	r := &running{world: w, ruleset: Compile(w)}
	if err := f.put(t.Context(), r.ruleset); err != nil {
		t.Fatal(err)
	}
	f.setRunning(r)
	return f, kernel
}

// TestFillsGoOver takes what one kernel's sets hold to another one.
func TestFillsGoOver(t *testing.T) {
	n := lab.Test(t)
	from, _ := tableOf(t, n.Host("a"), fillPolicy)
	to, kernel := tableOf(t, n.Host("b"), fillPolicy)
	element := func(a string, left time.Duration) nft.Element {
		e := nft.Element{Key: []nft.Value{nft.Address(netip.MustParseAddr(a))}}
		if left > 0 {
			e.Timeout, e.Expires = max(left, time.Hour), left
		}
		return e
	}
	for set, elements := range map[string][]nft.Element{
		"alias_caught_v4": {element("192.0.2.1", 0), element("192.0.2.2", 10*time.Minute), element("192.0.2.3", 2*time.Hour)},
		"alias_caught_v6": {element("2001:db8::1", 0)},
		"alias_kept_v4":   {element("192.0.2.4", 0), element("192.0.2.5", 5*time.Minute)},
	} {
		if err := from.table.add(t.Context(), from.Kernel, from.running.fills()[set], elements); err != nil {
			t.Fatal(err)
		}
	}
	ends := nft.Element{Key: []nft.Value{
		nft.Address(netip.MustParseAddr("10.1.2.9")), nft.Number(nft.TypePort, 40000), nft.Address(netip.MustParseAddr("198.51.100.7")), nft.Number(nft.TypePort, 443),
	}}
	if ended, ok := from.running.fills()[rules.EndedSet(rules.V4).Name]; ok {
		if err := from.table.add(t.Context(), from.Kernel, ended, []nft.Element{ends}); err != nil {
			t.Fatal(err)
		}
	} else {
		t.Error("the policy has no set of ends")
	}
	carry(t, from, to)
	want, got := fillsOf(t, from), fillsOf(t, to)
	if diff := cmp.Diff(want, got, about); diff != "" {
		t.Errorf("(-master +backup):\n%s", diff)
	}
	if n := len(got["alias_caught_v4"]) + len(got["alias_caught_v6"]) + len(got["alias_kept_v4"]) + len(got["ended_v4"]); n != 7 {
		t.Errorf("%d elements came over: %v", n, got)
	}
	if list, err := kernel.Elements(t.Context(), "alias_caught_v4"); err != nil || list[0].Timeout != 0 || list[2].Timeout < 2*time.Hour-time.Minute {
		t.Errorf("the kernel has %v, %v", list, err)
	}
	// A later end counts, and the rules may still be exchanged as if nothing had been.
	if err := to.refill(t.Context(), "alias_kept_v4", "type ipv4_addr", putting(nil, Member{key("192.0.2.5"), time.Hour})); err != nil {
		t.Fatal(err)
	}
	if got := fillsOf(t, to)["alias_kept_v4"]; len(got) != 2 || got[1].Left < 59*time.Minute {
		t.Errorf("renewed: %v", got)
	}
	if generation, err := kernel.Generation(t.Context()); err != nil || !to.table.known || to.table.have.Generation != generation {
		t.Errorf("the table was lost sight of: %d, %+v, %v", generation, to.table.known, err)
	}
}

// carry puts what one gateway's sets hold into those of another.
func carry(t *testing.T, from, to *Firewall) {
	t.Helper()
	fills, err := from.Fills(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, fill := range fills {
		if err := to.refill(t.Context(), fill.Set, fill.Type, putting(nil, fill.Members...)); err != nil {
			t.Errorf("%s: %v", fill.Set, err)
		}
	}
}

// about takes times for equal that a busy machine needs to look twice. An end stays an end.
var about = cmp.Comparer(func(a, b Member) bool {
	return bytes.Equal(a.Key, b.Key) && (a.Left == 0) == (b.Left == 0) && (a.Left-b.Left).Abs() < time.Minute
})

// BenchmarkFills reads and merges a list as long as they become. What Refill is asked for is one new
// element, and then all of them with a later end.
func BenchmarkFills(b *testing.B) {
	f, _ := tableOf(b, lab.Test(b).Host("a"), strings.Replace(fillPolicy, "4096", "70000", 1))
	all := make(Members, 65536)
	for n := range all {
		all[n] = Member{[]byte{10, 0, byte(n >> 8), byte(n)}, time.Hour}
	}
	put := func(members ...Member) {
		if err := f.refill(b.Context(), "alias_caught_v4", "type ipv4_addr", putting(nil, members...)); err != nil {
			b.Fatal(err)
		}
	}
	put(all...)
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			if _, err := f.Fills(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("one", func(b *testing.B) {
		for b.Loop() {
			put(Member{key("192.0.2.1"), time.Hour})
		}
	})
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			put(all...)
		}
	})
}
