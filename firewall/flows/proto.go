package flows

import (
	"fmt"
	"strconv"
	"strings"
)

// Proto is an IP protocol number.
type Proto uint8

// Protocols that conntrack knows more of than their number.
const (
	ProtoICMP    Proto = 1
	ProtoTCP     Proto = 6
	ProtoUDP     Proto = 17
	ProtoDCCP    Proto = 33
	ProtoGRE     Proto = 47
	ProtoICMPv6  Proto = 58
	ProtoSCTP    Proto = 132
	ProtoUDPLite Proto = 136
)

// protoNames lists the names that are printed and read. The ones without a constant are those that people meet.
func protoNames() map[Proto]string {
	return map[Proto]string{
		ProtoICMP: "icmp", 2: "igmp", 4: "ipip", ProtoTCP: "tcp", ProtoUDP: "udp", ProtoDCCP: "dccp", 41: "ipv6", ProtoGRE: "gre",
		50: "esp", 51: "ah", ProtoICMPv6: "icmpv6", 89: "ospf", 103: "pim", 112: "carp", ProtoSCTP: "sctp", ProtoUDPLite: "udplite",
	}
}

// String is the protocol's name, or its number if it has none here.
func (p Proto) String() string {
	if name, ok := protoNames()[p]; ok {
		return name
	}
	return strconv.Itoa(int(p))
}

// ParseProto reads a name as String prints it, in either case, or a number.
func ParseProto(s string) (Proto, error) {
	for p, name := range protoNames() {
		if strings.EqualFold(s, name) {
			return p, nil
		}
	}
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil {
		return 0, fmt.Errorf("protocol %q: want a name such as tcp, udp, icmp, or a number up to 255", s)
	}
	return Proto(n), nil
}

// MarshalText is String, for JSON.
func (p Proto) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText is ParseProto, for JSON.
func (p *Proto) UnmarshalText(b []byte) (err error) {
	*p, err = ParseProto(string(b))
	return err
}

// ports reports whether the tuples of the protocol carry ports. The keys of GRE stand in their place.
func (p Proto) ports() bool {
	switch p {
	case ProtoTCP, ProtoUDP, ProtoDCCP, ProtoGRE, ProtoSCTP, ProtoUDPLite:
		return true
	}
	return false
}
