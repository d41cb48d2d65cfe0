package firewall

import (
	"bytes"
	"context"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/firewall/feeds"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/rules"
)

func TestAgreed(t *testing.T) {
	for _, tt := range []struct {
		name               string
		theirs, ours, want rules.Numbers
		most               uint16
	}{
		{"nothing", nil, nil, rules.Numbers{}, 9},
		{"theirs alone", rules.Numbers{"a": 2}, nil, rules.Numbers{"a": 2}, 9},
		{"ours alone", nil, rules.Numbers{"a": 2}, rules.Numbers{"a": 2}, 9},
		{"known to both", rules.Numbers{"a": 2, "b": 1}, rules.Numbers{"a": 1, "b": 2}, rules.Numbers{"a": 2, "b": 1}, 9},
		{"ours keep what is free", rules.Numbers{"a": 2}, rules.Numbers{"a": 1, "b": 2, "c": 5, "d": 1}, rules.Numbers{"a": 2, "b": 3, "c": 5, "d": 1}, 9},
		{"ours in order", rules.Numbers{"x": 1, "y": 2, "z": 3}, rules.Numbers{"c": 1, "b": 2, "a": 3}, rules.Numbers{"x": 1, "y": 2, "z": 3, "a": 4, "b": 5, "c": 6}, 9},
		{"no room for all", rules.Numbers{"x": 1, "y": 3}, rules.Numbers{"a": 1, "b": 3}, rules.Numbers{"x": 1, "y": 3, "a": 2}, 3},
		{"no room", rules.Numbers{"x": 1}, rules.Numbers{"a": 1}, rules.Numbers{"x": 1}, 1},
	} {
		ours, theirs := maps.Clone(tt.ours), maps.Clone(tt.theirs)
		got := agreed(tt.theirs, tt.ours, tt.most)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		if !distinct(got, tt.most) || !maps.Equal(ours, tt.ours) || !maps.Equal(theirs, tt.theirs) {
			t.Errorf("%s: %v, and of %v and %v became %v and %v", tt.name, got, ours, theirs, tt.ours, tt.theirs)
		}
	}
}

func TestNumberingRoundTrip(t *testing.T) {
	for _, n := range []numbering{
		{Format: learnedFormat},
		{learnedFormat, rules.Numbers{"a <b> \"c\"": 1, "d": rules.MaxNumber}, rules.Numbers{"fibre": rules.MaxGateway}},
	} {
		line, err := n.line()
		if err != nil {
			t.Fatal(err)
		}
		got, rest, err := parseNumbering(append(line, "behind\nit"...))
		if diff := cmp.Diff(n, got); diff != "" || err != nil || string(rest) != "behind\nit" {
			t.Errorf("%v, %q behind it (-want +got):\n%s", err, rest, diff)
		}
		for i := range line {
			if _, _, err := parseNumbering(line[:i]); err == nil {
				t.Errorf("cut at %d of %d bytes, it is taken", i, len(line))
			}
		}
	}
}

func TestNumberingRefuses(t *testing.T) {
	for _, line := range []string{
		"", "{}", "[]", "null", `{"format":2}`, `{"format":1} `, `{"format":1,"more":1}`, `{"format":1,"format":1}`,
		`{"format":1,"numbers":{}}`, `{"format":1,"numbers":{"a":0}}`, `{"format":1,"numbers":{"":1}}`,
		`{"format":1,"numbers":{"a":1,"b":1}}`, `{"format":1,"numbers":{"b":1,"a":2}}`, `{"format":1,"numbers":{"a":65536}}`,
		`{"format":1,"gateways":{"a":256}}`, `{"format":1,"gateways":{"a":1,"b":1}}`, `{"format":1,"numbers":{"a":-1}}`,
	} {
		if n, _, err := parseNumbering([]byte(line + "\n")); err == nil {
			t.Errorf("%s is taken: %v", line, n)
		}
	}
	if _, _, err := parseNumbering(bytes.Repeat([]byte{' '}, maxLearnedLine+1)); err == nil {
		t.Error("a line without an end is taken")
	}
}

