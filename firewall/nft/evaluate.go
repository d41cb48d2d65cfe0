package nft

import (
	"cmp"
	"net/netip"
	"slices"
)

// Evaluator says what the kernel would do with a packet if the ruleset were
// loaded as it is. It is a pure value: any number of goroutines may ask it.
//
// A ruleset that the kernel refuses has no meaning: a packet that comes to a set
// or a chain that is missing, or that is led in circles, is dropped.
type Evaluator struct {
	bases   map[string][]*program // by hook, in the order in which they run
	slots   map[string]int        // of the named sets in indexes
	indexes []*index
}

// program is a chain made ready.
type program struct {
	name  string
	hook  *Hook // nil: it is only jumped to
	rules []ruleProgram
}

type ruleProgram struct {
	comment string
	steps   []step
}

// step is an operation, and the expression of the rule that it was made for.
type step struct {
	op   operation
	expr int
}

// Options are what an answer depends on besides the ruleset and the packet.
// The zero value is the common case: no limit is exceeded, no set is full.
type Options struct {
	// Exceeded says whether a Limit or a ConnLimit, in a rule or in a DynSet, is exceeded.
	Exceeded func(at Place, limit Expr) bool
	// Full says whether a dynamic set has no room for an element more.
	Full func(set string) bool
	// RouteOut is fib daddr oifname: the device by which the routing table, whatever the
	// mark, sends to an address; empty when none does or the machine has it. It is asked
	// for the address as it is by then. Nil: Packet.RouteOut, whatever was translated.
	RouteOut func(dst netip.Addr) string
	// DstType is fib daddr type, as the number of an RTN_, of an address as it is by
	// then. Nil: Packet.DstType, whatever was translated.
	DstType func(dst netip.Addr) uint32
	// Steered takes the place of Walk's route where ways depend on the packet's mark: by
	// which device a packet with a mark leaves for an address, or that the machine takes it.
	Steered func(mark uint32, dst netip.Addr) (out string, local bool)
	// Slot is the slot that numgen gives, or a hash without a seed: of the kernel's choice,
	// below d.Slots. A caller that wants all that may become of a packet asks once for
	// each. Nil: slot 0, and all targets of a Deal in NAT. A hash with a seed is known.
	Slot func(d Deal) uint32
	// Trace asks for Result.Trace.
	Trace bool
}

// Place is a rule. Rule is its index in the chain, or Policy for the end of a base chain.
type Place struct {
	Chain   string
	Rule    int
	Comment string
}

// Policy is the Place.Rule of a base chain's policy.
const Policy = -1

// Result is what a hook does with a packet.
type Result struct {
	Verdict VerdictKind // Accept or Drop
	Reject  RejectKind  // of a Drop whose sender is told; 0: silent
	Decided Place       // where; zero: the hook has no base chain
	Packet  Packet      // as it leaves the hook, translated and marked
	// Translation is what was asked for in this hook; its Kind is 0 when nothing was.
	Translation Translation
	Rerouted    bool     // a chain of type route changed the mark, so that the way is chosen anew behind the hook
	Counters    []string // in the order in which they counted
	Logs        []Log
	Trace       []Step
}

// Step is a rule that was tried, or the policy at the end of a base chain.
type Step struct {
	Place
	Matched bool    // all its expressions did
	Failed  int     // the index of the first expression that did not, by itself or by what it implies
	Verdict Verdict // that it came to; its Kind is 0 for none
}

// NewEvaluator makes a ruleset ready. The content of a dynamic set is its
// Elements, which are nobody's in a compiled ruleset; Holding fills one in.
func NewEvaluator(r Ruleset) *Evaluator {
	e := &Evaluator{bases: map[string][]*program{}, slots: make(map[string]int, len(r.Sets))}
	for _, s := range r.Sets {
		e.slots[s.Name] = len(e.indexes)
		e.indexes = append(e.indexes, newIndex(s))
	}
	shared := newShared(e.slots, r)
	for _, c := range r.Chains {
		p := shared.chains[c.Name]
		p.rules = make([]ruleProgram, len(c.Rules))
		for i, x := range c.Rules {
			b := builder{shared: shared}
			p.rules[i] = ruleProgram{comment: x.Comment, steps: b.rule(x)}
		}
		if c.Hook != nil {
			e.bases[c.Hook.Point] = append(e.bases[c.Hook.Point], p)
		}
	}
	for _, list := range e.bases {
		arrange(list)
	}
	return e
}

// Holding is the evaluator with the content of one dynamic set: elements may be
// ranges, whatever the set is. A set that is not of the ruleset changes nothing.
func (e *Evaluator) Holding(set string, elements []Element) *Evaluator {
	slot, ok := e.slots[set]
	if !ok {
		return e
	}
	out := *e
	out.indexes = slices.Clone(e.indexes)
	out.indexes[slot] = newIndex(Set{Name: set, Key: e.indexes[slot].key, Dynamic: true, Elements: elements})
	return &out
}

// arrange puts the base chains of one hook in the order in which they run. The
// kernel enters all chains of type nat together, at one priority of its own, and
// puts a new hook before others of its priority.
func arrange(list []*program) {
	slices.Reverse(list)
	slices.SortStableFunc(list, func(a, b *program) int {
		return cmp.Or(
			cmp.Compare(a.hook.entered(), b.hook.entered()),
			cmp.Compare(a.hook.Priority, b.hook.Priority),
		)
	})
}

// Priorities of the kernel's own hooks (linux/netfilter_ipv4.h).
const (
	priorityRaw       = -300
	priorityConntrack = -200
	priorityMangle    = -150
	priorityDNAT      = -100
	prioritySNAT      = 100
)

// entered is the priority at which the kernel comes to a base chain.
func (h *Hook) entered() int {
	switch {
	case h.Type != "nat":
		return h.Priority
	case h.Point == Prerouting || h.Point == Output:
		return priorityDNAT
	}
	return prioritySNAT
}

// Run takes a packet through the base chains of a hook, a Hook.Point, in their
// order. The devices that do not exist at a hook are not looked at.
func (e *Evaluator) Run(point string, p Packet, o Options) Result {
	switch point {
	case Prerouting, Input:
		p.Out = ""
	case Output:
		p.In = ""
	}
	if !p.OrigDst.IsValid() {
		p.OrigDst = p.Dst
	}
	if !p.OrigSrc.IsValid() {
		p.OrigSrc = p.Src
	}
	w := walk{e: e, o: o, p: p}
	w.Verdict = Accept
	for _, base := range e.bases[point] {
		if base.hook.Type == "nat" && !w.translates() {
			continue
		}
		// Until conntrack has seen the packet there is no flow.
		early := base.hook.entered() < priorityConntrack && (point == Prerouting || point == Output)
		w.flow = w.p.tracked() && !early
		w.early = early
		mark := w.p.Mark
		if w.Verdict = w.base(base); w.Verdict == Drop {
			break
		}
		w.Rerouted = w.Rerouted || base.hook.Type == "route" && w.p.Mark != mark
	}
	w.Packet = w.p
	return w.Result
}
