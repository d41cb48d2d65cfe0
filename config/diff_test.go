package config

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestDiff(t *testing.T) {
	ten := "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n"
	for _, tt := range []struct{ name, a, b, want string }{
		{"equal", ten, ten, ""},
		{"both empty", "", "", ""},
		{"one changed", ten, strings.Replace(ten, "5\n", "five\n", 1), "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"},
		{"added at the end", ten, ten + "11\n", "@@ -8,3 +8,4 @@\n 8\n 9\n 10\n+11\n"},
		{"removed at the beginning", ten, ten[2:], "@@ -1,4 +1,3 @@\n-1\n 2\n 3\n 4\n"},
		{"from nothing", "", "1\n", "@@ -0,0 +1 @@\n+1\n"},
		{"to nothing", "1\n2\n", "", "@@ -1,2 +0,0 @@\n-1\n-2\n"},
		{
			"far apart", "a\n" + ten + "b\n", "A\n" + ten + "B\n",
			"@@ -1,4 +1,4 @@\n-a\n+A\n 1\n 2\n 3\n@@ -9,4 +9,4 @@\n 8\n 9\n 10\n-b\n+B\n",
		},
		{"no newline", "1\n2", "1\n2\n", "@@ -1,2 +1,2 @@\n 1\n-2\n\\ No newline at end of file\n+2\n"},
	} {
		if got := Diff([]byte(tt.a), []byte(tt.b)); got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

// TestDiffIsRightAndShortest holds random differences against the texts that
// they were made of, and against the length of the longest common subsequence.
func TestDiffIsRightAndShortest(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := func() []string {
		lines := make([]string, random.IntN(20))
		for i := range lines {
			lines[i] = fmt.Sprintln(random.IntN(5))
		}
		return lines
	}
	for range 5000 {
		a, b := text(), text()
		var oldText, newText []string
		changes := 0
		for _, e := range edits(a, b) {
			if e.op != '+' {
				oldText = append(oldText, e.line)
			}
			if e.op != '-' {
				newText = append(newText, e.line)
			}
			if e.op != ' ' {
				changes++
			}
		}
		if strings.Join(oldText, "") != strings.Join(a, "") || strings.Join(newText, "") != strings.Join(b, "") {
			t.Fatalf("the difference of %q and %q leads from %q to %q", a, b, oldText, newText)
		}
		if want := len(a) + len(b) - 2*common(a, b); changes != want {
			t.Fatalf("%q and %q: %d edits, want %d", a, b, changes, want)
		}
	}
}

// common is the length of the longest common subsequence.
func common(a, b []string) int {
	row := make([]int, len(b)+1)
	for i := range a {
		diagonal := 0
		for j := range b {
			above := row[j+1]
			if a[i] == b[j] {
				row[j+1] = diagonal + 1
			} else {
				row[j+1] = max(row[j+1], row[j])
			}
			diagonal = above
		}
	}
	return row[len(b)]
}

func TestDiffOfLargeTextsIsBounded(t *testing.T) {
	a, b := new(strings.Builder), new(strings.Builder)
	for i := range 20000 {
		fmt.Fprintln(a, "a", i)
		fmt.Fprintln(b, "b", i)
	}
	got := Diff([]byte(a.String()), []byte(b.String()))
	if want := "@@ -1,20000 +1,20000 @@\n-a 0\n"; !strings.HasPrefix(got, want) {
		t.Errorf("it begins %.60q, want %q", got, want)
	}
}
