package config

import (
	"errors"
	"fmt"
	"slices"

	"go4.org/netipx"
)

// File is a text and the name under which messages speak of it.
type File struct {
	Name string
	Data []byte
}

// Parse reads a policy and lays the node's own file over it; node is nil when
// rempart.toml has it all. The error is Errors: every fault of both files, what
// this version does not enforce included.
func Parse(policy File, node *File) (*Config, error) { return parse(policy, node, true) }

// ParseLanguage is Parse for the whole language: it also takes what this
// version reads but does not enforce. What it returns must not be made to run.
func ParseLanguage(policy File, node *File) (*Config, error) { return parse(policy, node, false) }

func parse(policy File, node *File, enforced bool) (*Config, error) {
	p := newParser()
	if tree := p.tree(policy); tree != nil {
		p.root = tree
		p.policy = p.decode(tree, false, enforced)
	}
	if node != nil {
		if tree := p.tree(*node); tree != nil {
			p.ownRoot = tree
			p.own = p.decode(tree, true, enforced)
		}
	}
	// Without one of the texts, what the other says of it cannot be judged.
	if p.policy != nil && (node == nil || p.own != nil) {
		p.config()
	}
	if len(p.list) > 0 {
		return nil, p.sorted()
	}
	p.cfg.Warnings = p.warnings.sorted()
	return p.cfg, nil
}

// parser turns raw structs into a Config and collects every fault of meaning.
type parser struct {
	faults
	warnings faults // what is allowed and yet hardly meant
	root     *node  // of the policy
	policy   *rawPolicy
	own      *rawPolicy // node.toml's
	ownRoot  *node
	cfg      *Config

	// What names there are, by the node that gives them.
	interfaces, zones, aliases, schedules names
	gateways, groups                      names
	shapers, queues, limiters             names
	applications, haGroups                names
	counters                              names // of all that counts: rules and translations

	aliasKinds    map[string]AliasKind
	aliasRefs     map[string][]*node // the items of an alias that name others
	aliasTerms    map[string][]AddressTerm
	aliasPorts    map[string][]PortTerm
	aliasRanges   map[string][]PortRange
	aliasFamilies map[string]families
	aliasExtents  map[string]extent
	everything    *netipx.IPSet // any address
	networks      []network
	addressed     map[string]bool     // interfaces with addresses, right or wrong
	hops          map[string]families // of gateways and gateway groups, as far as known
}

// names finds the node that declares a name.
type names map[string]*node

func newParser() *parser {
	p := &parser{cfg: &Config{}}
	for _, m := range []*names{
		&p.interfaces, &p.zones, &p.aliases, &p.schedules, &p.gateways, &p.groups,
		&p.shapers, &p.queues, &p.limiters, &p.applications, &p.haGroups, &p.counters,
	} {
		*m = make(names)
	}
	p.aliasKinds = make(map[string]AliasKind)
	p.aliasRefs = make(map[string][]*node)
	p.aliasTerms = make(map[string][]AddressTerm)
	p.aliasPorts = make(map[string][]PortTerm)
	p.addressed = make(map[string]bool)
	p.hops = make(map[string]families)
	p.aliasRanges = make(map[string][]PortRange)
	p.aliasFamilies = make(map[string]families)
	p.aliasExtents = make(map[string]extent)
	p.everything = everything()
	return p
}

// tree reads a file's syntax; nil when it is no TOML.
func (p *parser) tree(f File) *node {
	tree, err := parseTree(f)
	if fault := (*Error)(nil); errors.As(err, &fault) {
		p.list = append(p.list, fault)
		return nil
	}
	return tree
}

func (p *parser) decode(tree *node, ofNode, enforced bool) *rawPolicy {
	d := newDecoder(ofNode)
	into := new(rawPolicy)
	d.table(tree, into)
	if enforced {
		d.refuseUnsupported(tree)
	}
	p.list, p.more = append(p.list, d.list...), p.more+d.more
	return into
}

// config fills p.cfg: names first, so that everything else can refer to them.
func (p *parser) config() {
	p.declareAll()
	p.cfg.Schema = p.policy.Format.v
	p.cfg.Name = p.nodeName()
	p.parseInterfaces()
	p.parseVIPs()
	p.parseZones()
	p.parseAliases()
	p.parseSystem()
	p.parseSchedules()
	p.parseGateways()
	p.parseGroups()
	p.parseRoutes()
	p.parseRules()
	p.parseNAT()
	p.parseShaping()
	p.parseHA()
	p.parseTests()
}

func declare[T any](p *parser, into names, tables named[T]) {
	for _, e := range tables {
		if err := checkName(e.name()); err != nil {
			p.atKey(e.node, "%v", err)
		}
		into[e.name()] = e.node
	}
}

