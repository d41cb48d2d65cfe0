package conntrack

// Timeouts are how long the kernel keeps silent flows, in seconds, as its settings are.
type Timeouts struct {
	TCP       [16]uint32 // by State
	UDP       uint32
	UDPStream uint32
	ICMP      uint32
	ICMPv6    uint32
	GRE       uint32
	GREStream uint32
	SCTP      [16]uint32 // by State
	DCCP      [16]uint32 // by State
	Generic   uint32
}
