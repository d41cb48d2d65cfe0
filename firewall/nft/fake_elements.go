package nft

import (
	"slices"

	"golang.org/x/sys/unix"
)

func (t *fakeTable) addSet(s Set) unix.Errno {
	if old := t.sets[s.Name]; old != nil {
		if !old.sameKind(s) {
			return unix.EEXIST
		}
		return 0
	}
	s = s.head()
	t.sets[s.Name] = &s
	t.order.sets = append(t.order.sets, s.Name)
	return 0
}

func (t *fakeTable) addElements(op AddElements) unix.Errno {
	s := t.sets[op.Set.Name]
	if s == nil {
		return unix.ENOENT
	}
	fresh := make([]Element, 0, len(op.Elements))
	for _, e := range op.Elements {
		uses := usesOfVerdict(e.Verdict)
		if errno := t.present(uses); errno != 0 {
			return errno
		}
		known, errno := s.collides(e)
		if errno != 0 {
			return errno
		}
		if !known {
			fresh = append(fresh, e)
			t.hold(uses, 1)
		}
	}
	if n := s.limit(); n > 0 && len(s.Elements)+len(fresh) > n {
		return unix.ENFILE
	}
	s.Elements = append(s.Elements, fresh...)
	if s.Interval && len(s.Key) > 1 {
		return s.overlapping(fresh)
	}
	slices.SortStableFunc(s.Elements, compareKeys)
	return s.disorder()
}

// collides says whether an element is there already, or another with its key.
func (s *Set) collides(e Element) (known bool, errno unix.Errno) {
	old, ok := s.find(e)
	switch {
	case !ok:
		return false, 0
	case old.Verdict != e.Verdict || compareValues(old.Data, e.Data) != 0:
		return false, unix.EEXIST
	}
	return true, 0
}

func (s *Set) find(e Element) (Element, bool) {
	if s.Interval && len(s.Key) > 1 {
		i := slices.IndexFunc(s.Elements, func(o Element) bool { return compareKeys(o, e) == 0 })
		if i < 0 {
			return Element{}, false
		}
		return s.Elements[i], true
	}
	i, ok := slices.BinarySearchFunc(s.Elements, e, compareKeys)
	if !ok {
		return Element{}, false
	}
	return s.Elements[i], true
}

// disorder finds equal or overlapping neighbours in a set of one field or of exact keys.
func (s *Set) disorder() unix.Errno {
	for i := 1; i < len(s.Elements); i++ {
		a, b := s.Elements[i-1], s.Elements[i]
		if compareKeys(a, b) == 0 {
			return unix.EEXIST
		}
		if s.Interval && a.Key[0].contains(b.Key[0], first) {
			return unix.EEXIST
		}
	}
	return 0
}

// overlapping finds fresh elements that begin or end within an earlier one, which is
// what the kernel refuses of concatenated ranges (nft_pipapo_insert).
func (s *Set) overlapping(fresh []Element) unix.Errno {
	from := len(s.Elements) - len(fresh)
	for i, e := range fresh {
		for _, old := range s.Elements[:from+i] {
			if within(old, e, first) || within(old, e, last) {
				return unix.EEXIST
			}
		}
	}
	return 0
}

// within says whether one corner of e lies in every field of old.
func within(old, e Element, corner bound) bool {
	for i := range old.Key {
		if !old.Key[i].contains(e.Key[i], corner) {
			return false
		}
	}
	return true
}

// contains says whether one end of o lies in v.
func (v Value) contains(o Value, end bound) bool {
	t := v.Type
	var raw [3][16]byte
	from := v.appendWire(raw[0][:0], t, first, true)
	to := v.appendWire(raw[1][:0], t, last, true)
	at := o.appendWire(raw[2][:0], t, end, true)
	return string(from) <= string(at) && string(at) <= string(to)
}

func (t *fakeTable) deleteElements(op DeleteElements) unix.Errno {
	s := t.sets[op.Set.Name]
	if s == nil {
		return unix.ENOENT
	}
	gone := make(map[int]bool, len(op.Elements))
	for _, e := range op.Elements {
		i := slices.IndexFunc(s.Elements, func(o Element) bool { return compareKeys(o, e) == 0 })
		if !(s.Interval && len(s.Key) > 1) {
			var ok bool
			if i, ok = slices.BinarySearchFunc(s.Elements, e, compareKeys); !ok {
				i = -1
			}
		}
		if i < 0 || gone[i] {
			return unix.ENOENT
		}
		gone[i] = true
		t.hold(usesOfVerdict(s.Elements[i].Verdict), -1)
	}
	kept := make([]Element, 0, len(s.Elements)-len(gone))
	for i, e := range s.Elements {
		if !gone[i] {
			kept = append(kept, e)
		}
	}
	s.Elements = kept
	return 0
}