func FuzzParseNumbering(f *testing.F) {
	f.Add([]byte("{\"format\":1,\"numbers\":{\"a\":1},\"gateways\":{\"b\":2}}\nrest"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, rest, err := parseNumbering(b)
		if err != nil {
			return
		}
		again, err := n.line()
		if err != nil || !bytes.Equal(append(again, rest...), b) {
			t.Errorf("%q is made anew as %q, %v", b, again, err)
		}
	})
}

// moreRules is the test policy with rules before its own, so that all numbers are others.
const moreRules = testPolicy + `
[[rule]]
name = "second"
from = "lan"
action = "pass"
`

const otherRules = testPolicy + `
[[rule]]
name = "first"
from = "lan"
action = "block"

[[rule]]
name = "second"
from = "lan"
action = "pass"
`

// numbersInForce is what the running policy counts with.
func numbersInForce(f *Firewall) rules.Numbers {
	return numbersOf(f.now.Load().world.Numbers, f.now.Load().world.Config.RuleNames())
}

// TestTwoNodesAgree: a node that numbered its rules otherwise takes the other one's numbers,
// enforces them, and still has them after a restart.
func TestTwoNodesAgree(t *testing.T) {
	one, two := newMachine(t), newMachine(t)
	one.files, two.files = draft(otherRules), draft(moreRules)
	f, _ := one.start(t, nil)
	g, stop := two.start(t, nil)
	for _, n := range []*Firewall{f, g} {
		if _, err := n.Apply(t.Context(), report.Request{Draft: draft(moreRules), Force: true}, one.caller()); err != nil {
			t.Fatal(err)
		}
	}
	if numbersInForce(f)["second"] == numbersInForce(g)["second"] || sharedOf(t, f) == sharedOf(t, g) || f.LearnedDigest() == g.LearnedDigest() {
		t.Fatalf("two histories made the same numbers: %v, %v", numbersInForce(f), numbersInForce(g))
	}
	learned, err := f.Learned(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := g.Adopt(t.Context(), learned); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(numbersInForce(f), numbersInForce(g)); diff != "" {
			t.Errorf("numbers (-one +two):\n%s", diff)
		}
		if sharedOf(t, f) != sharedOf(t, g) || f.LearnedDigest() != g.LearnedDigest() {
			t.Error("the digests differ")
		}
	}
	two.enforces(t, g)
	stop()
	g, _ = two.start(t, nil)
	if diff := cmp.Diff(numbersInForce(f), numbersInForce(g)); diff != "" {
		t.Errorf("after a restart (-one +two):\n%s", diff)
	}
}

// enforces expects that the kernel has what runs.
func (m *machine) enforces(t *testing.T, f *Firewall) {
	t.Helper()
	got, want := nft.Canonical(m.kernel.String()), nft.Canonical(f.now.Load().ruleset.String())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the kernel has not what runs (-want +got):\n%s", diff)
	}
}

func sharedOf(t *testing.T, f *Firewall) string {
	t.Helper()
	d, err := f.SharedDigest(t.Context())
	if err != nil || d == "" {
		t.Fatalf("%q, %v", d, err)
	}
	return d
}

