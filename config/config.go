// Package config holds what a policy may say: text becomes typed values, every
// fault is reported with its place, and revisions are kept on disk.
//
//	rempart.toml + node.toml -> Parse -> *Config   (or Errors, all of them)
//
// A *Config that Parse returned is valid: names resolve, ranges run the right
// way, families can meet. Nothing below this package checks again.
package config

import (
	"net/netip"
	"time"
)

// Config is a whole policy with the node's own part laid over it.
// Named things keep the order in which the file names them.
type Config struct {
	Schema int
	System System
	// Name is the node's name from node.toml; empty when there is no such file.
	Name string

	Interfaces []Interface
	Zones      []Zone
	Aliases    []Alias
	Schedules  []Schedule
	Rules      []Rule

	NAT          NAT
	PortForwards []PortForward
	Outbound     []Outbound
	OneToOne     []OneToOne
	Prefixes     []PrefixTranslation

	Gateways      []Gateway
	GatewayGroups []GatewayGroup
	Routes        []Route

	Shapers      []Shaper
	Queues       []Queue
	Limiters     []Limiter
	Applications []Application
	Shapes       []Shape

	HA    *HA // nil: a single gateway
	VIPs  []VIP
	Tests []Test
}

// Position is a place in a policy file; Line and Col count from 1.
type Position struct {
	File string
	Line int
	Col  int
}

// System is [system]: what belongs to the gateway as a whole.
type System struct {
	Domain   string
	Location *time.Location // schedules are read in it; UTC when the policy says nothing
	// Admin is who always reaches AdminPorts of the gateway, whatever the rules say.
	Admin      []AddressTerm
	AdminPorts []PortRange // TCP; SSH and the page when the policy says nothing
	// LogDefault says whether packets that no rule decided are logged (on unless switched off).
	LogDefault bool
}

// Interface is [interface.NAME] with what node.toml adds.
type Interface struct {
	Name        string
	Description string
	// External says that the Internet is behind it.
	External bool
	// BlockBogons, BlockPrivate and AntiSpoof drop sources that cannot be honest
	// there; all three follow External unless they are written.
	BlockBogons  bool
	BlockPrivate bool
	AntiSpoof    bool
	// Device is the kernel's name; empty when MAC selects the device.
	Device    string
	MAC       string         // lower case, colons; empty when Device is set
	MTU       int            // bytes; 0 leaves it as it is
	Addresses []netip.Prefix // as written: host bits kept
	Pos       Position
}

// Zone is [zone.NAME]: a named set of interfaces.
type Zone struct {
	Name        string
	Description string
	Interfaces  []string
	Pos         Position
}

// Alias is [alias.NAME]: named addresses or ports. Exactly one of Addresses,
// Ports, URL or Dynamic says what it is made of.
type Alias struct {
	Name        string
	Description string
	Kind        AliasKind
	Addresses   []AddressTerm // AliasAddresses
	Ports       []PortTerm    // AliasPorts
	URL         string        // AliasList: http, https or file
	Refresh     time.Duration // AliasList
	Timeout     time.Duration // AliasDynamic: an address leaves after so long; 0 stays
	Size        int           // AliasDynamic: most addresses of one family it holds
	Pos         Position
}

// AliasKind says where an alias has its content from.
type AliasKind int

// The kinds of alias.
const (
	AliasAddresses AliasKind = iota + 1 // written in the policy; names in it are resolved
	AliasPorts                          // written in the policy
	AliasList                           // fetched from a file or URL
	AliasDynamic                        // filled by rules, emptied by time
)

// AddressTerm is one item of a source, destination or alias. An exclusion
// takes away from what the other items of its list give; a list with nothing
// but exclusions means any address but those.
type AddressTerm struct {
	Exclude bool
	Kind    TermKind
	Range   Range  // TermRange
	Name    string // the alias, interface or domain name
	Pos     Position
}

// TermKind says what an AddressTerm speaks of.
type TermKind int

// The kinds of address terms.
const (
	TermAny     TermKind = iota + 1 // "any"
	TermRange                       // an address, prefix or range of one family
	TermAlias                       // "@web"
	TermNetwork                     // "lan:network": the subnets of an interface
	TermAddress                     // "lan:address": the gateway's addresses on it, virtual ones included
	TermSelf                        // "self": every address of the gateway
	TermDomain                      // "deb.example.org"; only inside an alias
)

