package pieces

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLeft(t *testing.T) {
	for _, c := range []struct{ sections, want []string }{
		{nil, sectionWords},
		{sectionWords, nil},
		{[]string{"vips", "rules", "nobody"}, []string{"nat", "aliases", "schedules", "routes", "shaper"}},
	} {
		if diff := cmp.Diff(c.want, Left(c.sections)); diff != "" {
			t.Errorf("%v (-want +got)\n%s", c.sections, diff)
		}
	}
}

// TestSectionsOfTables: the tables that are not here are always shared.
func TestSectionsOfTables(t *testing.T) {
	const policy = `name = "x"
[system]
[interface.a]
[zone.b]
[alias.c]
[schedule.d]
[[rule]]
[nat]
[[port_forward]]
[[outbound]]
[[one_to_one]]
[[prefix]]
[gateway.e]
[gateway_group.f]
[[route]]
[shaper.g]
[queue.h]
[limiter.i]
[application.j]
[[shape]]
[ha]
[ha_group.k]
[ha_check.l]
[[vip]]
[[test]]
[unknown]
`
	always := []string{"[system]", "[interface.a]", "[zone.b]", "[ha]", "[ha_check.l]", "[unknown]"}
	for section, own := range map[string][]string{
		"rules":     {"[[rule]]", "[[test]]"},
		"nat":       {"[nat]", "[[port_forward]]", "[[outbound]]", "[[one_to_one]]", "[[prefix]]"},
		"aliases":   {"[alias.c]"},
		"schedules": {"[schedule.d]"},
		"routes":    {"[gateway.e]", "[gateway_group.f]", "[[route]]"},
		"shaper":    {"[shaper.g]", "[queue.h]", "[limiter.i]", "[application.j]", "[[shape]]"},
		"vips":      {"[ha_group.k]", "[[vip]]"},
	} {
		got, err := Shared([]byte(policy), []string{section})
		if err != nil {
			t.Fatal(err)
		}
		want := "name = \"x\"\n"
		for _, header := range strings.Split(policy, "\n")[1:] {
			if slices.Contains(always, header) || slices.Contains(own, header) {
				want += header + "\n"
			}
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", section, diff)
		}
	}
}

func TestWeave(t *testing.T) {
	for _, c := range []struct{ name, own, shared, want string }{
		{"behind the same neighbour",
			"s = 1\n[alias.a]\n[[rule]]\nname=\"1\"\n[ha]\n[[rule]]\nname=\"2\"\n",
			"s = 2\n[alias.new]\n[alias.a]\nx = 1\n[alias.b]\n[ha]\n",
			"s = 2\n[alias.new]\n[alias.a]\nx = 1\n[[rule]]\nname=\"1\"\n[alias.b]\n[ha]\n[[rule]]\nname=\"2\"\n"},
		{"the neighbour is gone", "s = 1\n[ha]\n[alias.a]\n[[rule]]\n[zone.b]\n", "s = 1\n[ha]\n[zone.b]\n", "s = 1\n[ha]\n[[rule]]\n[zone.b]\n"},
		{"the own order stays", "[alias.a]\n[[rule]]\nname=\"1\"\n[alias.b]\n[[rule]]\nname=\"2\"\n", "[alias.b]\n[alias.a]\n",
			"[alias.b]\n[alias.a]\n[[rule]]\nname=\"1\"\n[[rule]]\nname=\"2\"\n"},
		{"before the first", "[[rule]]\n[alias.a]\n", "[alias.b]\n[alias.a]\n", "[alias.b]\n[[rule]]\n[alias.a]\n"},
		{"no neighbour at all", "[[rule]]\n", "s = 1\n[alias.a]\n", "s = 1\n[alias.a]\n[[rule]]\n"},
		{"keys at the top are new", "[[rule]]\n[ha]\n", "s = 1\n", "s = 1\n[[rule]]\n"},
		{"own is empty", "", "s = 1\n[ha]\n# end", "s = 1\n[ha]\n# end"},
		{"shared is empty", "s = 1\n[ha]\n[[rule]]\n", "", "[[rule]]\n"},
		{"shared has an end", "[ha]\n[[rule]]\n", "[alias.a]\n[ha]\n\n# end\n", "[alias.a]\n[[rule]]\n[ha]\n\n# end\n"},
		{"shared has no last newline", "[ha]\n[[rule]]\n", "[alias.a]\n[ha]", "[alias.a]\n[[rule]]\n[ha]"},
		{"own has an end", "[ha]\n[[rule]]\n# end\n", "[ha]\n[zone.b]\n", "[ha]\n[zone.b]\n[[rule]]\n# end\n"},
		{"both have ends", "[ha]\n[[rule]]\n# own", "[ha]\n[zone.b]\n# end", "[ha]\n# own\n[[rule]]\n[zone.b]\n# end"},
		{"own has no last newline", "[ha]\n[[rule]]", "[ha]\n[zone.b]\n", "[ha]\n[[rule]]\n[zone.b]\n"},
		{"own has it already", "s = 1\n[[rule]]\n[ha]\n[[rule]]\n\n", "s = 1\n[ha]\n", "s = 1\n[[rule]]\n[ha]\n[[rule]]\n\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Weave([]byte(c.own), []byte(c.shared), []string{"aliases"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, string(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if got, err := Shared(got, []string{"aliases"}); err != nil || string(got) != c.shared {
				t.Errorf("shared of it is %q, %v", got, err)
			}
		})
	}
}

