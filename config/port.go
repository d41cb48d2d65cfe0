package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ParsePortTerm reads one item of a port list: a number, a range "8000-8080",
// a service name or "@alias", each perhaps with a leading "!".
func ParsePortTerm(s string) (PortTerm, error) {
	body, exclude := strings.CutPrefix(s, "!")
	t := PortTerm{Exclude: exclude}
	if alias, ok := strings.CutPrefix(body, "@"); ok {
		if alias == "" {
			return t, fmt.Errorf("%q lacks the name", s)
		}
		t.Alias = alias
		return t, nil
	}
	r, err := parsePortRange(body)
	t.Range = r
	return t, err
}

func parsePortRange(s string) (PortRange, error) {
	if port, ok := ServicePort(s); ok {
		return PortRange{port, port}, nil
	}
	if s == "any" {
		return PortRange{}, fmt.Errorf("no port \"any\": leave the key out")
	}
	if strings.Trim(s, "0123456789-") != "" {
		return PortRange{}, fmt.Errorf("no service %q%s", s, suggest(s, serviceNames()))
	}
	first, last, isRange := strings.Cut(s, "-")
	if !isRange {
		last = first
	}
	if first == "" || last == "" || strings.Contains(last, "-") {
		return PortRange{}, fmt.Errorf("%q is no port: write a number, a range such as \"8000-8080\", a service name or \"@alias\"", s)
	}
	from, err := parsePort(first)
	if err != nil {
		return PortRange{}, err
	}
	to, err := parsePort(last)
	if err != nil {
		return PortRange{}, err
	}
	if from > to {
		return PortRange{}, fmt.Errorf("the range %s runs the wrong way: write %d-%d", s, to, from)
	}
	return PortRange{from, to}, nil
}

// parsePort reads a port from digits.
func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n < 1 || n > 65535 {
		return 0, fmt.Errorf("port %s is out of range: 1 to 65535", s)
	}
	return uint16(n), nil
}

// String writes r as the language does: "80" or "8000-8080".
func (r PortRange) String() string {
	if r.From == r.To {
		return strconv.Itoa(int(r.From))
	}
	return strconv.Itoa(int(r.From)) + "-" + strconv.Itoa(int(r.To))
}

// Contains says whether port is in r.
func (r PortRange) Contains(port uint16) bool { return r.From <= port && port <= r.To }

// HasPort says whether port is in one of the ranges.
func HasPort(ranges []PortRange, port uint16) bool {
	return slices.ContainsFunc(ranges, func(r PortRange) bool { return r.Contains(port) })
}

// String writes t as the language does: "8000-8080", "@web_ports", "!22".
func (t PortTerm) String() string {
	s := t.Range.String()
	if t.Alias != "" {
		s = "@" + t.Alias
	}
	if t.Exclude {
		return "!" + s
	}
	return s
}
