package nft

import (
	"regexp"
	"slices"
	"strings"
)

// Canonical brings the text of a table, ours or that of nft, into one form, so that
// equal tables compare equal: white space is folded, counters are at zero, what is
// left of a timeout and what rules put into dynamic sets is gone, and the blocks and
// the elements of named sets are in order. Text that is no table comes back folded.
func Canonical(text string) string {
	var blocks []string
	var head, block []string
	depth := 0
	for _, line := range logicalLines(text) {
		switch {
		case line == "}":
			depth--
			if depth == 1 {
				blocks = append(blocks, closeBlock(block))
				block = nil
			}
		case strings.HasSuffix(line, "{") && depth < 2:
			depth++
			if depth == 1 {
				head = append(head, line)
				continue
			}
			block = append(block, line)
		case depth >= 2:
			block = append(block, line)
		default:
			head = append(head, line)
		}
	}
	slices.Sort(blocks)
	var b strings.Builder
	for _, line := range head {
		b.WriteString(line + "\n")
	}
	for _, text := range blocks {
		b.WriteString(text)
	}
	if depth > 0 {
		b.WriteString(strings.Join(block, "\n") + "\n")
	}
	return b.String()
}

// closeBlock writes the lines of a set, a counter or a chain.
func closeBlock(lines []string) string {
	dynamic := slices.ContainsFunc(lines, func(line string) bool {
		return strings.HasPrefix(line, "flags ") && strings.Contains(line, "dynamic")
	})
	var b strings.Builder
	b.WriteString("\t" + lines[0] + "\n")
	for _, line := range lines[1:] {
		list, isList := strings.CutPrefix(line, "elements = { ")
		if !isList {
			b.WriteString("\t\t" + zeroed(line) + "\n")
			continue
		}
		if dynamic {
			continue
		}
		elements := splitList(strings.TrimSuffix(list, " }"))
		slices.Sort(elements)
		for _, e := range elements {
			b.WriteString("\t\t\t" + e + "\n")
		}
	}
	b.WriteString("\t}\n")
	return b.String()
}

// logicalLines folds white space and joins the lines of a list of elements. Blank lines go.
func logicalLines(text string) []string {
	var lines []string
	open := false
	for line := range strings.Lines(text) {
		line = fold(line)
		if line == "" {
			continue
		}
		if open {
			lines[len(lines)-1] += " " + line
			open = !strings.HasSuffix(line, "}")
			continue
		}
		lines = append(lines, line)
		open = strings.HasPrefix(line, "elements = {") && !strings.HasSuffix(line, "}")
	}
	return lines
}

// fold makes each run of white space outside quotes one space, and none at the ends.
func fold(line string) string {
	var b strings.Builder
	b.Grow(len(line))
	quoted, space := false, false
	for _, r := range strings.TrimSpace(line) {
		if r == '"' {
			quoted = !quoted
		}
		if !quoted && (r == ' ' || r == '\t') {
			space = true
			continue
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// zeroed is a line with its counters at zero.
func zeroed(line string) string {
	if !strings.Contains(line, "packets ") {
		return line
	}
	return regexp.MustCompile(`packets \d+ bytes \d+`).ReplaceAllString(line, "packets 0 bytes 0")
}

// splitList splits a list of elements at its commas and drops what is left of their time.
func splitList(list string) []string {
	var elements []string
	quoted, start := false, 0
	add := func(e string) {
		words := strings.Split(strings.TrimSpace(e), " ")
		for i := 0; i+1 < len(words); i++ {
			if words[i] == "expires" {
				words = slices.Delete(words, i, i+2)
			}
		}
		elements = append(elements, strings.Join(words, " "))
	}
	for i := range len(list) {
		switch {
		case list[i] == '"':
			quoted = !quoted
		case list[i] == ',' && !quoted:
			add(list[start:i])
			start = i + 1
		}
	}
	add(list[start:])
	return elements
}
