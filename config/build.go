package config

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// largestFile keeps offsets within 32 bits, and a mistaken file out of memory.
const largestFile = 256 << 20

// parseTree reads a file. The error is an *Error with the place of the fault.
//
// The tree is built from the syntax of go-toml's parser, which knows the place of
// everything, and judged here: what may open and extend a table. BurntSushi/toml is
// the second opinion that words the fault of a text that is no TOML.
func parseTree(f File) (*node, error) {
	if len(f.Data) > min(largestFile, math.MaxInt32) {
		return nil, &Error{Position: Position{File: f.Name, Line: 1, Col: 1}, Msg: "the file is too large"}
	}
	s := newSource(f)
	b := builder{src: s, keys: make(map[string]string)}
	b.root = b.node(node{src: s, kind: kindTable, index: -1, opened: byHeader})
	b.table = b.root
	b.parser.Reset(s.data)
	for b.parser.NextExpression() {
		if err := b.expression(b.parser.Expression()); err != nil {
			return nil, s.syntaxError(err)
		}
	}
	if err := b.parser.Error(); err != nil {
		return nil, s.syntaxError(err)
	}
	return b.root, nil
}

// builder turns the parser's expressions into a tree.
type builder struct {
	parser unstable.Parser
	src    *source
	root   *node
	table  *node // the one that the last header opened
	keys   map[string]string
	slab   []node
}

// slabSize is how many nodes are allocated together.
const slabSize = 512

func (b *builder) node(n node) *node {
	if len(b.slab) == cap(b.slab) {
		b.slab = make([]node, 0, slabSize)
	}
	b.slab = append(b.slab, n)
	return &b.slab[len(b.slab)-1]
}

// key is the text of a key; the same keys come again and again.
func (b *builder) key(k *unstable.Node) string {
	if known, ok := b.keys[string(k.Data)]; ok {
		return known
	}
	key := string(k.Data)
	b.keys[key] = key
	return key
}

func (b *builder) expression(e *unstable.Node) error {
	switch e.Kind {
	case unstable.Table, unstable.ArrayTable:
		return b.header(e)
	case unstable.KeyValue:
		_, err := b.keyValue(b.table, e)
		return err
	}
	return nil
}

// header opens the table that [a.b] or [[a.b]] names.
func (b *builder) header(e *unstable.Node) error {
	t := b.root
	keys := e.Key()
	for keys.Next() {
		k := keys.Node()
		at, key := int(k.Raw.Offset), b.key(k)
		next := t.child(key)
		switch {
		case keys.IsLast() && e.Kind == unstable.ArrayTable:
			if next == nil {
				next = t.add(b.node(node{key: key, kind: kindTables, keyAt: int32(at), at: int32(at)}))
			}
			if next.kind != kindTables {
				return b.clash(at, next)
			}
			bracket := b.lineStart(at)
			t = next.add(b.node(node{kind: kindTable, keyAt: bracket, at: bracket, opened: byHeader}))
			continue
		case next == nil:
			next = t.add(b.node(node{key: key, kind: kindTable, keyAt: int32(at), at: int32(at)}))
		case next.kind == kindTables && !keys.IsLast():
			next = next.children[len(next.children)-1]
		}
		if next.kind != kindTable || next.opened == closed || keys.IsLast() && next.opened != inPassing {
			return b.clash(at, next)
		}
		if keys.IsLast() {
			next.keyAt, next.at, next.opened = int32(at), int32(at), byHeader
		}
		t = next
	}
	b.table = t
	return nil
}

// lineStart is where the header around offset at begins: it is the first of its line.
func (b *builder) lineStart(at int) int32 {
	line := b.src.data[bytes.LastIndexByte(b.src.data[:at], '\n')+1 : at]
	return int32(at - len(bytes.TrimLeft(line, " \t")))
}

// keyValue hangs key = value under t and returns the offset behind the value.
func (b *builder) keyValue(t *node, e *unstable.Node) (int, error) {
	keys := e.Key()
	for keys.Next() {
		k := keys.Node()
		at, key := int(k.Raw.Offset), b.key(k)
		next := t.child(key)
		if keys.IsLast() {
			if next != nil {
				return 0, b.clash(at, next)
			}
			value := skipPast(b.src.data, at+int(k.Raw.Length), '=')
			return b.value(t, node{key: key, keyAt: int32(at), at: int32(value)}, e.Value())
		}
		if next == nil {
			next = t.add(b.node(node{key: key, kind: kindTable, keyAt: int32(at), at: int32(at), opened: byDots}))
		}
		if next.kind != kindTable || next.opened != byDots {
			return 0, b.clash(at, next)
		}
		t = next
	}
	return 0, nil
}

