package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Packet is the first packet of a flow as its sender wrote it, and the
// interface that it comes in by: what a [[test]] and `rempart explain` ask about.
type Packet struct {
	In       string // interface of the policy
	Protocol Protocol
	Src, Dst netip.Addr // of one family
	SrcPort  uint16     // 0 where the protocol has none
	DstPort  uint16
	ICMPType uint8
	ICMPCode uint8
	TCPFlags uint8 // as in the header; 0: a SYN
}

// usualSourcePort is what a packet is sent from that does not say: one of those
// that every system gives out.
const usualSourcePort = 40000

// packetExample is what a packet looks like, for messages.
const packetExample = `"lan tcp 10.1.2.9:40000 -> 198.51.100.7:443"`

// ParsePacket reads a packet: the interface that it comes in by, the protocol,
// source and destination, and what the protocol has beside ports.
//
//	lan tcp 10.1.2.9:40000 -> 198.51.100.7:443
//	lan tcp 10.1.2.9 -> 198.51.100.7:https syn,ack
//	lan udp [2001:db8::9]:5353 -> [2001:db8::1]:domain
//	lan icmp 10.1.2.9 -> 10.1.2.1 echo-request
//	lan gre 10.1.2.9 -> 198.51.100.7
//
// The source port may be left out, TCP flags default to a SYN and the ICMP type
// to an echo request. Whether there is such an interface is not asked.
func ParsePacket(s string) (Packet, error) {
	front, back, ok := strings.Cut(s, "->")
	from, to := strings.Fields(front), strings.Fields(back)
	if !ok || len(from) != 3 || len(to) < 1 || len(to) > 2 {
		return Packet{}, fmt.Errorf("%q is no packet such as %s", s, packetExample)
	}
	p := Packet{In: from[0]}
	if p.In == "self" {
		return Packet{}, fmt.Errorf("what the gateway itself sends may always leave: write the interface that a packet comes in by, as in %s", packetExample)
	}
	err := checkName(p.In)
	if err != nil {
		return Packet{}, fmt.Errorf("interface: %w", err)
	}
	if p.Protocol, err = ParseProtocol(from[1]); err != nil {
		return Packet{}, err
	}
	if p.Src, p.SrcPort, err = p.Protocol.parseEnd(from[2]); err != nil {
		return Packet{}, fmt.Errorf("source: %w", err)
	}
	if p.Dst, p.DstPort, err = p.Protocol.parseEnd(to[0]); err != nil {
		return Packet{}, fmt.Errorf("destination: %w", err)
	}
	if err := p.checkEnds(); err != nil {
		return Packet{}, err
	}
	if err := p.parseRest(to[1:]); err != nil {
		return Packet{}, err
	}
	return p, nil
}

// Packet reads a packet (ParsePacket) that comes in by an interface of c.
func (c *Config) Packet(s string) (Packet, error) {
	p, err := ParsePacket(s)
	if err != nil || c.Interface(p.In) != nil {
		return p, err
	}
	names := make([]string, len(c.Interfaces))
	for i, known := range c.Interfaces {
		names[i] = known.Name
	}
	return Packet{}, fmt.Errorf("no interface %q%s", p.In, suggest(p.In, names))
}

// parseEnd reads an address, and its port where p has ports and one is given.
func (p Protocol) parseEnd(s string) (netip.Addr, uint16, error) {
	host, port := s, ""
	switch inner, bracketed := strings.CutPrefix(s, "["); {
	case bracketed:
		var closed bool
		if host, port, closed = strings.Cut(inner, "]"); !closed || port != "" && port[0] != ':' {
			return netip.Addr{}, 0, fmt.Errorf("%q is no address with a port such as \"[2001:db8::9]:443\"", s)
		}
	case strings.Count(s, ":") == 1:
		i := strings.IndexByte(s, ':')
		host, port = s[:i], s[i:]
	}
	if _, err := netip.ParseAddr(host); err != nil {
		return netip.Addr{}, 0, fmt.Errorf("%q is no address", host)
	}
	a, err := parseAddr(host)
	if err != nil || port == "" {
		return a, 0, err
	}
	if !p.HasPorts() {
		return a, 0, fmt.Errorf("%s has no ports: write %s", p, a)
	}
	r, err := parsePortRange(port[1:])
	if err == nil && r.From != r.To {
		err = fmt.Errorf("a packet has one port, not %s", r)
	}
	return a, r.From, err
}

