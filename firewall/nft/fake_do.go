package nft

import (
	"slices"

	"golang.org/x/sys/unix"
)

// do carries out one command on a table that is nobody else's, and returns it, or
// none when it was deleted.
func (t *fakeTable) do(op Op) (*fakeTable, unix.Errno) {
	if _, ok := op.(AddTable); ok {
		if t == nil {
			t = &fakeTable{
				chains: map[string]*Chain{}, sets: map[string]*Set{}, counters: map[string]*Counter{}, uses: map[use]int{},
			}
		}
		return t, 0
	}
	if t == nil {
		return nil, unix.ENOENT
	}
	switch op := op.(type) {
	case DeleteTable:
		return nil, 0
	case FlushTable:
		t.flush()
	case AddChain:
		return t, t.addChain(op)
	case DeleteChain:
		return t, t.deleteChain(op.Name)
	case AddRule:
		return t, t.addRule(op)
	case AddSet:
		return t, t.addSet(op.Set)
	case DeleteSet:
		return t, t.deleteSet(op.Name)
	case FlushSet:
		return t, t.flushSet(op.Name)
	case AddElements:
		return t, t.addElements(op)
	case DeleteElements:
		return t, t.deleteElements(op)
	case AddCounter:
		if t.counters[op.Name] == nil {
			t.counters[op.Name] = &Counter{}
			t.order.counters = append(t.order.counters, op.Name)
		}
	case DeleteCounter:
		return t, t.deleteCounter(op.Name)
	case AddHelper:
		return t, t.addHelper(op.Helper)
	case DeleteHelper:
		return t, t.deleteHelper(op.Name)
	}
	return t, 0
}

func (t *fakeTable) flush() {
	for _, c := range t.chains {
		t.dropRules(c)
	}
}

func (t *fakeTable) dropRules(c *Chain) {
	for _, r := range c.Rules {
		for _, x := range r.Exprs {
			t.hold(usesOf(x), -1)
		}
	}
	c.Rules = nil
}

func (t *fakeTable) addChain(op AddChain) unix.Errno {
	c := t.chains[op.Name]
	switch {
	case c == nil:
		t.chains[op.Name] = &Chain{Name: op.Name, Hook: op.Hook}
		t.order.chains = append(t.order.chains, op.Name)
	case op.Hook == nil:
	case !samePlace(c.Hook, op.Hook):
		return unix.EOPNOTSUPP
	default:
		c.Hook = op.Hook
	}
	return 0
}

func (t *fakeTable) deleteChain(name string) unix.Errno {
	c := t.chains[name]
	if c == nil {
		return unix.ENOENT
	}
	t.dropRules(c)
	if t.uses[use{useChain, name}] > 0 {
		return unix.EBUSY
	}
	delete(t.chains, name)
	t.order.chains = without(t.order.chains, name)
	return 0
}

func without(names []string, name string) []string {
	return slices.DeleteFunc(names, func(n string) bool { return n == name })
}

func (t *fakeTable) flushSet(name string) unix.Errno {
	s := t.sets[name]
	if s == nil {
		return unix.ENOENT
	}
	for _, e := range s.Elements {
		t.hold(usesOfVerdict(e.Verdict), -1)
	}
	s.Elements = nil
	return 0
}

func (t *fakeTable) deleteSet(name string) unix.Errno {
	if t.uses[use{useSet, name}] > 0 {
		return unix.EBUSY
	}
	if errno := t.flushSet(name); errno != 0 {
		return errno
	}
	delete(t.sets, name)
	t.order.sets = without(t.order.sets, name)
	return 0
}

func (t *fakeTable) deleteCounter(name string) unix.Errno {
	if t.counters[name] == nil {
		return unix.ENOENT
	}
	if t.uses[use{useCounter, name}] > 0 {
		return unix.EBUSY
	}
	delete(t.counters, name)
	t.order.counters = without(t.order.counters, name)
	return 0
}

