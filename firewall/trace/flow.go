package trace

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/rempart/rempart/config"
)

// Self is the interface of what the gateway itself sends.
const Self = "self"

// Flow says which packets are followed. What is zero is any.
type Flow struct {
	In              string // interface of the policy, or Self
	Protocol        Protocol
	Source          config.Range
	Destination     config.Range
	SourcePort      config.PortRange
	DestinationPort config.PortRange
	ICMP            *config.ICMPType
	TCPFlags        *config.TCPFlags
}

// Protocol is a protocol, or any.
type Protocol struct {
	Known  bool
	Number config.Protocol
}

// is says that it is a protocol and no other.
func (p Protocol) is(n config.Protocol) bool { return p.Known && p.Number == n }

// flowExample is what a flow looks like, for messages.
const flowExample = `"lan tcp 10.1.2.9 -> 198.51.100.7:443"`

// ParseFlow reads a flow: what may stand in a packet (config.ParsePacket), of
// which every part may be missing or any but the arrow. Addresses may be networks and
// ranges, ports ranges; self stands for what the gateway itself sends.
//
//	lan tcp 10.1.2.9 -> 198.51.100.7:443
//	lan tcp any -> any:443 syn
//	icmp -> 198.51.100.7 echo-request
//	10.1.2.0/24 ->
//
// Whether there is such an interface is not asked.
func ParseFlow(s string) (Flow, error) {
	front, back, ok := strings.Cut(s, "->")
	if !ok {
		return Flow{}, fmt.Errorf("%q lacks the arrow of a flow such as %s", s, flowExample)
	}
	var f Flow
	if err := f.parseFront(strings.Fields(front)); err != nil {
		return Flow{}, err
	}
	if err := f.parseBack(strings.Fields(back)); err != nil {
		return Flow{}, err
	}
	return f, f.check()
}

const anything = "any"

// parseFront reads interface, protocol and source from the right, since each of them may be missing.
func (f *Flow) parseFront(words []string) (err error) {
	take := func(fits func(string) bool) (string, bool) {
		if n := len(words); n > 0 && fits(words[n-1]) {
			word := words[n-1]
			words = words[:n-1]
			return word, true
		}
		return "", false
	}
	if word, ok := take(isEnd); ok {
		if f.Source, f.SourcePort, err = parseEnd(word); err != nil {
			return fmt.Errorf("source: %w", err)
		}
	}
	if word, ok := take(isProtocol); ok && word != anything {
		if f.Protocol.Number, err = config.ParseProtocol(word); err != nil {
			return err
		}
		f.Protocol.Known = true
	}
	if word, ok := take(func(string) bool { return true }); ok && word != anything {
		f.In = word
	}
	if len(words) > 0 {
		return fmt.Errorf("%q before the arrow: want interface, protocol and source as in %s", strings.Join(words, " "), flowExample)
	}
	return nil
}

func isEnd(word string) bool { return word == anything || strings.ContainsAny(word, ".:/") }

func isProtocol(word string) bool {
	_, err := config.ParseProtocol(word)
	return word == anything || err == nil
}

// parseBack reads the destination and what the protocol has beside ports.
func (f *Flow) parseBack(words []string) (err error) {
	if len(words) > 0 && isEnd(words[0]) {
		if f.Destination, f.DestinationPort, err = parseEnd(words[0]); err != nil {
			return fmt.Errorf("destination: %w", err)
		}
		words = words[1:]
	}
	if len(words) == 0 {
		return nil
	}
	if len(words) > 1 {
		return fmt.Errorf("%q after the arrow: want a destination as in %s", strings.Join(words, " "), flowExample)
	}
	switch {
	case f.Protocol.is(config.TCP):
		flags, err := parseFlags(words[0])
		f.TCPFlags = &flags
		return err
	case f.Protocol.is(config.ICMP), f.Protocol.is(config.ICMPv6):
		kind, err := config.ParseICMPType(f.Protocol.Number, words[0])
		f.ICMP = &kind
		return err
	}
	return fmt.Errorf("%q after the arrow: only tcp has flags there, and icmp a type", words[0])
}

