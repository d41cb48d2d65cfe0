package lists

import (
	"bytes"
	"time"
)

// sameEnd is by how much ends may differ that are taken to be one: a message is some time on its way.
const sameEnd = time.Second

// Merge is what a change does to a list that holds some elements: the keys that have to go, all of
// which are there, and the elements that have to come, also in the place of one that is there. Where
// nothing is to be done both are empty.
func Merge(have []Element, c Change) (gone [][]byte, put []Element) {
	leaves := make(map[string]bool, len(c.Gone))
	for _, key := range c.Gone {
		leaves[string(key)] = true
	}
	meant := make(map[string]int, len(c.Put)) // where in c.Put
	for i, e := range c.Put {
		meant[string(e.Key)] = i
	}
	done := make([]bool, len(c.Put))
	for _, e := range have {
		i, stays := meant[string(e.Key)]
		switch {
		case leaves[string(e.Key)], !stays && c.Whole.has(e.Key):
			gone = append(gone, e.Key)
		case stays:
			done[i] = !e.outlived(c.Put[i]) && (c.Whole == nil || !c.Put[i].outlived(e))
		}
	}
	for i, e := range c.Put {
		if !done[i] {
			put = append(put, e)
		}
	}
	return gone, put
}

// outlived says whether another element with the key stays for longer.
func (e Element) outlived(by Element) bool {
	return e.Left > 0 && (by.Left == 0 || by.Left > e.Left+sameEnd)
}

// has says whether a key is in the span; none has any.
func (s *Span) has(key []byte) bool {
	return s != nil && (s.After == nil || bytes.Compare(key, s.After) > 0) && (s.UpTo == nil || bytes.Compare(key, s.UpTo) <= 0)
}
