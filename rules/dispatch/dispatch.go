// Package dispatch turns an ordered list of rules into maps and short chains
// that keep its meaning: the first rule that matches decides.
//
//	rules in order --plan--> tree of splits and lists --emit--> chains, verdict maps
//
// A list is split by the dimension that leaves the least to try: a verdict map
// sends each interval of addresses or ports, each protocol or each interface to
// a list of its own, which holds, in order, every rule that can match there. In
// such a list a rule asks only what the way to it has not answered. A short
// list stays as it is written. cost.go says what is measured and how it chooses.
//
// Nothing is tried twice and nothing is reordered: the split intervals do not
// overlap, so one packet walks one way. The size is bounded; where splitting
// would repeat rules too often, lists stay longer.
package dispatch

import (
	"slices"

	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules/space"
)

// Dim is a property of packets that maps can split by.
type Dim uint8

// The dimensions. Those from Protocol to Port may be fields of one map together.
const (
	Out         Dim = iota // way out: the index of the device in Builder.Devices
	Route                  // way out by the routing table, before a gateway is chosen: as Out
	Family                 // 4 or 6
	Protocol               // number of the protocol
	Source                 // address, on the line of the rule's family
	Destination            // as Source
	SourcePort
	Port     // destination port
	ICMPType // of the rule's kind of ICMP
	numDims
	Other // what no map can split by: flags, schedules, sets that rules fill
)

// device says whether the points of a dimension stand for devices.
func (d Dim) device() bool { return d == Out || d == Route }

// Term is what a rule demands in one dimension.
type Term struct {
	Dim Dim
	// Within holds every packet that can match, and with Exact no other. Nil is unknown: any packet may.
	// A term of Family, Protocol, Out or Route is always exact.
	Within space.Set
	Exact  bool
	// Match asks. That of Family or Protocol is left out where the match of another term implies it.
	Match []nft.Expr
}

// Body is what is done with a packet that a rule matches. It ends in a verdict.
type Body struct {
	Chain      string     // name of the chain that holds the statements where several places need them
	Own        bool       // they stand in that chain in any case
	Before     []nft.Rule // with Own: what goes before the statements in it
	Statements []nft.Expr
	Comment    string
}

// Rule is one way to match and what is done then. Terms are of different
// dimensions, Other aside; one of Source, Destination or ICMPType comes with one of Family.
type Rule struct {
	Terms []Term
	Body  *Body
	at    *[numDims]int8 // the term of each dimension, counted from 1; 0: none. Nil: not counted yet
}

// Builder makes the chains of several lists, which share what they have in common.
type Builder struct {
	devices []string
	cost    Cost
	bodies  []*Body
	placed  map[*Body]int  // how many places the trees have it in
	lists   map[int][]list // by their length
	order   []root
}

// root is a list that was added.
type root struct {
	name  string
	head  []nft.Rule
	rules []*Rule
	tree  *node // nil: as it is written
	end   nft.Verdict
}

// list remembers the tree of a list, since several interfaces often have the same.
type list struct {
	rules []*Rule
	tree  *node
}

// New returns an empty builder. Devices are what the points of Out and Route stand for.
func New(devices []string, cost Cost) *Builder {
	return &Builder{devices: devices, cost: cost, placed: map[*Body]int{}, lists: map[int][]list{}}
}

// Add makes a chain of that name that begins with head, tries rules in order and ends with a verdict.
// Rules and their bodies are recognised by their addresses: give the same ones again
// where lists have rules in common.
func (b *Builder) Add(name string, head []nft.Rule, rules []*Rule, end nft.Verdict) {
	r := root{name: name, head: head, rules: rules, end: end}
	for _, rule := range rules {
		rule.count()
		if _, known := b.placed[rule.Body]; !known {
			b.placed[rule.Body] = 0
			b.bodies = append(b.bodies, rule.Body)
		}
	}
	if len(rules) > b.cost.Written {
		r.tree = b.treeOf(rules)
	}
	b.order = append(b.order, r)
}

func (b *Builder) treeOf(rules []*Rule) *node {
	for _, l := range b.lists[len(rules)] {
		if slices.Equal(l.rules, rules) {
			return l.tree
		}
	}
	p := planner{cost: b.cost, devices: len(b.devices)}
	tree := p.plan(rules)
	b.lists[len(rules)] = append(b.lists[len(rules)], list{rules, tree})
	return tree
}
