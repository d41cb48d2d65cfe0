package rules

import (
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
	"go4.org/netipx"
)

// Addresses is what a list of address terms stands for. A packet's address is
// in it when it is in Set or in one of the dynamic aliases In, and in none of
// the dynamic aliases NotIn; Set already has the other exclusions taken away.
type Addresses struct {
	Set   *netipx.IPSet
	In    []string
	NotIn []string
	// All says that nothing but exclusions limits the list: Set is then every address without Except.
	All    bool
	Except *netipx.IPSet
}

var (
	allIPv4 = netip.MustParsePrefix("0.0.0.0/0")
	allIPv6 = netip.MustParsePrefix("::/0")
)

// Resolve gives the meaning of a list of terms. An empty list is any address.
func (w *World) Resolve(terms []config.AddressTerm) Addresses {
	return resolver{w, map[string]*netipx.IPSet{}}.list(terms)
}

// resolver turns each alias into a set once, however many ways lead to it.
type resolver struct {
	*World
	made map[string]*netipx.IPSet
}

func (w resolver) list(terms []config.AddressTerm) Addresses {
	if len(terms) == 1 && terms[0].Kind == config.TermAlias && !terms[0].Exclude && w.dynamic(terms[0]) == "" {
		return Addresses{Set: w.alias(terms[0].Name), Except: new(netipx.IPSet)} // as it is: it may be large
	}
	var in, except netipx.IPSetBuilder
	var a Addresses
	positive := false
	for _, t := range terms {
		if dynamic := w.dynamic(t); dynamic != "" {
			if t.Exclude {
				a.NotIn = append(a.NotIn, dynamic)
			} else {
				a.In = append(a.In, dynamic)
				positive = true
			}
			continue
		}
		switch {
		case t.Exclude:
			except.AddSet(w.term(t))
		case t.Kind == config.TermAny:
			positive, a.All = true, true
		default:
			positive = true
			in.AddSet(w.term(t))
		}
	}
	a.Except = mustSet(&except)
	if !positive || a.All {
		a.All, a.In = true, nil
		in = netipx.IPSetBuilder{}
		in.AddPrefix(allIPv4)
		in.AddPrefix(allIPv6)
	}
	in.RemoveSet(a.Except)
	a.Set = mustSet(&in)
	return a
}

// dynamic names the dynamic alias that a term speaks of; empty for all other terms.
func (w *World) dynamic(t config.AddressTerm) string {
	if t.Kind != config.TermAlias {
		return ""
	}
	if al := w.Config.Alias(t.Name); al != nil && al.Kind == config.AliasDynamic {
		return t.Name
	}
	return ""
}

// AliasContent is the addresses of an alias that is not dynamic.
func (w *World) AliasContent(name string) *netipx.IPSet {
	return resolver{w, map[string]*netipx.IPSet{}}.alias(name)
}

func (w resolver) alias(name string) *netipx.IPSet {
	if s := w.made[name]; s != nil {
		return s
	}
	al := w.Config.Alias(name)
	switch {
	case al == nil:
		return new(netipx.IPSet)
	case al.Kind == config.AliasList:
		if s := w.Lists[name]; s != nil {
			return s
		}
		return new(netipx.IPSet)
	}
	w.made[name] = w.list(al.Addresses).Set
	return w.made[name]
}

// term is the addresses of one term, its exclusion mark aside.
func (w resolver) term(t config.AddressTerm) *netipx.IPSet {
	var b netipx.IPSetBuilder
	switch t.Kind {
	case config.TermAny:
		b.AddPrefix(allIPv4)
		b.AddPrefix(allIPv6)
	case config.TermRange:
		b.AddRange(netipx.IPRangeFrom(t.Range.From, t.Range.To))
	case config.TermAlias:
		return w.alias(t.Name)
	case config.TermNetwork:
		for _, p := range w.Networks(t.Name) {
			b.AddPrefix(p)
		}
	case config.TermAddress:
		for _, ip := range w.OwnAddresses(t.Name) {
			b.Add(ip)
		}
	case config.TermSelf:
		for _, ip := range w.OwnAddresses("") {
			b.Add(ip)
		}
	case config.TermDomain:
		for _, ip := range w.Names[t.Name] {
			b.Add(ip)
		}
	}
	return mustSet(&b)
}

// Ports is the port ranges that a list of terms stands for, sorted and merged;
// nil for an empty list, which is any port.
func (w *World) Ports(terms []config.PortTerm) []config.PortRange {
	if len(terms) == 0 {
		return nil
	}
	var in, except []config.PortRange
	for _, t := range terms {
		if t.Exclude {
			except = append(except, w.portTerm(t)...)
		} else {
			in = append(in, w.portTerm(t)...)
		}
	}
	if onlyExclusions(terms) {
		in = []config.PortRange{{From: 0, To: 65535}}
	}
	return without(merged(in), merged(except))
}

// merged is the ranges sorted, without overlaps and neighbours.
func merged(rs []config.PortRange) []config.PortRange {
	rs = slices.SortedFunc(slices.Values(rs), func(a, b config.PortRange) int { return int(a.From) - int(b.From) })
	out := []config.PortRange{}
	for _, r := range rs {
		if n := len(out); n > 0 && int(r.From) <= int(out[n-1].To)+1 {
			out[n-1].To = max(out[n-1].To, r.To)
			continue
		}
		out = append(out, r)
	}
	return out
}

// without takes ranges away from others; both are merged.
func without(in, except []config.PortRange) []config.PortRange {
	out := []config.PortRange{}
	for _, r := range in {
		from := int(r.From)
		for _, e := range except {
			if e.To < r.From || e.From > r.To {
				continue
			}
			if from < int(e.From) {
				out = append(out, config.PortRange{From: uint16(from), To: e.From - 1})
			}
			from = int(e.To) + 1
		}
		if from <= int(r.To) {
			out = append(out, config.PortRange{From: uint16(from), To: r.To})
		}
	}
	return out
}

func (w *World) portTerm(t config.PortTerm) []config.PortRange {
	if t.Alias == "" {
		return []config.PortRange{t.Range}
	}
	if al := w.Config.Alias(t.Alias); al != nil {
		return w.Ports(al.Ports)
	}
	return nil
}

func onlyExclusions(terms []config.PortTerm) bool {
	for _, t := range terms {
		if !t.Exclude {
			return false
		}
	}
	return true
}
