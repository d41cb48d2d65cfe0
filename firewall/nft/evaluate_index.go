package nft

import (
	"encoding/binary"
	"slices"
)

// index finds the element of a set that a key belongs to. What it costs does not
// grow with the set as a list's would.
type index struct {
	name    string
	key     []Type
	dynamic bool // the packet itself may add to it

	// Just one of them is used.
	exact  map[word]int   // one field, no ranges
	spans  []stretch      // one field; sorted and apart
	joined map[string]int // several fields, no ranges
	boxes  *boxes         // several fields
}

// stretch is a range of one field, both ends in it.
type stretch struct {
	lo, hi  word
	element int
}

// fewElements is up to how many a search is quicker than a hash.
const fewElements = 8

// newIndex reads a set. Ranges are looked at in interval sets alone, and in the
// content of dynamic ones, which somebody may have put together.
func newIndex(s Set) *index {
	x := &index{name: s.Name, key: s.Key, dynamic: s.Dynamic}
	ranges := s.Interval || s.Dynamic
	switch {
	case len(x.key) == 0: // the kernel has none, and there is nothing to find
	case len(x.key) == 1 && (ranges || len(s.Elements) <= fewElements):
		x.spans = spansOf(s, ranges)
	case len(x.key) == 1:
		x.exact = make(map[word]int, len(s.Elements))
		for i, e := range s.Elements {
			if len(e.Key) == 1 {
				insert(x.exact, wordOf(e.Key[0], s.Key[0], first), i)
			}
		}
	case ranges:
		x.boxes = newBoxes(s)
	default:
		x.joined = make(map[string]int, len(s.Elements))
		for i, e := range s.Elements {
			if key, ok := corner(e, s.Key, first); ok {
				insert(x.joined, string(appendKey(nil, key)), i)
			}
		}
	}
	return x
}

// insert keeps the element that came first, as the kernel does.
func insert[K comparable](m map[K]int, key K, element int) {
	if _, ok := m[key]; !ok {
		m[key] = element
	}
}

func spansOf(s Set, ranges bool) []stretch {
	spans := make([]stretch, 0, len(s.Elements))
	for i, e := range s.Elements {
		if len(e.Key) != 1 {
			continue
		}
		sp := stretch{lo: wordOf(e.Key[0], s.Key[0], first), element: i}
		sp.hi = sp.lo
		if ranges {
			sp.hi = wordOf(e.Key[0], s.Key[0], last)
		}
		spans = append(spans, sp)
	}
	slices.SortStableFunc(spans, func(a, b stretch) int { return compareWords(a.lo, b.lo) })
	return spans
}

func compareWords(a, b word) int {
	switch {
	case a.less(b):
		return -1
	case b.less(a):
		return 1
	}
	return 0
}

// corner is one end of every field of an element; false when it is not of the set's fields.
func corner(e Element, key []Type, end bound) ([]word, bool) {
	if len(e.Key) != len(key) {
		return nil, false
	}
	out := make([]word, len(key))
	for i, v := range e.Key {
		out[i] = wordOf(v, key[i], end)
	}
	return out, true
}

func appendKey(b []byte, key []word) []byte {
	for _, k := range key {
		b = binary.BigEndian.AppendUint64(b, k.hi)
		b = binary.BigEndian.AppendUint64(b, k.lo)
	}
	return b
}

// find is the number of the element that the key belongs to.
func (x *index) find(key []word) (element int, ok bool) {
	if len(key) != len(x.key) {
		return 0, false
	}
	switch {
	case x.exact != nil:
		element, ok = x.exact[key[0]]
	case x.boxes != nil:
		element, ok = x.boxes.find(key)
	case x.joined != nil:
		var room [8 * 16]byte
		element, ok = x.joined[string(appendKey(room[:0], key))]
	case len(x.key) == 1:
		element, ok = search(x.spans, key[0])
	}
	return element, ok
}

func search(spans []stretch, key word) (element int, ok bool) {
	lo, hi := 0, len(spans) // the answer is the last of those that begin at key or before
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if key.less(spans[mid].lo) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	if lo == 0 || spans[lo-1].hi.less(key) {
		return 0, false
	}
	return spans[lo-1].element, true
}
