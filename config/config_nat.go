package config

import "net/netip"

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

// PrefixTranslation is one [[prefix]]: an IPv6 prefix for another of the same
// length. Unlike RFC 6296 it keeps the rest of the address, and corrects the
// checksum of each packet instead.
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
