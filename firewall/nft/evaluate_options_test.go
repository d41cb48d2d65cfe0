package nft

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEvaluateOptions(t *testing.T) {
	source := []Field{IPSaddr}
	r := roadCase{
		sets: []Set{{Name: "rate", Key: []Type{TypeIPv4}, Dynamic: true}},
		chains: []Chain{filter("forward", Forward, 0, accept,
			on("one", Limit{Rate: 1, Unit: 1e9}, Count{"under"}),
			on("two", Limit{Rate: 1, Unit: 1e9, Over: true}, Count{"over"}),
			on("three", ConnLimit{Over: 5}, Count{"flows"}),
			rule(DynSet{Set: "rate", Fields: source, Stmt: ConnLimit{Over: 7}}, Count{"of-source"}),
			rule(Lookup{Fields: source, Not: true, Set: "rate"}, Count{"no-room"}),
		)},
	}.ruleset()
	e := NewEvaluator(r)
	held := e.Holding("rate", []Element{{Key: []Value{network("10.1.2.0/24")}}}).Holding("unknown", nil)
	exceeded := func(Place, Expr) bool { return true }
	full := func(set string) bool { return set == "rate" }
	for _, tt := range []struct {
		name string
		e    *Evaluator
		o    Options
		want string
	}{
		{"nothing exceeded", e, Options{}, "one under two three"},
		{"everything exceeded", e, Options{Exceeded: exceeded}, "one two over three flows of-source"},
		{"one exceeded", e, Options{Exceeded: func(at Place, limit Expr) bool { return at.Rule == 2 && limit == ConnLimit{Over: 5} }}, "one under two three flows"},
		{"no room", e, Options{Full: full}, "one under two three no-room"},
		{"no room, and an element that is there", held, Options{Full: full}, "one under two three"},
	} {
		if got := strings.Join(tt.e.Run(Forward, zoo()["tcp4"], tt.o).Counters, " "); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestEvaluateTrace(t *testing.T) {
	r := roadCase{chains: []Chain{
		filter("forward", Forward, 0, drop,
			Rule{Comment: "no", Exprs: []Expr{is(IPSaddr, network("10.0.0.0/8")), is(TCPDport, port(80)), accept}},
			Rule{Comment: "udp", Exprs: []Expr{isNot(UDPDport, port(1))}},
			Rule{Comment: "map", Exprs: []Expr{VMap{Fields: []Field{L4Proto}, Elements: []Element{{Key: []Value{proto(6)}, Verdict: jump("a")}}}}}),
		chain("a", Rule{Comment: "count", Exprs: []Expr{Count{"a"}}}),
	}}.ruleset()
	got := NewEvaluator(r).Run(Forward, zoo()["tcp4"], Options{Trace: true})
	end := Place{"forward", Policy, ""}
	want := []Step{
		{Place: Place{"forward", 0, "no"}, Failed: 1},
		{Place: Place{"forward", 1, "udp"}, Failed: 0}, // by what it implies
		{Place: Place{"forward", 2, "map"}, Matched: true, Verdict: jump("a")},
		{Place: Place{"a", 0, "count"}, Matched: true},
		{Place: end, Matched: true, Verdict: drop},
	}
	if diff := cmp.Diff(want, got.Trace); diff != "" {
		t.Errorf("trace (-want +got):\n%s", diff)
	}
	if got.Decided != end || got.Verdict != Drop {
		t.Errorf("%v at %v, want drop at %v", got.Verdict, got.Decided, end)
	}
	if quiet := NewEvaluator(r).Run(Forward, zoo()["tcp4"], Options{}); quiet.Trace != nil {
		t.Error("a trace that nobody asked for")
	}
}

func TestEvaluateResult(t *testing.T) {
	server := netip.MustParseAddr("203.0.113.9")
	r := roadCase{chains: []Chain{
		nat("in", Prerouting, -100, Rule{Comment: "www", Exprs: []Expr{
			is(TCPDport, port(443)), Log{Prefix: "in", Group: 1}, SetMark{Field: CTMark, Value: 5},
			NAT{Kind: DNAT, Addrs: []netip.Addr{server}, PortLo: 1000, PortHi: 2000},
		}}),
		nat("out", Postrouting, 100, rule(Masquerade{})),
		filter("forward", Forward, 0, drop, rule(is(L4Proto, proto(17)), Reject{With: RejectAdminProhibited}), Rule{Comment: "yes", Exprs: []Expr{accept}}),
	}}.ruleset()
	e := NewEvaluator(r)
	j := e.Walk(zoo()["tcp4"], routeOf, Options{})
	in, _ := j.At(Prerouting)
	if want := (Translation{Kind: DNAT, To: []netip.Addr{server}, PortLo: 1000, PortHi: 2000}); !cmp.Equal(in.Translation, want, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })) {
		t.Errorf("translated to %+v, want %+v", in.Translation, want)
	}
	if len(in.Logs) != 1 || in.Logs[0].Prefix != "in" || in.Decided != (Place{"in", 0, "www"}) {
		t.Errorf("prerouting logged %v and was decided at %v", in.Logs, in.Decided)
	}
	p := j.Packet
	if p.Dst != server || p.DstPort != 1000 || p.CTMark != 5 || p.Status != StatusDNAT|StatusSNAT || p.OrigDst != zoo()["tcp4"].Dst {
		t.Errorf("it left as %+v", p)
	}
	if out, _ := j.At(Postrouting); !out.Translation.Masquerade {
		t.Errorf("outbound %+v, want a masquerade", out.Translation)
	}
	if j.Decided != (Place{"forward", 1, "yes"}) || j.Verdict != Accept || len(j.Stages) != 3 {
		t.Errorf("%v at %v after %d hooks", j.Verdict, j.Decided, len(j.Stages))
	}
	j = e.Walk(zoo()["udp4"], routeOf, Options{})
	if j.Verdict != Drop || j.Reject != RejectAdminProhibited || j.Decided != (Place{"forward", 0, ""}) {
		t.Errorf("%v, refused with %v at %v", j.Verdict, j.Reject, j.Decided)
	}
	if _, ok := j.At(Postrouting); ok {
		t.Error("a refused packet came to postrouting")
	}
}

