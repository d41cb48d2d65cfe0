package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
	"github.com/pelletier/go-toml/v2/unstable"
)

// kind is what a value is in TOML.
type kind int

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

// node is a value of a TOML file that knows where it stands.
type node struct {
	src      *source
	parent   *node // nil: the file itself
	key      string
	index    int // in the parent's list; -1 in a table
	kind     kind
	keyAt    int    // byte offset of the key, of the header's bracket or of the element
	at       int    // byte offset of the value
	text     string // of a scalar; strings without quotes and escapes
	children []*node
	byKey    map[string]*node
}

// source is a file with the offsets at which its lines begin.
type source struct {
	name  string
	data  []byte
	lines []int
}

func newSource(f File) *source {
	// Editors of other systems begin a file with a byte order mark.
	s := &source{name: f.Name, data: bytes.TrimPrefix(f.Data, []byte("\ufeff")), lines: []int{0}}
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
	line, exact := slices.BinarySearch(s.lines, offset)
	if !exact {
		line--
	}
	col := utf8.RuneCount(s.data[s.lines[line]:offset]) + 1
	return Position{File: s.name, Line: line + 1, Col: col}
}

// keyPos is the place of n's key: where a fault of the key itself is reported.
func (n *node) keyPos() Position { return n.src.position(n.keyAt) }

// pos is the place of n's value.
func (n *node) pos() Position { return n.src.position(n.at) }

// path is how a message names n, such as rule[1].from.
func (n *node) path() string {
	switch {
	case n.parent == nil:
		return ""
	case n.index >= 0:
		return n.parent.path() + "[" + strconv.Itoa(n.index) + "]"
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
func (n *node) add(key string, k kind, keyAt, at int) *node {
	c := &node{src: n.src, parent: n, key: key, index: -1, kind: k, keyAt: keyAt, at: at}
	n.children = append(n.children, c)
	if n.kind != kindTable {
		c.index = len(n.children) - 1
		return c
	}
	if n.byKey == nil && len(n.children) == manyKeys {
		n.byKey = make(map[string]*node, 2*manyKeys)
		for _, known := range n.children {
			n.byKey[known.key] = known
		}
	}
	if n.byKey != nil {
		n.byKey[key] = c
	}
	return c
}

// parseTree reads a file. The error is an *Error with the place of the fault.
func parseTree(f File) (*node, error) {
	s := newSource(f)
	// BurntSushi/toml judges what is TOML: twice the same key, a table written
	// over a value, text that is not UTF-8. Positions of what is well-formed are
	// not its strength, so the tree is built from the other parser's syntax.
	var judged map[string]any
	if err := toml.Unmarshal(s.data, &judged); err != nil {
		return nil, s.syntaxError(err)
	}
	b := builder{root: &node{src: s, kind: kindTable, index: -1}}
	b.parser.Reset(s.data)
	b.table = b.root
	for b.parser.NextExpression() {
		if err := b.expression(b.parser.Expression()); err != nil {
			return nil, err
		}
	}
	if err := b.parser.Error(); err != nil {
		return nil, s.syntaxError(err)
	}
	return b.root, nil
}

func (s *source) syntaxError(err error) *Error {
	var at toml.ParseError
	if errors.As(err, &at) {
		return &Error{Position: s.position(at.Position.Start), Msg: "no TOML: " + at.Message}
	}
	var other *unstable.ParserError
	if errors.As(err, &other) {
		offset := cap(s.data) - cap(other.Highlight)
		return &Error{Position: s.position(offset), Msg: "no TOML: " + other.Message}
	}
	return &Error{Position: s.position(0), Msg: fmt.Sprintf("no TOML: %v", err)}
}
