package config

import (
	"fmt"
	"strconv"
)

// protocolNames are IANA's, in lower case, and a few that people write; of two
// names for one number the first is the one that is printed.
var protocolNames = [...]struct {
	name   string
	number Protocol
}{
	{"hopopt", 0}, {"icmp", ICMP}, {"igmp", 2}, {"ggp", 3}, {"ipencap", 4}, {"ipip", 4},
	{"st", 5}, {"tcp", TCP}, {"egp", 8}, {"igp", 9}, {"pup", 12}, {"udp", UDP}, {"hmp", 20},
	{"xns-idp", 22}, {"rdp", 27}, {"iso-tp4", 29}, {"dccp", DCCP}, {"xtp", 36}, {"ddp", 37},
	{"idpr-cmtp", 38}, {"ipv6", 41}, {"idrp", 45}, {"rsvp", 46}, {"gre", 47}, {"esp", 50},
	{"ah", 51}, {"skip", 57}, {"icmpv6", ICMPv6}, {"ipv6-icmp", ICMPv6}, {"rspf", 73},
	{"vmtp", 81}, {"eigrp", 88}, {"ospf", 89}, {"ax25", 93}, {"etherip", 97}, {"encap", 98},
	{"pim", 103}, {"ipcomp", 108}, {"vrrp", 112}, {"carp", 112}, {"l2tp", 115}, {"isis", 124},
	{"sctp", SCTP}, {"fc", 133}, {"mobility-header", 135}, {"udplite", UDPLite},
	{"mpls-in-ip", 137}, {"manet", 138}, {"hip", 139}, {"shim6", 140}, {"wesp", 141},
	{"rohc", 142}, {"ethernet", 143},
}

// ParseProtocol reads a protocol by its name or its number.
func ParseProtocol(s string) (Protocol, error) {
	for _, p := range protocolNames {
		if p.name == s {
			return p.number, nil
		}
	}
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		if n > 255 {
			return 0, fmt.Errorf("protocol %s is out of range: 0 to 255", s)
		}
		return Protocol(n), nil
	}
	if s == "any" {
		return 0, fmt.Errorf("no protocol \"any\": leave the key out")
	}
	names := make([]string, len(protocolNames))
	for i, p := range protocolNames {
		names[i] = p.name
	}
	return 0, fmt.Errorf("no protocol %q%s", s, suggest(s, names))
}

// String is the protocol's name, or its number when it has none.
func (p Protocol) String() string {
	for _, known := range protocolNames {
		if known.number == p {
			return known.name
		}
	}
	return strconv.Itoa(int(p))
}

// HasPorts says whether packets of p carry ports.
func (p Protocol) HasPorts() bool {
	switch p {
	case TCP, UDP, DCCP, SCTP, UDPLite:
		return true
	}
	return false
}

// families that p can be carried by.
func (p Protocol) families() families {
	switch p {
	case ICMP:
		return inet4
	case ICMPv6:
		return inet6
	}
	return inet4 | inet6
}
