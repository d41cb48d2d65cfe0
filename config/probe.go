package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// dnsPort is where a name server listens (RFC 1035, 4.2).
const dnsPort = 53

// ParseProbe reads what a gateway is asked by: an address for ICMP,
// "tcp://192.0.2.7:443", or "dns://192.0.2.53/example.org", perhaps with a port.
// IPv6 addresses stand in brackets behind tcp:// and dns://.
func ParseProbe(s string) (Probe, error) {
	p, err := Probe{Kind: ProbeICMP}, error(nil)
	scheme, rest, ok := strings.Cut(s, "://")
	switch {
	case !ok:
		p.Address, err = parseHostAddr(s)
	case scheme == ProbeTCP.String():
		p.Kind = ProbeTCP
		if p.Address, p.Port, err = parseHostPort(rest); err == nil && p.Port == 0 {
			err = fmt.Errorf("%q lacks the port: write one such as \"tcp://192.0.2.7:443\"", s)
		}
	case scheme == ProbeDNS.String():
		p, err = parseQuestion(s, rest)
	default:
		err = fmt.Errorf("%q is no way to ask: write an address for ICMP, \"tcp://192.0.2.7:443\" or \"dns://192.0.2.53/example.org\"", s)
	}
	if err != nil {
		return Probe{}, err
	}
	return p, nil
}

// parseQuestion reads what follows dns:// in s.
func parseQuestion(s, rest string) (Probe, error) {
	host, name, _ := strings.Cut(rest, "/")
	a, port, err := parseHostPort(host)
	switch {
	case err != nil:
		return Probe{}, err
	case name == "":
		return Probe{}, fmt.Errorf("%q lacks the name that is asked for: write one such as \"dns://192.0.2.53/example.org\"", s)
	case !isDomain(name):
		return Probe{}, fmt.Errorf("%q is no name that can be asked for, such as \"example.org\"", name)
	case port == 0:
		port = dnsPort
	}
	return Probe{Kind: ProbeDNS, Address: a, Port: port, Name: strings.ToLower(strings.TrimSuffix(name, ".")) + "."}, nil
}

// parseHostPort reads an address with the port that may follow it; 0: none does.
func parseHostPort(s string) (netip.Addr, uint16, error) {
	host, port, hasPort := s, "", false
	switch inner, bracketed := strings.CutPrefix(s, "["); {
	case bracketed:
		var rest string
		var closed bool
		host, rest, closed = strings.Cut(inner, "]")
		if port, hasPort = strings.CutPrefix(rest, ":"); !closed || rest != "" && !hasPort {
			return netip.Addr{}, 0, fmt.Errorf("%q is no address with a port such as \"[2001:db8::9]:443\"", s)
		}
	case strings.Count(s, ":") == 1:
		host, port, hasPort = strings.Cut(s, ":")
	case strings.Contains(s, ":"):
		return netip.Addr{}, 0, fmt.Errorf("%q has to stand in brackets, such as \"[2001:db8::9]\"", s)
	}
	a, err := parseHostAddr(host)
	if err != nil || !hasPort {
		return a, 0, err
	}
	if port == "" || strings.Trim(port, "0123456789") != "" {
		return a, 0, fmt.Errorf("%q is no port: write its number", port)
	}
	n, err := parsePort(port)
	return a, n, err
}

// String writes p as ParseProbe reads it; one without an address is "the gateway itself".
func (p Probe) String() string {
	if !p.Address.IsValid() {
		return "the gateway itself"
	}
	host := p.Address.String()
	if p.Kind == ProbeICMP {
		return host
	}
	if p.Address.Is6() {
		host = "[" + host + "]"
	}
	if p.Kind == ProbeTCP || p.Port != dnsPort {
		host += ":" + strconv.Itoa(int(p.Port))
	}
	if p.Kind == ProbeDNS {
		host += "/" + strings.TrimSuffix(p.Name, ".")
	}
	return p.Kind.String() + "://" + host
}
