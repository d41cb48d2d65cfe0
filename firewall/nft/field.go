package nft

import "golang.org/x/sys/unix"

// Numbers of the kernel that fields and dependencies are made of.
const (
	nfprotoIPv4 = 2
	nfprotoIPv6 = 10

	protoICMP    = 1
	protoTCP     = 6
	protoUDP     = 17
	protoDCCP    = 33
	protoICMPv6  = 58
	protoSCTP    = 132
	protoUDPLite = 136
)

// source is the place in the kernel that a field is loaded from.
type source int

const (
	fromMeta source = iota + 1
	fromNetwork
	fromTransport
	fromCT
	fromFIB
)

// fieldInfo is what nft knows of a field.
type fieldInfo struct {
	name string
	typ  Type
	from source
	// at is the meta or ct key, the result of a fib lookup, or the offset in the header.
	at uint32
	// nfproto and l4proto are the matches that the field implies; 0 for none.
	nfproto, l4proto uint8
}

// fieldInfos is indexed by Field. Keys are those of linux/netfilter/nf_tables.h.
var fieldInfos = [...]fieldInfo{
	IIFName:      {name: "iifname", typ: TypeIfname, from: fromMeta, at: 6},
	OIFName:      {name: "oifname", typ: TypeIfname, from: fromMeta, at: 7},
	NFProto:      {name: "meta nfproto", typ: TypeNFProto, from: fromMeta, at: 15},
	L4Proto:      {name: "meta l4proto", typ: TypeProto, from: fromMeta, at: 16},
	MetaMark:     {name: "meta mark", typ: TypeMark, from: fromMeta, at: 3},
	MetaTime:     {name: "meta time", typ: TypeTime, from: fromMeta, at: 30},
	IPSaddr:      {name: "ip saddr", typ: TypeIPv4, from: fromNetwork, at: 12, nfproto: nfprotoIPv4},
	IPDaddr:      {name: "ip daddr", typ: TypeIPv4, from: fromNetwork, at: 16, nfproto: nfprotoIPv4},
	IP6Saddr:     {name: "ip6 saddr", typ: TypeIPv6, from: fromNetwork, at: 8, nfproto: nfprotoIPv6},
	IP6Daddr:     {name: "ip6 daddr", typ: TypeIPv6, from: fromNetwork, at: 24, nfproto: nfprotoIPv6},
	IP6HopLimit:  {name: "ip6 hoplimit", typ: TypeHops, from: fromNetwork, at: 7, nfproto: nfprotoIPv6},
	ICMPTypeF:    {name: "icmp type", typ: TypeICMP, from: fromTransport, at: 0, nfproto: nfprotoIPv4, l4proto: protoICMP},
	ICMPCodeF:    {name: "icmp code", typ: TypeCode, from: fromTransport, at: 1, nfproto: nfprotoIPv4, l4proto: protoICMP},
	ICMPv6TypeF:  {name: "icmpv6 type", typ: TypeICMPv6, from: fromTransport, at: 0, nfproto: nfprotoIPv6, l4proto: protoICMPv6},
	ICMPv6CodeF:  {name: "icmpv6 code", typ: typeCodeV6, from: fromTransport, at: 1, nfproto: nfprotoIPv6, l4proto: protoICMPv6},
	TCPSport:     {name: "tcp sport", typ: TypePort, from: fromTransport, at: 0, l4proto: protoTCP},
	TCPDport:     {name: "tcp dport", typ: TypePort, from: fromTransport, at: 2, l4proto: protoTCP},
	UDPSport:     {name: "udp sport", typ: TypePort, from: fromTransport, at: 0, l4proto: protoUDP},
	UDPDport:     {name: "udp dport", typ: TypePort, from: fromTransport, at: 2, l4proto: protoUDP},
	THSport:      {name: "th sport", typ: TypePort, from: fromTransport, at: 0},
	THDport:      {name: "th dport", typ: TypePort, from: fromTransport, at: 2},
	CTMark:       {name: "ct mark", typ: TypeMark, from: fromCT, at: 3},
	CTOrigDaddr:  {name: "ct original ip daddr", typ: TypeIPv4, from: fromCT, at: 20},
	CTOrigDaddr6: {name: "ct original ip6 daddr", typ: TypeIPv6, from: fromCT, at: 22},
	FIBDaddrType: {name: "fib daddr type", typ: TypeFIB, from: fromFIB, at: unix.NFT_FIB_RESULT_ADDRTYPE},
	DCCPSport:    {name: "dccp sport", typ: TypePort, from: fromTransport, at: 0, l4proto: protoDCCP},
	DCCPDport:    {name: "dccp dport", typ: TypePort, from: fromTransport, at: 2, l4proto: protoDCCP},
	SCTPSport:    {name: "sctp sport", typ: TypePort, from: fromTransport, at: 0, l4proto: protoSCTP},
	SCTPDport:    {name: "sctp dport", typ: TypePort, from: fromTransport, at: 2, l4proto: protoSCTP},
	UDPLiteSport: {name: "udplite sport", typ: TypePort, from: fromTransport, at: 0, l4proto: protoUDPLite},
	UDPLiteDport: {name: "udplite dport", typ: TypePort, from: fromTransport, at: 2, l4proto: protoUDPLite},
	CTDirection:  {name: "ct direction", typ: TypeDirection, from: fromCT, at: 1},
	CTOrigSaddr:  {name: "ct original ip saddr", typ: TypeIPv4, from: fromCT, at: 19},
	CTOrigSaddr6: {name: "ct original ip6 saddr", typ: TypeIPv6, from: fromCT, at: 21},
	CTOrigSport:  {name: "ct original proto-src", typ: TypePort, from: fromCT, at: 11},
	CTOrigDport:  {name: "ct original proto-dst", typ: TypePort, from: fromCT, at: 12},
	IPTTL:        {name: "ip ttl", typ: TypeHops, from: fromNetwork, at: 8, nfproto: nfprotoIPv4},

	FIBDaddrOIFName: {name: "fib daddr oifname", typ: TypeIfname, from: fromFIB, at: unix.NFT_FIB_RESULT_OIFNAME},
}

// String is the field as nft writes it.
func (f Field) String() string { return f.info().name }

// Type is the type of the field's values.
func (f Field) Type() Type {
	if t := f.info().typ; t != typeCodeV6 {
		return t
	}
	return TypeCode
}

func (f Field) info() fieldInfo {
	if f <= 0 || int(f) >= len(fieldInfos) {
		return fieldInfo{name: "invalid"}
	}
	return fieldInfos[f]
}

// Implied is the network and the transport protocol that a match implies, as
// meta nfproto and meta l4proto have them; 0 for none.
func Implied(x Expr) (nfproto, l4proto uint8) {
	var fields []Field
	switch x := x.(type) {
	case Match:
		fields = []Field{x.Field}
	case Lookup:
		fields = x.Fields
	case TCPFlags:
		return 0, protoTCP
	}
	for _, f := range fields {
		nfproto, l4proto = max(nfproto, f.info().nfproto), max(l4proto, f.info().l4proto)
	}
	return nfproto, l4proto
}
