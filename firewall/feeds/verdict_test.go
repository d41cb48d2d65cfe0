package feeds

import (
	"strings"
	"testing"
)

// list makes what a list of good and bad lines reads as.
func listOf(good, bad int) *lines {
	l := &lines{bad: bad}
	for i := range good {
		l.v4 = append(l.v4, uint64(i)<<33|uint64(i)<<1)
	}
	for i := range min(bad, keptBad) {
		l.badLines = append(l.badLines, BadLine{Line: i + 1, Text: "spam", Why: whyNoAddress})
	}
	return l
}

func TestJudge(t *testing.T) {
	tests := []struct {
		name             string
		good, bad, known int
		force            bool
		want             string // part of the refusal; empty: taken
		held             int
	}{
		{"first", 5, 0, 0, false, "", 0},
		{"grows", 500, 0, 100, false, "", 0},
		{"shrinks by less than half", 51, 0, 100, false, "", 0},
		{"shrinks by half", 50, 0, 100, false, "it shrank from 100 to 50 entries and is held back", 50},
		{"shrinks by half, forced", 50, 0, 100, true, "", 0},
		{"small lists may shrink", 1, 0, smallList - 1, false, "", 0},
		{"smallest that may not", smallList / 2, 0, smallList, false, "held back", smallList / 2},
		{"empty", 0, 0, 0, false, "it is empty", 0},
		{"empty, known", 0, 0, 100, false, "it is empty", 0},
		{"empty, forced", 0, 0, 100, true, "", 0},
		{"some bad lines", 20, badAllowed, 0, false, "", 0},
		{"as many bad as good", 10, 10, 0, false, "10 of 20 lines are no addresses", 0},
		{"one of one", 0, 1, 0, false, "1 of 1 lines are no addresses", 0},
		{"too many bad of a few", 500, badAllowed + 1, 0, false, "11 of 511 lines", 0},
		{"as many, of many", 1100, badAllowed + 1, 0, false, "", 0},
		{"more than one in a hundred", 9889, 111, 0, false, "111 of 10000 lines", 0},
		{"one in a hundred", 9900, 100, 0, false, "", 0},
		{"bad is refused by force too", 10, 20, 0, true, "20 of 30 lines", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := judge(listOf(tt.good, tt.bad), tt.known, tt.force)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if v.held != tt.held || v.bad != tt.bad || len(v.badLines) != min(tt.bad, keptBad) {
				t.Errorf("verdict %+v", v)
			}
		})
	}
}

func TestRefusalNamesLines(t *testing.T) {
	_, err := judge(listOf(0, 12), 0, false)
	want := `12 of 12 lines are no addresses: what it held stays in use; check the url: ` +
		`line 1: no address, prefix or range: "spam"; line 2: no address, prefix or range: "spam"; line 3: no address, prefix or range: "spam"; ...`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
