package pieces

import (
	"bytes"
	"testing"
)

func seeds(f *testing.F, add func(text []byte)) {
	f.Helper()
	for _, text := range examples(f) {
		if len(text) < 20_000 {
			add([]byte(text))
		}
	}
	for seed := range uint64(20) {
		add(newRandom(seed).text())
	}
	add([]byte("\ufeff[[rule]]\r\n[rule.x]\n[alias]\n['a b']\n# end"))
}

// FuzzSplit: no text makes it panic, and the pieces are the text.
func FuzzSplit(f *testing.F) {
	seeds(f, func(text []byte) { f.Add(text) })
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := Split(text)
		if err != nil {
			return
		}
		var joined []byte
		names := make(map[string]bool)
		for _, p := range all {
			joined = append(joined, p.Text...)
			if names[p.Object] {
				t.Errorf("two pieces are %s", p.Object)
			}
			names[p.Object] = true
		}
		if !bytes.Equal(joined, text) {
			t.Errorf("the pieces are %q, the text is %q", joined, text)
		}
	})
}

// FuzzWeave: what was woven in is what is cut out.
func FuzzWeave(f *testing.F) {
	seeds(f, func(text []byte) { f.Add(text, text, uint8(1)) })
	for seed := range uint64(20) {
		r := newRandom(seed)
		f.Add(r.text(), r.text(), uint8(seed))
	}
	f.Fuzz(func(t *testing.T, own, other []byte, bits uint8) {
		var sections []string
		for i, s := range sectionWords {
			if bits&(1<<i) != 0 {
				sections = append(sections, s)
			}
		}
		shared, err := Shared(other, sections)
		if err != nil {
			return
		}
		woven, err := Weave(own, shared, sections)
		if err != nil {
			return
		}
		if got, err := Shared(woven, sections); err != nil || !bytes.Equal(got, shared) {
			t.Errorf("%v: own %q shared %q woven %q has %q, %v", sections, own, shared, woven, got, err)
		}
	})
}

// FuzzCompare: no texts make it panic, and it holds what a merge must.
func FuzzCompare(f *testing.F) {
	seeds(f, func(text []byte) { f.Add(text, text, []byte(nil)) })
	for seed := range uint64(20) {
		r := newRandom(seed)
		list := r.pieces()
		f.Add(joinTexts(list), joinTexts(r.edit(list, 3)), joinTexts(r.edit(list, 3)))
	}
	f.Fuzz(func(t *testing.T, base, ours, theirs []byte) {
		c, err := Compare(base, ours, theirs)
		if err != nil {
			return
		}
		back, err := Compare(base, theirs, ours)
		if err != nil {
			t.Fatal(err)
		}
		mirrored(t, c, back)
		if c.Merged != nil {
			if _, err := Split(c.Merged); err != nil {
				t.Errorf("merged %q: %v", c.Merged, err)
			}
		} else if _, err := Split(c.Draft); err == nil {
			t.Errorf("draft %q is TOML", c.Draft)
		}
	})
}

func joinTexts(list []string) []byte {
	var text []byte
	for _, s := range list {
		text = append(text, s...)
	}
	return text
}
