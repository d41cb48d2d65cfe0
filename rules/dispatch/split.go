package dispatch

import (
	"math"
	"slices"

	"github.com/rempart/rempart/rules/space"
)

// candidate is a way to split a list.
type candidate struct {
	dim    Dim
	rules  []*Rule
	all    space.Set // points that packets can have
	wide   []int     // rules that the split does not tell apart, which are in every group, by number
	groups []group
	size   int     // rules in all groups
	cost   float64 // expected, of one packet
}

// group is some points of the dimension and, by number, the rules that hold
// somewhere in them and not everywhere.
type group struct {
	within  space.Set
	members []int
}

// ends is how many rules at the head and the tail are in every group.
func (c *candidate) ends() (head, tail int) {
	for head < len(c.wide) && c.wide[head] == head {
		head++
	}
	last := len(c.rules) - 1
	for tail < len(c.wide)-head && c.wide[len(c.wide)-1-tail] == last-tail {
		tail++
	}
	return head, tail
}

// rest is the group that the map leaves out: every device that has no name in
// the policy is in it, or else it has the most intervals.
func (c *candidate) rest(devices int) int {
	best := 0
	for i, g := range c.groups {
		if c.dim.device() && g.within.Contains(space.Num(uint64(devices))) {
			return i
		}
		if len(g.within) > len(c.groups[best].within) || len(g.within) == len(c.groups[best].within) && wider(g, c.groups[best]) {
			best = i
		}
	}
	return best
}

// wider prefers, of two groups with as many intervals, the one that holds more points, then more rules.
func wider(a, b group) bool {
	if c := points(a.within).Compare(points(b.within)); c != 0 {
		return c > 0
	}
	return len(a.members) > len(b.members)
}

// points is the length of the longest interval.
func points(s space.Set) space.Point {
	var most space.Point
	for _, r := range s {
		n := space.Point{Hi: r.To.Hi - r.From.Hi, Lo: r.To.Lo - r.From.Lo}
		if r.To.Lo < r.From.Lo {
			n.Hi--
		}
		if n.Compare(most) > 0 {
			most = n
		}
	}
	return most
}

// best is the split that leaves the least to do; nil when none pays.
func (p *planner) best(rules []*Rule, at *region, budget float64) *candidate {
	if at[Family] == nil && mixed(rules) {
		return p.by(Family, rules, at, math.Inf(1), math.Inf(1)) // what addresses are looked up by depends on it
	}
	limit := math.Sqrt(budget*float64(len(rules))) + float64(4*p.cost.Leaf)
	limit = math.Min(limit, budget)
	most := 0.8 * p.cost.walk(len(rules)) // what is not better by a fifth does not pay
	var best *candidate
	consider := func(c *candidate) {
		if c != nil && c.cost < most {
			best, most = c, c.cost
		}
	}
	for _, d := range []Dim{Out, Route, Source, Destination, SourcePort, Port, ICMPType} {
		consider(p.by(d, rules, at, limit, most))
	}
	if most > p.cost.walk(2*p.cost.Leaf) {
		consider(p.ahead(p.by(Protocol, rules, at, limit, math.Inf(1)), at, limit))
	}
	return best
}

// mixed says whether a list asks for a family.
func mixed(rules []*Rule) bool {
	return slices.ContainsFunc(rules, func(r *Rule) bool { return r.term(Family) != nil })
}

// ahead is a split by protocol, with the price when ports, which it makes known, are split by next.
func (p *planner) ahead(c *candidate, at *region, limit float64) *candidate {
	if c == nil {
		return nil
	}
	total, weight := 0.0, 0.0
	for _, g := range c.groups {
		in := *at
		in[c.dim] = g.within
		rules := c.list(g)
		cost := p.cost.walk(len(rules))
		if len(rules) > p.cost.Leaf {
			for _, d := range []Dim{SourcePort, Port, ICMPType} {
				if next := p.by(d, rules, &in, limit, cost); next != nil {
					cost = math.Min(cost, next.cost)
				}
			}
		}
		total += cost * float64(len(rules))
		weight += float64(len(rules))
	}
	c.cost = p.cost.Hash + total/math.Max(weight, 1)
	return c
}

// by splits a list by one dimension into at most limit entries; nil when it
// cannot, or not for less than a price.
func (p *planner) by(d Dim, rules []*Rule, at *region, limit, price float64) *candidate {
	if _, ok := at.field(d); !ok {
		return nil
	}
	c := &candidate{dim: d, rules: rules, all: at.universe(d, p.devices)}
	edges := p.edges(c)
	if len(edges) == 0 || p.cost.walk(len(c.wide)) > price {
		return nil
	}
	along(edges)
	if single := d.device() || d == Family || d == Protocol || d == ICMPType; single {
		if !c.cut(edges, 0, limit) {
			return nil
		}
		if c.measure(p.cost, true); float64(c.size) > limit {
			return nil
		}
		return c
	}
	// A group has the wide rules as well, so there can be no more groups than this.
	narrow := len(rules) - len(c.wide)
	room := p.cost.Leaf + int(float64(narrow*len(c.wide))/limit)
	for ; room < 2*narrow; room *= 2 {
		if c.cut(edges, room, limit) {
			c.measure(p.cost, false)
			return c
		}
	}
	return nil
}

// cut makes the groups, and says whether there are several with at most limit entries.
func (c *candidate) cut(edges []edge, room int, limit float64) bool {
	bins := c.bins(edges, room, limit)
	if len(bins) < 2 {
		return false
	}
	c.groups = merge(bins)
	return len(c.groups) > 1
}

// measure fills in size and cost. A packet is taken to be aimed at some rule,
// each as likely as the other; one that is everywhere is met in any group.
func (c *candidate) measure(cost Cost, hash bool) {
	intervals, sum, weight := 0, 0.0, 0.0
	c.size = 0
	everywhere := float64(len(c.wide)) / float64(len(c.groups))
	for _, g := range c.groups {
		n := len(g.members) + len(c.wide)
		c.size += n
		intervals += len(g.within)
		aimed := float64(len(g.members)) + everywhere
		sum += aimed * cost.walk(n)
		weight += aimed
	}
	c.cost = cost.lookup(intervals, hash) + sum/math.Max(weight, 1)
}

// list is the rules of a group, in the order of the list.
func (c *candidate) list(g group) []*Rule {
	out := make([]*Rule, 0, len(g.members)+len(c.wide))
	apart, everywhere := g.members, c.wide
	for len(apart)+len(everywhere) > 0 {
		if len(everywhere) == 0 || len(apart) > 0 && apart[0] < everywhere[0] {
			out, apart = append(out, c.rules[apart[0]]), apart[1:]
		} else {
			out, everywhere = append(out, c.rules[everywhere[0]]), everywhere[1:]
		}
	}
	return out
}
