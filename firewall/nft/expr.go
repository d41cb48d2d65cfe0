package nft

import (
	"net/netip"
	"time"
)

// Expr is one expression of a rule: a match that lets the packet go on to the
// next expression, or a statement. String gives its nft text.
type Expr interface {
	String() string
	expr() // closed: every consumer switches over the types of this file
}

// Field is a property of a packet or its flow that a rule can look at.
// A field of a header implies the match on the protocol that has it, as in nft.
type Field int

// The fields, with nft's names for them.
const (
	IIFName      Field = iota + 1 // iifname
	OIFName                       // oifname
	NFProto                       // meta nfproto (ipv4, ipv6)
	L4Proto                       // meta l4proto
	MetaMark                      // meta mark
	MetaTime                      // meta time
	IPSaddr                       // ip saddr; implies meta nfproto ipv4
	IPDaddr                       // ip daddr
	IP6Saddr                      // ip6 saddr; implies meta nfproto ipv6
	IP6Daddr                      // ip6 daddr
	IP6HopLimit                   // ip6 hoplimit
	ICMPTypeF                     // icmp type; implies meta l4proto icmp
	ICMPCodeF                     // icmp code
	ICMPv6TypeF                   // icmpv6 type
	ICMPv6CodeF                   // icmpv6 code
	TCPSport                      // tcp sport; implies meta l4proto tcp
	TCPDport                      // tcp dport
	UDPSport                      // udp sport; implies meta l4proto udp
	UDPDport                      // udp dport
	THSport                       // th sport; implies nothing: the rule matches meta l4proto itself
	THDport                       // th dport
	CTMark                        // ct mark
	CTOrigDaddr                   // ct original ip daddr
	CTOrigDaddr6                  // ct original ip6 daddr
	FIBDaddrType                  // fib daddr type (local, broadcast, multicast, ...)
	DCCPSport                     // dccp sport; implies meta l4proto dccp
	DCCPDport                     // dccp dport
	SCTPSport                     // sctp sport; implies meta l4proto sctp
	SCTPDport                     // sctp dport
	UDPLiteSport                  // udplite sport; implies meta l4proto udplite
	UDPLiteDport                  // udplite dport
	CTDirection                   // ct direction (original, reply)
	CTOrigSaddr                   // ct original ip saddr
	CTOrigSaddr6                  // ct original ip6 saddr
	CTOrigSport                   // ct original proto-src
	CTOrigDport                   // ct original proto-dst
	IPTTL                         // ip ttl
	// FIBDaddrOIFName is fib daddr oifname: the device by which the routing table sends
	// there, whatever the packet's mark; empty when it does not, or the machine takes it.
	// Only alone, in a Match or an anonymous VMap, and only in prerouting: newer kernels
	// have it in input and forward as well, none in output. nft gives it a type of its
	// own, which no named set has.
	FIBDaddrOIFName
)

// Match compares a field with values. One value prints as itself, several as
// an anonymous set { a, b }. Not means none of them. Mask, of a mark, leaves only
// some bits to be compared: `ct mark & 0x00ff0000 == 0x00010000`.
type Match struct {
	Field  Field
	Not    bool
	Mask   uint32 // 0: all bits
	Values []Value
}

// Lookup asks whether the fields, concatenated, are in a named set.
type Lookup struct {
	Fields []Field
	Not    bool
	Set    string
}

// VMap continues as the element of the fields says; without one, with the next rule.
// Set names a verdict map of the ruleset, or Elements gives an anonymous one.
// Ranges of several fields are better named: the kernel begins to use such a map a
// moment after the rules of its transaction, and an anonymous one is made with its rule.
type VMap struct {
	Fields   []Field
	Set      string
	Interval bool // of an anonymous map: elements may be ranges
	Elements []Element
}