// Range is the addresses From to To, both in it, of one family.
type Range struct{ From, To netip.Addr }

// PortTerm is one item of a port list: a range, or an alias by name.
type PortTerm struct {
	Exclude bool
	Range   PortRange // when Alias is empty
	Alias   string
	Pos     Position
}

// PortRange is the ports From to To, both in it.
type PortRange struct{ From, To uint16 }

// Schedule is [schedule.NAME]: when something is on. Spans are alternatives.
type Schedule struct {
	Name        string
	Description string
	Spans       []Span
	Except      []DateSpan
	Pos         Position
}

// Span is one line of a schedule, such as "mon-fri 08:00-18:30",
// "2026-12-24 08:00-12:00", "12-24..12-26" or "22:00-02:00".
type Span struct {
	// Days is a bit for each time.Weekday; 0 means every day.
	Days uint8
	// Dates limits the span to days; nil means every date.
	Dates *DateSpan
	// From and To are minutes of the day, To not in it: 0 to 1440.
	// From >= To runs over midnight and belongs to the day it begins on.
	From, To int
}

// DateSpan is the days First to Last, both in it. Year 0 means every year;
// a yearly span with Last before First runs over New Year.
type DateSpan struct{ First, Last Date }

// Date is a calendar day; Year 0 means every year.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// Place is where a packet comes in or leaves: anywhere, one interface, one zone or the gateway itself.
type Place struct {
	Kind PlaceKind
	Name string // the interface or zone
}

// PlaceKind says what a Place names.
type PlaceKind int

// The kinds of places. The zero value is anywhere.
const (
	PlaceAny PlaceKind = iota
	PlaceInterface
	PlaceZone
	PlaceSelf
)

// Action is what a rule does with the packets that it matches.
type Action int

// The actions.
const (
	Pass   Action = iota + 1
	Block         // silently
	Reject        // with a TCP reset, or ICMP port unreachable
)

// Rule is one [[rule]]. The first one that matches a new flow decides it.
type Rule struct {
	Name        string
	Description string
	Disabled    bool
	From, To    Place
	Source      []AddressTerm // empty: any
	Destination []AddressTerm // empty: any
	Protocols   []Protocol    // empty: any
	SourcePorts []PortTerm    // empty: any
	Ports       []PortTerm    // empty: any
	ICMP        []ICMPType    // empty: any
	TCPFlags    *TCPFlags     // nil: any (new TCP flows begin with SYN all the same)
	Action      Action
	Log         bool
	Schedule    string // empty: always
	Gateway     string // gateway or gateway group; empty: the routing table
	Limits      *Limits
	Pos         Position
}

// Protocol is an IP protocol number. ICMP means IPv4 alone and ICMPv6 means IPv6 alone.
type Protocol uint8

// The protocols that the language gives a meaning of their own.
const (
	ICMP    Protocol = 1
	TCP     Protocol = 6
	UDP     Protocol = 17
	DCCP    Protocol = 33
	ICMPv6  Protocol = 58
	SCTP    Protocol = 132
	UDPLite Protocol = 136
)

// ICMPType is a type, and perhaps a code, of ICMP or ICMPv6.
type ICMPType struct {
	Protocol Protocol // ICMP or ICMPv6
	Type     uint8
	Code     int // -1: any
}

// TCPFlags matches the packets whose flags, limited to Mask, equal Value.
type TCPFlags struct{ Mask, Value uint8 }

// Limits bounds the flows that a pass rule lets in. What is over a limit is blocked.
type Limits struct {
	Flows          int  // at once, all together; 0: no limit
	FlowsPerSource int  // at once, each source address; 0: no limit
	RatePerSource  Rate // new flows, each source address; zero: no limit
	// Overload is the dynamic alias that takes a source which is over a limit of
	// its own; its flows are ended. Empty: none.
	Overload string
}

// Rate is Count in each Per, such as "30/10s"; Count is also the burst.
type Rate struct {
	Count int
	Per   time.Duration
}

// NATMode is [nat] outbound.
type NATMode int

// The modes of outbound NAT.
const (
	NATAutomatic NATMode = iota + 1
	NATHybrid
	NATManual
	NATOff
)

// NAT is [nat].
type NAT struct {
	Outbound   NATMode
	Reflection bool
	Pos        Position
}