// checkEnds makes sure that source and destination go together, and gives the
// source the port that it may lack.
func (p *Packet) checkEnds() error {
	switch {
	case p.Src.Is4() != p.Dst.Is4():
		return fmt.Errorf("%s and %s are of two families", p.Src, p.Dst)
	case p.Protocol == ICMP && p.Src.Is6():
		return fmt.Errorf("icmp is IPv4's own: write icmpv6 between %s and %s", p.Src, p.Dst)
	case p.Protocol == ICMPv6 && p.Src.Is4():
		return fmt.Errorf("icmpv6 is IPv6's own: write icmp between %s and %s", p.Src, p.Dst)
	case !p.Protocol.HasPorts():
		return nil
	case p.DstPort == 0:
		return fmt.Errorf("the destination lacks its port: write %s", netip.AddrPortFrom(p.Dst, 443))
	case p.SrcPort == 0:
		p.SrcPort = usualSourcePort
	}
	return nil
}

// parseRest reads what may stand after the destination.
func (p *Packet) parseRest(words []string) error {
	switch {
	case p.Protocol == ICMP || p.Protocol == ICMPv6:
		word := "echo-request"
		if len(words) > 0 {
			word = words[0]
		}
		t, err := ParseICMPType(p.Protocol, word)
		p.ICMPType, p.ICMPCode = t.Type, uint8(max(t.Code, 0))
		return err
	case len(words) == 0:
		return nil
	case p.Protocol == TCP:
		return p.parseFlags(words[0])
	}
	return fmt.Errorf("%q after the destination: only tcp has flags there, and icmp a type", words[0])
}

// parseFlags reads "syn,ack"; a bare SYN is what 0 means.
func (p *Packet) parseFlags(s string) error {
	var f TCPFlags
	for item := range strings.SplitSeq(s, ",") {
		if strings.HasPrefix(item, "!") {
			return fmt.Errorf("%q: name the flags that are set, such as \"syn,ack\"", s)
		}
		if err := f.add(item); err != nil {
			return err
		}
	}
	if p.TCPFlags = f.Value; p.TCPFlags == onlySYN {
		p.TCPFlags = 0
	}
	return nil
}

// onlySYN is the flags of a packet that opens a connection (RFC 9293, 3.1).
const onlySYN = 0x02

// String writes p as ParsePacket reads it.
func (p Packet) String() string {
	s := p.In + " " + p.Protocol.String() + " " + p.end(p.Src, p.SrcPort) + " -> " + p.end(p.Dst, p.DstPort)
	switch {
	case p.Protocol == ICMP || p.Protocol == ICMPv6:
		t := ICMPType{Protocol: p.Protocol, Type: p.ICMPType, Code: int(p.ICMPCode)}
		if t.Code == 0 {
			t.Code = -1 // of a type that has no codes it would look odd, and elsewhere it is read as 0
		}
		s += " " + t.String()
	case p.TCPFlags != 0:
		s += " " + strings.ReplaceAll(TCPFlags{Mask: p.TCPFlags, Value: p.TCPFlags}.String(), " ", ",")
	}
	return s
}

func (p Packet) end(a netip.Addr, port uint16) string {
	switch {
	case !p.Protocol.HasPorts():
		return a.String()
	case a.Is6():
		return "[" + a.String() + "]:" + strconv.Itoa(int(port))
	}
	return a.String() + ":" + strconv.Itoa(int(port))
}
