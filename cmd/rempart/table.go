package main

import (
	"bufio"
	"strings"
	"unicode/utf8"
)

// leastWrap is how narrow a column may become before its text is left to overflow.
const leastWrap = 16

// table is rows under titles. On a terminal the last column is wrapped to the
// width of the screen; elsewhere every row is one line.
type table struct {
	columns []column
	rows    [][]cell
}

// column is a title and the side to which its cells stand.
type column struct {
	title string
	right bool
}

// cell is a text and how it looks.
type cell struct {
	text string
	ink  ink
}

// text is a cell without colour.
func text(s string) cell { return cell{s, plain} }

func left(title string) column  { return column{title, false} }
func right(title string) column { return column{title, true} }

func newTable(columns ...column) *table { return &table{columns: columns} }

func (t *table) add(cells ...cell) { t.rows = append(t.rows, cells) }

// print shows the table, or what stands for an empty one.
func (s *screen) print(t *table, whenEmpty string) error {
	if len(t.rows) == 0 {
		s.printf("%s\n", whenEmpty)
		return nil
	}
	titles := make([]cell, len(t.columns))
	for i, c := range t.columns {
		titles[i] = cell{c.title, faint}
	}
	widths := t.widths()
	w := bufio.NewWriter(s.out)
	for _, row := range append([][]cell{titles}, t.rows...) {
		w.WriteString(strings.TrimRight(s.row(t.columns, widths, row), " ") + "\n")
	}
	return w.Flush()
}

func (t *table) widths() []int {
	widths := make([]int, len(t.columns))
	for i, c := range t.columns {
		widths[i] = columnsOf(c.title)
		for _, row := range t.rows {
			widths[i] = max(widths[i], columnsOf(row[i].text))
		}
	}
	return widths
}

// columnsOf is how many columns of a terminal a text takes, for scripts that take one a letter.
func columnsOf(s string) int { return utf8.RuneCountInString(s) }

func (s *screen) row(columns []column, widths []int, row []cell) string {
	var b strings.Builder
	last := len(columns) - 1
	indent := 0
	for i, c := range row[:last] {
		b.WriteString(s.padded(columns[i], widths[i], c) + "  ")
		indent += widths[i] + 2
	}
	end, lines := row[last], []string{row[last].text}
	if room := s.width - indent; s.width > 0 && room >= leastWrap {
		lines = wrap(end.text, room)
	}
	if len(lines) == 1 {
		b.WriteString(s.padded(columns[last], widths[last], end))
		return b.String()
	}
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\n" + strings.Repeat(" ", indent))
		}
		b.WriteString(s.paint(end.ink, line))
	}
	return b.String()
}

func (s *screen) padded(c column, width int, what cell) string {
	pad := strings.Repeat(" ", max(0, width-columnsOf(what.text)))
	if c.right {
		return pad + s.paint(what.ink, what.text)
	}
	return s.paint(what.ink, what.text) + pad
}

// wrap breaks a text between words into lines of at most width; a longer word stays whole.
func wrap(text string, width int) []string {
	lines := []string{""}
	for word := range strings.FieldsSeq(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case columnsOf(*last)+1+columnsOf(word) <= width:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}