// What stands has been translated: chains of type nat are not asked again.
func TestEstablishedIsNotTranslated(t *testing.T) {
	e := NewEvaluator(roadCase{chains: []Chain{
		nat("in", Prerouting, -100, on("in", NAT{Kind: DNAT, Addrs: []netip.Addr{netip.MustParseAddr("203.0.113.9")}})),
		filter("forward", Forward, 0, drop, on("stands", CTState{States: StateEstablished | StateRelated}, accept)),
	}}.ruleset())
	for _, tt := range []struct {
		packet string
		state  StateBits
		want   string
	}{
		{"tcp4", StateEstablished, "stands: accept"},
		{"tcp4", StateUntracked, "stands: drop"},
		{"tcp4", StateNew, "in stands: drop"},
		{"tcp4", StateRelated, "in stands: accept"},
		{"frag4", StateRelated, "stands: accept"},
	} {
		p := zoo()[tt.packet]
		p.State = tt.state
		if got := ending(e.Walk(p, routeOf, Options{})); got != tt.want {
			t.Errorf("%s in state %d: %s, want %s", tt.packet, tt.state, got, tt.want)
		}
	}
}

func TestOwnTrafficAndNoRoute(t *testing.T) {
	e := NewEvaluator(roadCase{chains: []Chain{
		filter("pre", Prerouting, 0, accept, on("pre")),
		filter("forward", Forward, 0, accept, on("forward")),
		filter("out", Output, 0, accept, on("out"), on("by", isNot(OIFName, Ifname("eth0")), drop)),
		filter("post", Postrouting, 0, accept, on("post", isNot(IIFName, Ifname("eth1")), Count{"own"})),
	}}.ruleset())
	nowhere := func(netip.Addr) (string, bool) { return "", false }
	own := zoo()["tcp4"]
	own.In = ""
	if got := ending(e.Walk(own, routeOf, Options{})); got != "out by post own: accept" {
		t.Errorf("own traffic: %s", got)
	}
	if got := ending(e.Walk(own, nowhere, Options{})); got != "out by: drop" {
		t.Errorf("own traffic without a device: %s", got)
	}
	if got := ending(e.Walk(zoo()["tcp4"], nowhere, Options{})); got != "pre: drop" {
		t.Errorf("no route: %s", got)
	}
}

