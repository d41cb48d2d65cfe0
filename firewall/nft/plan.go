package nft

import "slices"

// Plan is the batches that make the kernel's table what is wanted, to be committed one
// after the other. There are none when there is nothing to do.
//
// The last batch switches: it flushes all rules and adds them anew, and with them goes
// all that must change at the same instant. What nothing uses yet, new chains and sets
// with their elements, is made in the batches before. Table and base chains are not
// deleted, nor are counters and helpers that stay; a base chain is made anew only when its hook
// changes. When the rules are known to be the wanted ones, only elements are changed.
//
// A set that comes back under its name with another key, flag or size can only be
// made anew within the switch. One with ranges of several fields then misses packets
// for a moment, so such maps should bear what they are in their names.
func Plan(have State, want Ruleset) []Batch {
	p := plan{table: want.Table.Name, have: have, want: want}
	p.sortSets()
	if have.Exists && have.Rules != (Digest{}) && have.Rules == want.Digest() && p.sameFrame() {
		return p.refresh()
	}
	return append(p.prepare(), p.switching())
}

// plan is the work of one call of Plan.
type plan struct {
	table string
	have  State
	want  Ruleset

	fresh    []Set    // not there yet
	kept     [][2]Set // there, and wanted in the same kind
	replaced [][2]Set // there in another kind
	obsolete []string
}

func (p *plan) sortSets() {
	have := make(map[string]Set, len(p.have.Sets))
	for _, s := range p.have.Sets {
		have[s.Name] = s
	}
	wanted := make(map[string]bool, len(p.want.Sets))
	for _, s := range p.want.Sets {
		wanted[s.Name] = true
		old, ok := have[s.Name]
		switch {
		case !ok:
			p.fresh = append(p.fresh, s)
		case old.sameKind(s):
			p.kept = append(p.kept, [2]Set{old, s})
		default:
			p.replaced = append(p.replaced, [2]Set{old, s})
		}
	}
	for _, s := range p.have.Sets {
		if !wanted[s.Name] {
			p.obsolete = append(p.obsolete, s.Name)
		}
	}
}

// sameFrame says that chains, helpers, counters and sets are the wanted ones, whatever the
// elements and the rules.
func (p *plan) sameFrame() bool {
	if len(p.fresh)+len(p.replaced)+len(p.obsolete) > 0 || len(p.have.Chains) != len(p.want.Chains) {
		return false
	}
	have := p.haveChains()
	for _, c := range p.want.Chains {
		hook, ok := have[c.Name]
		if !ok || !samePlace(hook, c.Hook) || !samePolicy(hook, c.Hook) {
			return false
		}
	}
	gone, fresh := p.helpers()
	return len(gone)+len(fresh) == 0 && sameNames(p.have.Counters, p.want.Counters)
}

