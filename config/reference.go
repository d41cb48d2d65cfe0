package config

import "reflect"

// Table is a table of the language with its keys, as documentation lists them.
type Table struct {
	Path    string // "[system]", "[interface.NAME]", "[[rule]]"; empty for the top of the file
	Meaning string
	Keys    []Key
}

// Key is a key of the language.
type Key struct {
	Name    string
	Type    string // "string", "list of strings or integers", "pass, block or reject", ...
	Default string // what holds without it; empty when it is needed
	Meaning string
	Needed  bool // the table is wrong without it
	Node    bool // belongs to one machine: node.toml may hold it
	Only    bool // and the policy must not
}

// Reference is every table and key of the language, in the order in which the
// documentation speaks of them.
func Reference() []Table {
	return appendTables(nil, Table{Meaning: "The top of the file."}, "", reflect.TypeFor[rawPolicy]())
}

// appendTables appends t with the keys of a raw struct, then the tables in it.
func appendTables(tables []Table, t Table, path string, keys reflect.Type) []Table {
	var within []Table
	for _, f := range fieldsOf(keys) {
		form, inner := f.raw().form()
		sub := Table{Meaning: f.doc}
		subPath := path + f.key
		switch form {
		case formSection:
			sub.Path = "[" + subPath + "]"
		case formNamed:
			subPath += ".NAME"
			sub.Path = "[" + subPath + "]"
		case formOrdered:
			sub.Path = "[[" + subPath + "]]"
		default:
			t.Keys = append(t.Keys, Key{
				Name:    f.key,
				Type:    f.typeName(form),
				Default: f.def,
				Meaning: f.doc,
				Needed:  f.need != "",
				Node:    f.node,
				Only:    f.only,
			})
			continue
		}
		within = appendTables(within, sub, subPath+".", inner)
	}
	return append(append(tables, t), within...)
}

// typeName is what may be written for f, in words.
func (f field) typeName(form form) string {
	one := "string"
	switch {
	case len(f.enum) > 0:
		one = f.enum[0]
		for _, word := range f.enum[1 : len(f.enum)-1] {
			one += ", " + word
		}
		one += " or " + f.enum[len(f.enum)-1]
	case f.integers:
		one = "string or integer"
	}
	switch form {
	case formNumber:
		return "integer"
	case formNumbers:
		return "integer, or a list"
	case formFlag:
		return "true or false"
	case formList:
		return one + ", or a list"
	case formGrid:
		return "list of lists"
	}
	return one
}
