package rules

import (
	"net/netip"
	"slices"
	"sort"
	"strings"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"go4.org/netipx"
)

// Sets collects the named sets that rules speak of, each once.
type Sets struct {
	w      *World
	lists  resolver
	sets   map[string]nft.Set
	by     map[*netipx.IPSet][]netipx.IPRange // ranges of large sets that were asked for
	filled map[string][]netipx.IPRange        // what the sets of addresses were made of
	before *Sets
}

// NewSets returns an empty collection for a world. Dynamic aliases are in it
// from the start: what they hold has to survive a policy that does not use them.
// What a collection made before has the same is taken from it and not made
// again; nil is none.
func NewSets(w *World, before *Sets) *Sets {
	s := &Sets{
		w: w, lists: resolver{w, map[string]*netipx.IPSet{}}, sets: map[string]nft.Set{}, filled: map[string][]netipx.IPRange{}, before: before,
		by: map[*netipx.IPSet][]netipx.IPRange{},
	}
	for _, a := range w.Config.Aliases {
		if a.Kind != config.AliasDynamic {
			continue
		}
		for _, f := range families {
			s.Add(nft.Set{
				Name: SetName("alias", a.Name, f), Key: []nft.Type{f.Type()}, Dynamic: true,
				HasTimeout: true, Timeout: a.Timeout, Size: a.Size,
			})
		}
	}
	return s
}

// List is the sets by name.
func (s *Sets) List() []nft.Set {
	out := make([]nft.Set, 0, len(s.sets))
	for _, set := range s.sets {
		out = append(out, set)
	}
	slices.SortFunc(out, func(a, b nft.Set) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Add puts a set into the collection, in the place of one with its name.
func (s *Sets) Add(set nft.Set) { s.sets[set.Name] = set }

// Done lets go of the collection before.
func (s *Sets) Done() { s.before, s.by, s.lists = nil, nil, resolver{} }

// ranges is the family's part of a set, in order.
func (s *Sets) ranges(set *netipx.IPSet, f Family) []netipx.IPRange {
	all, known := s.by[set]
	if !known {
		if all = set.Ranges(); len(all) > shardSize { // each time a copy
			s.by[set] = all
		}
	}
	n := sort.Search(len(all), func(i int) bool { return all[i].From().Is6() }) // IPv4 comes first
	if f == V6 {
		return all[n:]
	}
	return all[:n:n]
}

// addresses makes sure that the set of that name holds the ranges.
func (s *Sets) addresses(name string, f Family, ranges []netipx.IPRange) {
	if _, ok := s.sets[name]; ok {
		return
	}
	s.filled[name] = ranges
	if s.before != nil {
		if was, ok := s.before.filled[name]; ok && slices.Equal(was, ranges) {
			s.Add(s.before.sets[name])
			return
		}
	}
	set := nft.Set{Name: name, Key: []nft.Type{f.Type()}, Interval: true, Elements: make([]nft.Element, len(ranges))}
	values := addressValues(ranges)
	for i := range values {
		set.Elements[i].Key = values[i : i+1 : i+1]
	}
	s.Add(set)
}

// schedule makes sure that there is a set of the instants at which a schedule is on, and names it.
func (s *Sets) schedule(name string) string {
	set := nft.Set{Name: "schedule_" + name, Key: []nft.Type{nft.TypeTime}, Interval: true}
	for _, iv := range s.w.Schedules[name] {
		set.Elements = append(set.Elements, nft.Element{Key: []nft.Value{nft.Instants(iv.Start, iv.End)}})
	}
	s.Add(set)
	return set.Name
}

// SetName is the name of the set for one family of a named thing: alias_web_v4.
func SetName(kind, name string, f Family) string { return kind + "_" + name + "_" + f.String() }

// Family is an IP version: 4 or 6.
type Family int

// The families.
const (
	V4 Family = 4
	V6 Family = 6
)

var families = []Family{V4, V6}

// String is v4 or v6, as it stands at the end of set names.
func (f Family) String() string {
	if f == V6 {
		return "v6"
	}
	return "v4"
}

// Type is the family's address type in nft.
func (f Family) Type() nft.Type {
	if f == V6 {
		return nft.TypeIPv6
	}
	return nft.TypeIPv4
}

// Has says whether an address is of the family.
func (f Family) Has(a netip.Addr) bool { return a.Is4() == (f == V4) }

// Source and Destination are the family's address fields.
func (f Family) Source() nft.Field {
	if f == V6 {
		return nft.IP6Saddr
	}
	return nft.IPSaddr
}

// Destination is the family's destination address field.
func (f Family) Destination() nft.Field {
	if f == V6 {
		return nft.IP6Daddr
	}
	return nft.IPDaddr
}

// addressValues is ranges as values, in their order.
func addressValues(ranges []netipx.IPRange) []nft.Value {
	out := make([]nft.Value, len(ranges))
	for i, r := range ranges {
		out[i] = nft.Addresses(r.From(), r.To())
	}
	return out
}
