package pieces

import (
	"fmt"

	"github.com/pelletier/go-toml/v2/unstable"
)

// opened says what brought a key into being, which decides what may add to it.
type opened uint8

const (
	inPassing opened = iota // a table, by the header of a table in it
	byHeader                // a table
	byDots                  // a table, by a dotted key
	asList                  // a list of tables; its keys are those of the last one
	complete                // a value
)

// branch is a key and the keys below it.
type branch struct {
	opened opened
	keys   map[string]*branch
}

// child is the branch of key; nil: there is none yet.
func (b *branch) child(key string) *branch { return b.keys[key] }

// add hangs a new branch under b.
func (b *branch) add(key string, o opened) *branch {
	if b.keys == nil {
		b.keys = make(map[string]*branch)
	}
	c := &branch{opened: o}
	b.keys[key] = c
	return c
}

// shape is which keys a text has defined, for what the parser does not see: that a key stands twice,
// or that a table is added to where it may not be.
type shape struct {
	root  *branch
	table *branch // the one that the last header opened
}

func newShape() shape {
	root := &branch{opened: byHeader}
	return shape{root, root}
}

// header opens the table of [path] or [[path]].
func (s *shape) header(path []string, list bool) error {
	t := s.root
	for i, key := range path {
		last := i == len(path)-1
		next := t.child(key)
		switch {
		case last && list:
			if next != nil && next.opened != asList {
				return again(key)
			}
			t = t.add(key, asList) // an element begins without keys
		case next == nil && last:
			t = t.add(key, byHeader)
		case next == nil:
			t = t.add(key, inPassing)
		case next.opened == complete, last && next.opened != inPassing:
			return again(key)
		default:
			if last {
				next.opened = byHeader
			}
			t = next
		}
	}
	s.table = t
	return nil
}

// keyValue adds a key and its value to t.
func (s *shape) keyValue(t *branch, e *unstable.Node) error {
	keys := e.Key()
	for keys.Next() {
		key := string(keys.Node().Data)
		next := t.child(key)
		switch {
		case keys.IsLast():
			if next != nil {
				return again(key)
			}
			t.add(key, complete)
			return s.value(e.Value())
		case next == nil:
			next = t.add(key, byDots)
		case next.opened != byDots:
			return again(key)
		}
		t = next
	}
	return nil
}

// value looks into the inline tables of v.
func (s *shape) value(v *unstable.Node) error {
	if v.Kind != unstable.Array && v.Kind != unstable.InlineTable {
		return nil
	}
	var t branch
	items := v.Children()
	for items.Next() {
		var err error
		if v.Kind == unstable.InlineTable {
			err = s.keyValue(&t, items.Node())
		} else {
			err = s.value(items.Node())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func again(key string) error { return fmt.Errorf("%s stands there already", word(key)) }
