package config

import (
	"reflect"
	"strconv"
)

// raw is a value as TOML has it, with its place. An absent one has no node.
type raw interface {
	decode(d *decoder, n *node, f field)
	// form says what the value is and, for tables, the raw struct of their keys.
	form() (form, reflect.Type)
}

// form is what a value of the language can be.
type form int

const (
	formText form = iota + 1
	formNumber
	formFlag
	formList
	formNumbers
	formGrid
	formSection
	formNamed
	formOrdered
)

// text is a string.
type text struct {
	node *node
	s    string
}

func (t text) set() bool { return t.node != nil }

func (*text) form() (form, reflect.Type) { return formText, nil }

func (t *text) decode(d *decoder, n *node, _ field) {
	if d.wants(n, kindString) {
		*t = text{node: n, s: n.text}
	}
}

// number is an integer within the tags min and max.
type number struct {
	node *node
	v    int
}

func (v number) set() bool { return v.node != nil }

// or is what was written, or else the default.
func (v number) or(def int) int {
	if v.set() {
		return v.v
	}
	return def
}

func (*number) form() (form, reflect.Type) { return formNumber, nil }

func (v *number) decode(d *decoder, n *node, f field) {
	if !d.wants(n, kindInteger) {
		return
	}
	i, err := strconv.ParseInt(n.text, 10, 64)
	if err != nil || i < int64(f.min) || i > int64(f.max) {
		if f.min == f.max {
			d.at(n, "%s is not known: this version reads %d", n.text, f.min)
			return
		}
		d.at(n, "%s is out of range: %d to %d", n.text, f.min, f.max)
		return
	}
	*v = number{node: n, v: int(i)}
}

// boolean is a boolean.
type boolean struct {
	node *node
	v    bool
}

func (b boolean) set() bool { return b.node != nil }

// or is what was written, or else the default.
func (b boolean) or(def bool) bool {
	if b.set() {
		return b.v
	}
	return def
}

func (*boolean) form() (form, reflect.Type) { return formFlag, nil }

func (b *boolean) decode(d *decoder, n *node, _ field) {
	if d.wants(n, kindBool) {
		*b = boolean{node: n, v: n.text == "true"}
	}
}

// list is one or several strings, or integers where the tag item says so.
type list struct {
	node  *node
	items []*node
}

func (l list) set() bool { return l.node != nil }

// empty says whether the list was written without items.
func (l list) empty() bool {
	return l.set() && l.node.kind == kindArray && len(l.node.children) == 0
}

func (*list) form() (form, reflect.Type) { return formList, nil }

func (l *list) decode(d *decoder, n *node, f field) {
	if n.kind != kindArray {
		if d.item(n, f, true) {
			*l = list{node: n, items: []*node{n}}
		}
		return
	}
	l.node = n
	if len(n.children) == 0 && !f.empty {
		d.at(n, "the list is empty: leave the key out or write what is meant")
	}
	l.items = make([]*node, 0, len(n.children))
	for _, c := range n.children {
		if d.item(c, f, false) {
			l.items = append(l.items, c)
		}
	}
}

// item judges one element of a list, or what stands in place of the list.
func (d *decoder) item(n *node, f field, alone bool) bool {
	if n.kind == kindString || n.kind == kindInteger && f.integers {
		return true
	}
	want := "a string"
	if f.integers {
		want = "a string or an integer"
	}
	if alone {
		want += ", or a list of them"
	}
	d.at(n, "must be %s, not %s", want, n.kind)
	return false
}

// numbers is one or several integers within the tags min and max.
type numbers struct {
	node  *node
	items []number
}

func (l numbers) set() bool { return l.node != nil }

func (*numbers) form() (form, reflect.Type) { return formNumbers, nil }

func (l *numbers) decode(d *decoder, n *node, f field) {
	l.node = n
	items := n.children
	if n.kind != kindArray {
		items = []*node{n}
	}
	if len(items) == 0 {
		d.at(n, "the list is empty: leave the key out or write what is meant")
	}
	for _, c := range items {
		var v number
		if v.decode(d, c, f); v.set() {
			l.items = append(l.items, v)
		}
	}
}

// grid is a list of lists of strings.
type grid struct {
	node *node
	rows []list
}

func (*grid) form() (form, reflect.Type) { return formGrid, nil }

func (g *grid) decode(d *decoder, n *node, f field) {
	if n.kind != kindArray {
		d.at(n, "must be a list of lists such as [[\"a\", \"b\"], [\"c\"]], not %s", n.kind)
		return
	}
	g.node = n
	if len(n.children) == 0 {
		d.at(n, "the list is empty: write what is meant")
	}
	for _, c := range n.children {
		if c.kind != kindArray {
			d.at(c, "must be a list such as [\"a\", \"b\"], not %s", c.kind)
			continue
		}
		var row list
		row.decode(d, c, f)
		g.rows = append(g.rows, row)
	}
}

// section is a table that stands once.
type section[T any] struct {
	node *node
	body T
}

func (s section[T]) set() bool { return s.node != nil }

func (*section[T]) form() (form, reflect.Type) { return formSection, reflect.TypeFor[T]() }

func (s *section[T]) decode(d *decoder, n *node, _ field) {
	if d.wants(n, kindTable) {
		s.node = n
		d.table(n, &s.body)
	}
}

// entry is one of many tables.
type entry[T any] struct {
	node *node
	body T
}

// name is the key of a named table.
func (e *entry[T]) name() string { return e.node.key }

// named is tables by name, in the order of the file.
type named[T any] []*entry[T]

func (*named[T]) form() (form, reflect.Type) { return formNamed, reflect.TypeFor[T]() }

func (t *named[T]) decode(d *decoder, n *node, _ field) {
	if n.kind != kindTable {
		d.atKey(n, "must be tables with a name such as [%s.name], not %s", n.key, n.kind)
		return
	}
	for _, c := range n.children {
		if c.kind != kindTable {
			d.atKey(c, "must be a table [%s], not %s: the keys stand under a name such as [%s.name]", c.path(), c.kind, n.key)
			continue
		}
		e := &entry[T]{node: c}
		d.table(c, &e.body)
		*t = append(*t, e)
	}
}

// ordered is an array of tables.
type ordered[T any] []*entry[T]

func (*ordered[T]) form() (form, reflect.Type) { return formOrdered, reflect.TypeFor[T]() }

func (t *ordered[T]) decode(d *decoder, n *node, _ field) {
	if n.kind == kindTable {
		d.atKey(n, "is one of many: write [[%s]] with double brackets", n.path())
		return
	}
	if n.kind != kindTables && n.kind != kindArray {
		d.at(n, "must be tables [[%s]], not %s", n.path(), n.kind)
		return
	}
	for _, c := range n.children {
		if c.kind != kindTable {
			d.at(c, "must be a table, not %s", c.kind)
			continue
		}
		e := &entry[T]{node: c}
		d.table(c, &e.body)
		*t = append(*t, e)
	}
}
