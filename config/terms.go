package config

import (
	"slices"
	"strings"
)

// termPlace is where an address list stands, which decides what it may hold.
type termPlace int

const (
	inRule termPlace = iota
	inAlias
	inTarget
	inPool
	inAdmin
)

// addresses reads an address list. Faulty items are left out.
func (p *parser) addresses(l list, where termPlace) []AddressTerm {
	if len(l.items) == 0 {
		return nil
	}
	terms := make([]AddressTerm, 0, len(l.items))
	for _, n := range l.items {
		t, err := ParseAddressTerm(n.text)
		if err != nil {
			p.at(n, "%v%s", err, p.otherMeaning(strings.TrimPrefix(n.text, "!")))
			continue
		}
		t.Pos = n.pos()
		if p.checkTerm(n, t, where) {
			terms = append(terms, t)
		}
	}
	return terms
}

// otherMeaning says what somebody may have meant who wrote a bare name.
func (p *parser) otherMeaning(s string) string {
	name, _, _ := strings.Cut(s, ":")
	switch {
	case p.aliases[s] != nil:
		return "; the alias is \"@" + s + "\""
	case p.interfaces[name] != nil:
		return "; write \"" + name + ":network\" for its networks or \"" + name + ":address\" for the gateway's addresses on it"
	case p.zones[name] != nil:
		return "; it is a zone: write its interfaces, as in \"" + p.zoneExample(name) + ":network\""
	}
	return ""
}

func (p *parser) zoneExample(zone string) string {
	if l := p.zones[zone].child("interfaces"); l != nil && len(l.children) > 0 {
		return l.children[0].text
	}
	return "lan"
}

// checkTerm resolves the name in t and refuses what cannot stand here.
func (p *parser) checkTerm(n *node, t AddressTerm, where termPlace) bool {
	switch t.Kind {
	case TermAlias:
		return p.referName(n, t.Name, "alias", p.aliases) && p.checkAliasTerm(n, t, where)
	case TermNetwork, TermAddress:
		if p.zones[t.Name] != nil {
			p.at(n, "%q is a zone: write its interfaces, as in \"%s:%s\"", t.Name, p.zoneExample(t.Name), t.Kind)
			return false
		}
		if !p.referName(n, t.Name, "interface", p.interfaces) {
			return false
		}
	case TermDomain:
		return p.checkDomainTerm(n, t, where)
	}
	if where == inTarget && (t.Kind == TermAny || t.Kind == TermSelf || t.Kind == TermNetwork) {
		p.at(n, "%s is no target: write addresses, an alias or \"lan:address\"", t)
		return false
	}
	if where == inPool && t.Kind != TermRange {
		p.at(n, "%s is no pool: write addresses, a range or an alias", t)
		return false
	}
	return true
}

func (p *parser) checkAliasTerm(n *node, t AddressTerm, where termPlace) bool {
	kind := p.aliasKinds[t.Name]
	switch {
	case kind == AliasPorts:
		p.at(n, "alias %q holds ports, not addresses", t.Name)
	case kind == AliasDynamic && where == inAlias:
		p.at(n, "alias %q is dynamic and cannot be part of another: name both where they are used", t.Name)
	case kind == AliasDynamic && where == inAdmin:
		p.at(n, "alias %q is filled by traffic and cannot say who administers the gateway", t.Name)
	case where == inTarget && (kind == AliasDynamic || kind == AliasList):
		p.at(n, "alias %q changes by itself and cannot be a target: write addresses", t.Name)
	case where == inPool && (kind == AliasDynamic || kind == AliasList):
		p.at(n, "alias %q changes by itself and cannot be a pool: write addresses", t.Name)
	default:
		return true
	}
	return false
}

func (p *parser) checkDomainTerm(n *node, t AddressTerm, where termPlace) bool {
	switch {
	case where != inAlias && p.interfaces[t.Name] != nil:
		p.at(n, "%q is no address%s", t.Name, p.otherMeaning(t.Name))
	case where != inAlias:
		p.at(n, "the name %s has to stand in an alias, which keeps its addresses: write [alias.x] with addresses = [%q], and \"@x\" here", t.Name, t.Name)
	case t.Exclude:
		p.at(n, "the name %s cannot be excluded: while it does not resolve, nothing would be", t.Name)
	default:
		return true
	}
	return false
}

// ports reads a port list. Faulty items are left out.
func (p *parser) ports(l list) []PortTerm {
	if len(l.items) == 0 {
		return nil
	}
	terms := make([]PortTerm, 0, len(l.items))
	for _, n := range l.items {
		t, err := ParsePortTerm(n.text)
		if err != nil {
			hint := ""
			if p.aliases[strings.TrimPrefix(n.text, "!")] != nil {
				hint = "; the alias is \"@" + strings.TrimPrefix(n.text, "!") + "\""
			}
			p.at(n, "%v%s", err, hint)
			continue
		}
		if t.Alias != "" {
			if !p.referName(n, t.Alias, "alias", p.aliases) {
				continue
			}
			if k := p.aliasKinds[t.Alias]; k != AliasPorts && k != 0 {
				p.at(n, "alias %q holds addresses, not ports", t.Alias)
				continue
			}
		}
		t.Pos = n.pos()
		terms = append(terms, t)
	}
	return terms
}

// protocols reads a protocol list.
func (p *parser) protocols(l list) []Protocol {
	if len(l.items) == 0 {
		return nil
	}
	all := make([]Protocol, 0, len(l.items))
	for _, n := range l.items {
		proto, err := ParseProtocol(n.text)
		switch {
		case err != nil:
			p.at(n, "%v", err)
			continue
		case slices.Contains(all, proto):
			p.at(n, "%s stands twice", proto)
			continue
		}
		all = append(all, proto)
	}
	return all
}