// What the kernel would not take drops, and ends.
func TestEvaluateNonsense(t *testing.T) {
	for name, chains := range map[string][]Chain{
		"no set":      {filter("forward", Forward, 0, accept, rule(Lookup{Fields: []Field{IPSaddr}, Set: "none"}))},
		"no map":      {filter("forward", Forward, 0, accept, rule(VMap{Fields: []Field{IPSaddr}, Set: "none"}))},
		"no dynset":   {filter("forward", Forward, 0, accept, rule(DynSet{Fields: []Field{IPSaddr}, Set: "none"}))},
		"no value":    {filter("forward", Forward, 0, accept, rule(is(IPSaddr)))},
		"no chain":    {filter("forward", Forward, 0, accept, rule(jump("none")))},
		"jump circle": {filter("forward", Forward, 0, accept, rule(jump("a"))), chain("a", rule(jump("a")))},
		"goto circle": {filter("forward", Forward, 0, accept, rule(jump("a"))), chain("a", rule(gotoChain("b"))), chain("b", rule(gotoChain("a")))},
	} {
		if r := NewEvaluator(roadCase{chains: chains}.ruleset()).Run(Forward, zoo()["tcp4"], Options{}); r.Verdict != Drop {
			t.Errorf("%s: %v", name, r.Verdict)
		}
	}
}

// TestIndex holds every kind of index against a plain list.
func TestIndex(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 14))
	ranged := func(n uint32) Value {
		lo := rng.Uint32N(n)
		return ports(lo, min(lo+rng.Uint32N(n/4+1), n))
	}
	for _, fields := range []int{1, 2, 4, 9} {
		for _, interval := range []bool{false, true} {
			s := Set{Interval: interval}
			for range fields {
				s.Key = append(s.Key, TypePort)
			}
			for i := range 300 {
				e := Element{Key: make([]Value, fields)}
				for f := range e.Key {
					switch {
					case interval && fields == 1: // these must not overlap
						e.Key[f] = ports(uint32(i*7), uint32(i*7+rng.IntN(7)))
					case interval:
						e.Key[f] = ranged(40)
					default:
						e.Key[f] = port(rng.Uint32N(20))
					}
				}
				s.Elements = append(s.Elements, e)
			}
			checkIndex(t, s, rng)
			s.Elements = s.Elements[:5]
			checkIndex(t, s, rng)
			s.Elements = nil
			checkIndex(t, s, rng)
		}
	}
}

func checkIndex(t *testing.T, s Set, rng *rand.Rand) {
	t.Helper()
	x := newIndex(s)
	for range 3000 {
		key := make([]word, len(s.Key))
		for f := range key {
			key[f] = number(rng.Uint32N(45))
			if len(key) == 1 {
				key[f] = number(rng.Uint32N(2200))
			}
		}
		want, ok := 0, false
		for i, e := range s.Elements {
			all := true
			for f, v := range e.Key {
				all = all && key[f].within(number(v.Lo), number(v.Hi))
			}
			if all {
				want, ok = i, true
				break
			}
		}
		got, found := x.find(key)
		if found != ok {
			t.Fatalf("%d fields, interval %v: %v is found: %v", len(s.Key), s.Interval, key, found)
		}
		if found && s.Interval && got != want {
			t.Fatalf("%d fields: %v is of element %d, want %d", len(s.Key), key, got, want)
		}
	}
}

func TestEvaluatorIsShared(t *testing.T) {
	e := NewEvaluator(fieldRuleset(fieldCases()))
	want := strings.Join(e.Run(Forward, zoo()["tcp4"], Options{}).Counters, " ")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				if got := strings.Join(e.Run(Forward, zoo()["tcp4"], Options{}).Counters, " "); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		})
	}
	wg.Wait()
}
