package nft

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"

	rtnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// manyRules is a table of n rules, the faulty one naming a set that is not there.
func manyRules(n, faulty int) Ruleset {
	r := Ruleset{Table: Table{Name: "rempart"}, Counters: []string{"cnt"}}
	c := Chain{Name: "forward_", Hook: &Hook{Type: "filter", Point: "forward", Policy: drop}}
	for i := range n {
		x := Rule{Comment: fmt.Sprintf("rule %d", i), Exprs: []Expr{
			is(IPSaddr, network(fmt.Sprintf("10.%d.%d.0/24", i>>8&0xff, i&0xff))),
			is(TCPDport, port(uint32(i%65535+1))), Count{Counter: "cnt"}, accept,
		}}
		if i == faulty {
			x.Exprs[0] = Lookup{Fields: []Field{IPSaddr}, Set: "missing"}
		}
		c.Rules = append(c.Rules, x)
	}
	r.Chains = []Chain{c}
	return r
}

func TestCommitNamesTheRefusedRule(t *testing.T) {
	namespace(t)
	k := Open("rempart")
	apply(t, k, manyRules(10, -1))
	before := nftCommand(t, "", "list", "table", "inet", "rempart")
	number, err := k.Generation(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range Plan(readState(t, k), manyRules(1000, 500)) {
		err = k.Commit(context.Background(), b, 0)
	}
	var refused *CommitError
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want a CommitError", err)
	}
	op, ok := refused.Op.(AddRule)
	if !ok || op.Rule.Comment != "rule 500" || refused.Errno != unix.ENOENT {
		t.Errorf("refused %v, want rule 500 with ENOENT", refused)
	}
	sameText(t, "after a refusal", before, nftCommand(t, "", "list", "table", "inet", "rempart"))
	if after, _ := k.Generation(context.Background()); after != number {
		t.Errorf("a refused batch moved the generation from %d to %d", number, after)
	}
}

// A rule may need several messages; faults of its anonymous sets are its own.
func TestCommitNamesTheRuleOfAnAnonymousSet(t *testing.T) {
	namespace(t)
	r := manyRules(3, -1)
	bad := VMap{Fields: []Field{IIFName}, Elements: []Element{{Key: []Value{Ifname("a")}, Verdict: jump("nowhere")}}}
	r.Chains[0].Rules[1].Exprs = []Expr{tcpOrUDP, bad}
	var err error
	for _, b := range Plan(State{}, r) {
		err = Open("rempart").Commit(context.Background(), b, 0)
	}
	var refused *CommitError
	if !errors.As(err, &refused) || refused.Op.(AddRule).Rule.Comment != "rule 1" {
		t.Errorf("got %v, want rule 1 refused", err)
	}
}

func TestCommitRefusesAStaleGeneration(t *testing.T) {
	namespace(t)
	k := Open("rempart")
	ctx := context.Background()
	apply(t, k, manyRules(1, -1))
	number := readState(t, k).Generation
	if err := k.Commit(ctx, Batch{AddCounter{"rempart", "a"}}, number); err != nil {
		t.Fatal(err)
	}
	if now, _ := k.Generation(ctx); now != number+1 {
		t.Errorf("one batch moved the generation from %d to %d", number, now)
	}
	if err := k.Commit(ctx, Batch{AddCounter{"rempart", "b"}}, number); !errors.Is(err, ErrGeneration) {
		t.Errorf("got %v, want ErrGeneration", err)
	}
	if have := readState(t, k).Counters; !slices.Equal(have, []string{"cnt", "a"}) {
		t.Errorf("counters are %v", have)
	}
}

