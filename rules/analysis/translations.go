package analysis

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules"
)

// translation is a translation of the policy in words.
type translation struct{ what, does string }

// translations is those that come, go or do something else, in the order of the
// new policy; those that are gone come last.
func translations(old, new *rules.World) []Change {
	before, after := translated(old.Config), translated(new.Config)
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
			words = slices.DeleteFunc(words, func(s string) bool { return s == "" })
			out = append(out, translation{fmt.Sprintf("%s %q", kind, name), strings.Join(words, " ")})
		}
	}
	for _, f := range c.PortForwards {
		port := ""
		if f.TargetPort != 0 {
			port = fmt.Sprintf("port %d", f.TargetPort)
		}
		pass := "where a rule passes it"
		if f.Pass {
			pass = "and passes"
		}
		add(f.Disabled, "port forward", f.Name, "on", f.On, bare(f.Protocols), bare(f.Ports), part("from", f.Source), part("to", f.Destination),
			"leads to", bare(f.Target), port, pass)
	}
	both := func(disabled bool, kind, name, on string, external, internal netip.Prefix) {
		add(disabled, kind, name, "on", on, network(external), "is", network(internal))
	}
	for _, o := range c.OneToOne {
		both(o.Disabled, "one-to-one", o.Name, o.On, o.External, o.Internal)
	}
	for _, p := range c.Prefixes {
		both(p.Disabled, "prefix", p.Name, p.On, p.External, p.Internal)
	}
	add(false, "nat", "outbound", c.NAT.Outbound.String())
	if c.NAT.Reflection {
		add(false, "nat", "reflection", "on")
	}
	for _, o := range c.Outbound {
		as := "the address of the interface"
		if o.Address.IsValid() {
			as = o.Address.String()
		}
		add(o.Disabled, "outbound", o.Name, "on", o.On, bare(o.Protocols), bare(o.Ports), part("from", o.Source), part("to", o.Destination), "leaves as", as)
	}
	return out
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
