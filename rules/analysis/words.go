package analysis

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules/space"
)

// names is some entries in words: rules with their lines, anything else by what it is.
func (r *reader) names(by []int) string {
	var words []string
	for _, m := range by {
		if e := &r.entries[m]; e.rule != nil {
			words = append(words, fmt.Sprintf("rule %q (line %d)", e.name, e.rule.Pos.Line))
		} else {
			words = append(words, e.name)
		}
	}
	if more := len(words) - mostNamed; more > 0 {
		words = append(words[:mostNamed], fmt.Sprintf("%d more", more))
	}
	return enumeration(words)
}

// verb is what some entries do to packets.
func (r *reader) verb(by []int) string {
	first := r.entries[by[0]].action
	for _, m := range by {
		if r.entries[m].action != first {
			return "decide"
		}
	}
	if len(by) > 1 {
		return first.String()
	}
	return thirdPerson(first)
}

// thirdPerson is what a rule does: "passes".
func thirdPerson(a config.Action) string {
	if a == config.Pass {
		return "passes"
	}
	return a.String() + "s"
}

// enumeration is a, b and c.
func enumeration(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// usual says whether the facts of a cube hold of themselves: nothing has to be
// in what an alias learns, and every gateway is up.
func (g *ground) usual(c *space.Cube) bool {
	return !slices.ContainsFunc(c.Facts, func(f space.Fact) bool {
		return (f > 0) == (g.known[max(f, -f)].gateway == "")
	})
}

// example is a packet of a cube; empty when nobody can tell one, because it
// depends on what an alias learns or on a gateway that is down.
func (g *ground) example(c *space.Cube) string {
	if !g.usual(c) {
		return ""
	}
	p, at := g.sample(c)
	if at.IsZero() {
		return p.String()
	}
	return p.String() + " at " + at.In(g.w.Config.System.Location).Format("2006-01-02 15:04")
}