// helper is where a helper is; negative: nowhere.
func (t *fakeTable) helper(name string) int {
	return slices.IndexFunc(t.helpers, func(h Helper) bool { return h.Name == name })
}

// addHelper leaves one that is there as it is, whatever is asked for.
func (t *fakeTable) addHelper(h Helper) unix.Errno {
	if t.helper(h.Name) >= 0 {
		return 0
	}
	if !slices.Contains(helperProtocols(h.Type), h.Protocol) {
		return unix.ENOENT
	}
	t.helpers = append(t.helpers, h)
	return 0
}

func (t *fakeTable) deleteHelper(name string) unix.Errno {
	i := t.helper(name)
	if i < 0 {
		return unix.ENOENT
	}
	if t.uses[use{useHelper, name}] > 0 {
		return unix.EBUSY
	}
	t.helpers = slices.Delete(t.helpers, i, i+1)
	return 0
}

func (t *fakeTable) addRule(op AddRule) unix.Errno {
	c := t.chains[op.Chain]
	if c == nil {
		return unix.ENOENT
	}
	for _, x := range op.Rule.Exprs {
		uses := usesOf(x)
		if errno := t.present(uses); errno != 0 {
			return errno
		}
		if errno := t.fits(x); errno != 0 {
			return errno
		}
		t.hold(uses, 1)
	}
	c.Rules = append(c.Rules, op.Rule)
	return 0
}

// present says whether all that an expression holds is there and can be held.
func (t *fakeTable) present(uses []use) unix.Errno {
	for _, u := range uses {
		switch u.kind {
		case useSet:
			if t.sets[u.name] == nil {
				return unix.ENOENT
			}
		case useCounter:
			if t.counters[u.name] == nil {
				return unix.ENOENT
			}
		case useHelper:
			if t.helper(u.name) < 0 {
				return unix.ENOENT
			}
		case useChain:
			c := t.chains[u.name]
			if c == nil {
				return unix.ENOENT
			}
			if c.Hook != nil {
				return unix.EOPNOTSUPP // nothing jumps to a base chain
			}
		}
	}
	return 0
}

// fits says whether a set is of the kind that an expression asks for.
func (t *fakeTable) fits(x Expr) unix.Errno {
	var s *Set
	var fields []Field
	switch x := x.(type) {
	case Lookup:
		s, fields = t.sets[x.Set], x.Fields
	case VMap:
		if x.Set == "" {
			return 0
		}
		s, fields = t.sets[x.Set], x.Fields
		if s.Data != TypeVerdict {
			return unix.EINVAL
		}
	case Deal:
		if t.sets[x.Set].Data != TypeVerdict {
			return unix.EINVAL
		}
		return loaded(t.sets[x.Set], []Type{TypeSlot})
	case NAT:
		if x.Deal == nil {
			return 0
		}
		s := t.sets[x.Deal.Set]
		if s.Data != TypeIPv4 && s.Data != TypeIPv6 {
			return unix.EINVAL
		}
		if x.is6() && s.Data == TypeIPv4 {
			return unix.ENODATA
		}
		return loaded(s, []Type{TypeSlot})
	case DynSet:
		s, fields = t.sets[x.Set], x.Fields
		if s.Interval || s.Size > 0 && !s.Dynamic && !s.HasTimeout {
			return unix.EOPNOTSUPP // kinds that the kernel cannot change from a rule
		}
		if _, counts := x.Stmt.(ConnLimit); counts && s.HasTimeout {
			return unix.EOPNOTSUPP
		}
	default:
		return 0
	}
	return loaded(s, fieldTypes(fields))
}

// loaded says whether a key of these types is enough for a set: the kernel only asks
// whether enough registers are loaded.
func loaded(s *Set, key []Type) unix.Errno {
	_, want := keyMagic(s.Key)
	if _, got := keyMagic(key); got < want {
		return unix.ENODATA
	}
	return 0
}
