package nft

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func prefixes(list ...string) []Element {
	elements := make([]Element, len(list))
	for i, s := range list {
		elements[i].Key = []Value{network(s)}
	}
	return elements
}

func alias(list ...string) Set {
	return Set{Name: "alias", Key: []Type{TypeIPv4}, Interval: true, Elements: prefixes(list...)}
}

func hookAt(priority int, policy Verdict) *Hook {
	return &Hook{Type: "filter", Point: "forward", Priority: priority, Policy: policy}
}

// small is a table with one of each.
func small() Ruleset {
	return Ruleset{
		Table:    Table{Name: "t"},
		Sets:     []Set{alias("10.0.0.0/8")},
		Counters: []string{"n"},
		Chains: []Chain{
			{Name: "leaf", Rules: []Rule{rule(Count{Counter: "n"}, accept)}},
			{Name: "base", Hook: hookAt(0, drop), Rules: []Rule{rule(Lookup{Fields: []Field{IPSaddr}, Set: "alias"}, jump("leaf"))}},
		},
	}
}

// changed is small after a change.
func changed(change func(*Ruleset)) Ruleset {
	r := small()
	change(&r)
	return r
}

func two(r *Ruleset) { r.Sets[0] = alias("10.0.0.0/8", "11.0.0.0/8") }

func dynamic(r *Ruleset) { r.Sets[0].Dynamic = true }

// slotted has maps of two slots.
func slotted(first, second Verdict, target string) func(*Ruleset) {
	slot := func(n uint32) []Value { return []Value{Number(TypeSlot, n)} }
	return func(r *Ruleset) {
		r.Sets = append(r.Sets,
			Set{Name: "slots", Key: []Type{TypeSlot}, Data: TypeVerdict, Elements: []Element{{Key: slot(0), Verdict: first}, {Key: slot(1), Verdict: second}}},
			Set{Name: "targets", Key: []Type{TypeSlot}, Data: TypeIPv4, Elements: []Element{{Key: slot(0), Data: address(target)}, {Key: slot(1), Data: address("9.9.9.9")}}})
	}
}

// helped has helpers of names and types.
func helped(pairs ...string) func(*Ruleset) {
	return func(r *Ruleset) {
		for ; len(pairs) > 1; pairs = pairs[2:] {
			protocols := helperProtocols(pairs[1])
			r.Helpers = append(r.Helpers, Helper{pairs[0], pairs[1], protocols[len(protocols)-1]})
		}
	}
}