func sameNames(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

func (p *plan) haveChains() map[string]*Hook {
	chains := make(map[string]*Hook, len(p.have.Chains))
	for _, c := range p.have.Chains {
		chains[c.Name] = c.Hook
	}
	return chains
}

// refresh changes elements and nothing else.
func (p *plan) refresh() []Batch {
	var ops []Op
	for _, pair := range p.kept {
		ops = append(ops, p.difference(pair[0], pair[1])...)
	}
	return p.inOneBatch(ops)
}

func (p *plan) inOneBatch(ops []Op) []Batch {
	if len(ops) == 0 {
		return nil
	}
	return []Batch{ops}
}

// difference is the commands that give a set the wanted elements. What rules put
// into a dynamic set is not ours to judge.
func (p *plan) difference(have, want Set) []Op {
	if want.Dynamic {
		return nil
	}
	gone, fresh := diffElements(have.Elements, want.Elements)
	var ops []Op
	if want.HasTimeout && len(gone) > 0 {
		// One of them may leave by itself before it is deleted, which would refuse the batch.
		ops = append(ops, FlushSet{Table: p.table, Name: want.Name, Map: want.Data != 0})
		gone, fresh = nil, want.Elements
	}
	if len(gone) > 0 {
		ops = append(ops, DeleteElements{Table: p.table, Set: want.head(), Elements: gone})
	}
	if len(fresh) > 0 {
		ops = append(ops, AddElements{Table: p.table, Set: want.head(), Elements: fresh})
	}
	return ops
}

// head is the set without its elements.
func (s Set) head() Set {
	s.Elements = nil
	return s
}

// fillSize is how many elements of a new set go into one batch: some 20 MB of messages.
const fillSize = 200_000

// prepare makes what no rule uses yet: chains to jump to, and the new sets.
func (p *plan) prepare() []Batch {
	var first Batch
	if !p.have.Exists {
		first = append(first, AddTable{p.table})
	}
	if len(p.fresh) == 0 {
		return p.inOneBatch(first)
	}
	have := p.haveChains()
	for _, c := range p.want.Chains {
		if _, ok := have[c.Name]; !ok && c.Hook == nil {
			first = append(first, AddChain{Table: p.table, Name: c.Name})
		}
	}
	for _, s := range p.fresh {
		first = append(first, AddSet{Table: p.table, Set: s.head()})
	}
	batches := []Batch{first}
	room := fillSize
	for _, s := range p.fresh {
		for rest := s.Elements; len(rest) > 0; {
			if room == 0 {
				batches = append(batches, nil)
				room = fillSize
			}
			n := min(room, len(rest))
			last := len(batches) - 1
			batches[last] = append(batches[last], AddElements{Table: p.table, Set: s.head(), Elements: rest[:n]})
			rest = rest[n:]
			room -= n
		}
	}
	return batches
}

// switching makes the wanted rules the running ones, all at one instant.
func (p *plan) switching() Batch {
	b := Batch{FlushTable{p.table}}
	if !p.have.Exists {
		b = Batch{}
	}
	gone, fresh := p.keptElements()
	oldHelpers, newHelpers := p.helpers()
	b = append(b, gone...)
	b = append(b, oldHelpers...)
	b = append(b, p.deleteSets()...)
	b = append(b, p.chains()...)
	b = append(b, p.replaceSets()...)
	b = append(b, fresh...)
	b = append(b, newHelpers...)
	b = append(b, p.counters()...)
	b = append(b, p.rules()...)
	return append(b, p.deleteRest()...)
}

// keptElements is the differences of the sets that stay. Elements go before chains do,
// and come after them, since those of verdict maps hold the chains that they lead to.
func (p *plan) keptElements() (gone, fresh []Op) {
	for _, pair := range p.kept {
		for _, op := range p.difference(pair[0], pair[1]) {
			if _, ok := op.(AddElements); ok {
				fresh = append(fresh, op)
			} else {
				gone = append(gone, op)
			}
		}
	}
	return gone, fresh
}

// deleteSets comes before the chains for the same reason.
func (p *plan) deleteSets() []Op {
	var ops []Op
	for _, name := range p.obsolete {
		ops = append(ops, DeleteSet{p.table, name})
	}
	for _, pair := range p.replaced {
		ops = append(ops, DeleteSet{p.table, pair[0].Name})
	}
	return ops
}

// chains makes the chains that are missing, or not in their place.
func (p *plan) chains() []Op {
	have := p.haveChains()
	var ops []Op
	for _, c := range p.want.Chains {
		hook, ok := have[c.Name]
		switch {
		case ok && !samePlace(hook, c.Hook):
			ops = append(ops, DeleteChain{p.table, c.Name}, AddChain{p.table, c.Name, c.Hook})
		case ok && samePolicy(hook, c.Hook):
		case !ok && c.Hook == nil && len(p.fresh) > 0: // made by prepare
		default:
			ops = append(ops, AddChain{p.table, c.Name, c.Hook})
		}
	}
	return ops
}

// replaceSets makes the sets anew that have another kind now. What rules put into a
// dynamic set is carried over where it fits.
func (p *plan) replaceSets() []Op {
	var ops []Op
	for _, pair := range p.replaced {
		old, s := pair[0], pair[1]
		ops = append(ops, AddSet{Table: p.table, Set: s.head()})
		elements := s.Elements
		if s.Dynamic && old.Dynamic && old.Data == s.Data && slices.Equal(old.Key, s.Key) {
			elements = carried(old, s)
		}
		if len(elements) > 0 {
			ops = append(ops, AddElements{Table: p.table, Set: s.head(), Elements: elements})
		}
	}
	return ops
}

// carried is the content of a dynamic set for one of another kind with the same key.
func carried(old, s Set) []Element {
	elements := slices.Clone(old.Elements)
	if n := s.limit(); n > 0 && len(elements) > n {
		elements = elements[:n]
	}
	for i := range elements {
		if !s.HasTimeout {
			elements[i].Timeout, elements[i].Expires = 0, 0
		}
	}
	return elements
}

func (p *plan) counters() []Op {
	have := make(map[string]bool, len(p.have.Counters))
	for _, name := range p.have.Counters {
		have[name] = true
	}
	var ops []Op
	for _, name := range p.want.Counters {
		if !have[name] {
			ops = append(ops, AddCounter{p.table, name})
		}
	}
	return ops
}

func (p *plan) rules() []Op {
	intervals := make(map[string]bool)
	for _, s := range p.want.Sets {
		if s.Interval {
			intervals[s.Name] = true
		}
	}
	var ops []Op
	for _, c := range p.want.Chains {
		for _, r := range c.Rules {
			ops = append(ops, AddRule{Table: p.table, Chain: c.Name, Rule: r, Intervals: intervals})
		}
	}
	return ops
}

// deleteRest removes chains and counters that the new rules do not use any more.
func (p *plan) deleteRest() []Op {
	wanted := make(map[string]bool, len(p.want.Chains))
	for _, c := range p.want.Chains {
		wanted[c.Name] = true
	}
	var ops []Op
	for _, c := range p.have.Chains {
		if !wanted[c.Name] {
			ops = append(ops, DeleteChain{p.table, c.Name})
		}
	}
	clear(wanted)
	for _, name := range p.want.Counters {
		wanted[name] = true
	}
	for _, name := range p.have.Counters {
		if !wanted[name] {
			ops = append(ops, DeleteCounter{p.table, name})
		}
	}
	return ops
}
