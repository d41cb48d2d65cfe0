package analysis

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules"
	"github.com/rempart/rempart/rules/space"
)

// Kind says what is wrong.
type Kind int

// The kinds of findings.
const (
	Impossible Kind = iota + 1 // a rule for packets that there are not
	Shadowed                   // a rule whose packets are all decided before it
	Redundant                  // a rule without which the same happens
	Overruled                  // a rule that blocks, and a part of whose packets another lets in before it
	Unused                     // something that nothing speaks of
	Undecided                  // a rule that is too involved to say anything certain about it
)

// String is one word.
func (k Kind) String() string {
	words := [...]string{"impossible", "shadowed", "redundant", "overruled", "unused", "undecided"}
	if k < 1 || int(k) > len(words) {
		return "unknown"
	}
	return words[k-1]
}

// Finding is one thing that is wrong with a policy that has no fault.
type Finding struct {
	Kind    Kind
	Pos     config.Position
	Key     string   // as in config.Error: rule[1]
	Name    string   // of the rule, alias, schedule ... that it is about
	Rules   []string // that have a part in it
	Message string
	// Packet is one that shows it, as config.ParsePacket reads it; empty when none does.
	Packet string
}

// Findings is what is wrong with a policy, in the order of the file. It holds
// for every content of aliases that learn, and for the time that the world's
// schedules tell. Disabled rules are as good as absent.
func Findings(w *rules.World) []Finding {
	r := newReader(w)
	for n := range r.entries {
		if r.entries[n].rule != nil {
			r.reach(n)
		}
	}
	for n := range r.entries {
		if r.entries[n].rule != nil && !r.gone[n] {
			r.need(n)
		}
	}
	for n := range r.entries {
		if e := &r.entries[n]; e.rule != nil && !r.gone[n] && e.action != config.Pass {
			r.overruled(n)
		}
	}
	r.undecided()
	out := append(r.found, unused(w)...)
	slices.SortStableFunc(out, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
	return out
}

// reader goes through the entries of one policy.
type reader struct {
	*ground
	*tiles
	found []Finding
	left  int   // steps that all searches together may still take
	open  []int // entries of which a question stayed open
}

func newReader(w *rules.World) *reader {
	g := newGround(newScales(w), w)
	return &reader{ground: g, tiles: newTiles(g.policy()), left: mostStepsAll}
}

// What bounds the searches: the steps of one question, and of all. What people
// write needs some ten a rule.
const (
	mostSteps    = 20_000
	mostStepsAll = 2_000_000
)

// searching runs a search within the bounds.
func (r *reader) searching(run func(*search) answer) answer {
	s := &search{tiles: r.tiles, steps: min(mostSteps, r.left)}
	before := s.steps
	a := run(s)
	r.left -= before - max(s.steps, 0)
	return a
}

// covered is search.covered within the bounds.
func (r *reader) covered(region []space.Cube, among []int) (by []int, witness space.Cube, a answer) {
	a = r.searching(func(s *search) answer {
		by, witness, a = s.covered(region, among)
		return a
	})
	return by, witness, a
}

func (r *reader) add(n int, k Kind, by []int, format string, args ...any) *Finding {
	rule := r.entries[n].rule
	f := Finding{
		Kind: k, Pos: rule.Pos, Key: fmt.Sprintf("rule[%d]", r.entries[n].index), Name: rule.Name,
		Message: fmt.Sprintf("rule %q ", rule.Name) + fmt.Sprintf(format, args...),
	}
	for _, m := range by {
		if r.entries[m].rule != nil {
			f.Rules = append(f.Rules, r.entries[m].name)
		}
	}
	r.found = append(r.found, f)
	return &r.found[len(r.found)-1]
}

// undecided tells once of which rules something stayed open.
func (r *reader) undecided() {
	if len(r.open) == 0 {
		return
	}
	slices.Sort(r.open)
	r.open = slices.Compact(r.open)
	f := r.add(r.open[0], Undecided, nil, "")
	f.Message = fmt.Sprintf("%s overlap so many others that what they do was not examined to the end", r.names(r.open))
}

// reach finds out whether a rule decides any packet.
func (r *reader) reach(n int) {
	e := &r.entries[n]
	if len(e.region) == 0 {
		r.gone[n] = true
		r.add(n, Impossible, nil, "matches nothing: %s", r.impossible(e.rule))
		return
	}
	before := r.before(n)
	by, a := r.single(n, before), yes
	if by == nil {
		by, _, a = r.covered(e.region, before)
	}
	switch a {
	case yes:
		r.gone[n] = true
		r.shadowed(n, r.fewest(n, by))
	case unknown:
		r.open = append(r.open, n)
	}
}

// single is the first entry that has the whole region of another by itself.
func (r *reader) single(n int, before []int) []int {
	for i := 0; i < len(before); {
		m := r.of[before[i]]
		end := i
		for end < len(before) && r.of[before[end]] == m {
			end++
		}
		covers := func(c int) bool {
			return slices.ContainsFunc(before[i:end], func(t int) bool { return r.cubes[t].Covers(&r.cubes[c]) })
		}
		all := true
		for c := r.first[n]; c < r.first[n+1] && all; c++ {
			all = covers(c)
		}
		if all {
			return []int{m}
		}
		i = end
	}
	return nil
}

// mostNamed is how many entries a message names.
const mostNamed = 4

// fewest leaves out entries without which the others still have the whole
// region of entry n, the last ones first.
func (r *reader) fewest(n int, by []int) []int {
	if len(by) > 4*mostNamed {
		return by
	}
	for i := len(by) - 1; i >= 0 && len(by) > 1; i-- {
		rest := slices.Delete(slices.Clone(by), i, i+1)
		among := slices.DeleteFunc(r.before(n), func(t int) bool { return !slices.Contains(rest, r.of[t]) })
		if _, _, a := r.covered(r.entries[n].region, among); a == yes {
			by = rest
		}
	}
	return by
}

// shadowed tells what decides all packets of a rule before it.
func (r *reader) shadowed(n int, by []int) {
	only := r.entries[by[0]]
	e := &r.entries[n]
	switch {
	case len(by) == 1 && only.name == byTracking && only.rule == nil:
		r.add(n, Impossible, nil, "decides nothing: its ICMP types begin no flow; answers and errors pass with the flow that they belong to")
		return
	case !slices.ContainsFunc(by, func(m int) bool { return r.entries[m].rule != nil }):
		r.add(n, Impossible, nil, "decides nothing: %s %s all its packets before any rule", r.names(by), r.verb(by))
		return
	}
	own := "decides nothing"
	if !slices.ContainsFunc(by, func(m int) bool { return r.entries[m].action == e.action }) {
		own = fmt.Sprintf("never %s anything", thirdPerson(e.action))
	}
	r.add(n, Shadowed, by, "%s: %s %s all its packets first", own, r.names(by), r.verb(by))
}

// need finds out whether the policy does the same without a rule. From then on it is left out,
// so that of two rules that each could do without the other only one is told.
func (r *reader) need(n int) {
	var by []int
	same := sameEffect(r.w.Config.System.LogDefault)
	a := r.searching(func(s *search) (a answer) {
		by, a = s.replaced(n, same)
		return a
	})
	switch a {
	case yes:
		r.gone[n] = true
		r.add(n, Redundant, by, "changes nothing: without it %s %s the same packets", r.names(by), r.verb(by))
	case unknown:
		r.open = append(r.open, n)
	}
}

// sameEffect compares what becomes of packets, beyond the verdict: what is
// logged, limited, sent to a gateway or ended with a schedule.
func sameEffect(logDefault bool) func(a, b *entry) bool {
	silent := &config.Rule{Log: logDefault}
	return func(a, b *entry) bool {
		x, y := a.rule, b.rule
		if x == nil {
			x = silent
		}
		if y == nil {
			y = silent
		}
		return a.action == b.action && x.Log == y.Log && x.Limits == nil && y.Limits == nil &&
			x.Gateway == y.Gateway && x.Steering == y.Steering && (x.Schedule == y.Schedule || a.action != config.Pass)
	}
}

// mostOverlaps is how many of the rules before one are examined for what they let in.
const mostOverlaps = 200

// overruled finds the rules that let in a part of what a later one blocks while
// neither stands for an exception from the other. The other way round, a block
// before a pass, is how exceptions are written, and what it stops is seen in the log.
func (r *reader) overruled(n int) {
	var by []int
	var witness *Finding
	examined := 0
	for _, t := range r.before(n) {
		m := r.of[t]
		if r.entries[m].rule == nil || r.entries[m].action != config.Pass || slices.Contains(by, m) || isException(r.entries[m].rule, r.entries[n].rule) {
			continue
		}
		if examined++; len(by) > mostNamed || examined > mostOverlaps {
			break
		}
		packet, ok := r.takes(m, t, n)
		if !ok {
			continue
		}
		if by = append(by, m); witness == nil {
			witness = &Finding{Packet: packet}
		}
	}
	if len(by) == 0 {
		return
	}
	such := ""
	if witness.Packet != "" {
		such = ", such as " + witness.Packet
	}
	f := r.add(n, Overruled, by, "does not %s all that it says: %s %s some of it first%s", r.entries[n].action, r.names(by), r.verb(by), such)
	f.Packet = witness.Packet
}

// isException says whether a rule names something where a later one is for all
// that goes from one place to another: that one is for what the others left.
func isException(before, all *config.Rule) bool {
	narrow := func(r *config.Rule) bool {
		return len(r.Source)+len(r.Destination)+len(r.Protocols) > 0 || r.Schedule != ""
	}
	return narrow(before) && !narrow(all)
}

// takes says whether a tile of entry m decides packets that entry n is about as
// well, when m is more than an exception from n.
func (r *reader) takes(m, t, n int) (packet string, ok bool) {
	own := make([]int, 0, r.first[n+1]-r.first[n])
	for c := r.first[n]; c < r.first[n+1]; c++ {
		own = append(own, c)
	}
	if _, _, a := r.covered(r.entries[m].region, own); a != no {
		return "", false
	}
	var common []space.Cube
	for _, c := range own {
		if both, ok := r.cubes[c].Intersect(&r.cubes[t]); ok {
			common = append(common, both)
		}
	}
	before := r.meeting(common, 0, m)
	_, witness, a := r.covered(common, before)
	if a != no {
		return "", false
	}
	witness = r.alone(witness, before)
	return r.example(&witness), true
}
