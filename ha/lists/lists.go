// Package lists carries the block lists of a master to its backup: what packets have put into the
// sets of its ruleset, with the time that each element has left.
//
//	read --> Differ --> Changes --> messages --> the peer: merge
//
// Packets tell nobody what they add, so the master reads its lists again and again, and sends what
// is new. It also sends them whole now and then, which repairs whatever went wrong meanwhile.
package lists

import "time"

// List is a set that packets fill, as it was read.
type List struct {
	Name string
	// Type says what the keys are, in the words of nft: lists of two types have nothing in common.
	Type     string
	Elements []Element
}

// Element is a member of a list. All keys of a list have one length.
type Element struct {
	Key  []byte
	Left time.Duration // until it leaves the list by itself; 0: never
}

// Change is what is to be done to a list of the peer, in the order of the fields.
type Change struct {
	Name, Type string
	Gone       [][]byte  // keys that somebody took out
	Put        []Element // that are new, or have more time than before: of two ends the later one counts
	// Whole says for which keys Put is all that there is; nil: for none. There the ends of Put count.
	Whole *Span
}

// Span is a part of all keys, in the order of their bytes: those behind After up to and with UpTo.
// Nil is without a bound.
type Span struct{ After, UpTo []byte }
