package config

import (
	"net/netip"
	"time"
)

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
	Helpers    []Helper // whose secondary flows are expected and translated
	Pos        Position
}

// Helper is a protocol that opens further flows, which it names in its first one.
type Helper int

// The helpers, with the port on which each listens.
const (
	HelperFTP  Helper = iota + 1 // TCP 21
	HelperSIP                    // UDP and TCP 5060
	HelperTFTP                   // UDP 69
	HelperPPTP                   // TCP 1723
	HelperH323                   // TCP 1720 (Q.931), UDP 1719 (RAS)
)

// Spread is how flows are dealt out to several targets, addresses or gateways.
type Spread int

// The ways to deal out flows.
const (
	SpreadSource     Spread = iota + 1 // one source always goes to the same one
	SpreadRoundRobin                   // one after the other
	SpreadRandom
)

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
	Exclude     bool         // target "none": what it matches is left alone, by 1:1 translations too
	TargetPort  int          // first port there; 0: the same
	Spread      Spread       // over several targets
	Weights     []int        // of the targets in their order, each a single address; nil: all the same
	Check       *TargetCheck // nil: targets are taken to live
	Reflection  bool         // inside hosts reach it by its outside address
	Pass        bool         // false: a rule has to let it in
	Log         bool
	Pos         Position
}

// TargetCheck is how the targets of a port forward are asked whether they live.
type TargetCheck struct {
	Kind     ProbeKind // ProbeICMP or ProbeTCP
	Port     uint16    // of ProbeTCP
	Interval time.Duration
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
	SourcePorts []PortTerm
	Ports       []PortTerm
	Exclude     bool          // address "none": what it matches leaves as it is
	Address     netip.Addr    // invalid: those of Pool or, without one, the interface's own
	Pool        []AddressTerm // addresses of one family to leave with, at most MaxPool
	Spread      Spread        // over the pool
	Translated  PortRange     // source ports to leave with; zero: the packet's own where it is free
	StaticPort  bool          // the packet's own source port or none at all
	Pos         Position
}

// MaxPool is how many addresses an [[outbound]] pool may have, and how many
// targets a [[port_forward]].
const MaxPool = 256

// OneToOne is one [[one_to_one]]. External and Internal have the same length.
type OneToOne struct {
	Name               string
	Description        string
	Disabled           bool
	On                 string
	External, Internal netip.Prefix
	Reflection         bool // inside hosts reach Internal by External
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