// value hangs v under t as n, which has its place, and returns the offset behind it.
func (b *builder) value(t *node, n node, v *unstable.Node) (int, error) {
	switch v.Kind {
	case unstable.Array:
		n.kind = kindArray
		return b.array(t.add(b.node(n)), v)
	case unstable.InlineTable:
		n.kind, n.opened = kindTable, closed
		return b.inline(t.add(b.node(n)), v)
	}
	n.kind, n.text = scalarKind(v.Kind), b.text(v)
	if n.kind == kindInteger {
		text, ok := decimal(n.text)
		if !ok {
			return 0, &Error{Position: b.src.position(int(n.at)), Msg: fmt.Sprintf("no TOML: %q is no integer", clip(n.text))}
		}
		n.text = text
	}
	t.add(b.node(n))
	if v.Raw.Length == 0 {
		return int(n.at) + len(v.Data), nil // a boolean has no range of its own
	}
	return int(n.at) + int(v.Raw.Length), nil
}

// text is a scalar without quotes and escapes.
func (b *builder) text(v *unstable.Node) string {
	quote := 0
	if v.Kind == unstable.String {
		quote = 1
	}
	from, to := int(v.Raw.Offset)+quote, int(v.Raw.Offset+v.Raw.Length)-quote
	if v.Raw.Length > 0 && from <= to && b.src.text[from:to] == string(v.Data) {
		return b.src.text[from:to]
	}
	return string(v.Data)
}

func (b *builder) array(n *node, v *unstable.Node) (int, error) {
	end := int(n.at) + 1
	items := v.Children()
	for items.Next() {
		at := int32(skipFiller(b.src.data, end))
		var err error
		if end, err = b.value(n, node{keyAt: at, at: at}, items.Node()); err != nil {
			return 0, err
		}
	}
	return skipFiller(b.src.data, end) + 1, nil
}

func (b *builder) inline(n *node, v *unstable.Node) (int, error) {
	end := int(n.at) + 1
	items := v.Children()
	for items.Next() {
		var err error
		if end, err = b.keyValue(n, items.Node()); err != nil {
			return 0, err
		}
	}
	return skipFiller(b.src.data, end) + 1, nil
}

// clash says that what stands at offset at was written before, as n.
func (b *builder) clash(at int, n *node) *Error {
	msg := fmt.Sprintf("no TOML: %s stands in line %d already", n.path(), n.keyPos().Line)
	if n.kind == kindTable || n.kind == kindTables {
		msg += ": its keys have to stand together"
	}
	return &Error{Position: b.src.position(at), Msg: msg}
}

func scalarKind(k unstable.Kind) kind {
	switch k {
	case unstable.String:
		return kindString
	case unstable.Integer:
		return kindInteger
	case unstable.Bool:
		return kindBool
	case unstable.Float:
		return kindFloat
	}
	return kindTime
}

// decimal writes an integer of TOML in decimal digits.
func decimal(s string) (string, bool) {
	digits := strings.TrimLeft(s, "+-")
	if len(digits) > 1 && digits[0] == '0' && '0' <= digits[1] && digits[1] <= '9' || len(s)-len(digits) > 1 {
		return "", false
	}
	if len(digits) < 18 && strings.Trim(digits, "0123456789") == "" && s != "-0" {
		return strings.TrimPrefix(s, "+"), digits != ""
	}
	v, err := strconv.ParseInt(s, 0, 64)
	return strconv.FormatInt(v, 10), err == nil
}

// skipPast returns the offset of what follows the next c, without blanks.
func skipPast(data []byte, at int, c byte) int {
	for at < len(data) && data[at] != c {
		at++
	}
	at++
	for at < len(data) && (data[at] == ' ' || data[at] == '\t') {
		at++
	}
	return at
}

// skipFiller returns the offset of the next value or closing bracket.
func skipFiller(data []byte, at int) int {
	for at < len(data) {
		switch data[at] {
		case ' ', '\t', '\r', '\n', ',':
			at++
		case '#':
			end := bytes.IndexByte(data[at:], '\n')
			if end < 0 {
				return len(data)
			}
			at += end
		default:
			return at
		}
	}
	return at
}
