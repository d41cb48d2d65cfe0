package config

import (
	"net/netip"
	"time"
)

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
	Preempt    bool
	Interval   time.Duration
	Secret     string // where the CARP password is: "file:NAME" beside the policy
	Interface  string // the cable; empty: none
	Sections   []string
	AdvBase    int        // seconds; what advertisements claim
	AdvSkew    int        // node.toml
	Peer       netip.Addr // node.toml; invalid: multicast
	VirtualMAC bool       // the addresses are reached by CARP's hardware address
	Services   []string   // of the service manager, started as master and stopped as backup
	Gateways   []string   // gateways and groups whose loss makes the node worse
	Groups     []HAGroup  // of virtual addresses; those that name none are of the first, DefaultHAGroup
	Checks     []HACheck
	FlowTable  int  // flows for which the kernel's table has room; 0: as the machine has it
	StrictTCP  bool // connections that were taken over are tracked strictly again once both ends were heard
	Pos        Position
}

// DefaultHAGroup is the group of virtual addresses that name none.
const DefaultHAGroup = "main"

// HAGroup is [ha_group.NAME]: virtual addresses that move together.
type HAGroup struct {
	Name      string
	Preferred string // the node that is to be master, by its name; empty: the one with the lower advskew
	Pos       Position
}

// HACheck is [ha_check.NAME]: a command that says whether the node is fit.
type HACheck struct {
	Name       string
	Command    []string // a program with its arguments
	Interval   time.Duration
	Timeout    time.Duration
	Fall, Rise int // how often in a row until it counts
	Weight     int // demotion while it fails
	Pos        Position
}

// VIP is one [[vip]]: a virtual address.
type VIP struct {
	Interface string
	Kind      VIPKind
	Address   netip.Prefix // of VIPProxyARP every address in it, without host bits
	VHID      int          // of VIPCARP; 0: follows the group without speaking CARP
	Group     string       // of VIPCARP; never empty
	Pos       Position
}

// VIPKind is how a virtual address is held.
type VIPKind int

// The kinds of virtual addresses.
const (
	VIPCARP     VIPKind = iota + 1 // moves with the role
	VIPAlias                       // a further address of the interface
	VIPProxyARP                    // the gateway answers for it (ARP, neighbour discovery) and does not take it itself
)

// Test is one [[test]]: a packet and what must become of it.
type Test struct {
	Name        string
	Packet      Packet
	At          time.Time // zero: now
	Expect      Action
	Rule        string     // or translation that decides; empty: whichever
	Source      netip.Addr // after translation; invalid: whichever
	Destination netip.Addr // after translation; invalid: whichever
	Gateway     string     // empty: whichever
	Down        []string   // gateways that are taken to be down
	Pos         Position
}
