package hooks

import "testing"

func TestGauge(t *testing.T) {
	// In each line of found and want, one character is one run: + good, - bad.
	for _, c := range []struct {
		name        string
		fall, rise  int
		found, want string
	}{
		{"good at first", 3, 2, "++", "++"},
		{"bad after three", 3, 2, "---", "++-"},
		{"two are not three", 3, 2, "--+--+--+", "+++++++++"},
		{"good after two", 3, 2, "---++", "++--+"},
		{"one is not two", 3, 2, "---+-+-++", "++------+"},
		{"a failure while bad starts anew", 1, 3, "-++-+++", "------+"},
		{"at once", 1, 1, "-+-+", "-+-+"},
		{"less than one is one", 0, 0, "-+-", "-+-"},
		{"and again", 2, 2, "--++--++", "+--++--+"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var g gauge
			var got []byte
			for _, found := range c.found {
				before := g.bad
				if changed := g.see(found == '+', c.fall, c.rise); changed != (before != g.bad) {
					t.Errorf("changed is %v, bad was %v and is %v", changed, before, g.bad)
				}
				sign := byte('+')
				if g.bad {
					sign = '-'
				}
				got = append(got, sign)
			}
			if string(got) != c.want {
				t.Errorf("found %s: %s, want %s", c.found, got, c.want)
			}
		})
	}
}
