package nft

import (
	"crypto/sha256"
	"slices"
)

// State is what the kernel's table holds, as far as Plan needs to know it.
type State struct {
	Exists     bool
	Generation uint32 // of the whole ruleset of the network namespace
	Chains     []ChainHead
	Sets       []Set // with elements
	Helpers    []Helper
	Counters   []string
	// Rules is the digest of the rules that were last put there. The kernel does not keep
	// it: State of a Kernel leaves it zero, and who applied them puts it in. Zero is unknown.
	Rules Digest
}

// ChainHead is a chain without its rules.
type ChainHead struct {
	Name string
	Hook *Hook // nil: not a base chain
}

// Digest tells two texts of rules apart.
type Digest [sha256.Size]byte

// Digest is that of all chains, with their rules and in their order.
func (r Ruleset) Digest() Digest {
	h := sha256.New()
	var b []byte
	for _, c := range r.Chains {
		b = c.appendText(b[:0])
		h.Write(b)
	}
	return Digest(h.Sum(nil))
}

// State is what the kernel holds once the ruleset is in it, but for the generation
// and for what rules put into dynamic sets.
func (r Ruleset) State() State {
	s := State{Exists: true, Sets: r.Sets, Helpers: r.Helpers, Counters: r.Counters, Rules: r.Digest()}
	for _, c := range r.Chains {
		s.Chains = append(s.Chains, ChainHead{Name: c.Name, Hook: c.Hook})
	}
	return s
}

func (s State) set(name string) (Set, bool) {
	i := slices.IndexFunc(s.Sets, func(x Set) bool { return x.Name == name })
	if i < 0 {
		return Set{}, false
	}
	return s.Sets[i], true
}

// sameKind says that a set can go on as other: all but comment and content are equal.
func (s Set) sameKind(other Set) bool {
	return s.Data == other.Data && s.Interval == other.Interval && s.Dynamic == other.Dynamic &&
		s.HasTimeout == other.HasTimeout && s.Timeout == other.Timeout && s.limit() == other.limit() &&
		slices.Equal(s.Key, other.Key)
}

// samePlace says that two chains hang at the same hook, or both at none.
func samePlace(a, b *Hook) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Type == b.Type && a.Point == b.Point && a.Priority == b.Priority
}

// samePolicy is of chains in the same place.
func samePolicy(a, b *Hook) bool { return a == nil || a.policy() == b.policy() }
