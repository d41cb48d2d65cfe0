package dispatch

import (
	"math"
	"slices"

	"github.com/rempart/rempart/rules/space"
)

// node is a list for one region: what becomes one chain.
type node struct{ parts []part }

// part is one step of a node: a rule that is tried, a map of one dimension or of
// several that leads on, or another node that is tried before what follows. Exactly one of them is set.
type part struct {
	rule  *Rule
	open  uint32 // the rule's terms that the way has not answered, as bits
	split *split
	exact *exact
	jump  *node
}

// split is a map by one dimension. What no branch takes goes on with the next part.
type split struct {
	dim      Dim
	at       region // of the packets that come to it
	branches []branch
}

// branch leads the packets within some points to a node; one that is empty has nothing to try there.
type branch struct {
	within space.Set
	to     *node
}

type planner struct {
	cost    Cost
	devices int
	scratch []edge
}

func (p *planner) plan(rules []*Rule) *node {
	budget := p.cost.Growth*float64(len(rules)) + float64(p.cost.Allowance)
	return p.node(rules, region{}, budget, p.cost.Depth)
}

// node plans a list in a region with so many entries to spend.
func (p *planner) node(rules []*Rule, at region, budget float64, depth int) *node {
	rules = reachable(rules, &at)
	n := &node{}
	if len(rules) > p.cost.Leaf && depth > 0 {
		if x := p.exact(rules, &at); x != nil {
			n.parts = []part{{exact: x}}
			return n
		}
		if c := p.best(rules, &at, budget); c != nil {
			p.divide(n, rules, at, c, budget, depth)
			return n
		}
	}
	p.list(n, rules, &at)
	return n
}

// list tries the rules one after the other.
func (p *planner) list(n *node, rules []*Rule, at *region) {
	for _, r := range rules {
		n.parts = append(n.parts, part{rule: r, open: at.open(r)})
	}
}

// reachable is the rules that a packet of the region can match, up to the one that all of them do.
func reachable(rules []*Rule, at *region) []*Rule {
	out := make([]*Rule, 0, len(rules))
next:
	for _, r := range rules {
		for i := range r.Terms {
			if !at.reaches(&r.Terms[i]) {
				continue next
			}
		}
		out = append(out, r)
		if at.open(r) == 0 {
			break
		}
	}
	return out
}

// divide splits a list by a candidate. Rules at its head and tail that the
// split does not tell apart stand before and behind it, not in every branch.
func (p *planner) divide(n *node, rules []*Rule, at region, c *candidate, budget float64, depth int) {
	head, tail := c.ends()
	if (head+tail)*len(c.groups) <= len(rules)/4+p.cost.Leaf {
		p.branch(n, at, c, budget, depth)
		return
	}
	share := func(part []*Rule) float64 { return budget * float64(len(part)) / float64(len(rules)) }
	if first := rules[:head]; head > 0 {
		before := p.node(first, at, share(first), depth-1)
		if before.plain() {
			n.parts = append(n.parts, before.parts...)
		} else {
			n.parts = append(n.parts, part{jump: before})
		}
	}
	middle, last := rules[head:len(rules)-tail], rules[len(rules)-tail:]
	n.parts = append(n.parts, part{jump: p.node(middle, at, share(middle), depth-1)})
	if tail > 0 {
		n.parts = append(n.parts, p.node(last, at, share(last), depth-1).parts...)
	}
}

// plain says whether a node is nothing but rules.
func (n *node) plain() bool {
	return !slices.ContainsFunc(n.parts, func(q part) bool { return q.rule == nil })
}

// branch makes the map of a candidate and plans what it leads to. The group
// with the most intervals is not in the map: it is what follows.
func (p *planner) branch(n *node, at region, c *candidate, budget float64, depth int) {
	rest := c.rest(p.devices)
	s := &split{dim: c.dim, at: at}
	n.parts = append(n.parts, part{split: s})
	for i, g := range c.groups {
		in := at
		if in[c.dim] = g.within.Intersect(c.all); in[c.dim].Empty() {
			continue // nothing of the region is there
		}
		rules := c.list(g)
		share := math.Max(float64(len(rules)), budget*float64(len(rules))/float64(c.size))
		to := p.node(rules, in, share, depth-1)
		if i == rest {
			n.parts = append(n.parts, to.parts...)
		} else {
			s.branches = append(s.branches, branch{g.within, to})
		}
	}
}
