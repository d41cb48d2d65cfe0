package nft

// compare is a match with one value or one range.
type compare struct {
	field  Field
	mask   word
	not    bool
	lo, hi word
}

func (c *compare) run(w *walk) outcome {
	v, ok := w.load(c.field)
	return matches(ok && v.and(c.mask).within(c.lo, c.hi) != c.not)
}

func matches(yes bool) outcome {
	if yes {
		return proceed
	}
	return fail
}

// oneOf is a match with several values.
type oneOf struct {
	field Field
	mask  word
	not   bool
	index *index
}

func (m *oneOf) run(w *walk) outcome {
	v, ok := w.load(m.field)
	if !ok {
		return fail
	}
	w.key[0] = v.and(m.mask)
	_, found := m.index.find(w.key[:1])
	return matches(found != m.not)
}

// member looks the fields up in a named set.
type member struct {
	fields []Field
	slot   int
	not    bool
}

func (m *member) run(w *walk) outcome {
	if m.slot == missing {
		return w.broken()
	}
	key, ok := w.loadKey(m.fields)
	if !ok {
		return fail
	}
	found, own := w.has(w.e.indexes[m.slot], key)
	if found && !m.not && own != nil {
		return own.limit.run(w)
	}
	return matches(found != m.not)
}

// broken ends the walk where the kernel would not have taken the ruleset.
func (w *walk) broken() outcome {
	w.verdict = verdict{kind: Drop}
	return decide
}

// has says whether a set holds the key, by itself or because of this packet, and
// then by which addition: the kernel asks the limit that an element was made with
// whenever it finds the element, and no other.
func (w *walk) has(x *index, key []word) (found bool, own *addition) {
	if _, found := x.find(key); found {
		return true, nil
	}
	if !x.dynamic || len(w.added) == 0 {
		return false, nil
	}
	joined := string(appendKey(nil, key))
	for i, a := range w.added {
		if a.set == x.name && a.key == joined {
			return true, &w.added[i]
		}
	}
	return false, nil
}

// branch goes on as a verdict map says.
type branch struct {
	fields   []Field
	slot     int    // of a named map
	index    *index // of an anonymous one
	verdicts []verdict
}

func (b *branch) run(w *walk) outcome {
	x := b.index
	if x == nil {
		if b.slot == missing {
			return w.broken()
		}
		x = w.e.indexes[b.slot]
	}
	key, ok := w.loadKey(b.fields)
	if !ok {
		return fail
	}
	return w.goOn(x, key, b.verdicts)
}

// goOn goes on as the element of a verdict map says that the key belongs to.
func (w *walk) goOn(x *index, key []word, verdicts []verdict) outcome {
	i, found := x.find(key)
	if !found || i >= len(verdicts) {
		return fail
	}
	if verdicts[i].kind == 0 {
		return proceed // continue
	}
	w.verdict = verdicts[i]
	return decide
}

type decision struct{ verdict }

func (d *decision) run(w *walk) outcome {
	if d.kind == 0 {
		return proceed
	}
	w.verdict = d.verdict
	return decide
}

type count Count

func (c count) run(w *walk) outcome {
	w.Counters = append(w.Counters, c.Counter)
	return proceed
}

type logged Log

func (l logged) run(w *walk) outcome {
	w.Logs = append(w.Logs, Log(l))
	return proceed
}

type stateBits CTState

func (s stateBits) run(w *walk) outcome {
	state := w.p.state()
	if w.early && !w.untracked {
		state = StateInvalid // so ct state calls a packet that has no flow yet
	}
	return matches((state&s.States != 0) != s.Not)
}

type statusBits CTStatus

func (s statusBits) run(w *walk) outcome {
	return matches(w.flow && (w.p.Status&s.Bits != 0) != s.Not)
}

type tcpFlags TCPFlags

func (f tcpFlags) run(w *walk) outcome {
	return matches(!w.p.Bare && (w.p.TCPFlags&f.Mask == f.Value) != f.Not)
}

// limited is a match that depends on what passed before. A nil one always matches.
type limited struct {
	limit Expr
	over  bool // it matches what exceeds it
}

func (l *limited) run(w *walk) outcome {
	if l == nil {
		return proceed
	}
	exceeded := w.o.Exceeded != nil && w.o.Exceeded(w.place(), l.limit)
	return matches(exceeded == l.over)
}

// addTo adds an element to a dynamic set if there is none, and then asks the
// element's own limit. A full set is a match that fails.
type addTo struct {
	name   string
	slot   int
	fields []Field
	limit  *limited // nil: none
}

func (a *addTo) run(w *walk) outcome {
	if a.slot == missing {
		return w.broken()
	}
	key, ok := w.loadKey(a.fields)
	if !ok {
		return fail
	}
	found, own := w.has(w.e.indexes[a.slot], key)
	if own != nil {
		return own.limit.run(w)
	}
	if !found {
		if w.o.Full != nil && w.o.Full(a.name) {
			return fail
		}
		w.added = append(w.added, addition{a.name, string(appendKey(nil, key)), a.limit})
	}
	return a.limit.run(w) // an element that was there is taken for one that this rule made
}

type setMark SetMark

// run sets a mark. That of a flow stays where there is no flow.
func (s setMark) run(w *walk) outcome {
	if s.Field != CTMark {
		w.p.Mark = w.p.Mark&s.Keep | s.Value
		return proceed
	}
	if w.flow {
		w.p.CTMark = w.p.CTMark&s.Keep | s.Value
		return proceed
	}
	return matches(s.Keep == 0) // with Keep it is loaded first
}

type copyMark CopyMark

// run gives one mark bits of another. That of a flow cannot be read where there is none.
func (c copyMark) run(w *walk) outcome {
	from, ok := w.load(c.From)
	if !ok {
		return fail
	}
	value := uint32(from.lo)
	if CopyMark(c).masked() {
		value &= c.Mask
	}
	if c.To != CTMark {
		w.p.Mark = value
	} else if w.flow {
		w.p.CTMark = value
	}
	return proceed
}

type noTrack struct{}

// run leaves a packet untracked that has no flow, such as one that conntrack has not seen yet.
func (noTrack) run(w *walk) outcome {
	if !w.flow {
		w.p.State, w.untracked = StateUntracked, true
	}
	return proceed
}

// setHelper changes nothing that a rule can see of this packet.
type setHelper struct{}

func (setHelper) run(w *walk) outcome { return proceed }

type reject Reject

func (r reject) run(w *walk) outcome {
	w.Result.Reject = r.With
	w.verdict = verdict{kind: Drop}
	return decide
}
