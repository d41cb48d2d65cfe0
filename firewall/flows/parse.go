package flows

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// ParseFilter reads a filter from the words of a command line: pairs of a key and a value, all of which must hold; "and" may
// stand between them. A value may list several with commas, one of which must hold.
//
//	rule NAME             host ADDR     src ADDR|PREFIX    port N|N-M
//	gateway NAME|NUMBER   net PREFIX    dst ADDR|PREFIX    proto NAME|NUMBER
//	mark VALUE[/MASK]     state STATE
//
// Gateway 0 is the routing table. VALUE and MASK are as nft takes them, such as 0x20000/0xff0000. STATE is a TCP state such as
// established, a status such as assured or src-nat, or unreplied. The protocol icmp is that of both families, as in a rule.
func ParseFilter(words []string, numbers Numbers) (Filter, error) {
	var f Filter
	for len(words) > 0 {
		if words[0] == "and" && len(f) > 0 && len(words) > 1 {
			words = words[1:]
		}
		read := numbers.termReader(words[0])
		if read == nil {
			return nil, fmt.Errorf("filter: %q: want rule, gateway, mark, host, net, src, dst, port, proto or state", words[0])
		}
		if len(words) == 1 {
			return nil, fmt.Errorf("filter: %s: a value must follow", words[0])
		}
		t, err := read(words[1])
		if err != nil {
			return nil, fmt.Errorf("filter: %s: %w", words[0], err)
		}
		f = append(f, t)
		words = words[2:]
	}
	return f, nil
}

// termReader returns what reads the value of a key, nil for an unknown key.
func (n Numbers) termReader(key string) func(value string) (Term, error) {
	switch key {
	case "rule":
		return func(v string) (Term, error) { return list[Rules](v, n.parseRule) }
	case "gateway":
		return func(v string) (Term, error) { return list[Gateways](v, n.parseGateway) }
	case "mark":
		return func(v string) (Term, error) { return list[Marks](v, parseBits) }
	case "host":
		return func(v string) (Term, error) { return list[Hosts](v, parseHost) }
	case "net":
		return func(v string) (Term, error) { return list[Hosts](v, parseNet) }
	case "src":
		return func(v string) (Term, error) { return list[Sources](v, parseEither) }
	case "dst":
		return func(v string) (Term, error) { return list[Destinations](v, parseEither) }
	case "port":
		return func(v string) (Term, error) { return list[Ports](v, parsePorts) }
	case "proto":
		return parseProtos
	case "state":
		return func(v string) (Term, error) { return list[States](v, parseState) }
	}
	return nil
}

// list reads the members of a comma-separated value.
func list[S ~[]E, E any](value string, parse func(string) (E, error)) (S, error) {
	var s S
	for word := range strings.SplitSeq(value, ",") {
		e, err := parse(word)
		if err != nil {
			return nil, err
		}
		s = append(s, e)
	}
	return s, nil
}

func parseBits(s string) (Bits, error) {
	value, mask, masked := strings.Cut(s, "/")
	if !masked {
		mask = "0xffffffff"
	}
	v, err1 := strconv.ParseUint(value, 0, 32)
	m, err2 := strconv.ParseUint(mask, 0, 32)
	if err1 != nil || err2 != nil {
		return Bits{}, fmt.Errorf("%q: want a mark such as 0x20000/0xff0000", s)
	}
	if v&^m != 0 {
		return Bits{}, fmt.Errorf("%q: the value has bits that the mask does not cover", s)
	}
	return Bits{uint32(v), uint32(m)}, nil
}

func parseHost(s string) (netip.Prefix, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("%q: want an address", s)
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), nil
}

func parseNet(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q: want a prefix such as 10.0.0.0/8", s)
	}
	return p, nil
}

func parseEither(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		return parseNet(s)
	}
	return parseHost(s)
}

func parsePorts(s string) (PortRange, error) {
	low, high, isRange := strings.Cut(s, "-")
	if !isRange {
		high = low
	}
	first, err1 := strconv.ParseUint(low, 10, 16)
	last, err2 := strconv.ParseUint(high, 10, 16)
	if err1 != nil || err2 != nil || first == 0 || first > last {
		return PortRange{}, fmt.Errorf("%q: want a port from 1 to 65535, or a range such as 8000-8080", s)
	}
	return PortRange{uint16(first), uint16(last)}, nil
}

func parseProtos(value string) (Term, error) {
	ps, err := list[Protos](value, ParseProto)
	if err != nil {
		return nil, err
	}
	for word := range strings.SplitSeq(value, ",") {
		if strings.EqualFold(word, ProtoICMP.String()) {
			ps = append(ps, ProtoICMPv6)
		}
	}
	return ps, nil
}

func parseState(s string) (State, error) {
	if s == "unreplied" {
		return State{Without: SeenReply}, nil
	}
	if st, err := ParseTCPState(s); err == nil && st != 0 {
		return State{TCP: st}, nil
	}
	if bit, err := parseStatus(strings.ToLower(s)); err == nil && bit != 0 {
		return State{With: bit}, nil
	}
	return State{}, fmt.Errorf("%q: want a TCP state such as established, a status such as assured or src-nat, or unreplied", s)
}
