package rules

import "github.com/rempart/rempart/config"

// Tracking is what connection tracking makes of a packet that belongs to no flow.
type Tracking int

// What a packet of no flow can be.
const (
	Begins    Tracking = iota + 1 // it begins a flow
	MidFlow                       // it is tracked from here on, but does not look like a beginning: a TCP packet without SYN
	Invalid                       // it begins nothing
	Untracked                     // it is not followed: neighbours, routers and multicast listeners of an IPv6 link
)

// String is one word.
func (t Tracking) String() string {
	switch t {
	case Begins:
		return "new"
	case MidFlow:
		return "mid-flow"
	case Invalid:
		return "invalid"
	case Untracked:
		return "untracked"
	}
	return "unknown"
}

// Tracking says what the kernel's connection tracking makes of p, provided that
// its checksums hold. Of protocols that are not looked into, each packet can
// begin a flow.
func (p Packet) Tracking() Tracking {
	switch p.Protocol {
	case config.TCP:
		return trackingOfTCP(p.flags())
	case config.ICMP:
		if p.Src.Is4() && beginsICMP(p.ICMPType) {
			return Begins
		}
		return Invalid
	case config.ICMPv6:
		return p.trackingOfICMPv6()
	}
	return Begins
}

// flags is the TCP flags; a packet that does not say has a SYN.
func (p Packet) flags() uint8 {
	if p.TCPFlags == 0 {
		return config.FlagSYN
	}
	return p.TCPFlags
}

// trackingOfTCP follows tcp_new of the kernel with nf_conntrack_tcp_loose as it
// comes: an ACK of an unknown flow is picked up, for the rules to decide.
func trackingOfTCP(flags uint8) Tracking {
	switch flags &^ (config.FlagPSH | config.FlagECE | config.FlagCWR) {
	case config.FlagSYN, config.FlagSYN | config.FlagURG:
		return Begins
	case config.FlagACK, config.FlagACK | config.FlagURG:
		return MidFlow
	}
	return Invalid
}

// beginsICMP says whether a type of ICMP is a question: echo, timestamp,
// information, address mask. Errors belong to the flow that they speak of.
func beginsICMP(t uint8) bool { return t == 8 || t == 13 || t == 15 || t == 17 }

// speaksOfLink says whether p is what neighbours, routers and listeners of an
// IPv6 link say. Redirects are among it, although connection tracking makes
// nothing of them.
func (p Packet) speaksOfLink() bool {
	return p.Protocol == config.ICMPv6 && p.Src.Is6() && (p.ICMPType == redirect || p.Tracking() == Untracked)
}

const redirect = 137

func (p Packet) trackingOfICMPv6() Tracking {
	switch t := p.ICMPType; {
	case p.Src.Is4():
		return Invalid
	case t == 128 || t == 139: // echo request, node information query
		return Begins
	case t >= 130 && t <= 136 || t == 143: // multicast listeners, routers and neighbours
		return Untracked
	}
	return Invalid
}
