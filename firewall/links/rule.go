package links

import (
	"fmt"
	"net/netip"
	"strings"
)

// Rule is one rule of policy routing, ip-rule(8). Ours carry Protocol as routes do.
// Of two with one Priority and Table, both must select something: the kernel
// refuses one that selects all beside another.
type Rule struct {
	Priority int
	Is6      bool
	// Mark and Mask, when Mask is not zero, take packets by their mark.
	Mark, Mask uint32
	From       netip.Prefix // valid: packets from there
	Table      int          // that is asked; 0: main
	// NoDefault passes over what the table's default routes say (suppress_prefixlength 0).
	NoDefault bool
}

// canonical is the rule as the kernel lists it.
func (r Rule) canonical() Rule {
	if r.Table == 0 {
		r.Table = mainTable
	}
	r.Mark &= r.Mask
	if r.From.IsValid() {
		r.From, r.Is6 = r.From.Masked(), r.From.Addr().Is6()
	}
	if r.From.Bits() == 0 {
		r.From = netip.Prefix{} // all of them
	}
	return r
}

// String prints the rule as ip-rule(8) takes it, without the family.
func (r Rule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "priority %d", r.Priority)
	if r.From.IsValid() {
		fmt.Fprintf(&b, " from %s", r.From)
	} else {
		b.WriteString(" from all")
	}
	if r.Mask != 0 {
		fmt.Fprintf(&b, " fwmark %#x/%#x", r.Mark, r.Mask)
	}
	if r.Table == 0 || r.Table == mainTable {
		b.WriteString(" table main")
	} else {
		fmt.Fprintf(&b, " table %d", r.Table)
	}
	if r.NoDefault {
		b.WriteString(" suppress_prefixlength 0")
	}
	return b.String()
}

func (r Rule) family() string {
	if r.Is6 {
		return "-6 "
	}
	return ""
}

// diffRules is the rules to add, in their order, and those of ours that nothing
// wants.
func diffRules(have, want []Rule) (add, del []Op) {
	found, wanted := make(map[Rule]bool), make(map[Rule]bool)
	for _, r := range have {
		found[r] = true
	}
	for _, r := range want {
		if !found[r] && !wanted[r] {
			add = append(add, AddRule{Rule: r})
		}
		wanted[r] = true
	}
	for _, r := range have {
		if !wanted[r] {
			del = append(del, DeleteRule{Rule: r})
		}
	}
	return add, del
}
