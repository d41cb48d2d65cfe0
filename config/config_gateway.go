package config

import (
	"net/netip"
	"time"
)

// Gateway is [gateway.NAME]: a next hop.
type Gateway struct {
	Name        string
	Description string
	Interface   string
	Address     netip.Addr // invalid: Learned says where it comes from
	Learned     Learned
	OnLink      bool // the address lies outside the interface's networks
	Weight      int
	ForceDown   bool // down, whatever its targets answer
	Monitor     Monitor
	// OnDown and FailOver hold where a rule names the gateway itself and not a group.
	OnDown   OnDown
	FailOver FailOver
	Pos      Position
}

// Learned is where a gateway without a written address has it from.
type Learned int

// Where the address of a gateway may come from.
const (
	LearnedNot  Learned = iota // it is written
	LearnedDHCP                // "dhcp": the IPv4 default route that a DHCP or PPP client keeps on the interface
	LearnedRA                  // "ra": the IPv6 default route that router advertisements bring
)

// Is6 says whether the gateway leads to IPv6.
func (g *Gateway) Is6() bool { return g.Learned == LearnedRA || g.Address.Is6() }

// Monitor is how a gateway is watched. Its zero value, without targets, watches
// the link alone.
type Monitor struct {
	Targets  []Probe
	Quorum   int           // how many targets have to answer
	Interval time.Duration // from one question to the next, of each target
	Timeout  time.Duration // an answer that takes longer is lost
	Window   time.Duration // over which loss, delay and jitter are reckoned
	Down     time.Duration // silent for so long: down
	Up       time.Duration // well for so long: up again
	// Loss is in percent. A zero threshold is none.
	LossWarning, LossDown     int
	DelayWarning, DelayDown   time.Duration
	JitterWarning, JitterDown time.Duration
}

// Probe is a question that a target is asked.
type Probe struct {
	Kind ProbeKind
	// Address is the target; invalid: the gateway's own address, learned or written.
	Address netip.Addr
	Port    uint16 // of ProbeTCP and ProbeDNS
	Name    string // of ProbeDNS: what is asked for, with the final dot
}

// ProbeKind is the kind of a question.
type ProbeKind int

// The kinds of questions.
const (
	ProbeICMP ProbeKind = iota + 1 // ICMP or ICMPv6 echo
	ProbeTCP                       // a TCP connection; a refusal is an answer
	ProbeDNS                       // a DNS query over UDP; any answer counts
)

// GatewayGroup is [gateway_group.NAME]. New flows take the first tier that has a
// usable member, and share its usable members by weight.
type GatewayGroup struct {
	Name        string
	Description string
	Tiers       [][]string
	Triggers    Triggers // warnings that make a member unusable, beside being down
	Sticky      bool     // a source keeps its member as long as that is usable
	OnDown      OnDown
	FailOver    FailOver
	FailBack    FailBack
	Drain       time.Duration // of FailBackDrain
	Pos         Position
}

// Triggers are the warnings by which a member of a group is left alone.
type Triggers struct{ Loss, Delay, Jitter bool }

// OnDown is what new traffic does when no gateway of those it may take is usable.
type OnDown int

// What a rule or route with a gateway does when that is down.
const (
	OnDownNext         OnDown = iota + 1 // as if the rule or route were not there
	OnDownBlock                          // blocked
	OnDownDefaultRoute                   // the routing table decides
)

// FailOver is what becomes of the flows on a gateway that goes down.
type FailOver int

// What becomes of the flows on a gateway that goes down.
const (
	FailOverMove FailOver = iota + 1 // those that are not translated go on by another gateway, the others are ended
	FailOverEnd                      // all are ended
	FailOverKeep                     // all stay and wait for it
)

// FailBack is what becomes of the flows on a later tier when an earlier one is
// usable again.
type FailBack int

// What becomes of flows when their group goes back to an earlier tier.
const (
	FailBackKeep  FailBack = iota + 1 // they stay until they end
	FailBackDrain                     // they are ended after a time
	FailBackEnd                       // they are ended at once
)

// Steering is what a rule says about its gateway; zero fields are the group's.
type Steering struct {
	FailOver FailOver
	FailBack FailBack
	Drain    time.Duration // of FailBackDrain
}

// RouteKind is what becomes of packets that a route takes.
type RouteKind int

// The kinds of routes, in the words of ip-route(8).
const (
	RouteUnicast     RouteKind = iota // to a gateway
	RouteBlackhole                    // dropped silently
	RouteUnreachable                  // refused: host unreachable
	RouteProhibit                     // refused: administratively prohibited
)

// Route is one [[route]].
type Route struct {
	Destination netip.Prefix // 0.0.0.0/0 or ::/0 by the gateway's family for "default"; invalid with Alias
	Alias       string       // alias of networks, each of which is a route
	Kind        RouteKind
	Gateway     string // gateway or gateway group, of RouteUnicast
	Metric      int
	Pos         Position
}
