package nft

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"testing"
)

// caseRuleset holds the rules of all cases, each in a chain where it may stand.
func caseRuleset(cases []ruleCase) Ruleset {
	r := Ruleset{Table: Table{Name: "rempart"}, Sets: caseSets(), Helpers: caseHelpers(), Counters: caseCounters(), Chains: caseChains()}
	r.Chains = append(r.Chains, Chain{Name: "anywhere"})
	for _, c := range cases {
		if c.chain == "" {
			c.chain = "anywhere"
		}
		for i := range r.Chains {
			if r.Chains[i].Name == c.chain {
				r.Chains[i].Rules = append(r.Chains[i].Rules, c.rule)
			}
		}
	}
	return r
}

func TestRuleText(t *testing.T) {
	for _, c := range ruleCases() {
		if got := c.rule.String(); got != c.text {
			t.Errorf("prints as\n\t%s\nwant\n\t%s", got, c.text)
		}
	}
}

// What is sent by netlink, what nft reads from our text, and our text are one.
func TestListsAsPrinted(t *testing.T) {
	namespace(t)
	want := caseRuleset(ruleCases())
	k := Open("rempart")
	apply(t, k, want)
	sent := nftCommand(t, "", "list", "table", "inet", "rempart")
	sameText(t, "sent by netlink", want.String(), sent)
	nftCommand(t, "", "flush", "ruleset")
	nftCommand(t, want.String(), "-f", "-")
	sameText(t, "read by nft -f", want.String(), nftCommand(t, "", "list", "table", "inet", "rempart"))
}

// Loading what is there already changes nothing, whether it is known to be there or not.
func TestLoadTwice(t *testing.T) {
	namespace(t)
	want := caseRuleset(ruleCases())
	k := Open("rempart")
	apply(t, k, want)
	once := nftCommand(t, "", "list", "table", "inet", "rempart")
	apply(t, k, want)
	sameText(t, "after loading again", once, nftCommand(t, "", "list", "table", "inet", "rempart"))

	have := readState(t, k)
	have.Rules = want.Digest()
	if batches := Plan(have, want); len(batches) != 0 {
		t.Errorf("Plan of what is there:\n%.2000s", batches)
	}
	if batches := Plan(want.State(), want); len(batches) != 0 {
		t.Errorf("Plan of the ruleset's own state:\n%.2000s", batches)
	}
}

// The state read from the kernel is the state that was put there.
func TestStateReadsBack(t *testing.T) {
	namespace(t)
	want := caseRuleset(ruleCases())
	k := Open("rempart")
	if have := readState(t, k); have.Exists {
		t.Errorf("a table before there is one: %+v", have)
	}
	apply(t, k, want)
	have := readState(t, k)
	fake := NewFake("rempart")
	apply(t, fake, want)
	sameText(t, "in the kernel and in the fake", bareText(readState(t, fake)), bareText(have))
	sameText(t, "in the kernel and wanted", bareText(want.State()), bareText(have))
}

// bareText is a state as a table without rules.
func bareText(s State) string {
	r := Ruleset{Sets: s.Sets, Helpers: s.Helpers, Counters: s.Counters}
	for _, c := range s.Chains {
		r.Chains = append(r.Chains, Chain{Name: c.Name, Hook: c.Hook})
	}
	return r.String()
}

// The cases must meet every field, every expression and every type, or they prove nothing.
func TestCasesAreComplete(t *testing.T) {
	fields, exprs, types := map[Field]bool{}, map[string]bool{}, map[Type]bool{}
	for _, c := range ruleCases() {
		for _, x := range c.rule.Exprs {
			exprs[fmt.Sprintf("%T", x)] = true
			for _, f := range fieldsOf(x) {
				fields[f] = true
			}
		}
	}
	for f := Field(1); int(f) < len(fieldInfos); f++ {
		if !fields[f] {
			t.Errorf("no case has the field %s", f)
		}
	}
	for _, s := range caseSets() {
		for _, k := range append(slices.Clone(s.Key), s.Data) {
			types[k] = true
		}
	}
	for k := TypeIPv4; k <= TypeSlot; k++ {
		// nft has no named set of a bare integer, which hops are.
		if !types[k] && k != TypeHops {
			t.Errorf("no set has the type %s", k)
		}
	}
	for _, name := range exprTypes(t) {
		if !exprs["nft."+name] {
			t.Errorf("no case has the expression %s", name)
		}
	}
}

// exprTypes are the types that expr.go makes expressions.
func exprTypes(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "expr.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == "expr" {
			names = append(names, f.Recv.List[0].Type.(*ast.Ident).Name)
		}
	}
	if len(names) < 10 {
		t.Fatalf("expr.go has only %v", names)
	}
	return names
}