// Deal continues as the element of a named verdict map says that has the
// packet's slot as its key: `numgen inc mod 256 vmap @set`. Without such an
// element it goes on with the next rule. The key of the map is one TypeSlot. Its
// elements may be exchanged in one batch while the rules stay and packets pass.
type Deal struct {
	By    DealBy
	Slots uint32 // slots are from 0 to Slots-1
	Field Field  // of DealSource: IPSaddr or IP6Saddr. In NAT that of its family, whatever is here
	Seed  uint32 // of DealSource: the same slot on every node. 0: the kernel chooses one
	Set   string
}

// DealBy is how a packet gets its slot.
type DealBy int

// The ways to get a slot.
const (
	DealSource     DealBy = iota + 1 // hash of the source address: jhash ip saddr mod 256 seed 0x1
	DealRoundRobin                   // numgen inc mod 256
	DealRandom                       // numgen random mod 256
)

// CTState matches the state of the packet's flow: `ct state established,related`.
type CTState struct {
	Not    bool
	States StateBits
}

// StateBits are the bits of ct state.
type StateBits uint32

// The conntrack states, as the kernel numbers the bits.
const (
	StateInvalid     StateBits = 1
	StateEstablished StateBits = 2
	StateRelated     StateBits = 4
	StateNew         StateBits = 8
	StateUntracked   StateBits = 64
)

// CTStatus matches bits of ct status: `ct status dnat`.
type CTStatus struct {
	Not  bool
	Bits StatusBits
}

// StatusBits are the bits of ct status.
type StatusBits uint32

// The conntrack status bits that rules look at, as the kernel numbers them.
const (
	StatusSeenReply StatusBits = 0x02 // somebody answered
	StatusAssured   StatusBits = 0x04 // both ends go on with it
	StatusSNAT      StatusBits = 0x10
	StatusDNAT      StatusBits = 0x20
)

// TCPFlags matches tcp flags & Mask == Value (or !=). It prints in nft's form:
// `tcp flags & (fin | syn | rst | ack) != syn`.
type TCPFlags struct {
	Not         bool
	Mask, Value uint8
}

// Count counts the packet on a named counter.
type Count struct{ Counter string }

// Log sends the packet's head to an NFLOG group with a prefix of at most 127 bytes.
type Log struct {
	Prefix  string
	Group   uint16
	Snaplen uint32
}

// Limit matches while (Over: when) the packets stay under (are over) Rate each Unit.
type Limit struct {
	Rate  uint64
	Unit  time.Duration // a second, minute, hour, day or week
	Burst uint32
	Over  bool
}

// ConnLimit matches when more than Over flows have passed this expression and still live: `ct count over N`.
type ConnLimit struct{ Over uint32 }

// DynSet adds (Update: or refreshes) the fields as an element of a dynamic set
// and then asks the element's own Limit or ConnLimit, where there is one:
// `update @set { ip saddr limit rate over 3/second burst 30 packets }`.
type DynSet struct {
	Update  bool
	Set     string
	Fields  []Field
	Timeout time.Duration // 0: the set's own
	Stmt    Expr          // nil, Limit or ConnLimit
}

// SetMark sets ct mark (or meta mark) to Value, keeping the bits of Keep:
// `ct mark set ct mark & KEEP | VALUE`; with Keep 0 just `ct mark set VALUE`.
type SetMark struct {
	Field Field // CTMark or MetaMark
	Keep  uint32
	Value uint32
}

// CopyMark makes one mark the bits of another, and the other bits zero:
// `meta mark set ct mark & 0x00ff0000`. A packet without a flow, which has no ct mark
// to read, does not pass it.
type CopyMark struct {
	To, From Field  // CTMark or MetaMark
	Mask     uint32 // 0: all bits
}

// NoTrack leaves the packet out of connection tracking: `notrack`. It stands before
// that, in prerouting or output at the priority raw (-300); later it changes nothing for a packet with a flow.
type NoTrack struct{}

// SetHelper gives the new flow a conntrack helper of the ruleset: `ct helper set "ftp_tcp"`.
// It stands behind conntrack, before the flow's first packet has left, and where the
// protocol is known to be the helper's.
type SetHelper struct{ Helper string }