func TestForeignTables(t *testing.T) {
	namespace(t)
	const foreign = `table ip other {
	chain nat_out {
		type nat hook postrouting priority srcnat; policy accept;
	}
	chain plain {
	}
}
table inet other {
	set s {
		type ipv4_addr
		elements = { 1.2.3.4 }
	}
	chain in {
		type filter hook input priority filter; policy drop;
		ip saddr @s accept
	}
}
`
	nftCommand(t, foreign, "-f", "-")
	before := nftCommand(t, "", "list", "ruleset")
	k := Open("rempart")
	ctx := context.Background()
	apply(t, k, caseRuleset(ruleCases()))
	list, err := k.Foreign(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var text []string
	for _, f := range list {
		text = append(text, f.String())
	}
	slices.Sort(text)
	want := []string{
		"inet other in: type filter hook input priority filter; policy drop;",
		"ip other nat_out: type nat hook postrouting priority srcnat; policy accept;",
	}
	if !slices.Equal(text, want) {
		t.Errorf("foreign chains\n%s\nwant\n%s", strings.Join(text, "\n"), strings.Join(want, "\n"))
	}
	for range 2 { // deleting what is not there is no fault
		if err := k.Delete(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if after := nftCommand(t, "", "list", "ruleset"); after != before {
		t.Errorf("foreign tables were\n%s\nand are\n%s", before, after)
	}
}

func TestCountersAndDynamicElements(t *testing.T) {
	namespace(t)
	k := Open("rempart")
	ctx := context.Background()
	r := caseRuleset(ruleCases())
	apply(t, k, r)
	nftCommand(t, "", "add", "element", "inet", "rempart", "dyn", "{ 192.0.2.1, 192.0.2.9 timeout 2h }")
	elements, err := k.Elements(ctx, "dyn")
	if err != nil {
		t.Fatal(err)
	}
	if len(elements) != 2 || elements[0].Key[0] != address("192.0.2.1") || elements[0].Timeout != 0 ||
		elements[0].Expires <= 0 || elements[1].Timeout.Hours() != 2 {
		t.Errorf("elements are %+v", elements)
	}
	r.Chains[0].Rules = append(r.Chains[0].Rules, rule(accept))
	apply(t, k, r)
	if again, _ := k.Elements(ctx, "dyn"); len(again) != 2 {
		t.Errorf("after a switch the dynamic set has %+v", again)
	}
	counters, err := k.Counters(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := counters["rule-x.y"]; !ok || len(counters) != 2 {
		t.Errorf("counters are %v", counters)
	}
	if _, err := k.Elements(ctx, "missing"); err == nil {
		t.Error("no fault for a set that is not there")
	}
}

func TestFeatures(t *testing.T) {
	namespace(t)
	k := Open("rempart")
	ctx := context.Background()
	before, err := k.Generation(ctx)
	if err != nil {
		t.Fatal(err)
	}
	features, err := k.Features(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range features {
		t.Logf("%s: %v", f.Name, f.Reason)
	}
	here := []string{
		FeatureConcat, FeatureTime, FeatureNAT, FeatureReject, FeatureSetLimit,
		FeatureRouteOut, FeatureDeal, FeatureSlotMap, FeatureNoTrack, FeatureRoute, FeatureRejectPre, FeatureDirection,
	}
	for _, kind := range HelperTypes() {
		here = append(here, FeatureHelper(kind))
	}
	for _, name := range here {
		if !features.Has(name) {
			t.Errorf("no %s, though nft has it here", name)
		}
	}
	if after, _ := k.Generation(ctx); after != before {
		t.Errorf("probing moved the generation from %d to %d", before, after)
	}
	if text := nftCommand(t, "", "list", "ruleset"); text != "" {
		t.Errorf("probing left behind:\n%s", text)
	}
}

// traffic sends datagrams to this host, which the output hook sees.
func traffic(t *testing.T, n int) {
	t.Helper()
	c, err := net.Dial("udp", "127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range n {
		_, _ = c.Write([]byte("x")) // nobody listens, which every second write hears of
	}
}

// Counters go on counting over every kind of change, and rules take hold of each packet.
func TestCountersSurvive(t *testing.T) {
	namespace(t)
	lo, err := rtnl.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if err := rtnl.LinkSetUp(lo); err != nil {
		t.Fatal(err)
	}
	k := Open("rempart")
	rng := rand.New(rand.NewPCG(5, 5))
	var sent uint64
	for step := range 15 {
		want := randomRuleset(rng)
		want.Counters = append(want.Counters, "all")
		want.Chains = append(want.Chains, Chain{
			Name: "counting", Hook: &Hook{Type: "filter", Point: "output", Priority: -400},
			Rules: []Rule{rule(is(UDPDport, port(9)), Count{Counter: "all"})},
		})
		apply(t, k, want)
		traffic(t, 10)
		counters, err := k.Counters(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if now := counters["all"].Packets; now <= sent {
			t.Fatalf("step %d: the counter went from %d to %d packets", step, sent, now)
		}
		sent = counters["all"].Packets
	}
}

func TestManyRulesInOneBatch(t *testing.T) {
	namespace(t)
	want := manyRules(10_000, -1)
	apply(t, Open("rempart"), want)
	sameText(t, "10,000 rules", want.String(), nftCommand(t, "", "list", "table", "inet", "rempart"))
}
