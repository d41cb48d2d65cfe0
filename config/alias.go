package config

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

// What an alias gets that does not say it.
const (
	defaultRefresh     = day
	defaultDynamicSize = 65536
)

// shortestRefresh keeps a gateway from being a burden to who keeps the list.
const shortestRefresh = time.Minute

// aliasKeys are the keys that say what an alias is made of, indexed by AliasKind.
var aliasKeys = words{"addresses", "ports", "url", "dynamic"}

// aliasKind says what e is made of; 0 when it says nothing or too much.
func (p *parser) aliasKind(e *entry[rawAlias]) AliasKind {
	var kinds []AliasKind
	for i := range aliasKeys {
		if k := AliasKind(i + 1); e.node.child(aliasKeys.word(int(k))) != nil {
			kinds = append(kinds, k)
		}
	}
	switch len(kinds) {
	case 1:
		return kinds[0]
	case 0:
		p.atKey(e.node, "is empty: write one of addresses, ports, url or dynamic")
	default:
		p.atKey(e.node.child(aliasKeys.word(int(kinds[1]))),
			"stands beside %s: an alias is made of one of addresses, ports, url or dynamic", aliasKeys.word(int(kinds[0])))
	}
	return 0
}

func (p *parser) parseAliases() {
	for _, e := range p.policy.Alias {
		p.cfg.Aliases = append(p.cfg.Aliases, p.parseAlias(e))
	}
	p.refuseLoops()
	for i := range p.cfg.Aliases {
		p.familiesOfAlias(p.cfg.Aliases[i].Name)
	}
}

func (p *parser) parseAlias(e *entry[rawAlias]) Alias {
	r := e.body
	a := Alias{
		Name:        e.name(),
		Description: r.Description.s,
		Kind:        p.aliasKinds[e.name()],
		Pos:         e.node.keyPos(),
	}
	a.Addresses = p.addresses(r.Addresses, inAlias)
	a.Ports = p.ports(r.Ports)
	p.someAddress(r.Addresses, a.Addresses)
	p.aliasTerms[a.Name], p.aliasPorts[a.Name] = a.Addresses, a.Ports
	for _, l := range []list{r.Addresses, r.Ports} {
		for _, n := range l.items {
			if strings.HasPrefix(strings.TrimPrefix(n.text, "!"), "@") {
				p.aliasRefs[a.Name] = append(p.aliasRefs[a.Name], n)
			}
		}
	}
	a.URL = read(p, r.URL, parseURL)
	a.Refresh = p.aliasDuration(r.Refresh, a.Kind, AliasList, defaultRefresh, shortestRefresh)
	a.Timeout = p.aliasDuration(r.Timeout, a.Kind, AliasDynamic, 0, time.Second)
	if a.Kind == AliasDynamic {
		a.Size = defaultDynamicSize
		if r.Size.set() {
			a.Size = r.Size.v
		}
		if r.Dynamic.set() && !r.Dynamic.v {
			p.at(r.Dynamic.node, "false says nothing: remove the alias, or write one of addresses, ports or url")
		}
	} else if r.Size.set() && a.Kind != 0 {
		p.atKey(r.Size.node, "belongs to an alias with dynamic, and this one has %s", aliasKeys.word(int(a.Kind)))
	}
	return a
}

// aliasDuration reads a duration that only aliases of one kind have.
func (p *parser) aliasDuration(t text, is, wants AliasKind, def, least time.Duration) time.Duration {
	if is != wants {
		if t.set() && is != 0 {
			p.atKey(t.node, "belongs to an alias with %s, and this one has %s", aliasKeys.word(int(wants)), aliasKeys.word(int(is)))
		}
		return 0
	}
	if !t.set() {
		return def
	}
	d := read(p, t, ParseDuration)
	if d < least {
		if _, err := ParseDuration(t.s); err == nil {
			p.at(t.node, "%s is too short: at least %s", t.s, FormatDuration(least))
		}
	}
	return d
}

func parseURL(s string) (string, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return "", fmt.Errorf("%q is no URL", s)
	case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "file":
		return "", fmt.Errorf("%q is no URL that is fetched: write https://, http:// or file: in front", s)
	case u.Scheme != "file" && u.Hostname() == "":
		return "", fmt.Errorf("%q names no host", s)
	case u.Scheme == "file" && (u.Path == "" && u.Opaque == "" || u.Host != ""):
		return "", fmt.Errorf("%q names no file: write \"file:///path\" or, beside the policy, \"file:name\"", s)
	}
	return s, nil
}

// refuseLoops reports each circle of aliases once, at the item that closes it.
func (p *parser) refuseLoops() {
	const visiting, done = 1, 2
	state := make(map[string]int)
	var visit func(path []string)
	visit = func(path []string) {
		name := path[len(path)-1]
		state[name] = visiting
		for _, n := range p.aliasRefs[name] {
			next := strings.TrimPrefix(strings.TrimPrefix(n.text, "!"), "@")
			switch {
			case state[next] == visiting:
				p.at(n, "aliases run in a circle: %s", circle(path, next))
			case state[next] == 0:
				visit(append(path, next))
			}
		}
		state[name] = done
	}
	for _, a := range p.cfg.Aliases {
		if state[a.Name] == 0 {
			visit([]string{a.Name})
		}
	}
}

// circle writes the part of path that comes back to name.
func circle(path []string, name string) string {
	for path[0] != name {
		path = path[1:]
	}
	return "@" + strings.Join(path, " -> @") + " -> @" + name
}
