// Package conntrack speaks ctnetlink as flow sync needs it: events, walks, creates, updates and ends of
// many flows a second, without garbage. It is for machines; firewall/flows is for people.
//
//	Events.Read --> Message.Parse --> Flow, Extra       what the kernel says
//	Flow, Extra --> AppendCreate --> Table.Do           what it is told
//	Walk.Read   --> Message.Parse                       all that it has
//
// A Flow is a value without pointers: it can be compared, kept by the million and sent. What
// only few flows have stands apart in an Extra.
package conntrack

import "net/netip"

// Tuple is one direction of a flow as its sender writes it. IPv4 addresses stand in the first four bytes,
// the others are zero.
type Tuple struct {
	Src, Dst [16]byte
	// SrcPort and DstPort are ports; of GRE the keys. Of ICMP SrcPort is the ID, and DstPort the type in the upper
	// and the code in the lower byte.
	SrcPort, DstPort uint16
}

// The families, as AF_INET and AF_INET6.
const (
	IPv4 uint8 = 2
	IPv6 uint8 = 10
)

// Kind is what a record is of.
type Kind uint8

// What there is.
const (
	KindFlow   Kind = iota // a conntrack entry
	KindExpect             // an expectation: Orig is the expected tuple, Reply is unused
)

// Key is what names a flow, on any machine.
type Key struct {
	Orig Tuple
	// Zone is that in which Orig stands. The kernel does not tell it of an expectation and of its master: Parse leaves it zero.
	Zone   uint16
	Kind   Kind
	Family uint8
	Proto  uint8
}

// Flow is one conntrack entry, or an expectation with the fields that it has. The zero value of a field
// that a protocol has not stays zero.
type Flow struct {
	Key
	State  State // TCP and SCTP and DCCP; zero for others
	Reply  Tuple // as the kernel has it, after translation
	Status Status
	Mark   uint32
	// TCP of the original direction and of the reply: which options were agreed on, and the window scales.
	Flags [2]TCPFlags
	Scale [2]uint8
	// Timeout is what is left, in seconds. It is of the moment: two flows that differ in it alone are the same.
	Timeout uint32
}

// Extra is what few flows have. The zero value says that a flow has none of it.
type Extra struct {
	Helper [16]byte // name, ended by a zero byte
	Master Key      // of a related flow, and of an expectation; zero: none
	Labels [16]byte // ct labels
	Adjust [2]Adjust
	Proxy  Proxy
	VTag   [2]uint32 // SCTP verification tags
	DCCP   DCCP
	// Zones are set if the flow's zone is of one direction alone: one of them is that zone, the other one zero. Key.Zone is
	// the zone in which Key.Orig stands in any case, so the key finds the flow.
	Zones   [2]uint16
	Expects Expect
}

// Adjust is how TCP sequence numbers of one direction are changed.
type Adjust struct{ Pos, Before, After uint32 }

// Proxy is what SYNPROXY keeps of a flow.
type Proxy struct{ ISN, ITS, Offset uint32 }

// DCCP is what conntrack keeps of a DCCP flow besides its state.
type DCCP struct {
	Role      uint8
	Handshake uint64
}

// Expect is what an expectation has besides its tuple, its master and the name of its helper.
type Expect struct {
	Mask    Tuple
	Timeout uint32
	Class   uint32
	Flags   uint32
	NATDir  uint32
	NAT     Tuple // what the expected flow is translated to
	HasNAT  bool
	Fn      [32]byte // name of what is done with the expected flow, ended by a zero byte
}

// Status is conntrack's IPS_ bits, nf_conntrack_common.h.
type Status uint32

// The bits that flow sync looks at.
const (
	Expected   Status = 1 << 0
	SeenReply  Status = 1 << 1
	Assured    Status = 1 << 2
	Confirmed  Status = 1 << 3
	SrcNAT     Status = 1 << 4
	DstNAT     Status = 1 << 5
	SeqAdjust  Status = 1 << 6
	SrcNATDone Status = 1 << 7
	DstNATDone Status = 1 << 8
	Dying      Status = 1 << 9
	Fixed      Status = 1 << 10
	Helped     Status = 1 << 13
	Offload    Status = 1 << 14
	HWOffload  Status = 1 << 15
)

// State is conntrack's state of a TCP flow, nf_conntrack_tcp.h, or of an SCTP or DCCP flow.
type State uint8

// The states of TCP.
const (
	SynSent     State = 1
	SynRecv     State = 2
	Established State = 3
	FinWait     State = 4
	CloseWait   State = 5
	LastAck     State = 6
	TimeWait    State = 7
	Closed      State = 8
	SynSent2    State = 9
)

// TCPFlags are IP_CT_TCP_FLAG_ of one direction, nf_conntrack_tcp.h.
type TCPFlags uint8

// The flags that flow sync looks at.
const (
	WindowScale TCPFlags = 0x01
	SACK        TCPFlags = 0x02
	Liberal     TCPFlags = 0x08
	AckSeen     TCPFlags = 0x20 // an acknowledgment went by since the entry was made
)

// Protocol numbers that conntrack keeps more of than their number.
const (
	ICMP    uint8 = 1
	TCP     uint8 = 6
	UDP     uint8 = 17
	DCCPNum uint8 = 33
	GRE     uint8 = 47
	ICMPv6  uint8 = 58
	SCTP    uint8 = 132
)

// AddrOf is an address of a tuple.
func AddrOf(family uint8, b [16]byte) netip.Addr {
	if family == IPv4 {
		return netip.AddrFrom4([4]byte(b[:4]))
	}
	return netip.AddrFrom16(b)
}

// BytesOf is an address as a tuple has it.
func BytesOf(a netip.Addr) (b [16]byte) {
	if a = a.Unmap(); a.Is4() {
		v := a.As4()
		copy(b[:], v[:])
		return b
	}
	return a.As16()
}
