package config

import (
	"fmt"
	"strings"
)

// diffContext is how many equal lines stand around a change.
const diffContext = 3

// mostEdits bounds the search for the shortest difference; texts that differ in
// more lines are shown as one replaced by the other between their equal ends.
const mostEdits = 2000

// edit is one line of a difference.
type edit struct {
	op   byte // ' ', '-' or '+'
	line string
}

// Diff is what leads from a to b as unified text, without file names; empty when
// they are equal.
func Diff(a, b []byte) string {
	return unified(edits(splitLines(string(a)), splitLines(string(b))))
}

// splitLines keeps the line ends, so that a missing last one is a difference.
func splitLines(s string) []string {
	lines := strings.SplitAfter(s, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// edits compares the part between the equal ends of a and b.
func edits(a, b []string) []edit {
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	all := appendEdits(nil, ' ', a[:head])
	all = append(all, shortest(a[head:len(a)-tail], b[head:len(b)-tail])...)
	return appendEdits(all, ' ', a[len(a)-tail:])
}

func appendEdits(all []edit, op byte, lines []string) []edit {
	for _, l := range lines {
		all = append(all, edit{op, l})
	}
	return all
}

// shortest finds the fewest edits (E. Myers, "An O(ND) Difference Algorithm and
// Its Variations", 1986). frontier[d][k+d] is how far along a the best path with
// d edits comes on the diagonal k, where x - y = k.
func shortest(a, b []string) []edit {
	var frontiers [][]int
	for d := 0; d <= min(len(a)+len(b), mostEdits); d++ {
		f := make([]int, 2*d+1)
		frontiers = append(frontiers, f)
		for k := -d; k <= d; k += 2 {
			x := step(frontiers, d, k)
			for x < len(a) && x-k < len(b) && x-k >= 0 && a[x] == b[x-k] {
				x++
			}
			f[k+d] = x
			if x >= len(a) && x-k >= len(b) {
				return walkBack(frontiers, a, b)
			}
		}
	}
	return appendEdits(appendEdits(nil, '-', a), '+', b)
}

// step is where diagonal k begins with d edits: one down from k+1 or one right
// from k-1, whichever comes further.
func step(frontiers [][]int, d, k int) int {
	if d == 0 {
		return 0
	}
	before := frontiers[d-1]
	at := func(k int) int { return before[k+d-1] }
	if k == -d || k != d && at(k-1) < at(k+1) {
		return at(k + 1)
	}
	return at(k-1) + 1
}

// walkBack follows the frontiers from the end of both texts to their beginning.
func walkBack(frontiers [][]int, a, b []string) []edit {
	var reversed []edit
	x, y := len(a), len(b)
	for d := len(frontiers) - 1; d >= 0; d-- {
		k := x - y
		from := step(frontiers, d, k)
		for x > from {
			x, y = x-1, y-1
			reversed = append(reversed, edit{' ', a[x]})
		}
		if d == 0 {
			break
		}
		if k == -d || k != d && frontiers[d-1][k-1+d-1] < frontiers[d-1][k+1+d-1] {
			y--
			reversed = append(reversed, edit{'+', b[y]})
		} else {
			x--
			reversed = append(reversed, edit{'-', a[x]})
		}
	}
	all := make([]edit, 0, len(reversed))
	for i := len(reversed) - 1; i >= 0; i-- {
		all = append(all, reversed[i])
	}
	return all
}

// unified writes the edits as hunks with some equal lines around.
func unified(all []edit) string {
	var out strings.Builder
	for from, to := nextHunk(all, 0); from < to; from, to = nextHunk(all, to) {
		writeHunk(&out, all, from, to)
	}
	return out.String()
}

// nextHunk is the next run of edits from start on in which changes are not far
// from one another, with the equal lines around it.
func nextHunk(all []edit, start int) (from, to int) {
	first := start
	for first < len(all) && all[first].op == ' ' {
		first++
	}
	if first == len(all) {
		return 0, 0
	}
	last := first
	for i := first; i < len(all) && i-last <= 2*diffContext; i++ {
		if all[i].op != ' ' {
			last = i
		}
	}
	return max(first-diffContext, start), min(last+1+diffContext, len(all))
}

func writeHunk(out *strings.Builder, all []edit, from, to int) {
	lineA, lineB := 1, 1
	for _, e := range all[:from] {
		lineA, lineB = lineA+oldLines(e), lineB+newLines(e)
	}
	countA, countB := 0, 0
	for _, e := range all[from:to] {
		countA, countB = countA+oldLines(e), countB+newLines(e)
	}
	fmt.Fprintf(out, "@@ -%s +%s @@\n", hunkRange(lineA, countA), hunkRange(lineB, countB))
	for _, e := range all[from:to] {
		out.WriteByte(e.op)
		out.WriteString(e.line)
		if !strings.HasSuffix(e.line, "\n") {
			out.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

func oldLines(e edit) int {
	if e.op == '+' {
		return 0
	}
	return 1
}

func newLines(e edit) int {
	if e.op == '-' {
		return 0
	}
	return 1
}

// hunkRange is "line,count"; nothing at all stands behind the line before it.
func hunkRange(line, count int) string {
	switch count {
	case 0:
		return fmt.Sprintf("%d,0", line-1)
	case 1:
		return fmt.Sprint(line)
	}
	return fmt.Sprintf("%d,%d", line, count)
}
