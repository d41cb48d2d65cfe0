// Package flows holds conntrack entries as values: to list them, to find those of a rule, a gateway, a host or a service, to move
// them to another gateway, and to end them and tell their ends.
//
// A Table is where flows live: the kernel's (Open) or one in memory (Fake). A Filter picks flows and is pure; ParseFilter reads
// it from the words of a command line. A Resetter wakes the ends of TCP flows that were ended, with the segments that Nudges
// makes. This is the road of people, of schedules and of lines that die; it is not made for a stream of events.
//
//	Flow --requests--> wire.go --batches--> kernel.go --answers--> conversation.go --> decode.go --> Flow
package flows

import (
	"net/netip"
	"time"
)

// Flow is one conntrack entry.
type Flow struct {
	Orig         Tuple         `json:"orig"`               // of the first packet, as its sender wrote it
	Reply        Tuple         `json:"reply"`              // of the answers, as their sender writes them: where translation shows
	Status       Status        `json:"status"`             // how far it is, and what is done to it
	Mark         uint32        `json:"mark"`               // see Mark
	TCPState     TCPState      `json:"tcp_state,omitzero"` // zero for what is not TCP
	Timeout      time.Duration `json:"-"`                  // left until the flow ends if it stays silent; JSON has timeout_seconds
	ID           uint32        `json:"id"`                 // the kernel's; differs when a tuple is used again
	Zone         uint16        `json:"ct_zone,omitempty"`  // ct zone; rempart itself uses none
	OrigTraffic  Traffic       `json:"orig_traffic"`       // zero unless nf_conntrack_acct is on
	ReplyTraffic Traffic       `json:"reply_traffic"`      // zero unless nf_conntrack_acct is on
	Start        time.Time     `json:"start,omitzero"`     // zero unless nf_conntrack_timestamp is on

	// RuleName and GatewayName are what the policy calls those that the mark names. A Table does not know them: see Numbers.Name.
	RuleName    string `json:"rule,omitempty"`
	GatewayName string `json:"gateway,omitempty"`
}

// Traffic counts what went one way.
type Traffic struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"` // from the IP header on
}

// Tuple names one direction of a flow. The ports of Src and Dst are zero for protocols that have none.
type Tuple struct {
	Proto Proto
	Src   netip.AddrPort
	Dst   netip.AddrPort
	ICMP  ICMP // zero unless Proto is ICMP or ICMPv6
}

// ICMP is what tells flows of ICMP apart, in place of ports.
type ICMP struct {
	ID   uint16 `json:"id"`
	Type uint8  `json:"type"`
	Code uint8  `json:"code"`
}

// whole reports whether the tuple names one flow and no more. The kernel takes a request without a tuple for all flows, and
// the library takes an IPv4 address in IPv6 clothes for IPv4.
func (t Tuple) whole() bool {
	src, dst := t.Src.Addr(), t.Dst.Addr()
	return src.IsValid() && dst.IsValid() && src.Is4() == dst.Is4() && !src.Is4In6() && !dst.Is4In6()
}
