package analysis

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules"
)

// translation is a translation of the policy, a line or a route, in words.
type translation struct{ what, does string }

// translations is those, and the lines and routes, that come, go or do something else, in the order of the
// new policy; those that are gone come last.
func translations(old, new *rules.World) []Change {
	before, after := slices.Concat(translated(old.Config), routed(old.Config)), slices.Concat(translated(new.Config), routed(new.Config))
	find := func(in []translation, what string) string {
		i := slices.IndexFunc(in, func(t translation) bool { return t.what == what })
		if i < 0 {
			return ""
		}
		return in[i].does
	}
	var out []Change
	for _, t := range after {
		if was := find(before, t.what); was != t.does {
			out = append(out, Change{What: t.what, Old: was, New: t.does})
		}
	}
	for _, t := range before {
		if find(after, t.what) == "" {
			out = append(out, Change{What: t.what, Old: t.does})
		}
	}
	return out
}

func translated(c *config.Config) []translation {
	var out []translation
	add := func(disabled bool, kind, name string, words ...string) {
		if !disabled {
			out = append(out, translation{fmt.Sprintf("%s %q", kind, name), joined(words)})
		}
	}
	for _, f := range c.PortForwards {
		add(f.Disabled, "port forward", f.Name, forwarded(f)...)
	}
	both := func(disabled bool, kind, name, on string, external, internal netip.Prefix, more string) {
		add(disabled, kind, name, "on", on, network(external), "is", network(internal), more)
	}
	for _, o := range c.OneToOne {
		both(o.Disabled, "one-to-one", o.Name, o.On, o.External, o.Internal, word(o.Reflection && !c.NAT.Reflection, "for the inside too"))
	}
	for _, p := range c.Prefixes {
		both(p.Disabled, "prefix", p.Name, p.On, p.External, p.Internal, "")
	}
	add(false, "nat", "outbound", c.NAT.Outbound.String())
	if c.NAT.Reflection {
		add(false, "nat", "reflection", "on")
	}
	if len(c.NAT.Helpers) > 0 {
		add(false, "nat", "helpers", bare(c.NAT.Helpers))
	}
	for _, o := range c.Outbound {
		add(o.Disabled, "outbound", o.Name, leaving(o)...)
	}
	return out
}

// forwarded is what a port forward does, in words.
func forwarded(f config.PortForward) []string {
	words := []string{"on", f.On, bare(f.Protocols), bare(f.Ports), part("from", f.Source), part("to", f.Destination)}
	if f.Exclude {
		return append(words, "stays as it is")
	}
	port, shares := "", ""
	if f.TargetPort != 0 {
		port = fmt.Sprintf("port %d", f.TargetPort)
	}
	if f.Weights != nil {
		shares = fmt.Sprintf("by weights %v", f.Weights)
	}
	pass := "where a rule passes it"
	if f.Pass {
		pass = "and passes"
	}
	return append(words, "leads to", bare(f.Target), port, shares, word(f.Spread > config.SpreadSource, "spread "+f.Spread.String()), word(f.Check != nil, "as they answer"), pass)
}

// leaving is what an outbound rule does, in words.
func leaving(o config.Outbound) []string {
	words := []string{"on", o.On, bare(o.Protocols), part("from port", o.SourcePorts), bare(o.Ports), part("from", o.Source), part("to", o.Destination)}
	as := "the address of the interface"
	switch {
	case o.Exclude:
		return append(words, "stays as it is")
	case o.Address.IsValid():
		as = o.Address.String()
	case len(o.Pool) > 0:
		as = bare(o.Pool) + ", spread " + o.Spread.String()
	}
	return append(words, "leaves as", as, word(o.Translated != (config.PortRange{}), "port "+o.Translated.String()), word(o.StaticPort, "with its own port"))
}

// joined is words in a line, those left out that are empty.
func joined(words []string) string {
	return strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == "" }), " ")
}

// word is a word that is only said sometimes.
func word(said bool, s string) string {
	if said {
		return s
	}
	return ""
}

// bare is a list without marks around its words.
func bare[T fmt.Stringer](terms []T) string {
	words := make([]string, len(terms))
	for i, t := range terms {
		words[i] = t.String()
	}
	return strings.Join(words, ", ")
}

// part is a list behind a word; nothing when it is empty.
func part[T fmt.Stringer](word string, terms []T) string {
	if len(terms) == 0 {
		return ""
	}
	return word + " " + bare(terms)
}

// network is a network, and one address without its length.
func network(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