func (p *parser) declareAll() {
	declare(p, p.interfaces, p.policy.Interface)
	declare(p, p.zones, p.policy.Zone)
	declare(p, p.aliases, p.policy.Alias)
	declare(p, p.schedules, p.policy.Schedule)
	declare(p, p.gateways, p.policy.Gateway)
	declare(p, p.groups, p.policy.Group)
	declare(p, p.queues, p.policy.Queue)
	declare(p, p.limiters, p.policy.Limiter)
	declare(p, p.applications, p.policy.App)
	declare(p, p.haGroups, p.policy.HAGroup)
	declare(p, make(names), p.policy.HACheck)
	for _, e := range p.policy.Shaper {
		p.shapers[e.name()] = e.node
	}
	p.apart(p.interfaces, p.zones, "an interface")
	p.apart(p.gateways, p.groups, "a gateway")
	for _, e := range p.policy.Alias {
		p.aliasKinds[e.name()] = p.aliasKind(e)
	}
}

// apart refuses names of second that are in first: one place could mean both.
func (p *parser) apart(first, second names, what string) {
	for name, n := range second {
		if first[name] != nil {
			p.atKey(n, "%q is the name of %s already (%s)", name, what, n.place(first[name]))
		}
	}
}

// refer finds what t names, and says what there is if it is not there.
func (p *parser) refer(t text, what string, in ...names) bool {
	if !t.set() {
		return false
	}
	return p.referName(t.node, t.s, what, in...)
}

func (p *parser) referName(n *node, name, what string, in ...names) bool {
	err := lookUp(name, what, in...)
	if err != nil {
		p.at(n, "%v", err)
	}
	return err == nil
}

// lookUp says what names there are if none of them is the one asked for.
func lookUp(name, what string, in ...names) error {
	var known []string
	for _, m := range in {
		if m[name] != nil {
			return nil
		}
		for k := range m {
			known = append(known, k)
		}
	}
	slices.Sort(known)
	return fmt.Errorf("no %s %q%s", what, name, suggest(name, known))
}

// count takes the name of a rule or translation: they share one set of counters.
func (p *parser) count(t text) string {
	if !t.set() {
		return ""
	}
	if err := checkName(t.s); err != nil {
		p.at(t.node, "%v", err)
		return t.s
	}
	p.unique(p.counters, t, "rules and translations share their counters")
	return t.s
}

// unique refuses a name that was given before.
func (p *parser) unique(in names, t text, why string) {
	if before := in[t.s]; before != nil {
		p.at(t.node, "the name %q is taken by %s in %s: %s", t.s, before.parent.path(), t.node.place(before), why)
		return
	}
	in[t.s] = t.node
}

// word reads an enum; 0 when it is absent or wrong.
func (p *parser) word(t text, w words) int {
	if !t.set() {
		return 0
	}
	v, err := w.value(t.s)
	if err != nil {
		p.at(t.node, "%v", err)
	}
	return v
}

// read applies a reader of scalars to t and reports its fault.
func read[T any](p *parser, t text, f func(string) (T, error)) T {
	var zero T
	if !t.set() {
		return zero
	}
	v, err := f(t.s)
	if err != nil {
		p.at(t.node, "%v", err)
		return zero
	}
	return v
}

// readAll applies a reader of scalars to each item of l.
func readAll[T any](p *parser, l list, f func(string) (T, error)) []T {
	var all []T
	for _, n := range l.items {
		v, err := f(n.text)
		if err != nil {
			p.at(n, "%v", err)
			continue
		}
		all = append(all, v)
	}
	return all
}

// nodeName is the machine's name; node.toml goes before the policy.
func (p *parser) nodeName() string {
	name := p.policy.Name
	if p.own != nil && p.own.Name.set() {
		name = p.own.Name
	}
	if name.set() {
		if err := checkName(name.s); err != nil {
			p.at(name.node, "%v", err)
		}
	}
	return name.s
}

// place reads from or to.
func (p *parser) place(t text) Place {
	switch {
	case !t.set() || t.s == "any":
		return Place{}
	case t.s == "self":
		return Place{Kind: PlaceSelf}
	case p.zones[t.s] != nil:
		return Place{Kind: PlaceZone, Name: t.s}
	case !p.refer(t, "interface or zone", p.interfaces, p.zones):
		return Place{}
	}
	return Place{Kind: PlaceInterface, Name: t.s}
}

// place says where other stands, for a message about n: the line, and the file
// when it is another.
func (n *node) place(other *node) string {
	pos := other.keyPos()
	if n.src == other.src {
		return fmt.Sprintf("line %d", pos.Line)
	}
	return fmt.Sprintf("line %d of %s", pos.Line, pos.File)
}
