package pieces

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"
)

// take resolves a draft: of each conflict, what one side has.
func take(draft []byte, side string) string {
	var text strings.Builder
	at := ""
	for line := range strings.Lines(string(draft)) {
		switch {
		case strings.HasPrefix(line, "<<<<<<< ours"):
			at = "ours"
		case strings.HasPrefix(line, "||||||| before"):
			at = "before"
		case line == "=======\n":
			at = "theirs"
		case strings.HasPrefix(line, ">>>>>>> theirs"):
			at = ""
		case at == "" || at == side:
			text.WriteString(line)
		}
	}
	return text.String()
}

// bodies is the pieces of a text without the blank lines above them, those of a table alone if it has a name.
func bodies(t *testing.T, text, table string) []string {
	t.Helper()
	d, err := read([]byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	var list []string
	for _, p := range d.pieces {
		if table == "" || p.Table == table {
			_, body := cutGap(p.Text)
			list = append(list, body)
		}
	}
	return list
}

// TestCompareKeepsItsPromises holds random edits of random policies against what any merge must do.
func TestCompareKeepsItsPromises(t *testing.T) {
	conflicts := 0
	each(t, func(t *testing.T, r *random) {
		list := r.pieces()
		base := r.ending(strings.Join(list, ""))
		ours, theirs := r.ending(strings.Join(r.edit(list, r.IntN(5)), "")), r.ending(strings.Join(r.edit(list, r.IntN(5)), ""))
		if r.IntN(10) == 0 {
			base = ""
		}
		c := compare(t, base, ours, theirs)
		if c.Merged == nil {
			conflicts++
		}
		holds(t, base, ours, theirs, c)
		if t.Failed() {
			t.Logf("base\n%s\nours\n%s\ntheirs\n%s\nmerged\n%s\ndraft\n%s", base, ours, theirs, c.Merged, c.Draft)
		}
	})
	if conflicts < rounds/20 || conflicts > rounds*19/20 {
		t.Errorf("%d conflicts of %d: the edits try too little", conflicts, rounds)
	}
}

// holds is what every comparison must hold.
func holds(t *testing.T, base, ours, theirs string, c Comparison) {
	t.Helper()
	mirrored(t, c, compare(t, base, theirs, ours))
	if same := compare(t, base, ours, ours); string(same.Merged) != ours {
		t.Errorf("the same change twice: %s", cmp.Diff(ours, string(same.Merged)))
	}
	if one := compare(t, base, ours, base); string(one.Merged) != ours {
		t.Errorf("ours alone: %s", cmp.Diff(ours, string(one.Merged)))
	}
	if one := compare(t, base, base, theirs); string(one.Merged) != theirs {
		t.Errorf("theirs alone: %s", cmp.Diff(theirs, string(one.Merged)))
	}
	conflict := slices.ContainsFunc(c.Objects, func(o Object) bool { return o.Conflict })
	if conflict != (c.Merged == nil) {
		t.Errorf("conflict: %v, merged: %v", conflict, c.Merged != nil)
	}
	if c.Draft != nil {
		if _, err := Split(c.Draft); err == nil {
			t.Error("the draft is TOML")
		}
		resolved(t, c, "ours", func(o Object) string { return o.OursText })
		resolved(t, c, "theirs", func(o Object) string { return o.TheirsText })
		return
	}
	contains(t, c, string(c.Merged), func(o Object) string {
		if o.Ours == Unchanged || o.Ours == Moved {
			return o.TheirsText
		}
		return o.OursText
	})
	for _, table := range []string{"rule", "shape", "port_forward"} {
		ordered(t, c, table, [3][]string{bodies(t, base, table), bodies(t, ours, table), bodies(t, theirs, table)}, bodies(t, string(c.Merged), table))
	}
}

// mirrored says that two comparisons are one with the sides changed.
func mirrored(t *testing.T, a, b Comparison) {
	t.Helper()
	byName := func(a, b Object) int { return strings.Compare(a.Name, b.Name) }
	of := slices.SortedFunc(slices.Values(a.Objects), byName)
	var back []Object
	for _, o := range b.Objects {
		o.Ours, o.Theirs, o.OursText, o.TheirsText = o.Theirs, o.Ours, o.TheirsText, o.OursText
		back = append(back, o)
	}
	slices.SortFunc(back, byName)
	if diff := cmp.Diff(of, back); diff != "" {
		t.Errorf("mirrored\n%s", diff)
	}
	if len(a.Notes) != len(b.Notes) {
		t.Errorf("notes %q, mirrored %q", a.Notes, b.Notes)
	}
}

// resolved says that a draft with the conflicts decided for one side has the texts of that side there.
func resolved(t *testing.T, c Comparison, side string, text func(Object) string) {
	t.Helper()
	decided := take(c.Draft, side)
	for _, o := range c.Objects {
		_, body := cutGap(text(o))
		if o.Conflict && strings.Count(decided, body) != 1 && body != "" && o.Name != End {
			t.Errorf("%s: %q is not there once when %s is taken", o.Name, body, side)
		}
	}
	if _, err := Split([]byte(decided)); err != nil {
		t.Errorf("%s is taken: %v", side, err)
	}
}

// contains says that a merged text is TOML and has every change.
func contains(t *testing.T, c Comparison, merged string, want func(Object) string) {
	t.Helper()
	var values map[string]any
	if err := toml.Unmarshal([]byte(strings.TrimPrefix(merged, byteOrderMark)), &values); err != nil {
		t.Errorf("merged: %v", err)
	}
	all := bodies(t, merged, "")
	for _, o := range c.Objects {
		_, body := cutGap(want(o))
		if o.Name == End {
			continue
		}
		if removed := o.Ours == Removed || o.Theirs == Removed; removed {
			_, body = cutGap(o.Base)
			if slices.Contains(all, body) {
				t.Errorf("%s is there, and was removed", o.Name)
			}
		} else if !slices.Contains(all, body) {
			t.Errorf("%s is not there as %q", o.Name, body)
		}
	}
}

// ordered says that the merged order of a list is that of a side between any two elements of it of which
// the other side did not change the order.
func ordered(t *testing.T, c Comparison, table string, sides [3][]string, merged []string) {
	t.Helper()
	touched := make(map[string]bool)
	for _, o := range c.Objects {
		for _, text := range []string{o.Base, o.OursText, o.TheirsText} {
			_, body := cutGap(text)
			touched[body] = true
		}
	}
	for i, a := range merged {
		for _, b := range merged[i+1:] {
			if touched[a] || touched[b] {
				continue
			}
			for side, list := range sides {
				if at, bt := slices.Index(list, a), slices.Index(list, b); at >= 0 && bt >= 0 && at > bt {
					t.Errorf("%s: %q stands before %q, in text %d it does not", table, a, b, side)
				}
			}
		}
	}
	for side, list := range sides[1:] {
		if kept := slices.DeleteFunc(slices.Clone(merged), func(s string) bool { return !slices.Contains(list, s) }); slices.Equal(sides[base], sides[theirs-side]) {
			// The other side did nothing to the list.
			if diff := cmp.Diff(list, kept); diff != "" {
				t.Errorf("%s of side %d (-want +got)\n%s", table, side, diff)
			}
		}
	}
}

// TestDifferentObjectsNeverConflict: what two people do to different objects is merged.
func TestDifferentObjectsNeverConflict(t *testing.T) {
	each(t, func(t *testing.T, r *random) {
		list := r.pieces()
		ours, theirs := slices.Clone(list), slices.Clone(list)
		var want []string
		for i := range list {
			side := [][]string{ours, theirs}[r.IntN(2)]
			if r.IntN(2) == 0 {
				side[i] += fmt.Sprintf("w%d = 1\n", r.value())
			}
			want = append(want, side[i])
		}
		c := compare(t, strings.Join(list, ""), strings.Join(ours, ""), strings.Join(theirs, ""))
		if diff := cmp.Diff(strings.Join(want, ""), string(c.Merged)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}