// PortForward is one [[port_forward]].
type PortForward struct {
	Name        string
	Description string
	Disabled    bool
	On          string        // interface
	Source      []AddressTerm // empty: any
	Destination []AddressTerm // empty: the interface's virtual address, or its own
	Protocols   []Protocol    // TCP, UDP, ...
	Ports       []PortRange   // in the order of the policy, aliases resolved
	Target      []AddressTerm
	TargetPort  int  // first port there; 0: the same
	Pass        bool // false: a rule has to let it in
	Log         bool
	Pos         Position
}

// Outbound is one [[outbound]].
type Outbound struct {
	Name        string
	Description string
	Disabled    bool
	On          string
	Source      []AddressTerm
	Destination []AddressTerm
	Protocols   []Protocol
	Ports       []PortTerm
	Address     netip.Addr // invalid: the interface's own
	Pos         Position
}

// OneToOne is one [[one_to_one]]. External and Internal have the same length.
type OneToOne struct {
	Name               string
	Description        string
	Disabled           bool
	On                 string
	External, Internal netip.Prefix
	Pos                Position
}

// PrefixTranslation is one [[prefix]]: IPv6 prefix translation (RFC 6296).
type PrefixTranslation struct {
	Name               string
	Description        string
	Disabled           bool
	On                 string
	External, Internal netip.Prefix
	Pos                Position
}

// Gateway is [gateway.NAME]: a next hop.
type Gateway struct {
	Name        string
	Description string
	Interface   string
	Address     netip.Addr
	OnLink      bool // the address lies outside the interface's networks
	Monitor     []netip.Addr
	Weight      int
	Pos         Position
}

// GatewayGroup is [gateway_group.NAME]. The first tier with a living member is used.
type GatewayGroup struct {
	Name        string
	Description string
	Tiers       [][]string
	OnDown      OnDown
	Pos         Position
}

// OnDown is what traffic of a gateway group does when no member lives.
type OnDown int

// What a gateway group may do when it is down.
const (
	OnDownNext OnDown = iota + 1
	OnDownBlock
	OnDownDefaultRoute
)

// Route is one [[route]].
type Route struct {
	Destination netip.Prefix // 0.0.0.0/0 or ::/0 by the gateway's family for "default"
	Gateway     string       // gateway or gateway group
	Metric      int
	Pos         Position
}

// Shaper is [shaper.INTERFACE]; rates in bits a second.
type Shaper struct {
	Interface        string
	Upload, Download uint64
	Pos              Position
}

// Queue is [queue.NAME]; rates in bits a second.
type Queue struct {
	Name       string
	On         string
	Guaranteed uint64
	Priority   int
	Pos        Position
}

// Limiter is [limiter.NAME]; rates in bits a second.
type Limiter struct {
	Name             string
	Upload, Download uint64
	PerSource        bool
	Pos              Position
}

// Application is [application.NAME]: traffic known by the names it speaks to.
type Application struct {
	Name    string
	Domains []string
	Pos     Position
}

// Shape is one [[shape]]: which traffic goes into which queue or limiter.
type Shape struct {
	Name        string
	From, To    Place
	Source      []AddressTerm
	Destination []AddressTerm
	Protocols   []Protocol
	Ports       []PortTerm
	Application string
	Queue       string
	Limiter     string
	Pos         Position
}

// HA is [ha] of both files: a pair of gateways.
type HA struct {
	Preempt   bool
	Interval  time.Duration
	Secret    string // where the CARP password is: "file:NAME" beside the policy
	Interface string
	Sections  []string
	AdvSkew   int        // node.toml
	Peer      netip.Addr // node.toml; invalid: multicast
	Pos       Position
}

// VIP is one [[vip]]: an address that moves with the role.
type VIP struct {
	Interface string
	Address   netip.Prefix
	VHID      int // 0: follows the group without speaking CARP
	Pos       Position
}

// Test is one [[test]]: a packet and what must become of it.
type Test struct {
	Name        string
	Packet      string
	At          time.Time // zero: now
	Expect      Action
	Rule        string     // empty: whichever
	Source      netip.Addr // after translation; invalid: whichever
	Destination netip.Addr // after translation; invalid: whichever
	Gateway     string     // empty: whichever
	Pos         Position
}
