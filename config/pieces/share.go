package pieces

import (
	"bytes"
	"fmt"
	"slices"
)

// Shared returns what of a policy both nodes of a pair have: everything but the tables of the
// sections that are not named. With all of them named it is the text, byte for byte.
func Shared(text []byte, sections []string) ([]byte, error) {
	left := Left(sections)
	if len(left) == 0 {
		return slices.Clone(text), nil
	}
	d, err := read(text)
	if err != nil {
		return nil, fmt.Errorf("cut out what is shared: %w", err)
	}
	return d.shared(left).bytes(), nil
}

// Weave returns the policy own with shared in place of what it had of that: what is of the sections
// that are not named stays its own, in its own order, behind the pieces that it stood behind. What
// Shared makes of the result is shared, byte for byte, if Shared made that. A node that has it
// already keeps its text as it is.
func Weave(own, shared []byte, sections []string) ([]byte, error) {
	left := Left(sections)
	if len(left) == 0 {
		return slices.Clone(shared), nil
	}
	o, err := read(own)
	if err != nil {
		return nil, fmt.Errorf("weave policy: the node's own: %w", err)
	}
	if bytes.Equal(o.shared(left).bytes(), shared) {
		return slices.Clone(own), nil
	}
	s, err := read(shared)
	if err != nil {
		return nil, fmt.Errorf("weave policy: what is shared: %w", err)
	}
	for _, p := range s.pieces {
		if p.in(left) {
			return nil, fmt.Errorf("weave policy: %s is not shared: each node has its own", p.Object)
		}
	}
	woven := newLoom(s.shared(left), o, left).document().bytes()
	if _, err := read(woven); err != nil {
		return nil, fmt.Errorf("weave policy: the node's own does not go with what is shared: %w", err)
	}
	return woven, nil
}

// in says whether p is of one of the sections.
func (p Piece) in(sections []string) bool { return slices.Contains(sections, sectionOf(p.Table)) }

// shared is d without the sections that are left out.
func (d document) shared(left []string) document {
	kept := document{pieces: slices.DeleteFunc(slices.Clone(d.pieces), func(p Piece) bool { return p.in(left) })}
	// What stands behind the last table is of that table. Behind keys at the top it would be taken for a
	// comment on whatever table the node has next.
	if last := len(d.pieces) - 1; kept.tables() && !d.pieces[last].in(left) {
		kept.tail, kept.open = d.tail, d.open
	}
	return kept
}

// loom holds pieces of a node's own between the shared ones.
type loom struct {
	shared, own document
	before      [][]Piece // the node's own that stand before each shared piece, and behind the last
}

func newLoom(shared, own document, left []string) *loom {
	l := &loom{shared: shared, own: own, before: make([][]Piece, len(shared.pieces)+1)}
	places := make(map[string]int, len(shared.pieces))
	for i, p := range shared.pieces {
		places[p.Object] = i
	}
	at, placed := l.first(left, places), false
	for _, p := range own.pieces {
		if !p.in(left) {
			// Backwards would change the order of the node's own.
			if i, ok := places[p.Object]; ok && (i >= at || !placed) {
				at = i + 1
			}
			continue
		}
		placed = true
		l.before[at] = append(l.before[at], p)
	}
	return l
}

// first is where the node's own begin that stand behind nothing that is shared: before what they stood before.
func (l *loom) first(left []string, places map[string]int) int {
	for _, p := range l.own.pieces {
		if i, ok := places[p.Object]; ok && !p.in(left) {
			return max(i, l.top())
		}
	}
	return len(l.shared.pieces)
}

// top is how many of the shared pieces, one or none, are keys that have to stand before all tables.
func (l *loom) top() int {
	if len(l.shared.pieces) > 0 && l.shared.pieces[0].Table == "" {
		return 1
	}
	return 0
}

// document is the whole.
func (l *loom) document() document {
	d := document{}
	d.tail, d.open = l.ends()
	for i, own := range l.before {
		d.pieces = append(d.pieces, own...)
		if i < len(l.shared.pieces) {
			d.pieces = append(d.pieces, l.shared.pieces[i])
		}
	}
	return d
}

// ends settles what stands behind the last table: it is taken for a comment on the next one wherever
// its own table is not the last.
func (l *loom) ends() (tail string, open bool) {
	last := len(l.shared.pieces)
	from := l.lastOwn()
	if l.shared.tail != "" || l.shared.open {
		l.before[last-1], l.before[last] = append(l.before[last-1], l.before[last]...), nil
		if from >= 0 && l.own.tail != "" {
			of := l.before[min(from, last-1)]
			p := &of[len(of)-1]
			p.Text = ended(l.own.tail) + p.Text
		}
		return l.shared.tail, l.shared.open
	}
	if from < 0 {
		return "", false
	}
	if of := l.before[from]; from < last && l.own.tail != "" {
		l.before[from], l.before[last] = of[:len(of)-1], of[len(of)-1:]
		from = last
	}
	return l.own.tail, l.own.open && from == last
}

// lastOwn is the place of the last piece of own, if the node keeps it; else -1.
func (l *loom) lastOwn() int {
	if len(l.own.pieces) == 0 {
		return -1
	}
	object := l.own.pieces[len(l.own.pieces)-1].Object
	for i := len(l.before) - 1; i >= 0; i-- {
		if n := len(l.before[i]); n > 0 {
			if l.before[i][n-1].Object == object {
				return i
			}
			return -1
		}
	}
	return -1
}

// ended is s with the end of its last line.
func ended(s string) string {
	if s != "" && s[len(s)-1] != '\n' {
		return s + "\n"
	}
	return s
}
