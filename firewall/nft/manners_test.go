package nft

import (
	"context"
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// mannersRuleset has one of each thing that a bad command can run into.
func mannersRuleset() Ruleset {
	two := func(from, to string, p uint32, v Verdict) Element {
		return Element{Key: []Value{between(from, to), port(p)}, Verdict: v}
	}
	return Ruleset{
		Table:    Table{"t"},
		Counters: []string{"used", "idle"},
		Sets: []Set{
			alias("10.0.0.0/8", "20.0.0.0/8"),
			{Name: "map", Key: []Type{TypeIPv4}, Data: TypeVerdict, Elements: []Element{{Key: []Value{address("1.1.1.1")}, Verdict: jump("held")}}},
			{Name: "boxes", Key: []Type{TypeIPv4, TypePort}, Data: TypeVerdict, Interval: true, Elements: []Element{two("10.0.0.0", "10.255.255.255", 80, accept)}},
			{Name: "two", Key: []Type{TypeIPv4}, Size: 2},
			{Name: "dyn", Key: []Type{TypeIPv4}, Dynamic: true},
			{Name: "dynt", Key: []Type{TypeIPv4}, Dynamic: true, HasTimeout: true, Timeout: time.Hour},
			{Name: "idle", Key: []Type{TypeIPv4}}, {Name: "idle6", Key: []Type{TypeIPv6}},
			{Name: "slots", Key: []Type{TypeSlot}, Data: TypeVerdict, Elements: []Element{{Key: []Value{Number(TypeSlot, 1)}, Verdict: jump("held")}}},
			{Name: "targets", Key: []Type{TypeSlot}, Data: TypeIPv4}, {Name: "ports", Key: []Type{TypePort}, Data: TypeVerdict},
		},
		Helpers: []Helper{{"used", "ftp", protoTCP}, {"idle", "tftp", protoUDP}},
		Chains: []Chain{
			{Name: "held"}, {Name: "jumped"}, {Name: "free"},
			{Name: "base", Hook: hookAt(0, drop), Rules: []Rule{
				rule(Lookup{Fields: []Field{IPSaddr}, Set: "alias"}, Count{Counter: "used"}, jump("jumped")),
				rule(VMap{Fields: []Field{IPSaddr}, Set: "map"}), rule(SetHelper{"used"}), rule(Deal{By: DealRandom, Slots: 2, Set: "slots"}),
			}},
			{Name: "natted", Hook: &Hook{Type: "nat", Point: Prerouting, Priority: -100}},
		},
	}
}

func set(r Ruleset, name string) Set {
	s, _ := r.State().set(name)
	return s.head()
}

func one(v ...Value) []Element { return []Element{{Key: v}} }

// mannersOps are commands and what the kernel says to them.
func mannersOps(r Ruleset) []struct {
	op   Op
	want unix.Errno
} {
	add := func(name string, e ...Element) Op { return AddElements{"t", set(r, name), e} }
	del := func(name string, e ...Element) Op { return DeleteElements{"t", set(r, name), e} }
	deal := func(set string) Deal { return Deal{By: DealRoundRobin, Slots: 2, Set: set} }
	natted := func(set string, is6 bool) Op {
		d := deal(set)
		return AddRule{Table: "t", Chain: "natted", Rule: rule(NAT{Kind: DNAT, Deal: &d, Is6: is6})}
	}
	rules := func(x ...Expr) Op { return AddRule{Table: "t", Chain: "free", Rule: Rule{Exprs: x}} }
	box := func(from, to string, p uint32) Element {
		return Element{Key: []Value{between(from, to), port(p)}, Verdict: drop}
	}
	to := func(v Verdict) Element { return Element{Key: []Value{address("9.9.9.9")}, Verdict: v} }
	other := set(r, "idle")
	other.HasTimeout = true
	return []struct {
		op   Op
		want unix.Errno
	}{
		{AddTable{"t"}, 0},
		{AddTable{"unknown"}, 0},
		{AddChain{"t", "free", nil}, 0},
		{AddChain{"t", "base", nil}, 0},
		{AddChain{"t", "base", hookAt(0, accept)}, 0},
		{AddChain{"t", "base", hookAt(1, drop)}, unix.EOPNOTSUPP},
		{AddChain{"t", "free", hookAt(1, drop)}, unix.EOPNOTSUPP},
		{DeleteChain{"t", "none"}, unix.ENOENT},
		{DeleteChain{"t", "free"}, 0},
		{DeleteChain{"t", "base"}, 0},
		{DeleteChain{"t", "held"}, unix.EBUSY},
		{DeleteChain{"t", "jumped"}, unix.EBUSY},
		{AddSet{"t", set(r, "idle")}, 0},
		{AddSet{"t", other}, unix.EEXIST},
		{DeleteSet{"t", "none"}, unix.ENOENT},
		{DeleteSet{"t", "idle"}, 0},
		{DeleteSet{"t", "alias"}, unix.EBUSY},
		{DeleteSet{"t", "map"}, unix.EBUSY},
		{FlushSet{Table: "t", Name: "none"}, unix.ENOENT},
		{FlushSet{Table: "t", Name: "map", Map: true}, 0},
		{AddHelper{"t", Helper{"new", "sip", protoUDP}}, 0},
		{AddHelper{"t", Helper{"new", "none", protoUDP}}, unix.ENOENT},
		{AddHelper{"t", Helper{"new", "tftp", protoTCP}}, unix.ENOENT},
		{AddHelper{"t", Helper{"used", "ftp", protoTCP}}, 0},
		{AddHelper{"t", Helper{"idle", "ftp", protoTCP}}, 0},
		{DeleteHelper{"t", "none"}, unix.ENOENT},
		{DeleteHelper{"t", "idle"}, 0},
		{DeleteHelper{"t", "used"}, unix.EBUSY},
		{rules(SetHelper{"idle"}), 0},
		{rules(SetHelper{"none"}), unix.ENOENT},
		{rules(deal("slots")), 0},
		{rules(deal("none")), unix.ENOENT},
		{rules(deal("targets")), unix.EINVAL},
		{rules(deal("idle")), unix.EINVAL},
		{rules(deal("map")), 0},
		{rules(deal("ports")), 0},
		{rules(deal("boxes")), unix.ENODATA},
		{natted("targets", false), 0},
		{natted("none", false), unix.ENOENT},
		{natted("slots", false), unix.EINVAL},
		{natted("idle", false), unix.EINVAL},
		{natted("targets", true), unix.ENODATA},
		{DeleteSet{"t", "slots"}, unix.EBUSY},
		{AddCounter{"t", "used"}, 0},
		{DeleteCounter{"t", "none"}, unix.ENOENT},
		{DeleteCounter{"t", "idle"}, 0},
		{DeleteCounter{"t", "used"}, unix.EBUSY},
		{add("alias", prefixes("30.0.0.0/8")...), 0},
		{add("alias", prefixes("10.0.0.0/8")...), 0},
		{add("alias", prefixes("10.1.0.0/16")...), unix.EEXIST},
		{add("alias", prefixes("8.0.0.0/5")...), unix.EEXIST},
		{add("alias", one(between("9.0.0.0", "10.0.0.0"))...), unix.EEXIST},
		{add("alias", one(between("10.255.255.255", "11.0.0.0"))...), unix.EEXIST},
		{add("alias", one(between("9.0.0.0", "9.255.255.255"))...), 0},
		{del("alias", prefixes("10.0.0.0/8")...), 0},
		{del("alias", prefixes("30.0.0.0/8")...), unix.ENOENT},
		{del("alias", prefixes("10.1.0.0/16")...), unix.ENOENT},
		{add("map", to(accept)), 0},
		{add("map", to(jump("free"))), 0},
		{add("map", to(jump("none"))), unix.ENOENT},
		{add("map", to(jump("base"))), unix.EOPNOTSUPP},
		{add("map", Element{Key: []Value{address("1.1.1.1")}, Verdict: jump("held")}), 0},
		{add("map", Element{Key: []Value{address("1.1.1.1")}, Verdict: drop}), unix.EEXIST},
		{add("boxes", box("10.1.0.0", "10.1.0.9", 80)), unix.EEXIST},
		{add("boxes", box("10.0.0.0", "10.255.255.255", 80)), unix.EEXIST},
		{add("boxes", box("9.0.0.0", "10.0.0.9", 80)), unix.EEXIST},
		{add("boxes", box("10.1.0.0", "10.1.0.9", 81)), 0},
		{add("boxes", box("0.0.0.0", "255.255.255.255", 80)), 0},
		{add("two", one(address("1.1.1.1"))[0], one(address("1.1.1.2"))[0]), 0},
		{add("two", one(address("1.1.1.1"))[0], one(address("1.1.1.2"))[0], one(address("1.1.1.3"))[0]), unix.ENFILE},
		{rules(Lookup{Fields: []Field{IPSaddr}, Set: "idle"}), 0},
		{rules(Lookup{Fields: []Field{IPSaddr}, Set: "none"}), unix.ENOENT},
		{rules(Lookup{Fields: []Field{IP6Saddr}, Set: "idle"}), 0},
		{rules(Lookup{Fields: []Field{IPSaddr}, Set: "idle6"}), unix.ENODATA},
		{rules(VMap{Fields: []Field{IPSaddr}, Set: "idle"}), unix.EINVAL},
		{rules(Count{Counter: "none"}), unix.ENOENT},
		{rules(jump("none")), unix.ENOENT},
		{rules(jump("base")), unix.EOPNOTSUPP},
		{rules(DynSet{Set: "two", Fields: []Field{IPSaddr}}), unix.EOPNOTSUPP},
		{rules(DynSet{Set: "dynt", Fields: []Field{IPSaddr}, Stmt: ConnLimit{Over: 1}}), unix.EOPNOTSUPP},
		{rules(DynSet{Set: "dyn", Fields: []Field{IPSaddr}, Stmt: ConnLimit{Over: 1}}), 0},
		{AddRule{Table: "t", Chain: "none", Rule: rule(accept)}, unix.ENOENT},
		{AddCounter{"unknown", "n"}, unix.ENOENT},
	}
}

// The fake says of every command what the kernel says, and both leave all as it was when they refuse.
func TestFakeHasTheKernelsManners(t *testing.T) {
	r := mannersRuleset()
	for _, c := range mannersOps(r) {
		fake := NewFake("t")
		apply(t, fake, r)
		checkManners(t, "fake", fake, c.op, c.want)
	}
	namespace(t)
	k := Open("t")
	for _, c := range mannersOps(r) {
		apply(t, k, r)
		checkManners(t, "kernel", k, c.op, c.want)
		if err := k.Delete(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

func checkManners(t *testing.T, who string, k Kernel, op Op, want unix.Errno) {
	t.Helper()
	if table, ok := op.(AddTable); ok && table.Table != "t" {
		return // the fake has but one
	}
	if counter, ok := op.(AddCounter); ok && counter.Table != "t" {
		return
	}
	before := bareText(readState(t, k))
	err := k.Commit(context.Background(), Batch{AddCounter{"t", "first"}, op}, 0)
	var refused *CommitError
	switch {
	case want == 0 && err != nil:
		t.Errorf("%s: %v", who, err)
	case want != 0 && (!errors.As(err, &refused) || refused.Errno != want):
		t.Errorf("%s: %s: got %v, want %v", who, op, err, want)
	case want != 0:
		sameText(t, who+" after a refusal", before, bareText(readState(t, k)))
	}
}
