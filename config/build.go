package config

import (
	"bytes"

	"github.com/pelletier/go-toml/v2/unstable"
)

// builder turns the parser's expressions into a tree. The text has been judged
// to be TOML before, so tables are not written over values here.
type builder struct {
	parser unstable.Parser
	root   *node
	table  *node // the one that the last header opened
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
	s := b.root.src
	t := b.root
	keys := e.Key()
	for keys.Next() {
		k := keys.Node()
		at := int(k.Raw.Offset)
		line := s.data[bytes.LastIndexByte(s.data[:at], '\n')+1 : at]
		bracket := at - len(bytes.TrimLeft(line, " \t"))
		key := string(k.Data)
		next := t.child(key)
		switch {
		case keys.IsLast() && e.Kind == unstable.ArrayTable:
			if next == nil {
				next = t.add(key, kindTables, at, bracket)
			}
			if next.kind != kindTables {
				return b.clash(at, key)
			}
			t = next.add("", kindTable, bracket, bracket)
			continue
		case next == nil:
			next = t.add(key, kindTable, at, bracket)
		case next.kind == kindTable && keys.IsLast():
			// It was opened in passing by a deeper header; this is its own place.
			next.keyAt, next.at = at, bracket
		}
		if next.kind == kindTables {
			next = next.children[len(next.children)-1]
		}
		if next.kind != kindTable {
			return b.clash(at, key)
		}
		t = next
	}
	b.table = t
	return nil
}

// keyValue hangs key = value under t and returns the offset behind the value.
func (b *builder) keyValue(t *node, e *unstable.Node) (int, error) {
	s := b.root.src
	keys := e.Key()
	for keys.Next() {
		k := keys.Node()
		at, key := int(k.Raw.Offset), string(k.Data)
		if keys.IsLast() {
			eq := skipByte(s.data, at+int(k.Raw.Length), '=')
			return b.value(t, key, at, eq, e.Value())
		}
		next := t.child(key)
		if next == nil {
			next = t.add(key, kindTable, at, at)
		}
		if next.kind != kindTable {
			return 0, b.clash(at, key)
		}
		t = next
	}
	return 0, nil
}

// value hangs v, which stands at offset at, under t and returns the offset behind it.
func (b *builder) value(t *node, key string, keyAt, at int, v *unstable.Node) (int, error) {
	if t.kind == kindTable && t.child(key) != nil {
		return 0, b.clash(keyAt, key)
	}
	switch v.Kind {
	case unstable.Array:
		return b.array(t.add(key, kindArray, keyAt, at), v)
	case unstable.InlineTable:
		return b.inline(t.add(key, kindTable, keyAt, at), v)
	}
	n := t.add(key, scalarKind(v.Kind), keyAt, at)
	n.text = string(v.Data)
	if v.Raw.Length == 0 {
		return at + len(v.Data), nil // a boolean has no range of its own
	}
	return at + int(v.Raw.Length), nil
}

func (b *builder) array(n *node, v *unstable.Node) (int, error) {
	data := b.root.src.data
	end := n.at + 1
	items := v.Children()
	for items.Next() {
		at := skipFiller(data, end)
		var err error
		if end, err = b.value(n, "", at, at, items.Node()); err != nil {
			return 0, err
		}
	}
	return skipFiller(data, end) + 1, nil
}

func (b *builder) inline(n *node, v *unstable.Node) (int, error) {
	data := b.root.src.data
	end := n.at + 1
	items := v.Children()
	for items.Next() {
		var err error
		if end, err = b.keyValue(n, items.Node()); err != nil {
			return 0, err
		}
	}
	return skipFiller(data, end) + 1, nil
}

func (b *builder) clash(at int, key string) *Error {
	return &Error{Position: b.root.src.position(at), Msg: "no TOML: key " + quoteKey(key) + " stands here twice"}
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

// skipByte returns the offset of what follows the next c, without blanks.
func skipByte(data []byte, at int, c byte) int {
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
