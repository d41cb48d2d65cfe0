package firewall

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rempart/rempart/config"
)

// policyText is a policy as text, in pieces that can be taken away one by one.
// What a test draws is a file that a user could have, and so is what remains of
// it when it has been made small.
type policyText []section

// section is one table of the file.
type section struct {
	header string // such as [[rule]]
	keys   []keyText
}

// keyText is one key of a table with its values as TOML writes them.
type keyText struct {
	name   string
	values []string
	list   bool
}

// String is the file.
func (p policyText) String() string {
	var b strings.Builder
	b.WriteString("schema = 1\n")
	for _, s := range p {
		b.WriteString("\n" + s.header + "\n")
		for _, k := range s.keys {
			b.WriteString(k.name + " = ")
			if k.list {
				b.WriteString("[" + strings.Join(k.values, ", ") + "]\n")
			} else {
				b.WriteString(k.values[0] + "\n")
			}
		}
	}
	return b.String()
}

// parse reads the file.
func (p policyText) parse() (*config.Config, error) {
	return config.Parse(config.File{Name: "rempart.toml", Data: []byte(p.String())}, nil)
}

// repaired is the file without the sections in which there are faults.
func (p policyText) repaired() policyText {
	for {
		var faults config.Errors
		if _, err := p.parse(); !errors.As(err, &faults) {
			return p
		}
		starts := p.starts()
		bad := map[int]bool{}
		for _, f := range faults {
			i, found := slices.BinarySearch(starts, f.Line)
			if !found {
				i--
			}
			bad[i] = true
		}
		var left policyText
		for i, s := range p {
			if !bad[i] {
				left = append(left, s)
			}
		}
		p = left
	}
}

// starts is the lines in which the sections begin.
func (p policyText) starts() []int {
	line := 3
	out := make([]int, len(p))
	for i, s := range p {
		out[i] = line
		line += 2 + len(s.keys)
	}
	return out
}

// with adds a key; no values add none.
func (s section) with(name string, values ...string) section {
	if len(values) > 0 {
		s.keys = append(s.keys, keyText{name: name, values: values})
	}
	return s
}

// withList adds a key that holds a list of strings; an empty one adds none.
func (s section) withList(name string, values []string) section {
	if len(values) > 0 {
		k := keyText{name: name, list: true}
		for _, v := range values {
			k.values = append(k.values, quoted(v))
		}
		s.keys = append(s.keys, k)
	}
	return s
}

// withNumbers adds a key that holds a list of numbers.
func (s section) withNumbers(name string, values []string) section {
	s.keys = append(s.keys, keyText{name: name, values: values, list: true})
	return s
}

func quoted(s string) string { return `"` + s + `"` }

// without is the file less the sections from i to j.
func (p policyText) without(i, j int) policyText {
	return slices.Delete(slices.Clone(p), i, j)
}

// replaced is the file with another section i.
func (p policyText) replaced(i int, s section) policyText {
	out := slices.Clone(p)
	out[i] = s
	return out
}

// shrunk is the smallest file found that is still a policy and that still is
// bad: sections, then keys, then items of lists are left out while it stays so.
// Of a file that is bad at random, something as bad remains.
func (p policyText) shrunk(bad func(policyText) bool) policyText {
	try := func(smaller policyText) bool {
		_, err := smaller.parse()
		return err == nil && bad(smaller)
	}
	for {
		before := p.size()
		p = p.fewerSections(try)
		p = p.fewerKeys(try)
		if p.size() == before {
			return p
		}
	}
}

// size is the number of pieces.
func (p policyText) size() int {
	n := len(p)
	for _, s := range p {
		for _, k := range s.keys {
			n += len(k.values)
		}
	}
	return n
}

// fewerSections leaves out halves, quarters and so on, down to single ones.
func (p policyText) fewerSections(try func(policyText) bool) policyText {
	for n := max(len(p)/2, 1); ; n /= 2 {
		for i := len(p); i > 0; i -= n {
			if smaller := p.without(max(i-n, 0), min(i, len(p))); try(smaller) {
				p = smaller
			}
		}
		if n <= 1 {
			return p
		}
	}
}

// fewerKeys leaves out keys, and of those that stay items.
func (p policyText) fewerKeys(try func(policyText) bool) policyText {
	for i := range p {
		for k := len(p[i].keys) - 1; k >= 0; k-- {
			s := section{header: p[i].header, keys: slices.Delete(slices.Clone(p[i].keys), k, k+1)}
			if smaller := p.replaced(i, s); try(smaller) {
				p = smaller
				continue
			}
			for v := len(p[i].keys[k].values) - 1; v >= 0 && len(p[i].keys[k].values) > 1; v-- {
				s := section{header: p[i].header, keys: slices.Clone(p[i].keys)}
				s.keys[k].values = slices.Delete(slices.Clone(s.keys[k].values), v, v+1)
				if smaller := p.replaced(i, s); try(smaller) {
					p = smaller
				}
			}
		}
	}
	return p
}

// TestShrunk makes a policy small around a fault that takes an alias and one of its items.
func TestShrunk(t *testing.T) {
	p := policyText{
		section{header: "[interface.lan]"}.with("device", quoted("lan0")).withList("addresses", []string{"10.1.2.1/24"}),
		section{header: "[interface.dmz]"}.with("device", quoted("dmz0")).with("antispoof", "true"),
		section{header: "[alias.web]"}.withList("addresses", []string{"10.1.3.10", "10.1.3.11", "10.1.3.12"}),
		section{header: "[[rule]]"}.with("name", quoted("a")).with("action", quoted("block")),
		section{header: "[[rule]]"}.with("name", quoted("b")).with("from", quoted("lan")).withList("source", []string{"@web"}).with("action", quoted("pass")),
	}
	got := p.shrunk(func(p policyText) bool {
		return strings.Contains(p.String(), "10.1.3.11") && strings.Contains(p.String(), "@web")
	}).String()
	// A policy needs an interface, and a rule its name and action.
	want := policyText{
		section{header: "[interface.lan]"}.with("device", quoted("lan0")),
		section{header: "[alias.web]"}.withList("addresses", []string{"10.1.3.11"}),
		section{header: "[[rule]]"}.with("name", quoted("b")).withList("source", []string{"@web"}).with("action", quoted("pass")),
	}.String()
	if got != want {
		t.Errorf("shrunk to\n%s\nwant\n%s", got, want)
	}
}
