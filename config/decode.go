package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// field is what the tags of a raw struct's field say.
type field struct {
	index    int
	key      string
	doc      string
	def      string
	enum     []string
	need     string // "true": always; "policy", "node": in that file alone
	node     bool   // node.toml takes it
	only     bool   // and nothing but node.toml
	integers bool
	empty    bool
	min, max int
	raw      func() raw // an empty value of the field's type
}

// fieldsOf reads the tags of a raw struct.
func fieldsOf(t reflect.Type) []field {
	fields := make([]field, 0, t.NumField())
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		f := field{
			index:    i,
			key:      tag.Get("toml"),
			doc:      tag.Get("doc"),
			def:      tag.Get("default"),
			need:     tag.Get("need"),
			node:     tag.Get("node") != "",
			only:     tag.Get("node") == "only",
			integers: tag.Get("item") == "integer",
			empty:    tag.Get("empty") == "true",
			raw:      func() raw { return reflect.New(t.Field(i).Type).Interface().(raw) },
		}
		if words := tag.Get("enum"); words != "" {
			f.enum = strings.Split(words, ",")
		}
		// Fields without a range have none of the two tags.
		f.min, _ = strconv.Atoi(tag.Get("min"))
		f.max, _ = strconv.Atoi(tag.Get("max"))
		fields = append(fields, f)
	}
	return fields
}

// needed says whether the table is wrong without f, in node.toml or in the policy.
func (f field) needed(ofNode bool) bool {
	return f.need == "true" || f.need == "policy" && !ofNode || f.need == "node" && ofNode
}

// in says whether f may stand in node.toml, or in the policy.
func (f field) in(ofNode bool) bool {
	if ofNode {
		return f.node
	}
	return !f.only
}

// maxFaults is how many faults are told. Who has more has one mistake, made by a program.
const maxFaults = 1000

// faults collects what is wrong with a policy.
type faults struct {
	list Errors
	more int // that are not in list
}

// at reports a fault of the value n.
func (f *faults) at(n *node, format string, args ...any) {
	f.add(n, (*node).pos, "", format, args)
}

// atKey reports a fault of the key or header n.
func (f *faults) atKey(n *node, format string, args ...any) {
	f.add(n, (*node).keyPos, "", format, args)
}

// add reports a fault of n, or of the key below it.
func (f *faults) add(n *node, where func(*node) Position, below, format string, args []any) {
	if len(f.list) == maxFaults {
		f.more++
		return
	}
	key := n.path()
	if below != "" {
		key = strings.TrimPrefix(key+"."+below, ".")
	}
	f.list = append(f.list, &Error{Position: where(n), Key: clip(key), Msg: clip(fmt.Sprintf(format, args...))})
}

// sorted is every fault in the order of the files, and how many more there are.
func (f *faults) sorted() Errors {
	all := sortErrors(f.list)
	if f.more > 0 {
		last := all[len(all)-1].Position
		all = append(all, &Error{Position: last, Msg: fmt.Sprintf("and %d more faults, in other places", f.more)})
	}
	return all
}

// missing reports that the table n lacks key.
func (f *faults) missing(n *node, key, format string, args ...any) {
	f.add(n, (*node).keyPos, key, format, args)
}

// decoder lays a tree into the raw structs and collects every fault of form:
// keys that nobody knows, wrong types, missing keys.
type decoder struct {
	faults
	ofNode bool // the file is node.toml
	known  map[reflect.Type][]field
}

func newDecoder(ofNode bool) *decoder {
	return &decoder{ofNode: ofNode, known: make(map[reflect.Type][]field)}
}

// wants reports whether n is of the kind k, and says so if not.
func (d *decoder) wants(n *node, k kind) bool {
	if n.kind == k {
		return true
	}
	if k == kindTable && n.kind == kindTables {
		d.atKey(n, "stands once: write [%s] with single brackets", n.path())
		return false
	}
	d.at(n, "must be %s, not %s", k, n.kind)
	return false
}

// table lays the table n into the raw struct that into points to.
func (d *decoder) table(n *node, into any) {
	v := reflect.ValueOf(into).Elem()
	fields, ok := d.known[v.Type()]
	if !ok {
		fields = fieldsOf(v.Type())
		d.known[v.Type()] = fields
	}
	for _, c := range n.children {
		f := fieldByKey(fields, c.key)
		switch {
		case f == nil:
			d.unknown(c, fields)
		case d.ofNode && !f.node:
			d.atKey(c, "belongs to the policy, not to one machine: write it in rempart.toml")
		case !d.ofNode && f.only:
			d.atKey(c, "would be the same on both nodes: it belongs into node.toml")
		default:
			v.Field(f.index).Addr().Interface().(raw).decode(d, c, *f)
		}
	}
	for _, f := range fields {
		if f.needed(d.ofNode) && n.child(f.key) == nil {
			d.missing(n, f.key, "is missing: %s", lowerFirst(f.doc))
		}
	}
}

func fieldByKey(fields []field, key string) *field {
	for i := range fields {
		if fields[i].key == key {
			return &fields[i]
		}
	}
	return nil
}

func (d *decoder) unknown(n *node, fields []field) {
	var keys []string
	for _, f := range fields {
		if strings.EqualFold(f.key, n.key) {
			d.atKey(n, "unknown key: case matters, write %q", f.key)
			return
		}
		if f.in(d.ofNode) {
			keys = append(keys, f.key)
		}
	}
	d.atKey(n, "unknown key%s", suggest(n.key, keys))
}

// lowerFirst makes a sentence of the documentation part of another.
func lowerFirst(s string) string {
	if len(s) > 1 && 'A' <= s[0] && s[0] <= 'Z' && 'a' <= s[1] && s[1] <= 'z' {
		s = string(s[0]+'a'-'A') + s[1:]
	}
	return strings.TrimSuffix(s, ".")
}
