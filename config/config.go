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

	// Warnings is what is no fault and yet hardly meant, in the order of the files.
	Warnings Errors
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
	// Peers are the other node's own addresses here, one of a family: CARP and
	// heartbeats go to them and not to their multicast group.
	Peers []netip.Addr
	Pos   Position
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
	Steering    Steering
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