// TestLearnedNumbersWhatIsStaged: a node that remembers other policies gives new names the numbers of the one that stages.
func TestLearnedNumbersWhatIsStaged(t *testing.T) {
	one, two := newMachine(t), newMachine(t)
	f, _ := one.start(t, nil)
	g, _ := two.start(t, nil)
	for _, policy := range []string{strings.ReplaceAll(moreRules, "second", "gone"), testPolicy} {
		two.apply(t, g, policy, 0)
	}
	if _, err := f.Stage(t.Context(), Proposal{Draft: draft(moreRules), Force: true}, one.caller()); err != nil {
		t.Fatal(err)
	}
	learned, err := f.Learned(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Adopt(t.Context(), learned); err != nil {
		t.Fatal(err)
	}
	two.apply(t, g, moreRules, 0)
	if f.held.candidate.world.Numbers["second"] != numbersInForce(g)["second"] {
		t.Errorf("one has staged %v, the other has %v", f.held.candidate.world.Numbers, numbersInForce(g))
	}
}

// TestAdoptWhileAnApplyWaits: what runs again after it has the numbers too.
func TestAdoptWhileAnApplyWaits(t *testing.T) {
	m := newMachine(t)
	f, _ := m.start(t, nil)
	if _, err := f.Apply(t.Context(), report.Request{Draft: draft(moreRules), Force: true, Confirm: 60}, m.caller()); err != nil {
		t.Fatal(err)
	}
	theirs := numbering{Format: learnedFormat, Numbers: rules.Numbers{"lan-out": 77}}
	line, err := theirs.line()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Adopt(t.Context(), append(line, feeds.New(feeds.Options{}).Export()...)); err != nil {
		t.Fatal(err)
	}
	if got := numbersInForce(f)["lan-out"]; got != 77 {
		t.Errorf("the pending policy has %d", got)
	}
	if _, err := f.Rollback(t.Context(), 0, m.caller()); err != nil {
		t.Fatal(err)
	}
	if got := numbersInForce(f)["lan-out"]; got != 77 {
		t.Errorf("the policy before has %d", got)
	}
	m.enforces(t, f)
}

// TestAdoptWithoutAPolicy: the numbers are there when the first one comes, and until then the node is as new as before.
func TestAdoptWithoutAPolicy(t *testing.T) {
	m := newMachine(t)
	m.files = draft("schema = 1\n[nonsense]\n")
	f, _ := m.start(t, nil)
	theirs := numbering{Format: learnedFormat, Numbers: rules.Numbers{"lan-out": 77}, Gateways: rules.Numbers{"fibre": 5}}
	line, err := theirs.line()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Adopt(t.Context(), append(line, feeds.New(feeds.Options{}).Export()...)); err != nil {
		t.Fatal(err)
	}
	if f.State.Applied() {
		t.Error("the node looks as if it had had a policy")
	}
	if _, err := f.Apply(t.Context(), report.Request{Draft: draft(testPolicy), Force: true}, m.caller()); err != nil {
		t.Fatal(err)
	}
	w := f.now.Load().world
	if w.Numbers["lan-out"] != 77 || w.Gateways["fibre"] != 5 {
		t.Errorf("numbers %v, %v", w.Numbers, w.Gateways)
	}
}

func TestAdoptRefuses(t *testing.T) {
	m := newMachine(t)
	f, _ := m.start(t, nil)
	learned, err := f.Learned(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := f.now.Load()
	damaged := bytes.Clone(learned)
	damaged[len(damaged)-1] ^= 1
	for _, b := range [][]byte{nil, learned[:10], damaged, learned[:len(learned)-1], slices.Concat(learned, []byte{0})} {
		if err := f.Adopt(t.Context(), b); err == nil {
			t.Errorf("%q is taken", b)
		}
	}
	if f.now.Load() != before {
		t.Error("something else runs")
	}
}

// TestAdoptBringsContent: what aliases hold is enforced when Adopt returns.
func TestAdoptBringsContent(t *testing.T) {
	list := filepath.Join(t.TempDir(), "drop")
	if err := os.WriteFile(list, []byte("192.0.2.0/24\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	policy := testPolicy + "destination = [\"@drop\"]\n[alias.drop]\nurl = \"file:" + list + "\"\nrefresh = \"1h\"\n"
	one, two := newMachine(t), newMachine(t)
	one.files, two.files = draft(policy), draft(policy)
	f, _ := one.start(t, nil)
	g, _ := two.start(t, nil)
	before := g.LearnedDigest()
	if err := f.Feeds.Refresh("drop", true); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	ended := make(chan error, 1)
	go func() { ended <- f.Feeds.(*feeds.Feeds).Run(ctx) }()
	for before == f.LearnedDigest() && ctx.Err() == nil {
		runtime.Gosched()
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	learned, err := f.Learned(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Adopt(t.Context(), learned); err != nil {
		t.Fatal(err)
	}
	if got := g.now.Load().world.Lists["drop"]; got == nil || !got.Equal(rangesOf(t, "192.0.2.0/24")) {
		t.Errorf("the list holds %v", got)
	}
	if f.LearnedDigest() != g.LearnedDigest() || f.LearnedDigest() == before {
		t.Error("the digests differ, or say nothing")
	}
}
