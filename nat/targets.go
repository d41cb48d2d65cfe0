package nat

import (
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules"
	"github.com/rempart/rempart/rules/steer"
)

// spreadSeed makes the choice by source the same on both nodes of a pair.
const spreadSeed = 0x72656d70

// targets is where a translation may lead in one family: the targets of a port
// forward, or the addresses of a pool.
type targets struct {
	all    []steer.Share[netip.Addr]
	silent []netip.Addr // those of all that do not answer
	comes  bool         // others may come and these go while the policy stays
	spread config.Spread
}

// targetsOf is the inside addresses of a port forward.
func targetsOf(w *rules.World, f config.PortForward, fam rules.Family) targets {
	t := targets{comes: w.Learned(f.Target), spread: f.Spread}
	if len(f.Weights) == len(f.Target) {
		for i, term := range f.Target {
			if a := term.Range.From; fam.Has(a) {
				t.all = append(t.all, steer.Share[netip.Addr]{To: a, Weight: f.Weights[i]})
			}
		}
	} else {
		t.all = equal(w, f.Target, fam)
	}
	for _, s := range t.all {
		if slices.Contains(w.Silent[f.Name], s.To) {
			t.silent = append(t.silent, s.To)
		}
	}
	return t
}

// poolOf is the addresses that an [[outbound]] leaves with.
func poolOf(w *rules.World, o config.Outbound, fam rules.Family) targets {
	return targets{all: equal(w, o.Pool, fam), spread: o.Spread}
}

// equal is the addresses of a list, at most as many as may be dealt to, in their
// order and of one weight.
func equal(w *rules.World, terms []config.AddressTerm, fam rules.Family) []steer.Share[netip.Addr] {
	var out []steer.Share[netip.Addr]
	for _, r := range of(w.Resolve(terms).Set, fam) {
		for a := r.From(); a.IsValid() && a.Compare(r.To()) <= 0 && len(out) < config.MaxPool; a = a.Next() {
			out = append(out, steer.Share[netip.Addr]{To: a, Weight: 1})
		}
	}
	return out
}

// slots is the address of each slot. Who is silent gets no new flows; when all
// are, the question may be wrong, and all stay.
func (t targets) slots() []netip.Addr {
	return steer.Deal(t.all, func(a netip.Addr) bool {
		return len(t.silent) == len(t.all) || !slices.Contains(t.silent, a)
	})
}

// candidates is those of all that new flows may get, in order.
func (t targets) candidates() []netip.Addr {
	slots := t.slots()
	var out []netip.Addr
	for _, a := range t.every() {
		if slices.Contains(slots, a) {
			out = append(out, a)
		}
	}
	return out
}

// every is all of them, those that are silent as well.
func (t targets) every() []netip.Addr {
	var out []netip.Addr
	for _, s := range t.all {
		out = append(out, s.To)
	}
	return out
}

// deal is the choice of an address by a map of the ruleset, in whose elements
// alone the addresses stand.
func (c *compiler) deal(t targets, set string, f rules.Family) *nft.Deal {
	c.sets.Add(t.slotMap(set, f))
	d := &nft.Deal{Slots: steer.Slots, Set: set}
	switch t.spread {
	case config.SpreadRoundRobin:
		d.By = nft.DealRoundRobin
	case config.SpreadRandom:
		d.By = nft.DealRandom
	default:
		d.By, d.Field, d.Seed = nft.DealSource, f.Source(), spreadSeed
	}
	return d
}

// slotMap is the map of that name from slots to addresses.
func (t targets) slotMap(name string, f rules.Family) nft.Set {
	m := nft.Set{Name: name, Key: []nft.Type{nft.TypeSlot}, Data: f.Type()}
	for i, a := range t.slots() {
		m.Elements = append(m.Elements, nft.Element{
			Key: []nft.Value{nft.Number(nft.TypeSlot, uint32(i))}, Data: nft.Address(a),
		})
	}
	return m
}

// TargetMaps is the maps from slots to the targets of port forwards: all that
// changes when a target falls silent or answers again.
func TargetMaps(w *rules.World) []nft.Set {
	var out []nft.Set
	for _, f := range w.Config.PortForwards {
		if f.Check == nil || f.Disabled {
			continue
		}
		for _, fam := range []rules.Family{rules.V4, rules.V6} {
			out = append(out, targetsOf(w, f, fam).slotMap(rules.SetName("targets", f.Name, fam), fam))
		}
	}
	return out
}
