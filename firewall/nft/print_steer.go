package nft

import "fmt"

// String is the expression as nft lists it.
func (d Deal) String() string { return d.slot() + " vmap @" + d.Set }

// slot is how the packet gets its slot.
func (d Deal) slot() string {
	switch d.By {
	case DealRoundRobin:
		return fmt.Sprintf("numgen inc mod %d", d.Slots)
	case DealRandom:
		return fmt.Sprintf("numgen random mod %d", d.Slots)
	}
	return fmt.Sprintf("jhash %s mod %d seed 0x%x", d.Field, d.Slots, d.Seed)
}

// String is the statement as nft lists it.
func (c CopyMark) String() string { return fmt.Sprintf("%s set %s & 0x%08x", c.To, c.From, c.Mask) }

// String is the statement as nft lists it.
func (NoTrack) String() string { return "notrack" }

// String is the statement as nft lists it.
func (h SetHelper) String() string { return fmt.Sprintf("ct helper set %q", h.Helper) }
