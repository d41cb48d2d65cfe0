package config

import (
	"fmt"
	"net/netip"
	"strings"

	"go4.org/netipx"
)

// ParseAddressTerm reads one item of a source, destination or alias: "any",
// "self", "@alias", "lan:network", "lan:address", an address, a network, a range
// or a domain name, each perhaps with a leading "!". Names are not resolved.
func ParseAddressTerm(s string) (AddressTerm, error) {
	body, exclude := strings.CutPrefix(s, "!")
	t := AddressTerm{Exclude: exclude}
	switch {
	case body == "any" && exclude:
		return t, fmt.Errorf("\"!any\" leaves nothing: remove it")
	case body == "any":
		t.Kind = TermAny
		return t, nil
	case body == "self":
		t.Kind = TermSelf
		return t, nil
	}
	if kind, name := namedTerm(body); kind != 0 {
		t.Kind, t.Name = kind, name
		if name == "" {
			return t, fmt.Errorf("%q lacks the name", s)
		}
		return t, nil
	}
	if isDomain(body) {
		t.Kind, t.Name = TermDomain, strings.ToLower(body)
		return t, nil
	}
	r, err := ParseRange(body)
	t.Kind, t.Range = TermRange, r
	return t, err
}

// namedTerm takes "@web", "lan:network" and "lan:address" apart; the kind is 0
// when s is none of them.
func namedTerm(s string) (TermKind, string) {
	if name, ok := strings.CutPrefix(s, "@"); ok {
		return TermAlias, name
	}
	if name, ok := strings.CutSuffix(s, ":network"); ok {
		return TermNetwork, name
	}
	if name, ok := strings.CutSuffix(s, ":address"); ok {
		return TermAddress, name
	}
	return 0, ""
}

// ParseRange reads an address, a network or a range "10.0.0.1-10.0.0.9" of one
// family. A network has no host bits.
func ParseRange(s string) (Range, error) {
	if first, last, ok := strings.Cut(s, "-"); ok {
		return parseFromTo(s, first, last)
	}
	if strings.Contains(s, "/") {
		p, err := parseNetwork(s)
		if err != nil {
			return Range{}, err
		}
		r := netipx.RangeOfPrefix(p)
		return Range{r.From(), r.To()}, nil
	}
	a, err := parseAddr(s)
	return Range{a, a}, err
}

func parseFromTo(s, first, last string) (Range, error) {
	from, err := parseAddr(first)
	if err != nil {
		return Range{}, fmt.Errorf("%q is no address, network or range", s)
	}
	to, err := parseAddr(last)
	if err != nil {
		return Range{}, fmt.Errorf("%q is no range: write both ends in full, such as \"%s-%s\"", s, from, from.Next())
	}
	if from.BitLen() != to.BitLen() {
		return Range{}, fmt.Errorf("the range %s is of two families", s)
	}
	if to.Less(from) {
		return Range{}, fmt.Errorf("the range %s runs the wrong way: write %s-%s", s, to, from)
	}
	return Range{from, to}, nil
}

// parseAddr reads an address as a policy may have it: without zone, and no
// IPv4 address in IPv6 clothes, which no packet carries.
func parseAddr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	switch {
	case err != nil:
		return netip.Addr{}, fmt.Errorf("%q is no address, network or range", s)
	case a.Zone() != "":
		return netip.Addr{}, fmt.Errorf("%s has a zone: write %s", s, a.WithZone(""))
	case a.Is4In6():
		return netip.Addr{}, fmt.Errorf("%s is an IPv4 address written as IPv6: write %s", s, a.Unmap())
	}
	return a, nil
}

// parsePrefix reads an address with its prefix length and keeps the host bits.
func parsePrefix(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		if a, aerr := parseAddr(s); aerr == nil {
			return netip.Prefix{}, fmt.Errorf("%s lacks its prefix length: write it as %s/%d or shorter", s, s, a.BitLen())
		}
		return netip.Prefix{}, fmt.Errorf("%q is no address with a prefix length such as \"10.1.2.1/24\"", s)
	}
	if p.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%s is an IPv4 network written as IPv6: write the IPv4 one", s)
	}
	return p, nil
}

// parseNetwork reads a prefix without host bits.
func parseNetwork(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return netip.Prefix{}, fmt.Errorf("%q is no network such as \"10.1.2.0/24\"", s)
	case p.Addr().Is4In6():
		return netip.Prefix{}, fmt.Errorf("%s is an IPv4 network written as IPv6: write the IPv4 one", s)
	case p != p.Masked():
		return netip.Prefix{}, fmt.Errorf("%s has host bits: write %s for the network or %s for the host", s, p.Masked(), p.Addr())
	}
	return p, nil
}

// isDomain says whether s can be a domain name of two or more labels. The last
// label has a letter first, so that no wrong address is taken for a name.
func isDomain(s string) bool {
	s = strings.TrimSuffix(s, ".")
	last := s[strings.LastIndexByte(s, '.')+1:]
	if len(last) == len(s) || last == "" || !isLetter(last[0]) || len(s) > 253 {
		return false
	}
	for l := range strings.SplitSeq(s, ".") {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' || strings.IndexFunc(l, notInName) >= 0 {
			return false
		}
	}
	return true
}

// notInName says whether r may not stand in a label of a domain name.
// Underscores are not allowed in host names, but DNS has them.
func notInName(r rune) bool {
	return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
}

// String writes r as the language does: an address, a network where r is one,
// or "from-to".
func (r Range) String() string {
	if r.From == r.To {
		return r.From.String()
	}
	if p, ok := netipx.IPRangeFrom(r.From, r.To).Prefix(); ok {
		return p.String()
	}
	return r.From.String() + "-" + r.To.String()
}

// Contains says whether a is in r; addresses of the other family are not.
func (r Range) Contains(a netip.Addr) bool {
	return a.BitLen() == r.From.BitLen() && !a.Less(r.From) && !r.To.Less(a)
}

// String writes t as the language does: "@web", "!10.1.3.25", "lan:network".
func (t AddressTerm) String() string {
	s := ""
	switch t.Kind {
	case TermAny:
		s = "any"
	case TermSelf:
		s = "self"
	case TermRange:
		s = t.Range.String()
	case TermAlias:
		s = "@" + t.Name
	case TermNetwork:
		s = t.Name + ":network"
	case TermAddress:
		s = t.Name + ":address"
	case TermDomain:
		s = t.Name
	}
	if t.Exclude {
		return "!" + s
	}
	return s
}
