package config

import (
	"fmt"
	"strings"
)

// words is the words of an enum, indexed by its values from 1.
type words []string

var (
	actionWords = words{"pass", "block", "reject"}
	natWords    = words{"automatic", "hybrid", "manual", "off"}
	onDownWords = words{"next", "block", "default-route"}
	moveWords   = words{"move", "end", "keep"}
	backWords   = words{"keep", "drain", "end"}
	warnWords   = words{"loss", "delay", "jitter"}
	learnWords  = words{"dhcp", "ra"}
	probeWords  = words{"icmp", "tcp", "dns"}
	helperWords = words{"ftp", "sip", "tftp", "pptp", "h323"}
	spreadWords = words{"source", "round-robin", "random"}
	vipWords    = words{"carp", "alias", "proxy_arp"}
	kindWords   = words{"unicast", "blackhole", "unreachable", "prohibit"}
	perWords    = words{"source", "all"}
	aliasWords  = words{"addresses", "ports", "list", "dynamic"}
	termWords   = words{"any", "range", "alias", "network", "address", "self", "domain"}
)

// otherWords is what other firewalls call our actions.
var otherWords = map[string]string{
	"accept": "pass", "allow": "pass", "permit": "pass", "drop": "block", "deny": "block", "discard": "block",
}

// value is the place of s among the words, counted from 1.
func (w words) value(s string) (int, error) {
	for i, word := range w {
		if word == s {
			return i + 1, nil
		}
	}
	if ours := otherWords[s]; ours != "" && w[0] == actionWords[0] {
		return 0, fmt.Errorf("%q is not known: write %q", s, ours)
	}
	return 0, fmt.Errorf("%q is not known%s", s, suggest(s, w))
}

func (w words) word(i int) string {
	if i < 1 || i > len(w) {
		return fmt.Sprintf("(%d)", i)
	}
	return w[i-1]
}

// String is the word of the language.
func (a Action) String() string { return actionWords.word(int(a)) }

// String is the word of the language.
func (m NATMode) String() string { return natWords.word(int(m)) }

// String is the word of the language.
func (o OnDown) String() string { return onDownWords.word(int(o)) }

// String is the word of the language.
func (o FailOver) String() string { return moveWords.word(int(o)) }

// String is the word of the language.
func (b FailBack) String() string { return backWords.word(int(b)) }

// String is the word of the language; empty for an address that is written.
func (l Learned) String() string {
	if l == LearnedNot {
		return ""
	}
	return learnWords.word(int(l))
}

// String names the kind.
func (k ProbeKind) String() string { return probeWords.word(int(k)) }

// String is the word of the language.
func (k VIPKind) String() string { return vipWords.word(int(k)) }

// String is the word of the language.
func (h Helper) String() string { return helperWords.word(int(h)) }

// String is the word of the language.
func (s Spread) String() string { return spreadWords.word(int(s)) }

// String is the word of the language, which is that of ip-route(8).
func (k RouteKind) String() string { return kindWords.word(int(k) + 1) }

// String lists the warnings as the language does, with a comma between; empty for none.
func (t Triggers) String() string {
	var on []string
	for i, set := range [...]bool{t.Loss, t.Delay, t.Jitter} {
		if set {
			on = append(on, warnWords[i])
		}
	}
	return strings.Join(on, ", ")
}

// String says where the alias has its content from.
func (k AliasKind) String() string { return aliasWords.word(int(k)) }

// String names the kind.
func (k TermKind) String() string { return termWords.word(int(k)) }

// String names the kind.
func (k PlaceKind) String() string {
	switch k {
	case PlaceInterface:
		return "interface"
	case PlaceZone:
		return "zone"
	case PlaceSelf:
		return "self"
	}
	return "any"
}

// String writes p as the language does: "any", "self", or the name.
func (p Place) String() string {
	if p.Kind == PlaceInterface || p.Kind == PlaceZone {
		return p.Name
	}
	return p.Kind.String()
}
