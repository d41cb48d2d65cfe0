package nft

// Types that only occur in rules and that the compiler never names.
const (
	typeCodeV6 Type = TypeSlot + 1 + iota // icmpv6_code
	typeCount
)

// datatype is what nft knows of a type: datatype.h of nft, meta.c and proto.c
// for the names of the values.
type datatype struct {
	name  string
	magic uint32 // NFTA_SET_KEY_TYPE
	size  int    // bytes on the wire
	// host says that the kernel holds a value in the byte order of the machine.
	// For an interval it is turned round first, since ranges are compared byte by byte.
	host bool
	// symbols are the names of single values, by number; ranges are always printed as numbers.
	symbols []string
}

// datatypes is indexed by Type.
var datatypes = [typeCount]datatype{
	TypeIPv4:      {name: "ipv4_addr", magic: 7, size: 4},
	TypeIPv6:      {name: "ipv6_addr", magic: 8, size: 16},
	TypeProto:     {name: "inet_proto", magic: 12, size: 1, symbols: protoNames[:]},
	TypePort:      {name: "inet_service", magic: 13, size: 2},
	TypeIfname:    {name: "ifname", magic: 41, size: 16, host: true},
	TypeMark:      {name: "mark", magic: 19, size: 4, host: true},
	TypeTime:      {name: "time", magic: 43, size: 8, host: true},
	TypeICMP:      {name: "icmp_type", magic: 14, size: 1, symbols: icmpTypeNames[:]},
	TypeICMPv6:    {name: "icmpv6_type", magic: 29, size: 1, symbols: icmpv6TypeNames[:]},
	TypeVerdict:   {name: "verdict", magic: verdictType},
	TypeNFProto:   {name: "nf_proto", magic: 2, size: 1, symbols: nfprotoNames[:]},
	TypeCode:      {name: "icmp_code", magic: 32, size: 1, symbols: icmpCodeNames[:]},
	TypeFIB:       {name: "fib_addrtype", magic: 38, size: 4, host: true, symbols: fibTypeNames[:]},
	TypeHops:      {name: "integer", magic: 4, size: 1},
	TypeDirection: {name: "ct_dir", magic: 27, size: 1, symbols: directionNames[:]},
	TypeSlot:      {name: "integer", magic: 4, size: 4, host: true},
	typeCodeV6:    {name: "icmpv6_code", magic: 33, size: 1, symbols: icmpv6CodeNames[:]},
}

// verdictType is NFT_DATA_VERDICT, which stands for the type of a verdict map's data.
const verdictType = 0xffffff00

// String is nft's own name of the type.
func (t Type) String() string { return t.datatype().name }

func (t Type) datatype() datatype {
	if t <= 0 || t >= typeCount {
		return datatype{name: "invalid"}
	}
	return datatypes[t]
}

// symbol is the name of a single value, or empty.
func (d datatype) symbol(n uint32) string {
	if n >= uint32(len(d.symbols)) {
		return ""
	}
	return d.symbols[n]
}
