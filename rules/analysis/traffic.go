package analysis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules/space"
)

// traffic is the packets of a cube in words. Empty words are what needs no mention.
type traffic struct {
	in, out string
	speech  string // protocol, ports, types
	from    string
	to      string
	when    string
	family  family
	both    bool // the same holds in both families
}

// String is one line: "lan -> wan tcp 443 from 10.1.2.0/24 while "office" is on".
func (t traffic) String() string {
	words := []string{t.in, "->", t.out}
	if !t.both && t.from == "" && t.to == "" {
		words = append(words, [families]string{"IPv4", "IPv6"}[t.family])
	}
	add := func(before, s string) {
		if s != "" {
			words = append(words, strings.TrimSpace(before+" "+s))
		}
	}
	add("", t.speech)
	add("from", t.from)
	add("to", t.to)
	add("", t.when)
	return strings.Join(words, " ")
}

// traffics tells cubes in words; what only the family tells apart is told once.
func (c *comparison) traffics(region []space.Cube) []traffic {
	var out []traffic
	for i := range region {
		for _, t := range c.traffic(&region[i]) {
			twin := slices.IndexFunc(out, func(o traffic) bool {
				o.both = t.both
				o.family = t.family
				return o == t
			})
			if twin < 0 {
				out = append(out, t)
			} else if out[twin].family != t.family {
				out[twin].both = true
			}
		}
	}
	return out
}

// traffic tells one cube: a line where all of it leaves for places as a whole,
// else one that names addresses.
func (c *comparison) traffic(cube *space.Cube) []traffic {
	f := v4
	if cube.Sets[space.Family].Contains(space.Num(familyIPv6)) {
		f = v6
	}
	t := traffic{in: c.places(cube.Sets[space.In]), speech: speechText(cube), family: f}
	t.from = c.peers(addressText(cube.Sets[space.Source], everyAddress()[f], f), cube.Facts, true)
	t.when = c.timeText(cube.Sets[space.Time])
	whole, part := c.exits(cube, f)
	var out []traffic
	if len(whole) > 0 {
		t.out, t.to = strings.Join(whole, ", "), c.peers("", cube.Facts, false)
		out = append(out, t)
	}
	for _, p := range part {
		t.out = p.name
		t.to = c.peers(addressText(cube.Sets[space.Destination].Intersect(p.reach), p.reach, f), cube.Facts, false)
		out = append(out, t)
	}
	for i := range out {
		out[i].when = strings.TrimSpace(out[i].when + c.while(cube.Facts))
	}
	return out
}

// way is a place that packets leave for, and the addresses that lead there.
type way struct {
	name  string
	reach space.Set
}

// exits is where the packets of a cube go: places of which every address is
// meant, and the others. Every place there is, as a whole, is "any".
func (c *comparison) exits(cube *space.Cube, f family) (whole []string, part []way) {
	dst := cube.Sets[space.Destination]
	every := true
	add := func(w way) {
		switch {
		case w.reach.Empty():
		case dst.Covers(w.reach):
			whole = append(whole, w.name)
		default:
			every = false
			if dst.Meets(w.reach) {
				part = append(part, w)
			}
		}
	}
	add(way{"self", c.new.local[f]})
	for _, name := range c.new.interfaces {
		add(way{name, c.new.behind[name][f]})
	}
	add(way{"a route that refuses", c.new.barred[f]})
	if open := c.new.nowhere[f]; dst.Meets(open) {
		ports := cube.Sets[space.Out]
		if ports.Covers(c.new.all(f).Sets[space.Out]) {
			add(way{"no route", open})
		} else {
			every = false
			w := way{c.places(ports), open}
			if slices.Contains(whole, w.name) && dst.Covers(open) {
				return whole, part
			}
			add(w)
		}
	}
	if every && len(whole) > 1 {
		whole = []string{"any"}
	}
	return whole, part
}

// places names interfaces: "any" for all of them.
func (c *comparison) places(s space.Set) string {
	var names []string
	for n, name := range c.new.interfaces {
		if s.Contains(space.Num(uint64(n))) {
			names = append(names, name)
		}
	}
	switch {
	case len(names) == 0:
		return "no route"
	case len(names) > 1 && len(names) == len(c.new.interfaces):
		return "any"
	}
	return strings.Join(names, ", ")
}

// mostListed is how many ranges of a list are written out.
const mostListed = 3

// addressText is a set of addresses; empty when it has all that are possible.
func addressText(s, possible space.Set, f family) string {
	if s.Covers(possible) {
		return ""
	}
	return shorter(s, possible, func(r space.Range) string {
		if f == v6 {
			return config.Range{From: r.From.Addr6(), To: r.To.Addr6()}.String()
		}
		return config.Range{From: r.From.Addr4(), To: r.To.Addr4()}.String()
	})
}

// shorter writes a set, or what it leaves out of all, whichever is shorter.
func shorter(s, all space.Set, text func(space.Range) string) string {
	before := ""
	if rest := all.Without(s); len(rest) < len(s) {
		s, before = rest, "all but "
	}
	words := make([]string, len(s))
	for i, r := range s {
		words[i] = text(r)
	}
	return before + shortened(words)
}

// while is which gateways have to be up or down.
func (c *comparison) while(fs space.Facts) string {
	var states []string
	for _, n := range fs {
		switch f := c.new.known[max(n, -n)]; {
		case f.gateway == "":
		case n > 0:
			states = append(states, f.gateway+" is up")
		default:
			states = append(states, f.gateway+" is down")
		}
	}
	if len(states) == 0 {
		return ""
	}
	return " while " + enumeration(states)
}

// peers is the addresses of one end and what aliases have to learn of them.
func (c *comparison) peers(addresses string, fs space.Facts, source bool) string {
	var in, not []string
	for _, n := range fs {
		f := c.new.known[max(n, -n)]
		switch {
		case f.gateway != "" || f.source != source:
		case n > 0:
			in = append(in, "@"+f.alias)
		default:
			not = append(not, "@"+f.alias)
		}
	}
	without := strings.Join(not, ", ")
	switch {
	case addresses == "" && len(in) == 0 && len(not) > 0:
		return "all but " + without
	case addresses == "" && len(in) > 0:
		addresses, in = in[0], in[1:]
	}
	if len(in) > 0 {
		addresses += " in " + strings.Join(in, " and ")
	}
	if len(not) > 0 {
		addresses += " not in " + without
	}
	return addresses
}

// timeText is a time: that of a schedule, or its first second.
func (c *comparison) timeText(s space.Set) string {
	always := space.Span(0, lastSecond)
	if s.Covers(always) {
		return ""
	}
	for _, g := range []*ground{c.new, c.old} {
		for _, sch := range g.w.Config.Schedules {
			switch on := g.time(sch.Name); {
			case s.Equal(on):
				return fmt.Sprintf("while %q is on", sch.Name)
			case s.Equal(always.Without(on)):
				return fmt.Sprintf("while %q is off", sch.Name)
			}
		}
	}
	return "at times such as " + clock(s[0].From, c.new.w.Config.System.Location)
}

func clock(p space.Point, at *time.Location) string {
	return time.Unix(int64(p.Lo), 0).In(at).Format("Mon 2006-01-02 15:04")
}