// SetTrace makes the kernel tell of every step that the packet takes from here
// on: `meta nftrace set 1`.
type SetTrace struct{}

// SetEvents says which changes of a new flow are told to listeners, until it ends:
// `ct event set new,destroy`. It counts before the flow's first packet has left.
// nft 1.0.6 lists EventHelper, EventMark and EventSecmark but cannot read them.
type SetEvents struct{ Events EventBits }

// EventBits are the bits of ct event.
type EventBits uint32

// The events of a flow, as the kernel numbers the bits.
const (
	EventNew       EventBits = 1 << 0
	EventRelated   EventBits = 1 << 1
	EventDestroy   EventBits = 1 << 2
	EventReply     EventBits = 1 << 3
	EventAssured   EventBits = 1 << 4
	EventProtoinfo EventBits = 1 << 5
	EventHelper    EventBits = 1 << 6
	EventMark      EventBits = 1 << 7
	EventSeqadj    EventBits = 1 << 8
	EventSecmark   EventBits = 1 << 9
	EventLabel     EventBits = 1 << 10
)

// NATKind is the direction of a translation.
type NATKind int

// The kinds of translation.
const (
	SNAT NATKind = iota + 1
	DNAT
)

// NAT translates the flow: `dnat ip to 10.1.3.10:8080`. The zero MapPorts and
// Spread leave one target.
type NAT struct {
	Kind NATKind
	// Addrs is the target; several are spread by a hash of the source (Spread).
	Addrs []netip.Addr
	// Prefix, when valid, keeps the host part and changes the network: `snat ip prefix to ...`; Addrs is empty.
	Prefix netip.Prefix
	// PortLo and PortHi are the target ports; 0 keeps the port.
	PortLo, PortHi uint16
	// MapPorts is a port for a port: `dnat ip to 10.1.3.10 : tcp dport map { 9000 : 8000, ... }`.
	// PortField says which field is mapped. Without MapPorts its value is the port
	// or none is, whether that is free or not: `snat ip to 203.0.113.6:tcp sport`.
	PortField Field
	MapPorts  []PortPair
	// Seed makes the spread the same on every node.
	Seed uint32
	// Deal, when not nil, takes the address of the packet's slot from a named data
	// map: `dnat ip to jhash ip saddr mod 256 seed 0x1 map @set`; Addrs is empty, and
	// Is6 says of which family the addresses are.
	Deal *Deal
	Is6  bool
}

// PortPair is one entry of a port map.
type PortPair struct{ From, To uint16 }

// Masquerade translates the source to the address of the interface that the packet leaves by.
type Masquerade struct {
	// PortLo and PortHi are the source ports; 0 keeps the port where it is free.
	PortLo, PortHi uint16
	// PortField is as in NAT: `masquerade to :tcp sport`.
	PortField Field
}

// RejectKind says how a packet is refused.
type RejectKind int

// The kinds of refusal.
const (
	RejectTCPReset        RejectKind = iota + 1 // reject with tcp reset; implies meta l4proto tcp
	RejectPortUnreachable                       // reject (icmpx port-unreachable)
	RejectAdminProhibited                       // reject with icmpx admin-prohibited
)

// Reject refuses the packet and tells its sender.
type Reject struct{ With RejectKind }

func (Match) expr()      {}
func (Lookup) expr()     {}
func (VMap) expr()       {}
func (CTState) expr()    {}
func (CTStatus) expr()   {}
func (TCPFlags) expr()   {}
func (Count) expr()      {}
func (Log) expr()        {}
func (Limit) expr()      {}
func (ConnLimit) expr()  {}
func (DynSet) expr()     {}
func (SetMark) expr()    {}
func (SetTrace) expr()   {}
func (Deal) expr()       {}
func (CopyMark) expr()   {}
func (NoTrack) expr()    {}
func (SetHelper) expr()  {}
func (SetEvents) expr()  {}
func (NAT) expr()        {}
func (Masquerade) expr() {}
func (Reject) expr()     {}
func (Verdict) expr()    {}
