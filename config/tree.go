package config

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// kind is what a value is in TOML.
type kind uint8

const (
	kindTable kind = iota + 1
	kindTables
	kindArray
	kindString
	kindInteger
	kindBool
	kindFloat
	kindTime
)

// String names k with its article, as messages need it.
func (k kind) String() string {
	switch k {
	case kindTable:
		return "a table"
	case kindTables:
		return "a list of tables"
	case kindArray:
		return "a list"
	case kindString:
		return "a string"
	case kindInteger:
		return "an integer"
	case kindBool:
		return "true or false"
	case kindFloat:
		return "a decimal number"
	case kindTime:
		return "a date or time"
	}
	return "a value"
}

// node is a value of a TOML file that knows where it stands. A file of ten
// thousand rules has a quarter of a million of them, so they are small.
type node struct {
	src      *source
	parent   *node // nil: the file itself
	key      string
	text     string // of a scalar; strings without quotes and escapes
	children []*node
	byKey    map[string]*node // of large tables
	keyAt    int32            // byte offset of the key, of the header's bracket or of the element
	at       int32            // byte offset of the value
	index    int32            // in the parent's list; -1 in a table
	kind     kind
	opened   opened
}

// opened says what brought a table into being, which decides what may add to it.
type opened uint8

const (
	inPassing opened = iota // by the header of a table in it
	byHeader
	byDots // by a dotted key
	closed // an inline table: complete
)

// source is a file with the offsets at which its lines begin.
type source struct {
	name  string
	data  []byte
	text  string // data again: values are cut from it without copying each
	lines []int
	// counted is the last place that was asked for and its column. Places are
	// asked for from left to right, so that a long line is counted once.
	counted struct{ line, offset, col int }
}

func newSource(f File) *source {
	// Editors of other systems begin a file with a byte order mark.
	data := bytes.TrimPrefix(f.Data, []byte("\ufeff"))
	s := &source{name: f.Name, data: data, text: string(data)}
	s.lines = append(make([]int, 0, 1+strings.Count(s.text, "\n")), 0)
	for i, b := range s.data {
		if b == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

// position turns a byte offset into a line and a column counted in characters.
func (s *source) position(offset int) Position {
	offset = min(max(offset, 0), len(s.data))
	for offset > 0 && offset < len(s.data) && !utf8.RuneStart(s.data[offset]) {
		offset--
	}
	line, exact := slices.BinarySearch(s.lines, offset)
	if !exact {
		line--
	}
	from, col := s.lines[line], 1
	if c := s.counted; c.line == line && c.col > 0 && c.offset <= offset {
		from, col = c.offset, c.col
	}
	col += utf8.RuneCount(s.data[from:offset])
	s.counted.line, s.counted.offset, s.counted.col = line, offset, col
	return Position{File: s.name, Line: line + 1, Col: col}
}

// keyPos is the place of n's key: where a fault of the key itself is reported.
func (n *node) keyPos() Position { return n.src.position(int(n.keyAt)) }

// pos is the place of n's value.
func (n *node) pos() Position { return n.src.position(int(n.at)) }

// path is how a message names n, such as rule[1].from.
func (n *node) path() string {
	switch {
	case n.parent == nil:
		return ""
	case n.index >= 0:
		return n.parent.path() + "[" + strconv.Itoa(int(n.index)) + "]"
	case n.parent.parent == nil:
		return quoteKey(n.key)
	}
	return n.parent.path() + "." + quoteKey(n.key)
}

// quoteKey writes a key as TOML would have it.
func quoteKey(key string) string {
	bare := func(r rune) bool {
		return r == '-' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	}
	if key != "" && strings.IndexFunc(key, func(r rune) bool { return !bare(r) }) < 0 {
		return key
	}
	return strconv.Quote(key)
}

// child is the value of key in the table n, or nil.
func (n *node) child(key string) *node {
	if n.byKey != nil {
		return n.byKey[key]
	}
	for _, c := range n.children {
		if c.key == key {
			return c
		}
	}
	return nil
}

// manyKeys is the size from which a table finds its keys by a map.
const manyKeys = 16

// add hangs a new child under n; key is not used in a list.
func (n *node) add(c *node) *node {
	c.src, c.parent, c.index = n.src, n, -1
	n.children = append(n.children, c)
	if n.kind != kindTable {
		c.index = int32(len(n.children) - 1)
		return c
	}
	if n.byKey == nil && len(n.children) == manyKeys {
		n.byKey = make(map[string]*node, 2*manyKeys)
		for _, known := range n.children {
			n.byKey[known.key] = known
		}
	}
	if n.byKey != nil {
		n.byKey[c.key] = c
	}
	return c
}
