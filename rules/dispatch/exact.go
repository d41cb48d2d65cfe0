package dispatch

import (
	"slices"

	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules/space"
)

// exact is a map of several dimensions at once, for a list whose rules demand
// single values in the same dimensions and differ in nothing but these.
type exact struct {
	dims []Dim
	at   region
	keys []key
}

// key is one combination of values, and the first rule that has it.
type key struct {
	points []space.Point // one a dimension
	rule   *Rule
}

// maxKeys is how many combinations of values one rule may stand for.
const maxKeys = 16

// exact is the map of a list; nil when its rules are not of that kind or when walking it is as cheap.
func (p *planner) exact(rules []*Rule, at *region) *exact {
	dims := demanded(rules[0], at)
	if len(dims) < 2 || p.cost.lookup(len(rules), true) > 0.8*p.cost.walk(len(rules)) {
		return nil
	}
	x := &exact{dims: dims, at: *at}
	if slices.Contains(dims, Protocol) { // every rule says which, and ports need to know
		for _, r := range rules {
			if t := r.term(Protocol); t == nil || !ported.Covers(t.Within) {
				return nil
			}
		}
		x.at[Protocol] = ported
	}
	for _, d := range dims {
		if _, ok := x.at.field(d); !ok {
			return nil
		}
	}
	seen := map[[5]space.Point]bool{}
	for _, r := range rules {
		if !slices.Equal(demanded(r, at), dims) || !x.add(r, at, seen) {
			return nil
		}
	}
	return x
}

// demanded is the dimensions in which a rule still asks something; nil when
// that is more than single values.
func demanded(r *Rule, at *region) []Dim {
	var dims []Dim
	for i := range r.Terms {
		t := &r.Terms[i]
		switch {
		case at.answered(t):
		case !t.Exact || t.Dim < Protocol || t.Dim > Port || len(t.Within) > maxKeys:
			return nil
		case slices.ContainsFunc(t.Within, func(r space.Range) bool { return r.From != r.To }):
			return nil
		default:
			dims = append(dims, t.Dim)
		}
	}
	slices.Sort(dims)
	return dims
}

// add puts the combinations of a rule in; those that a rule before has stay its own.
func (x *exact) add(r *Rule, at *region, seen map[[5]space.Point]bool) bool {
	combinations := [][]space.Point{nil}
	for _, d := range x.dims {
		var longer [][]space.Point
		for _, c := range combinations {
			for _, v := range r.term(d).Within {
				if at[d] == nil || at[d].Contains(v.From) {
					longer = append(longer, append(c[:len(c):len(c)], v.From))
				}
			}
		}
		if combinations = longer; len(combinations) > maxKeys {
			return false
		}
	}
	for _, c := range combinations {
		var k [5]space.Point
		copy(k[:], c)
		if !seen[k] {
			seen[k] = true
			x.keys = append(x.keys, key{c, r})
		}
	}
	return true
}

// exact makes the map.
func (e *emitter) exact(x *exact) nft.VMap {
	v := nft.VMap{}
	for _, d := range x.dims {
		f, _ := x.at.field(d)
		v.Fields = append(v.Fields, f)
	}
	for _, k := range x.keys {
		values := make([]nft.Value, len(x.dims))
		for i, d := range x.dims {
			values[i] = e.value(d, v.Fields[i], space.Range{From: k.points[i], To: k.points[i]})
		}
		v.Elements = append(v.Elements, nft.Element{Key: values, Verdict: e.goTo(k.rule.Body)})
	}
	return e.name("values", v)
}
