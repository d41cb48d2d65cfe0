package nft

import "slices"

// boxes finds, among elements that are a range in each of several fields, the
// first that holds a key: such sets may overlap, and the kernel takes the element
// that was put in first. It is a tree of boxes around boxes, so it takes no more
// room than the elements, however they lie.
type boxes struct {
	width  int
	lo, hi []word // corners of the elements, field after field
	order  []int  // of the leaves: elements
	nodes  []boxNode
}

// boxNode is a box around elements: two nodes, or, at a leaf, a part of order.
type boxNode struct {
	lo, hi      []word
	first       int // the element in it that was put in first
	left, right int // nodes; 0: a leaf
	from, to    int // of a leaf
}

// leafSize is how many elements are tried one after the other.
const leafSize = 4

func newBoxes(s Set) *boxes {
	b := &boxes{width: len(s.Key)}
	for i, e := range s.Elements {
		lo, ok := corner(e, s.Key, first)
		if !ok {
			lo = make([]word, b.width) // keeps the numbers; it is in no leaf
		} else {
			b.order = append(b.order, i)
		}
		hi, _ := corner(e, s.Key, last)
		b.lo = append(b.lo, lo...)
		b.hi = append(b.hi, append(hi, make([]word, b.width-len(hi))...)...)
	}
	if len(b.order) > 0 {
		b.build(0, len(b.order))
	}
	return b
}

func (b *boxes) low(element, field int) word  { return b.lo[element*b.width+field] }
func (b *boxes) high(element, field int) word { return b.hi[element*b.width+field] }

// build makes the node of a part of order and returns its number.
func (b *boxes) build(from, to int) int {
	n := len(b.nodes)
	b.nodes = append(b.nodes, b.around(from, to))
	if to-from <= leafSize {
		return n
	}
	field := b.widest(b.order[from:to])
	slices.SortFunc(b.order[from:to], func(x, y int) int {
		if c := compareWords(b.low(x, field), b.low(y, field)); c != 0 {
			return c
		}
		return x - y
	})
	middle := (from + to) / 2
	left := b.build(from, middle)
	right := b.build(middle, to)
	b.nodes[n].left, b.nodes[n].right = left, right
	return n
}

// around is the smallest box around elements.
func (b *boxes) around(from, to int) boxNode {
	some := b.order[from]
	box := boxNode{from: from, to: to, first: some}
	for f := range b.width {
		lo, hi := b.low(some, f), b.high(some, f)
		for _, x := range b.order[from:to] {
			if b.low(x, f).less(lo) {
				lo = b.low(x, f)
			}
			if hi.less(b.high(x, f)) {
				hi = b.high(x, f)
			}
		}
		box.lo, box.hi = append(box.lo, lo), append(box.hi, hi)
	}
	box.first = slices.Min(b.order[from:to])
	return box
}

// widest is the field in which elements begin at most places, as far as a sample tells.
func (b *boxes) widest(elements []int) int {
	const sample = 64
	best, most := 0, 0
	for f := range b.width {
		var begins []word
		for i := 0; i < len(elements); i += max(1, len(elements)/sample) {
			begins = append(begins, b.low(elements[i], f))
		}
		slices.SortFunc(begins, compareWords)
		if n := len(slices.Compact(begins)); n > most {
			best, most = f, n
		}
	}
	return best
}

// find is the first element that holds the key.
func (b *boxes) find(key []word) (element int, ok bool) {
	none := len(b.lo)
	if len(b.nodes) == 0 {
		return 0, false
	}
	found := b.below(0, key, none)
	return found, found < none
}

// below is the first element under a node that holds the key and comes before best; else best.
func (b *boxes) below(node int, key []word, best int) int {
	n := &b.nodes[node]
	if n.first >= best || !holds(n.lo, n.hi, key) {
		return best
	}
	if n.left != 0 {
		return b.below(n.right, key, b.below(n.left, key, best))
	}
	for _, x := range b.order[n.from:n.to] {
		at := x * b.width
		if x < best && holds(b.lo[at:at+b.width], b.hi[at:at+b.width], key) {
			best = x
		}
	}
	return best
}

func holds(lo, hi, key []word) bool {
	for i, k := range key {
		if !k.within(lo[i], hi[i]) {
			return false
		}
	}
	return true
}