func TestWeaveRefuses(t *testing.T) {
	for _, c := range []struct{ own, shared, want string }{
		{"", "[ha]\n[[rule]]\nname = \"x\"\n", "weave policy: rule x is not shared: each node has its own"},
		{"[[rule]]\n", "rule = []\n", "weave policy: the node's own does not go with what is shared: read policy: line 2: rule stands there already"},
	} {
		if _, err := Weave([]byte(c.own), []byte(c.shared), nil); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

// TestWholePolicyIsNotRead: nothing is cut out of it.
func TestWholePolicyIsNotRead(t *testing.T) {
	text := []byte("no TOML\r")
	if got, err := Shared(text, sectionWords); err != nil || !bytes.Equal(got, text) {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := Weave([]byte("nor this"), text, sectionWords); err != nil || !bytes.Equal(got, text) {
		t.Errorf("%q, %v", got, err)
	}
}

// weaves holds what Weave promises against two texts.
func weaves(t *testing.T, own, other []byte, sections []string) {
	t.Helper()
	shared, err := Shared(other, sections)
	if err != nil {
		t.Fatal(err)
	}
	woven, err := Weave(own, shared, sections)
	if err != nil {
		t.Fatalf("%v\nown\n%s\nshared\n%s", err, own, shared)
	}
	if got, err := Shared(woven, sections); err != nil || !bytes.Equal(got, shared) {
		t.Errorf("%v %v\nown\n%s\nwoven\n%s\n%s", sections, err, own, woven, cmp.Diff(string(shared), string(got)))
	}
	if again, err := Weave(woven, shared, sections); err != nil || !bytes.Equal(again, woven) {
		t.Errorf("woven again: %v\n%s", err, cmp.Diff(string(woven), string(again)))
	}
	kept := func(text []byte) []Piece {
		d, err := read(text)
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(d.pieces, func(p Piece) bool { return !p.in(Left(sections)) })
	}
	want, got := kept(own), kept(woven)
	if diff := cmp.Diff(objects(want), objects(got)); diff != "" {
		t.Errorf("what the node has of its own (-want +got)\n%s", diff)
	}
	for i, p := range got {
		if !strings.HasSuffix(p.Text, want[i].Text) {
			t.Errorf("%s: %q was %q", p.Object, p.Text, want[i].Text)
		}
	}
	if got, err := Weave(own, mustShare(t, own, sections), sections); err != nil || !bytes.Equal(got, own) {
		t.Errorf("own with its own: %v\n%s", err, cmp.Diff(string(own), string(got)))
	}
}

func mustShare(t *testing.T, text []byte, sections []string) []byte {
	t.Helper()
	shared, err := Shared(text, sections)
	if err != nil {
		t.Fatal(err)
	}
	return shared
}

func TestWeaveKeepsItsPromises(t *testing.T) {
	each(t, func(t *testing.T, r *random) {
		list := r.pieces()
		weaves(t, r.text(), r.text(), r.sections())
		weaves(t, []byte(r.ending(strings.Join(list, ""))), []byte(r.ending(strings.Join(r.edit(list, 4), ""))), r.sections())
	})
}

func TestWeaveExamples(t *testing.T) {
	all := examples(t)
	for name, own := range all {
		for _, sections := range [][]string{nil, {"rules", "nat"}, {"aliases", "vips", "routes"}} {
			if strings.Contains(name, "pair") {
				weaves(t, []byte(own), []byte(own), sections)
			}
			weaves(t, []byte(own), []byte(all["../../packaging/examples/rempart.toml"]), sections)
		}
	}
}

// TestListsThatDecide: a conflict over the order of any of these is a person's to decide. A table that is taken from
// here would be merged in an order that nobody chose.
func TestListsThatDecide(t *testing.T) {
	element := func(table, name string) string {
		return fmt.Sprintf("[[%s]]\nname = %q\ndestination = %q\n", table, name, name)
	}
	for table, want := range map[string]bool{
		"rule": true, "port_forward": true, "outbound": true, "one_to_one": true, "prefix": true, "shape": true, "route": true,
		"test": false, "vip": false,
	} {
		a, b, c := element(table, "a"), element(table, "b"), element(table, "c")
		got, err := Compare([]byte(a+b+c), []byte(b+a+c), []byte(a+c+b))
		if err != nil {
			t.Fatal(err)
		}
		if conflict := got.Merged == nil; conflict != want {
			t.Errorf("%s: conflict %v, want %v", table, conflict, want)
		}
	}
}