func TestPlan(t *testing.T) {
	const rules = `
add rule inet t leaf counter name "n" accept
add rule inet t base ip saddr @alias jump leaf
`
	cases := []struct {
		name string
		have State
		want Ruleset
		text string // batches, each after a line of dashes
	}{
		{"from nothing", State{}, small(), `
--
add table inet t
add chain inet t leaf
add set inet t alias { type ipv4_addr; flags interval; }
add element inet t alias { 10.0.0.0/8 }
--
add chain inet t base { type filter hook forward priority filter; policy drop; }
add counter inet t n` + rules},
		{"nothing to do", small().State(), small(), ""},
		{"rules unknown", forgotten(small().State()), small(), "\n--\nflush table inet t" + rules},
		{"elements only", small().State(), changed(func(r *Ruleset) { r.Sets[0] = alias("10.1.0.0/16", "11.0.0.0/8") }), `
--
delete element inet t alias { 10.0.0.0/8 }
add element inet t alias { 10.1.0.0/16, 11.0.0.0/8 }
`},
		{"elements that come and go", changed(two).State(), changed(func(r *Ruleset) { r.Sets[0] = alias("10.0.0.0/8", "12.0.0.0/8") }), `
--
delete element inet t alias { 11.0.0.0/8 }
add element inet t alias { 12.0.0.0/8 }
`},
		{"slots that lead elsewhere", changed(slotted(jump("leaf"), accept, "1.1.1.1")).State(), changed(slotted(accept, accept, "2.2.2.2")), `
--
delete element inet t slots { 0 }
add element inet t slots { 0 : accept }
delete element inet t targets { 0 }
add element inet t targets { 0 : 2.2.2.2 }
`},
		{"helpers", changed(helped("kept", "ftp", "old", "tftp", "other", "sip")).State(), changed(helped("kept", "ftp", "other", "RAS", "new", "tftp")), `
--
flush table inet t
delete ct helper inet t old
delete ct helper inet t other
add ct helper inet t other { type "RAS" protocol udp; l3proto inet; }
add ct helper inet t new { type "tftp" protocol udp; l3proto inet; }` + rules},
		{"elements of a dynamic set", changed(dynamic).State(), changed(func(r *Ruleset) {
			dynamic(r)
			r.Sets[0].Elements = nil
		}), ""},
		{"elements that may leave", changed(timed).State(), changed(func(r *Ruleset) {
			timed(r)
			r.Sets[0].Elements = prefixes("10.0.0.0/8", "12.0.0.0/8")
		}), `
--
flush set inet t alias
add element inet t alias { 10.0.0.0/8, 12.0.0.0/8 }
`},
		{"policy", small().State(), changed(func(r *Ruleset) { r.Chains[1].Hook = hookAt(0, accept) }), `
--
flush table inet t
add chain inet t base { type filter hook forward priority filter; policy accept; }` + rules},
		{"hook", small().State(), changed(func(r *Ruleset) { r.Chains[1].Hook = hookAt(5, drop) }), `
--
flush table inet t
delete chain inet t base
add chain inet t base { type filter hook forward priority filter + 5; policy drop; }` + rules},
		{"another set, chain and counter", small().State(), changed(func(r *Ruleset) {
			r.Sets = []Set{{Name: "other", Key: []Type{TypeIPv4}, Data: TypeVerdict, Elements: []Element{{Key: []Value{address("1.2.3.4")}, Verdict: jump("new")}}}}
			r.Counters = []string{"m"}
			r.Chains[0] = Chain{Name: "new", Rules: []Rule{rule(Count{Counter: "m"}, accept)}}
			r.Chains[1].Rules = []Rule{rule(VMap{Fields: []Field{IPSaddr}, Set: "other"})}
		}), `
--
add chain inet t new
add map inet t other { type ipv4_addr : verdict; }
add element inet t other { 1.2.3.4 : jump new }
--
flush table inet t
delete set inet t alias
add counter inet t m
add rule inet t new counter name "m" accept
add rule inet t base ip saddr vmap @other
delete chain inet t leaf
delete counter inet t n
`},
		{"set of another kind", small().State(), changed(func(r *Ruleset) {
			r.Sets[0].HasTimeout, r.Sets[0].Timeout = true, time.Hour
		}), `
--
flush table inet t
delete set inet t alias
add set inet t alias { type ipv4_addr; flags interval,timeout; timeout 1h; }
add element inet t alias { 10.0.0.0/8 }` + rules},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(lines(c.text), lines(batchText(Plan(c.have, c.want)))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// timed lets the elements of the alias leave.
func timed(r *Ruleset) {
	r.Sets[0].HasTimeout, r.Sets[0].Elements = true, prefixes("10.0.0.0/8", "11.0.0.0/8")
}

func forgotten(s State) State {
	s.Rules = Digest{}
	return s
}

func batchText(batches []Batch) string {
	var b strings.Builder
	for _, batch := range batches {
		b.WriteString("--\n" + batch.String())
	}
	return b.String()
}

func lines(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
}

// A dynamic set of another size keeps what rules put in, and one of another key does not.
func TestPlanCarriesDynamicElements(t *testing.T) {
	old := Set{Name: "dyn", Key: []Type{TypeIPv4}, Dynamic: true, HasTimeout: true, Timeout: time.Hour, Size: 10, Elements: []Element{
		{Key: []Value{address("1.1.1.1")}, Timeout: 2 * time.Hour, Expires: time.Minute},
		{Key: []Value{address("2.2.2.2")}},
		{Key: []Value{address("3.3.3.3")}},
	}}
	have := State{Exists: true, Sets: []Set{old}}
	cases := []struct {
		name   string
		change func(*Set)
		want   string
	}{
		{"larger", func(s *Set) { s.Size = 20 }, "{ 1.1.1.1 timeout 2h expires 1m, 2.2.2.2, 3.3.3.3 }"},
		{"smaller", func(s *Set) { s.Size = 2 }, "{ 1.1.1.1 timeout 2h expires 1m, 2.2.2.2 }"},
		{"without timeout", func(s *Set) { s.HasTimeout, s.Timeout = false, 0 }, "{ 1.1.1.1, 2.2.2.2, 3.3.3.3 }"},
		{"another key", func(s *Set) { s.Key = []Type{TypeIPv6} }, ""},
	}
	for _, c := range cases {
		s := old.head()
		c.change(&s)
		batches := Plan(have, Ruleset{Table: Table{"t"}, Sets: []Set{s}})
		got := ""
		for _, line := range lines(batchText(batches)) {
			if rest, ok := strings.CutPrefix(line, "add element inet t dyn "); ok {
				got = rest
			}
		}
		if got != c.want {
			t.Errorf("%s: carried %q, want %q", c.name, got, c.want)
		}
	}
}

// Differences are as small as the change, and lead from the one to the other.
func TestDiffElements(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for n := range 200 {
		have, want := randomElements(rng), randomElements(rng)
		if n%2 == 0 && len(have) > 0 { // a list fetched anew: all but the same
			at := rng.IntN(len(have))
			want = slices.Delete(slices.Clone(have), at, at+1)
		}
		gone, fresh := diffElements(have, want)
		left := map[string]Element{}
		for _, e := range have {
			left[e.Key[0].String()] = e
		}
		for _, e := range gone {
			if _, ok := left[e.Key[0].String()]; !ok {
				t.Fatalf("%s goes, and is not there", e.Key[0])
			}
			delete(left, e.Key[0].String())
		}
		for _, e := range fresh {
			if _, ok := left[e.Key[0].String()]; ok {
				t.Fatalf("%s comes, and is there", e.Key[0])
			}
			left[e.Key[0].String()] = e
		}
		if len(left) != len(want) {
			t.Fatalf("%d elements, want %d", len(left), len(want))
		}
		for _, e := range want {
			if got, ok := left[e.Key[0].String()]; !ok || !sameValue(got, e) {
				t.Fatalf("%s is %v, want %v", e.Key[0], got, e)
			}
		}
		if again, more := diffElements(want, slices.Clone(want)); len(again)+len(more) > 0 {
			t.Fatalf("equal sets differ by %v and %v", again, more)
		}
	}
}

// randomElements are out of order, as no set should be.
func randomElements(rng *rand.Rand) []Element {
	elements := []Element{}
	for _, i := range rng.Perm(30)[:rng.IntN(30)] {
		elements = append(elements, Element{
			Key:  []Value{Address(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}))},
			Data: mark(uint32(rng.IntN(2))),
		})
	}
	return elements
}

// Ten networks changed of 100,000 are ten commands' worth of elements, and the kernel
// then has the wanted ones.
func TestLargeSetIsSentAsDifference(t *testing.T) {
	namespace(t)
	const size = 100_000
	ctx := context.Background()
	k := Open("rempart")
	want := Ruleset{Table: Table{"rempart"}, Sets: []Set{manyPrefixes(size)}}
	apply(t, k, want)
	have := readState(t, k)
	if got := len(have.Sets[0].Elements); got != size {
		t.Fatalf("the kernel has %d elements, want %d", got, size)
	}
	have.Rules = want.Digest()
	want.Sets[0] = manyPrefixes(size)
	for i := range 10 {
		want.Sets[0].Elements[i*9999].Key = []Value{Address(addrOf(uint32(i*9999)*1024 + 1<<24 + 7))}
	}
	batches := Plan(have, want)
	sent := 0
	for _, op := range slices.Concat(batches...) {
		switch op := op.(type) {
		case AddElements:
			sent += len(op.Elements)
		case DeleteElements:
			sent += len(op.Elements)
		default:
			t.Errorf("a change of elements does %s", op)
		}
	}
	if sent != 20 || len(batches) != 1 {
		t.Errorf("%d elements in %d batches, want 20 in one", sent, len(batches))
	}
	commitAll(t, k, batches)
	got, err := k.Elements(ctx, "list")
	if err != nil {
		t.Fatal(err)
	}
	if gone, fresh := diffElements(got, want.Sets[0].Elements); len(gone)+len(fresh) > 0 {
		t.Errorf("the kernel has %d too many and lacks %d", len(gone), len(fresh))
	}
}

// New sets larger than a batch are filled in several, before the batch that uses them.
func TestPlanFillsInBatches(t *testing.T) {
	want := changed(func(r *Ruleset) { r.Sets[0].Elements = manyPrefixes(2*fillSize + 1).Elements })
	batches := Plan(State{}, want)
	var sizes []int
	for _, b := range batches {
		n := 0
		for _, op := range b {
			if add, ok := op.(AddElements); ok {
				n += len(add.Elements)
			}
		}
		sizes = append(sizes, n)
	}
	if fmt.Sprint(sizes) != fmt.Sprint([]int{fillSize, fillSize, 1, 0}) {
		t.Errorf("elements of the batches: %v", sizes)
	}
	if b := batches[len(batches)-1]; !slices.ContainsFunc(b, func(op Op) bool { _, ok := op.(AddRule); return ok }) {
		t.Error("the last batch has no rules")
	}
}
