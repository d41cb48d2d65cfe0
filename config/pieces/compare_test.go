package pieces

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// rules is a policy with these rules, "a=1" being one whose text is not that of "a".
func rules(names ...string) string {
	text := "schema = 1\n"
	for _, n := range names {
		name, v, _ := strings.Cut(n, "=")
		text += "\n[[rule]]\nname = \"" + name + "\"\n"
		if v != "" {
			text += "v = " + v + "\n"
		}
	}
	return text
}

// told is objects as lines: name, ours, theirs, and "!" for a conflict.
func told(c Comparison) []string {
	var lines []string
	for _, o := range c.Objects {
		line := fmt.Sprintf("%s: %s/%s", o.Name, o.Ours, o.Theirs)
		if o.Conflict {
			line += "!"
		}
		lines = append(lines, line)
	}
	return lines
}

func compare(t *testing.T, base, ours, theirs string) Comparison {
	t.Helper()
	c, err := Compare([]byte(base), []byte(ours), []byte(theirs))
	if err != nil {
		t.Fatal(err)
	}
	if (c.Merged == nil) == (c.Draft == nil) {
		t.Fatalf("merged %q, draft %q", c.Merged, c.Draft)
	}
	return c
}

func words(s string) []string { return strings.Fields(s) }

func TestCompareRules(t *testing.T) {
	for _, c := range []struct {
		name               string
		base, ours, theirs string
		merged             string // empty: a conflict
		told               []string
		notes              []string
	}{
		{name: "nothing", base: "a b", ours: "a b", theirs: "a b", merged: "a b"},
		{name: "ours alone", base: "a b", ours: "a c b=1", theirs: "a b", merged: "a c b=1",
			told: []string{"rule c: added/", "rule b: changed/"}},
		{name: "theirs alone", base: "a b", ours: "a b", theirs: "b c", merged: "b c",
			told: []string{"rule a: /removed", "rule c: /added"}},
		{name: "different objects", base: "a b c", ours: "a=1 b c", theirs: "a c=2", merged: "a=1 c=2",
			told: []string{"rule a: changed/", "rule b: /removed", "rule c: /changed"}},
		{name: "the same change", base: "a b c", ours: "a=1 c d", theirs: "a=1 c d", merged: "a=1 c d",
			told: []string{"rule a: changed/changed", "rule b: removed/removed", "rule d: added/added"}},
		{name: "both changed", base: "a b", ours: "a=1 b", theirs: "a=2 b", told: []string{"rule a: changed/changed!"}},
		{name: "changed and removed", base: "a b", ours: "a=1 b", theirs: "b", told: []string{"rule a: changed/removed!"}},
		{name: "both added, different", base: "a", ours: "a b=1", theirs: "a b=2", told: []string{"rule b: added/added!"}},
		{name: "both added at one place", base: "a b", ours: "a x y b", theirs: "a z b", merged: "a x y z b",
			told:  []string{"rule x: added/", "rule y: added/", "rule z: /added"},
			notes: []string{"rule x and rule y and rule z were both added after rule a: the first that matches decides"}},
		{name: "both added at the end", base: "a", ours: "a x", theirs: "a y", merged: "a x y",
			told:  []string{"rule x: added/", "rule y: /added"},
			notes: []string{"rule x and rule y were both added after rule a: the first that matches decides"}},
		{name: "both added at the head", base: "a", ours: "x a", theirs: "y a", merged: "x y a",
			told:  []string{"rule x: added/", "rule y: /added"},
			notes: []string{"rule x and rule y were both added at the head of the list: the first that matches decides"}},
		{name: "added at two places", base: "a b", ours: "a x b", theirs: "a b y", merged: "a x b y",
			told: []string{"rule x: added/", "rule y: /added"}},
		{name: "added behind what the other removed", base: "a b c", ours: "a b x c", theirs: "a y c", merged: "a x y c",
			told:  []string{"rule b: /removed", "rule x: added/", "rule y: /added"},
			notes: []string{"rule x and rule y were both added after rule a: the first that matches decides"}},
		{name: "ours moved", base: "a b c d", ours: "d a b c", theirs: "a b c=1 x d", merged: "d a b c=1 x",
			told: []string{"rule d: moved/", "rule c: /changed", "rule x: /added"}},
		{name: "theirs moved", base: "a b c d", ours: "a b c=1 x d", theirs: "d a b c", merged: "d a b c=1 x",
			told: []string{"rule d: /moved", "rule c: changed/", "rule x: added/"}},
		{name: "theirs moved and both added", base: "a b c", ours: "a x b c", theirs: "c a y b", merged: "c a x y b",
			told:  []string{"rule c: /moved", "rule x: added/", "rule y: /added"},
			notes: []string{"rule x and rule y were both added after rule a: the first that matches decides"}},
		{name: "both moved alike", base: "a b c", ours: "c a b", theirs: "c a b=1", merged: "c a b=1",
			told: []string{"rule c: moved/moved", "rule b: /changed"}},
		{name: "both moved", base: "a b c d", ours: "d a b c", theirs: "b c d a",
			told:  []string{"rule d: moved/!", "rule a: /moved!"},
			notes: []string{"both changed the place of rule d and rule a: the first that matches decides"}},
		{name: "both moved one and more stay", base: "a b c d e f", ours: "f a b c d e", theirs: "a c d e b f",
			told:  []string{"rule f: moved/!", "rule b: /moved!"},
			notes: []string{"both changed the place of rule f and rule b: the first that matches decides"}},
		{name: "moved and removed", base: "a b c", ours: "c a b", theirs: "a b", merged: "a b", told: []string{"rule c: moved/removed"}},
		{name: "the same rule added at two places", base: "a b", ours: "x a b", theirs: "a b x",
			told:  []string{"rule x: added/added!"},
			notes: []string{"both changed the place of rule x: the first that matches decides"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := compare(t, rules(words(c.base)...), rules(words(c.ours)...), rules(words(c.theirs)...))
			want := ""
			if c.merged != "" {
				want = rules(words(c.merged)...)
			}
			if diff := cmp.Diff(want, string(got.Merged)); diff != "" {
				t.Errorf("merged (-want +got)\n%s", diff)
			}
			slices.Sort(c.told)
			if diff := cmp.Diff(c.told, slices.Sorted(slices.Values(told(got)))); diff != "" {
				t.Errorf("objects (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(c.notes, got.Notes); diff != "" {
				t.Errorf("notes (-want +got)\n%s", diff)
			}
		})
	}
}

func TestCompareTexts(t *testing.T) {
	for _, c := range []struct{ name, base, ours, theirs, merged, draft string }{
		{name: "nothing at all"},
		{name: "nothing in common, and equal", ours: "s = 1\n[ha]\n[[rule]]\n", theirs: "s = 1\n\n[ha]\n[[rule]]\n", merged: "s = 1\n\n[ha]\n[[rule]]\n"},
		{name: "nothing in common", ours: "s = 1\n[ha]\nx = 1\n[alias.a]\n", theirs: "s = 1\n\n# b\n[ha]\ny = 1\n[alias.b]\n",
			draft: "s = 1\n\n<<<<<<< ours\n[ha]\nx = 1\n||||||| before\n=======\n# b\n[ha]\ny = 1\n>>>>>>> theirs\n[alias.a]\n[alias.b]\n"},
		{name: "removed and changed", base: "[alias.a]\n[alias.b]\nx = 1\n", ours: "[alias.a]\n[alias.b]\nx = 2\n", theirs: "[alias.a]\n",
			draft: "[alias.a]\n<<<<<<< ours\n[alias.b]\nx = 2\n||||||| before\n[alias.b]\nx = 1\n=======\n>>>>>>> theirs\n"},
		{name: "comments by one, values by the other", base: "# a\n[ha]\n", ours: "# b\n[ha]\n", theirs: "# a\n[ha]\n[nat]\n", merged: "# b\n[ha]\n[nat]\n"},
		{name: "blank lines are never in conflict", base: "s = 1\n[ha]\n", ours: "s = 1\n\n\n[ha]\n", theirs: "s = 1\n\n[ha]\nx = 1\n", merged: "s = 1\n\n\n[ha]\nx = 1\n"},
		{name: "blank lines and removed", base: "s = 1\n[ha]\n", ours: "s = 1\n\n[ha]\n", theirs: "s = 1\n", merged: "s = 1\n"},
		{name: "the order of names is never in conflict", base: "[alias.a]\n[alias.b]\n[alias.c]\n", ours: "[alias.c]\n[alias.a]\n[alias.b]\n", theirs: "[alias.b]\n[alias.a]\nx = 1\n[alias.c]\n",
			merged: "[alias.c]\n[alias.a]\nx = 1\n[alias.b]\n"},
		{name: "tables and rules moved", base: "[alias.a]\n[[rule]]\nname='1'\n[[rule]]\nname='2'\n[ha]\n", ours: "[ha]\n[alias.a]\n[[rule]]\nname='1'\n[[rule]]\nname='2'\n",
			theirs: "[alias.a]\n[[rule]]\nname='2'\n[[rule]]\nname='1'\n[ha]\n", merged: "[ha]\n[alias.a]\n[[rule]]\nname='2'\n[[rule]]\nname='1'\n"},
		{name: "the whole list moved and one in it", base: "[ha]\n[nat]\n[system]\n[[rule]]\nname='1'\n[[rule]]\nname='2'\n", ours: "[[rule]]\nname='1'\n[[rule]]\nname='2'\n[ha]\n[nat]\n[system]\n",
			theirs: "[ha]\n[nat]\n[system]\n[[rule]]\nname='2'\n[[rule]]\nname='1'\n", merged: "[[rule]]\nname='2'\n[[rule]]\nname='1'\n[ha]\n[nat]\n[system]\n"},
		{name: "one of two of a name removed by each", base: "s = 1\n[[route]]\nx = 1\n[[route]]\nx = 2\n[[route]]\nx = 3\n", ours: "s = 1\n[[route]]\nx = 2\n[[route]]\nx = 3\n",
			theirs: "s = 1\n[[route]]\nx = 1\n[[route]]\nx = 3\n", merged: "s = 1\n[[route]]\nx = 3\n"},
		{name: "one of two of a name changed by each", base: "[[route]]\nx = 1\n[[route]]\nx = 2\n", ours: "[[route]]\nx = 3\n[[route]]\nx = 2\n",
			theirs: "[[route]]\nx = 1\n[[route]]\nx = 4\n", merged: "[[route]]\nx = 3\n[[route]]\nx = 4\n"},
		{name: "nobody can tell which of two", base: "[[route]]\nx = 1\n[[route]]\nx = 2\n", ours: "[[route]]\nx = 3\n", theirs: "[[route]]\nx = 1\n",
			draft: "<<<<<<< ours\n[[route]]\nx = 3\n||||||| before\n[[route]]\nx = 1\n=======\n[[route]]\nx = 1\n>>>>>>> theirs\n"},
		{name: "new ones of a name", base: "s = 1\n", ours: "s = 1\n[[route]]\nx = 1\n", theirs: "s = 1\n[[route]]\nx = 2\n[[route]]\nx = 1\n",
			merged: "s = 1\n[[route]]\nx = 2\n[[route]]\nx = 1\n"},
		{name: "a name with a number", base: "[[rule]]\nname = 'a (2)'\n", ours: "[[rule]]\nname = 'a (2)'\n[[rule]]\nname = 'a'\n[[rule]]\nname = 'a'\n",
			theirs: "[[rule]]\nname = 'a (2)'\nx = 1\n", merged: "[[rule]]\nname = 'a (2)'\nx = 1\n[[rule]]\nname = 'a'\n[[rule]]\nname = 'a'\n"},
		{name: "the end", base: "[ha]\n# end\n", ours: "[ha]\n\n[alias.a]\n# end\n", theirs: "[ha]\nx = 1\n# end\n", merged: "[ha]\nx = 1\n\n[alias.a]\n# end\n"},
		{name: "no last newline", base: "[ha]", ours: "[ha]\n[alias.a]", theirs: "[ha]\nx = 1", merged: "[ha]\nx = 1\n[alias.a]\n"},
		{name: "no last newline stays", base: "[ha]", ours: "[ha]\nx = 1", theirs: "[ha]", merged: "[ha]\nx = 1"},
		{name: "the top stays first", base: "[ha]\n", ours: "[alias.a]\n[ha]\n", theirs: "s = 1\n[ha]\n", merged: "s = 1\n[alias.a]\n[ha]\n"},
		{name: "inline", base: "alias = {}\n", ours: "alias = {x = 1}\n", theirs: "alias = {}\n[ha]\n", merged: "alias = {x = 1}\n[ha]\n"},
		{name: "no TOML together", base: "s = 1\n[ha]\n", ours: "s = 1\nalias = {}\n[ha]\n", theirs: "s = 1\n[alias.a]\n[ha]\n[zone.x]\n",
			draft: "<<<<<<< ours\ns = 1\nalias = {}\n||||||| before\ns = 1\n=======\ns = 1\n>>>>>>> theirs\n" +
				"<<<<<<< ours\n||||||| before\n=======\n[alias.a]\n>>>>>>> theirs\n[ha]\n<<<<<<< ours\n||||||| before\n=======\n[zone.x]\n>>>>>>> theirs\n"},
		{name: "both moved", base: rules("a", "b", "c"), ours: rules("c", "a", "b"), theirs: rules("b", "a", "c=1"),
			draft: "schema = 1\n\n<<<<<<< ours\n[[rule]]\nname = \"c\"\n||||||| before\n[[rule]]\nname = \"c\"\n=======\n>>>>>>> theirs\n" +
				"\n<<<<<<< ours\n||||||| before\n=======\n[[rule]]\nname = \"b\"\n>>>>>>> theirs\n" +
				"\n[[rule]]\nname = \"a\"\n" +
				"\n<<<<<<< ours\n[[rule]]\nname = \"b\"\n||||||| before\n[[rule]]\nname = \"b\"\n=======\n>>>>>>> theirs\n" +
				"\n<<<<<<< ours\n||||||| before\n=======\n[[rule]]\nname = \"c\"\nv = 1\n>>>>>>> theirs\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := compare(t, c.base, c.ours, c.theirs)
			if diff := cmp.Diff(c.merged, string(got.Merged)); diff != "" {
				t.Errorf("merged (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(c.draft, string(got.Draft)); diff != "" {
				t.Errorf("draft (-want +got)\n%s\n%s", diff, got.Draft)
			}
		})
	}
}

func TestCompareTellsTexts(t *testing.T) {
	got := compare(t, "[ha]\n[nat]\nx = 1\n# end", "[ha]\n[nat]\nx = 2\n# end", "\n# new\n[alias.a]\n[ha]\n# other end\n")
	want := []Object{
		{Name: "alias a", Theirs: Added, TheirsText: "\n# new\n[alias.a]\n"},
		{Name: "[nat]", Ours: Changed, Theirs: Removed, Base: "[nat]\nx = 1\n", OursText: "[nat]\nx = 2\n", Conflict: true},
		{Name: End, Theirs: Changed, Base: "# end\n", OursText: "# end\n", TheirsText: "# other end\n"},
	}
	if diff := cmp.Diff(want, got.Objects); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestExamplesMerge edits the policies that the package comes with on both sides.
func TestExamplesMerge(t *testing.T) {
	text := examples(t)["../../packaging/examples/pair/rempart.toml"]
	replace := func(text, from, to string) string {
		if strings.Count(text, from) != 1 {
			t.Fatalf("%q stands there %d times", from, strings.Count(text, from))
		}
		return strings.Replace(text, from, to, 1)
	}
	const added = "[[rule]]\nname   = \"voice\"\naction = \"pass\"\n\n"
	const alias = "[alias.mail]\naddresses = [\"10.1.3.20\"]\n\n"
	ours := replace(text, "[[rule]]\nname   = \"out\"", added+"[[rule]]\nname   = \"out\"")
	theirs := replace(text, "# ---------------------------------------------------------------- the pair\n", alias+"# ---------------------------------------------------------------- the pair\n")
	theirs = replace(theirs, "10.1.3.10\"]", "10.1.3.11\"]")
	want := replace(theirs, "[[rule]]\nname   = \"out\"", added+"[[rule]]\nname   = \"out\"")
	c := compare(t, text, ours, theirs)
	if diff := cmp.Diff(want, string(c.Merged)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"alias web: /changed", "alias mail: /added", "rule voice: added/"}, told(c)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	ours = replace(ours, "10.1.3.10\"]", "10.1.3.12\"]")
	c = compare(t, text, ours, theirs)
	want = replace(want, "[alias.web]\naddresses = [\"10.1.3.11\"]\n", "<<<<<<< ours\n[alias.web]\naddresses = [\"10.1.3.12\"]\n||||||| before\n"+
		"[alias.web]\naddresses = [\"10.1.3.10\"]\n=======\n[alias.web]\naddresses = [\"10.1.3.11\"]\n>>>>>>> theirs\n")
	if diff := cmp.Diff(want, string(c.Draft)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// large is three policies of n rules that have been edited all over.
func large(n int) (base, ours, theirs []byte) {
	var texts [3]bytes.Buffer
	for i := range n {
		fmt.Fprintf(&texts[0], "\n[[rule]]\nname = \"r\"\nv = %d\n[alias.a%d]\n", i, i)
		fmt.Fprintf(&texts[1], "\n[[rule]]\nname = \"r\"\nv = %d\n[alias.a%d]\n", n-i, n-i)
		fmt.Fprintf(&texts[2], "\n[[rule]]\nname = \"n%d\"\nv = %d\n[alias.b%d]\n", i, i, i)
	}
	return texts[0].Bytes(), texts[1].Bytes(), texts[2].Bytes()
}

// TestLargePoliciesTakeNoSquareOfTime: sixteen times the rules would take 256 times as long.
func TestLargePoliciesTakeNoSquareOfTime(t *testing.T) {
	took := func(n int) time.Duration {
		base, ours, theirs := large(n)
		best := time.Duration(math.MaxInt64)
		for range 3 {
			start := time.Now()
			if _, err := Compare(base, ours, theirs); err != nil {
				t.Fatal(err)
			}
			best = min(best, time.Since(start))
		}
		return best
	}
	if few, many := took(250), took(4000); many > 120*few {
		t.Errorf("250 rules took %v, 4000 %v", few, many)
	}
}

func BenchmarkCompare(b *testing.B) {
	base, ours, theirs := large(10_000)
	for b.Loop() {
		if _, err := Compare(base, ours, theirs); err != nil {
			b.Fatal(err)
		}
	}
}
