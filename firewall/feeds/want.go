package feeds

import (
	"cmp"
	"slices"
	"time"

	"github.com/rempart/rempart/config"
)

// key is what tells sources apart: a domain name, or the alias that a list belongs to.
type key struct {
	kind Kind
	name string
}

func (k key) compare(o key) int {
	return cmp.Or(cmp.Compare(k.kind, o.kind), cmp.Compare(k.name, o.name))
}

// want is a source as the policy asks for it.
type want struct {
	key
	url     string
	refresh time.Duration
}

// wantedBy lists each source of a policy once, and what each alias is fed from.
func wantedBy(c *config.Config) ([]want, map[string][]key) {
	var wanted []want
	aliases := make(map[string][]key)
	add := func(alias string, w want) {
		if !slices.Contains(aliases[alias], w.key) {
			aliases[alias] = append(aliases[alias], w.key)
		}
		wanted = append(wanted, w)
	}
	for _, a := range c.Aliases {
		if a.Kind == config.AliasList {
			add(a.Name, want{key: key{List, a.Name}, url: a.URL, refresh: a.Refresh})
		}
		for _, t := range a.Addresses {
			if t.Kind == config.TermDomain {
				add(a.Name, want{key: key{Name, t.Name}})
			}
		}
	}
	slices.SortFunc(wanted, func(a, b want) int { return a.key.compare(b.key) })
	return slices.CompactFunc(wanted, func(a, b want) bool { return a.key == b.key }), aliases
}
