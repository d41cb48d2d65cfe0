package nft

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// compareValues orders values of one type by their first end, then by their last.
func compareValues(a, b Value) int {
	switch a.Type {
	case TypeIPv4, TypeIPv6:
		if c := a.From.Compare(b.From); c != 0 {
			return c
		}
		return a.To.Compare(b.To)
	case TypeIfname:
		return strings.Compare(strings.TrimSuffix(a.Name, "*"), strings.TrimSuffix(b.Name, "*"))
	}
	return cmp.Or(cmp.Compare(a.Lo, b.Lo), cmp.Compare(a.Hi, b.Hi))
}

// compareKeys orders elements of one set by their fields.
func compareKeys(a, b Element) int {
	for i := range min(len(a.Key), len(b.Key)) {
		if c := compareValues(a.Key[i], b.Key[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a.Key), len(b.Key))
}

// sorted returns elements in the order of compareKeys: themselves if they are in it.
func sorted(elements []Element) []Element {
	if slices.IsSortedFunc(elements, compareKeys) {
		return elements
	}
	elements = slices.Clone(elements)
	slices.SortStableFunc(elements, compareKeys)
	return elements
}

// listed returns the elements of a set in the order in which nft lists them.
//
// nft takes a key for one big number. It reads a concatenation, and a type of host
// byte order, from the last byte on (mergesort.c). It leaves concatenated
// intervals in the order in which the kernel got them.
func listed(s Set) []Element {
	switch {
	case s.Interval && len(s.Key) > 1:
		return s.Elements
	case s.Interval:
		return sorted(s.Elements)
	}
	backwards := len(s.Key) > 1 || len(s.Key) == 1 && s.Key[0].datatype().host
	type keyed struct {
		key     []byte
		element Element
	}
	list := make([]keyed, len(s.Elements))
	for i, e := range s.Elements {
		var key []byte
		for j, v := range e.Key {
			key = v.appendWire(key, s.Key[j], first, false)
		}
		if backwards {
			slices.Reverse(key)
		}
		list[i] = keyed{key, e}
	}
	slices.SortStableFunc(list, func(a, b keyed) int { return bytes.Compare(a.key, b.key) })
	elements := make([]Element, len(list))
	for i, k := range list {
		elements[i] = k.element
	}
	return elements
}
