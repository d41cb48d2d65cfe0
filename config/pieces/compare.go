package pieces

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// Change is what one side did to an object.
type Change uint8

// What it may have done. Changed says that its text is another, Moved that the text is the same in
// another place.
const (
	Unchanged Change = iota
	Added
	Removed
	Changed
	Moved
)

// String is the word for c, empty for Unchanged.
func (c Change) String() string {
	switch c {
	case Added:
		return "added"
	case Removed:
		return "removed"
	case Changed:
		return "changed"
	case Moved:
		return "moved"
	}
	return ""
}

// Object is a piece that is not the same in all three texts.
type Object struct {
	Name         string
	Ours, Theirs Change
	// The texts, with the comments and blank lines above; empty: it was not there.
	Base, OursText, TheirsText string
	// Conflict says that a person has to decide.
	Conflict bool
}

// Comparison is what became of a policy that two people edited.
type Comparison struct {
	// Objects are in the order of the merged text, removed ones where they were.
	Objects []Object
	// Merged has the changes of both. It is nil when an object is in conflict.
	Merged []byte
	// Draft is Merged with the marks of diff3(1) around each object that is in conflict, which make it
	// no TOML until somebody has decided. It is nil when none is.
	Draft []byte
	// Notes are sentences about what to look at: rules that both added at one place, an order that both changed.
	Notes []string
}

// End is the object of what stands behind the last table: comments and blank lines.
const End = "the end of the file"

// Compare lays ours and theirs, which were both edited from base, over each other, object by object
// and not line by line. What one side alone did is done; what both did alike is done once. It is a
// conflict when both changed the text of an object in different ways, when one removed what the other
// changed, and when both changed the order of a list in which the first that matches decides. The
// order of other tables, and blank lines, are never in conflict. An empty base says that the two have
// nothing in common.
func Compare(base, ours, theirs []byte) (Comparison, error) {
	var docs [3]document
	for side, text := range [...][]byte{base, ours, theirs} {
		var err error
		if docs[side], err = read(text); err != nil {
			return Comparison{}, fmt.Errorf("compare policies: %s: %w", [...]string{"base", "ours", "theirs"}[side], err)
		}
	}
	m := newMerge(docs)
	m.settle()
	c := Comparison{Notes: m.notes}
	if !m.conflict() {
		switch {
		case bytes.Equal(ours, theirs), bytes.Equal(base, theirs):
			c.Merged = append([]byte{}, ours...)
		case bytes.Equal(base, ours):
			c.Merged = append([]byte{}, theirs...)
		default:
			c.Merged = m.text()
			if _, err := read(c.Merged); err != nil {
				c.Merged = nil
				c.Notes = append(c.Notes, fmt.Sprintf("the changes of both do not go together: %v", cause(err)))
				m.clash()
			}
		}
	}
	if c.Merged == nil {
		c.Draft = m.text()
	}
	c.Objects = m.told()
	return c, nil
}

// cause is what is at the bottom of err.
func cause(err error) error {
	for {
		below := errors.Unwrap(err)
		if below == nil {
			return err
		}
		err = below
	}
}

// The three texts.
const (
	base = iota
	ours
	theirs
)

// other is the side that is not side.
func other(side int) int { return ours + theirs - side }

// merge is three texts as numbered objects.
type merge struct {
	objects []*object
	order   [3][]int // the numbers, as they stand in each text
	lists   []string // the tables whose order decides, in the order of their first elements
	all     []int    // every object in the order of the result, removed ones too
	final   []int    // the objects of the result, see places
	notes   []string
	unclear []*namesakes // of which nobody can tell which one was edited
}

// object is what the three texts have under one name.
type object struct {
	name, table string
	texts       [3]string
	there       [3]bool
	moved       [3]bool // to another place than in base
	overtook    [3]bool // others of a list whose order decides
	result      string
	stays       bool // result is part of the merged text
	conflict    bool // the texts are
	disorder    bool // the places are
}

// settle decides the text and the place of everything.
func (m *merge) settle() {
	for _, o := range m.objects {
		o.settle()
	}
	for _, n := range m.unclear {
		n.settle(m)
	}
	m.findMoves()
	m.arrange()
}

func (m *merge) conflict() bool {
	return slices.ContainsFunc(m.objects, func(o *object) bool { return o.conflict || o.disorder })
}

// clash leaves all to a person that the sides do not have alike.
func (m *merge) clash() {
	for _, o := range m.objects {
		if o.differs() {
			o.conflict = true
		}
	}
	m.arrange()
}

// told is the objects that are not the same everywhere.
func (m *merge) told() []Object {
	var list []Object
	for _, n := range m.all {
		o := m.objects[n]
		t := Object{
			Name: o.name, Ours: o.change(ours), Theirs: o.change(theirs),
			Base: o.texts[base], OursText: o.texts[ours], TheirsText: o.texts[theirs],
			Conflict: o.conflict || o.disorder,
		}
		if t.Ours != Unchanged || t.Theirs != Unchanged {
			list = append(list, t)
		}
	}
	return list
}