// parseFlags reads flags of which those that are not named are not set, as in a
// packet, but for those that a connection may open with or without.
func parseFlags(s string) (config.TCPFlags, error) {
	const decisive = config.FlagFIN | config.FlagSYN | config.FlagRST | config.FlagACK
	if strings.Contains(s, "!") {
		return config.TCPFlags{}, fmt.Errorf("%q: name the flags that are set, such as \"syn,ack\"", s)
	}
	f, err := config.ParseTCPFlags(s)
	f.Mask |= decisive
	return f, err
}

// parseEnd reads ADDRESS, ADDRESS:PORT, any:PORT or :PORT, an IPv6 address with a port in brackets.
func parseEnd(s string) (r config.Range, ports config.PortRange, err error) {
	host, port, hasPort := s, "", false
	switch inner, bracketed := strings.CutPrefix(s, "["); {
	case bracketed:
		var rest string
		host, rest, _ = strings.Cut(inner, "]")
		if port, hasPort = strings.CutPrefix(rest, ":"); !hasPort {
			return r, ports, fmt.Errorf("%q is no address with a port such as \"[2001:db8::9]:443\"", s)
		}
	case strings.Count(s, ":") == 1:
		host, port, hasPort = strings.Cut(s, ":")
	}
	if host != "" && host != anything {
		if r, err = config.ParseRange(host); err != nil {
			return r, ports, err
		}
	}
	if !hasPort || port == anything {
		return r, ports, nil
	}
	term, err := config.ParsePortTerm(port)
	if err == nil && (term.Exclude || term.Alias != "") {
		err = fmt.Errorf("%q is no port or range of ports", port)
	}
	return r, term.Range, err
}

// check makes sure that the parts go together.
func (f Flow) check() error {
	from, to := f.Source.From, f.Destination.From
	switch {
	case from.IsValid() && to.IsValid() && from.Is4() != to.Is4():
		return fmt.Errorf("%s and %s are of two families", f.Source, f.Destination)
	case f.Protocol.is(config.ICMP) && (from.Is6() || to.Is6()):
		return fmt.Errorf("icmp is IPv4's own: write icmpv6")
	case f.Protocol.is(config.ICMPv6) && (from.Is4() || to.Is4()):
		return fmt.Errorf("icmpv6 is IPv6's own: write icmp")
	case !f.ported():
		return nil
	case !f.Protocol.Known:
		return fmt.Errorf("a port needs its protocol, as in %s", flowExample)
	case !f.Protocol.Number.HasPorts():
		return fmt.Errorf("%s has no ports", f.Protocol.Number)
	}
	return nil
}

func (f Flow) ported() bool {
	return f.SourcePort != (config.PortRange{}) || f.DestinationPort != (config.PortRange{})
}

// family is the one address that says of which family the packets are; invalid: of either.
func (f Flow) family() netip.Addr {
	if f.Source.From.IsValid() {
		return f.Source.From
	}
	return f.Destination.From
}

// String writes f as ParseFlow reads it, with every part.
func (f Flow) String() string {
	in, protocol := f.In, anything
	if in == "" {
		in = anything
	}
	if f.Protocol.Known {
		protocol = f.Protocol.Number.String()
	}
	s := in + " " + protocol + " " + end(f.Source, f.SourcePort) + " -> " + end(f.Destination, f.DestinationPort)
	switch {
	case f.ICMP != nil:
		s += " " + f.ICMP.String()
	case f.TCPFlags != nil:
		s += " " + strings.ReplaceAll(config.TCPFlags{Mask: f.TCPFlags.Value, Value: f.TCPFlags.Value}.String(), " ", ",")
	}
	return s
}

func end(r config.Range, ports config.PortRange) string {
	s := anything
	if r.From.IsValid() {
		s = r.String()
	}
	switch {
	case ports == config.PortRange{}:
		return s
	case r.From.Is6():
		s = "[" + s + "]"
	}
	return s + ":" + ports.String()
}
