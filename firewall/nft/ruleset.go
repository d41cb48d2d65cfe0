// Package nft holds nftables as Go values: one table, printed as canonical
// nft(8) text, compared, and put into the kernel in one transaction.
//
//	Ruleset (a value) --String--> the text that `nft list table` prints
//	have, want Ruleset --Plan--> Batches --Kernel.Commit--> the running table
//	Ruleset, Packet --Evaluator.Walk--> what the kernel would do with the packet
//
// The table is ours alone. Base chains are never deleted, chains are flushed
// and refilled, named counters and the content of dynamic sets stay, and a set
// that is new is filled in a batch before the one whose rules use it, since a
// map that is created and used in one transaction loses packets.
package nft

import (
	"net/netip"
	"time"
)

// Ruleset is the whole table: what `nft list table FAMILY NAME` shows.
// Sets, helpers, counters and chains are kept in the order in which they print.
type Ruleset struct {
	Table    Table
	Sets     []Set
	Helpers  []Helper // conntrack helpers that rules give to flows
	Counters []string // names of the named counter objects
	Chains   []Chain
}

// Helper is a named conntrack helper of the table, for one transport protocol and
// both families where the kernel has them (pptp is IPv4's alone):
//
//	ct helper ftp_tcp { type "ftp" protocol tcp; l3proto inet; }
type Helper struct {
	Name     string
	Type     string // the kernel's: ftp, pptp, Q.931 (TCP), tftp, RAS (UDP), sip (both)
	Protocol uint8  // TCP or UDP
}

// Table names a table, such as inet rempart. The family is always inet.
type Table struct{ Name string }

// Chain is a list of rules. Hook is nil for a chain that is only jumped to.
type Chain struct {
	Name  string
	Hook  *Hook
	Rules []Rule
}

// Hook is where the kernel enters a base chain.
type Hook struct {
	Type     string // filter, nat or route
	Point    string // one of the hooks below
	Priority int    // printed by its name where nft has one: filter, dstnat, srcnat, mangle, raw
	Policy   Verdict
}

// The hooks, as Hook.Point has them.
const (
	Prerouting  = "prerouting"
	Input       = "input"
	Forward     = "forward"
	Output      = "output"
	Postrouting = "postrouting"
)

// Rule is a list of expressions: matches first, statements after. Comment is
// free text of at most 128 bytes; the compiler puts the policy's rule name in it.
type Rule struct {
	Exprs   []Expr
	Comment string
}

// Set is a named set or map, or, inside a rule, an anonymous one (Name empty).
type Set struct {
	Name string
	// Key is the fields that are looked up; more than one makes a concatenation.
	Key []Type
	// Data makes it a map to a value of that type; TypeVerdict makes it a verdict map. Zero: a set.
	Data     Type
	Interval bool // elements may be ranges
	Dynamic  bool // rules add to it; its content is the kernel's and is never replaced
	// HasTimeout lets elements leave by time; Timeout is their default when it is not zero.
	HasTimeout bool
	Timeout    time.Duration
	Size       int // most elements of a dynamic set; 0: the kernel's own limit
	Comment    string
	Elements   []Element // sorted by key, intervals disjoint and not touching when data is equal
}

// Element is a member of a set. Key has one value a field.
type Element struct {
	Key     []Value
	Data    Value         // of a data map
	Verdict Verdict       // of a verdict map; its Chain where there is one
	Timeout time.Duration // 0: the set's own
	Expires time.Duration // when read from the kernel
}

// Type is the type of a set's field, with nft's own name.
type Type int

// The types.
const (
	TypeIPv4      Type = iota + 1 // ipv4_addr
	TypeIPv6                      // ipv6_addr
	TypeProto                     // inet_proto
	TypePort                      // inet_service
	TypeIfname                    // ifname
	TypeMark                      // mark
	TypeTime                      // time: absolute instants (meta time)
	TypeICMP                      // icmp_type
	TypeICMPv6                    // icmpv6_type
	TypeVerdict                   // verdict
	TypeNFProto                   // nf_proto: 2 is ipv4, 10 is ipv6
	TypeCode                      // icmp_code, icmpv6_code
	TypeFIB                       // fib_addrtype: local, broadcast, ... as RTN_ numbers
	TypeHops                      // integer of 8 bits: ip ttl, ip6 hoplimit; only in matches, for nft has no set of it
	TypeDirection                 // ct_dir: 0 is original, 1 is reply
	TypeSlot                      // integer of 32 bits: the slot of a Deal; alone in the key of a map to verdicts or to addresses
)

// Value is one value or a range of one type. Exactly the fields of its type are
// used: addresses for TypeIPv4 and TypeIPv6, Name for TypeIfname, Lo and Hi for the
// numbers, which for TypeTime are the first and the last second since 1970, both
// in it as a whole. From == To (Lo == Hi) is a single value; a single time is the
// instant that a second begins with. A range that is a prefix prints as one.
//
// It is kept small, since a set may hold a million.
type Value struct {
	Type     Type
	From, To netip.Addr
	Lo, Hi   uint32
	Name     string // device; a trailing * is a wildcard
}

// VerdictKind is what becomes of a packet.
type VerdictKind int

// The verdicts. The zero value is none.
const (
	Accept VerdictKind = iota + 1
	Drop
	Jump
	Goto
	Return
	Queue  // to a program; only told by traces
	Stolen // by the kernel, to be sent on later; only told by traces
)

// Verdict ends a rule. Chain is the target of Jump and Goto.
type Verdict struct {
	Kind  VerdictKind
	Chain string
}
