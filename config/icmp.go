package config

import (
	"fmt"
	"strconv"
	"strings"
)

// icmpName gives a type, and perhaps a code, its name. Of two names for one
// type the first is the one that is printed.
type icmpName struct {
	name string
	typ  uint8
	code int
}

var icmp4Names = [...]icmpName{
	{"echo-reply", 0, -1}, {"destination-unreachable", 3, -1}, {"source-quench", 4, -1},
	{"redirect", 5, -1}, {"echo-request", 8, -1}, {"router-advertisement", 9, -1},
	{"router-solicitation", 10, -1}, {"time-exceeded", 11, -1}, {"parameter-problem", 12, -1},
	{"timestamp-request", 13, -1}, {"timestamp-reply", 14, -1}, {"info-request", 15, -1},
	{"info-reply", 16, -1}, {"address-mask-request", 17, -1}, {"address-mask-reply", 18, -1},
	{"net-unreachable", 3, 0}, {"host-unreachable", 3, 1}, {"prot-unreachable", 3, 2},
	{"port-unreachable", 3, 3}, {"frag-needed", 3, 4}, {"net-prohibited", 3, 9},
	{"host-prohibited", 3, 10}, {"admin-prohibited", 3, 13}, {"ttl-exceeded", 11, 0},
}

var icmp6Names = [...]icmpName{
	{"destination-unreachable", 1, -1}, {"packet-too-big", 2, -1}, {"time-exceeded", 3, -1},
	{"parameter-problem", 4, -1}, {"echo-request", 128, -1}, {"echo-reply", 129, -1},
	{"mld-listener-query", 130, -1}, {"mld-listener-report", 131, -1},
	{"mld-listener-done", 132, -1}, {"mld-listener-reduction", 132, -1},
	{"nd-router-solicit", 133, -1}, {"router-solicitation", 133, -1},
	{"nd-router-advert", 134, -1}, {"router-advertisement", 134, -1},
	{"nd-neighbor-solicit", 135, -1}, {"nd-neighbor-advert", 136, -1},
	{"nd-redirect", 137, -1}, {"redirect", 137, -1}, {"router-renumbering", 138, -1},
	{"ind-neighbor-solicit", 141, -1}, {"ind-neighbor-advert", 142, -1},
	{"mld2-listener-report", 143, -1}, {"no-route", 1, 0}, {"admin-prohibited", 1, 1},
	{"addr-unreachable", 1, 3}, {"port-unreachable", 1, 4}, {"ttl-exceeded", 3, 0},
}

func icmpNames(p Protocol) []icmpName {
	if p == ICMPv6 {
		return icmp6Names[:]
	}
	return icmp4Names[:]
}

// ParseICMPType reads a type of p, which is ICMP or ICMPv6: a name such as
// "echo-request", a number, or either with a code behind a slash.
func ParseICMPType(p Protocol, s string) (ICMPType, error) {
	name, code, coded := strings.Cut(s, "/")
	t := ICMPType{Protocol: p, Code: -1}
	if n, err := strconv.ParseUint(name, 10, 64); err == nil {
		if n > 255 {
			return ICMPType{}, fmt.Errorf("%s type %s is out of range: 0 to 255", p, name)
		}
		t.Type = uint8(n)
	} else {
		known, err := findICMPName(p, name)
		if err != nil {
			return ICMPType{}, err
		}
		t.Type, t.Code = known.typ, known.code
	}
	if !coded {
		return t, nil
	}
	n, err := strconv.ParseUint(code, 10, 8)
	if err != nil || t.Code >= 0 {
		return ICMPType{}, fmt.Errorf("%q is no %s type and code: write two numbers such as \"3/4\"", s, p)
	}
	t.Code = int(n)
	return t, nil
}

func findICMPName(p Protocol, name string) (icmpName, error) {
	var names []string
	for _, known := range icmpNames(p) {
		if known.name == name {
			return known, nil
		}
		names = append(names, known.name)
	}
	return icmpName{}, fmt.Errorf("no %s type %q%s", p, name, suggest(name, names))
}

// String writes t as the language does: a name where there is one.
func (t ICMPType) String() string {
	s := strconv.Itoa(int(t.Type))
	for _, known := range icmpNames(t.Protocol) {
		if known.typ == t.Type && known.code == t.Code {
			return known.name
		}
		if known.typ == t.Type && known.code < 0 && s[0] <= '9' {
			s = known.name
		}
	}
	if t.Code >= 0 {
		s += "/" + strconv.Itoa(t.Code)
	}
	return s
}
