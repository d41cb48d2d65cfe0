// Package pieces takes the text of a policy apart, table by table, and puts it together again
// without changing a byte of what nobody edited. It cuts out what both nodes of a pair have
// (Shared), weaves that into the text of a node that has more of its own (Weave), and merges what
// two people did to one policy (Compare):
//
//	rempart.toml ── Split ──► pieces ──┬─ Shared ──► what both have ── Weave ──► rempart.toml of the other
//	                                   └─ Compare ─► Merged, or Draft with what a person has to decide
//
// It knows TOML and the names of the tables, and of their meaning only what an order or a name needs:
// whether a policy is right is for package config to say.
package pieces

import "strings"

// Piece is one table of a policy, one element of a list of tables, or the keys before the first of
// them, with the tables below it and the comments and blank lines above it.
type Piece struct {
	// Object is how people call it, such as "rule lan-out", "vip lan 10.1.2.5/28" or "[ha]". Within a
	// text no two pieces have the same: a second one of a name ends in " (2)".
	Object string
	// Table is the first key of the table; empty for the keys at the top.
	Table string
	// Text is the exact bytes.
	Text string
	name string // Object without what tells it from others of its name
}

// Top is the object of the keys that stand before the first table.
const Top = "the top of the file"

// Split takes a policy apart. The texts of the pieces, one after the other, are the policy; what
// stands behind the last table belongs to the last piece.
func Split(text []byte) ([]Piece, error) {
	d, err := read(text)
	if err != nil {
		return nil, err
	}
	if len(d.pieces) == 0 {
		if d.tail == "" {
			return nil, nil
		}
		return []Piece{{Object: Top, Text: d.tail}}, nil
	}
	last := &d.pieces[len(d.pieces)-1]
	last.Text += d.tail
	if d.open {
		last.Text = strings.TrimSuffix(last.Text, "\n")
	}
	return d.pieces, nil
}

// document is a policy whose pieces may change places: each ends with its line.
type document struct {
	pieces []Piece
	tail   string // comments and blank lines behind the last table
	open   bool   // the text lacks its last newline, and there is no tail
}

// bytes is the text of d.
func (d document) bytes() []byte {
	size := len(d.tail)
	for _, p := range d.pieces {
		size += len(p.Text)
	}
	text := make([]byte, 0, size)
	for _, p := range d.pieces {
		text = append(text, p.Text...)
	}
	if d.open && len(text) > 0 {
		text = text[:len(text)-1]
	}
	return append(text, d.tail...)
}

// tables says whether d has more than keys at the top.
func (d document) tables() bool {
	return len(d.pieces) > 0 && d.pieces[len(d.pieces)-1].Table != ""
}
