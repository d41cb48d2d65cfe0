package packetlog

import (
	"encoding/hex"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Proto is an IP protocol number.
type Proto uint8

// Protocols whose headers are read.
const (
	ProtoICMP    Proto = 1
	ProtoTCP     Proto = 6
	ProtoUDP     Proto = 17
	ProtoDCCP    Proto = 33
	ProtoICMPv6  Proto = 58
	ProtoSCTP    Proto = 132
	ProtoUDPLite Proto = 136
)

// protoNames lists the names that are printed and read. The ones without a constant are those that people meet.
func protoNames() map[Proto]string {
	return map[Proto]string{
		ProtoICMP: "icmp", 2: "igmp", 4: "ipip", ProtoTCP: "tcp", ProtoUDP: "udp", ProtoDCCP: "dccp", 41: "ipv6", 47: "gre",
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

// TCPFlags are the flags of a TCP header, FIN the lowest bit.
type TCPFlags uint8

// tcpFlagLetters names the flags from the lowest bit on: FIN, SYN, RST, PSH, ACK, URG, ECE, CWR.
const tcpFlagLetters = "FSRPAUEC"

// String is a letter for each flag that is set, as S for a SYN and SA for its answer, or "none".
func (f TCPFlags) String() string {
	if f == 0 {
		return "none"
	}
	var b strings.Builder
	for i := range len(tcpFlagLetters) {
		if f&(1<<i) != 0 {
			b.WriteByte(tcpFlagLetters[i])
		}
	}
	return b.String()
}

// MarshalText is String, for JSON.
func (f TCPFlags) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (f *TCPFlags) UnmarshalText(b []byte) error {
	*f = 0
	if string(b) == "none" {
		return nil
	}
	for _, c := range b {
		i := strings.IndexByte(tcpFlagLetters, c)
		if i < 0 {
			return fmt.Errorf("TCP flags %q: want letters of %s", b, tcpFlagLetters)
		}
		*f |= 1 << i
	}
	return nil
}

// MAC is an Ethernet address. The zero MAC is none.
type MAC [6]byte

// String is the address as 02:00:5e:10:00:01.
func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// MarshalText is String, for JSON.
func (m MAC) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (m *MAC) UnmarshalText(b []byte) error {
	raw, err := hex.DecodeString(strings.ReplaceAll(string(b), ":", ""))
	if err != nil || len(raw) != len(m) || len(b) != 3*len(m)-1 {
		return fmt.Errorf("MAC address %q: want six bytes such as 02:00:5e:10:00:01", b)
	}
	copy(m[:], raw)
	return nil
}

// icmpName is the name that nft has for a type of ICMP or ICMPv6, empty if it has none.
func icmpName(p Proto, kind uint8) string {
	if p == ProtoICMP {
		return map[uint8]string{
			0: "echo-reply", 3: "destination-unreachable", 4: "source-quench", 5: "redirect", 8: "echo-request",
			9: "router-advertisement", 10: "router-solicitation", 11: "time-exceeded", 12: "parameter-problem",
			13: "timestamp-request", 14: "timestamp-reply", 15: "info-request", 16: "info-reply",
			17: "address-mask-request", 18: "address-mask-reply",
		}[kind]
	}
	return map[uint8]string{
		1: "destination-unreachable", 2: "packet-too-big", 3: "time-exceeded", 4: "parameter-problem",
		128: "echo-request", 129: "echo-reply", 130: "mld-listener-query", 131: "mld-listener-report", 132: "mld-listener-done",
		133: "nd-router-solicit", 134: "nd-router-advert", 135: "nd-neighbor-solicit", 136: "nd-neighbor-advert",
		137: "nd-redirect", 138: "router-renumbering", 141: "ind-neighbor-solicit", 142: "ind-neighbor-advert",
		143: "mld2-listener-report",
	}[kind]
}
