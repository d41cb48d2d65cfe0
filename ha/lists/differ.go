package lists

import (
	"bytes"
	"slices"
	"time"
)

const (
	// wholeEvery is how often lists are sent whole.
	wholeEvery = time.Minute
	// missedMost is in how many readings one after the other an element has to be missing before it
	// counts as taken out. Packets add while the kernel lists a set, which may then skip some.
	missedMost = 2
	// An element is renewed when its end moved by more than a part of what is left, and this at
	// least. A source that does not stop is renewed with each packet, and the peer need not hear of
	// each: it misses one part in slackPart of the time at most.
	slackPart  = 64
	slackLeast = 500 * time.Millisecond
)

// Differ finds what to tell the peer of lists that are read again and again. It takes for granted
// that what it found before was told; Forget says that it was not. The zero Differ begins: the first
// whole lists come only after a while, for what the peer has and this node has not may be newer.
type Differ struct {
	told  map[string]*told
	whole time.Time // when to send lists whole; zero: nothing was sent yet
}

// told is what the peer knows of a list.
type told struct {
	kind    string
	members []member // in the order of their keys
}

// member is an element that the peer has.
type member struct {
	key    []byte
	end    time.Time // zero: none
	missed int       // in how many readings it was missing
}

// Forget makes the peer one that knows nothing. The lists are not sent whole sooner for that: what the
// peer has and this node has not goes when their time comes.
func (d *Differ) Forget() { d.told = nil }

// Changes is what has changed since the last time in lists that were read now. The elements of each
// may be in any order, and an element may be in it twice. A list that is missing is forgotten.
func (d *Differ) Changes(now time.Time, lists []List) []Change {
	if d.whole.IsZero() {
		d.whole = now.Add(wholeEvery)
	}
	whole := !now.Before(d.whole)
	if whole {
		d.whole = now.Add(wholeEvery)
	}
	before := d.told
	d.told = make(map[string]*told, len(lists))
	var out []Change
	for _, l := range lists {
		was := before[l.Name]
		if was == nil || was.kind != l.Type {
			was = &told{kind: l.Type}
		}
		c := was.change(now, l)
		if whole {
			c.Whole, c.Put = &Span{}, was.all(now)
		}
		d.told[l.Name] = was
		if len(c.Gone) > 0 || len(c.Put) > 0 || c.Whole != nil {
			out = append(out, c)
		}
	}
	return out
}

// change takes a reading over and says what is new in it.
func (t *told) change(now time.Time, l List) Change {
	c := Change{Name: l.Name, Type: l.Type}
	have, old := sorted(l.Elements), t.members
	members := make([]member, 0, len(have))
	for len(have) > 0 || len(old) > 0 {
		switch order := compare(have, old); {
		case order < 0:
			c.Put = append(c.Put, have[0])
			members = append(members, newMember(now, have[0]))
			have = have[1:]
		case order > 0:
			if m, keep := old[0].miss(now, &c); keep {
				members = append(members, m)
			}
			old = old[1:]
		default:
			members = append(members, old[0].renew(now, have[0], &c))
			have, old = have[1:], old[1:]
		}
	}
	t.members = members
	return c
}

// all is the list as the peer is to have it.
func (t *told) all(now time.Time) []Element {
	out := make([]Element, 0, len(t.members))
	for _, m := range t.members {
		if e := (Element{Key: m.key}); m.end.IsZero() {
			out = append(out, e)
		} else if e.Left = m.end.Sub(now); e.Left > 0 {
			out = append(out, e)
		}
	}
	return out
}

// sorted are elements in the order of their keys, each key once.
func sorted(elements []Element) []Element {
	byKey := func(a, b Element) int { return bytes.Compare(a.Key, b.Key) }
	out := slices.Clone(elements)
	slices.SortFunc(out, byKey)
	return slices.CompactFunc(out, func(a, b Element) bool { return byKey(a, b) == 0 })
}

// compare says which of the two goes first; equal when both begin with the same key.
func compare(have []Element, old []member) int {
	switch {
	case len(have) == 0:
		return 1
	case len(old) == 0:
		return -1
	}
	return bytes.Compare(have[0].Key, old[0].key)
}

func newMember(now time.Time, e Element) member {
	m := member{key: e.Key}
	if e.Left > 0 {
		m.end = now.Add(e.Left)
	}
	return m
}

// miss is a reading without the element. It stays known until it is sure that it has gone, and
// nothing needs to be told of one whose time was up: the peer's leaves by itself.
func (m member) miss(now time.Time, c *Change) (_ member, keep bool) {
	if m.missed++; !m.end.IsZero() && !now.Before(m.end) {
		return m, false
	}
	if m.missed < missedMost {
		return m, true
	}
	c.Gone = append(c.Gone, m.key)
	return m, false
}

// renew is a reading with the element.
func (m member) renew(now time.Time, e Element, c *Change) member {
	m.missed = 0
	is := newMember(now, e)
	slack := max(e.Left/slackPart, slackLeast)
	switch {
	case m.end.IsZero() && is.end.IsZero():
		return m
	case is.end.IsZero(), !m.end.IsZero() && is.end.Sub(m.end) > slack:
	case m.end.IsZero(), m.end.Sub(is.end) > slack:
		// It was taken out and put in again with less time. The peer would keep the longer one.
		c.Gone = append(c.Gone, is.key)
	default:
		return m
	}
	c.Put = append(c.Put, e)
	return is
}
