package report

import (
	"net/netip"
	"time"
)

// Question asks what becomes of a packet.
type Question struct {
	Packet string    `json:"packet"`         // "lan tcp 10.1.2.9:40000 -> 198.51.100.7:443"
	At     time.Time `json:"at,omitzero"`    // zero: now
	Wall   bool      `json:"wall,omitempty"` // At is what the clock shows in the time zone of the policy, whatever zone it says
	Reply  bool      `json:"reply"`          // of the answer to that packet, once its flow stands
	Down   []string  `json:"down,omitempty"` // gateways that are taken to be down
	Draft  *Draft    `json:"-"`              // a policy that does not run; nil: the one that does
}

// Explanation is every step that a packet takes, in the order in which it takes
// them, and what becomes of it.
type Explanation struct {
	Packet  string    `json:"packet"` // of a reply: the packet that it answers
	At      time.Time `json:"at"`
	Reply   bool      `json:"reply,omitempty"`
	Down    []string  `json:"down,omitempty"` // gateways that were taken to be down
	Verdict string    `json:"verdict"`        // pass, block or reject
	// Cause is the word of the packet log (rule, default, spoofed, admin, ...);
	// noroute or martian for what the kernel's own routing refuses before any rule
	// is asked; established, own or noflow for a reply.
	Cause string `json:"cause"`
	Rule  string `json:"rule,omitempty"` // that decided; of a port forward that passes, its name
	Line  int    `json:"line,omitempty"` // where it stands in the policy
	Why   string `json:"why"`            // the verdict's reason in one sentence
	Steps []Step `json:"steps"`
	// Of a packet that passes.
	Self        bool           `json:"self,omitempty"`        // the gateway itself takes it
	Interface   string         `json:"interface,omitempty"`   // that it leaves by; empty unless Self: the policy does not know
	Gateway     string         `json:"gateway,omitempty"`     // next hop of the policy; empty: the destination is a neighbour
	Via         netip.Addr     `json:"via,omitzero"`          // address of that gateway
	Source      netip.AddrPort `json:"source,omitzero"`       // as it leaves; an invalid address: whichever the interface has then; port 0: one of some
	Destination netip.AddrPort `json:"destination,omitzero"`  // as it leaves
	Targets     []netip.Addr   `json:"targets,omitempty"`     // that a port forward spreads over; Destination is one of them
	Sources     []netip.Addr   `json:"sources,omitempty"`     // that a pool spreads over; Source is one of them
	Ways        []Way          `json:"ways,omitempty"`        // of which it takes one; what differs among them is absent above
	Established bool           `json:"established,omitempty"` // later packets of the flow, both ways, are asked no more
	// Unknown is what nobody here knows and would change the answer, such as what
	// a list holds that was never fetched.
	Unknown string `json:"unknown,omitempty"`
}

// Way is one of the ways by which a packet may leave.
type Way struct {
	Interface string         `json:"interface"`
	Gateway   string         `json:"gateway,omitempty"` // empty: the destination is a neighbour
	Via       netip.Addr     `json:"via,omitzero"`
	Source    netip.AddrPort `json:"source,omitzero"`
	Sources   []netip.Addr   `json:"sources,omitempty"`
}

// StepName names a step; the order is that of the road.
type StepName string

// The steps of a packet.
const (
	StepFlow     StepName = "flow"     // does it belong to a flow, can it begin one
	StepInbound  StepName = "inbound"  // port forward, one-to-one, prefix
	StepRoute    StepName = "route"    // by which interface and gateway it leaves, or to the gateway itself
	StepAlways   StepName = "always"   // what the gateway cannot live without: IPv6 neighbour discovery
	StepSource   StepName = "source"   // anti-spoof, private sources, bogons
	StepAdmin    StepName = "admin"    // admin access
	StepRules    StepName = "rules"    // the policy's rules
	StepLimits   StepName = "limits"   // limits of the rule that matched
	StepGateway  StepName = "gateway"  // by which gateway the rule sends it
	StepOutbound StepName = "outbound" // translation of the source
)

// StepResult says what a step did with the packet.
type StepResult string

// The results of steps.
const (
	ResultPassed  StepResult = "passed"  // it went on as it was
	ResultStopped StepResult = "stopped" // its road ends here
	ResultChanged StepResult = "changed" // it went on with another address or port
	ResultNone    StepResult = "none"    // the step has nothing for such a packet
)

// Step is one step and what it did.
type Step struct {
	Name    StepName   `json:"name"`
	Result  StepResult `json:"result"`
	Text    string     `json:"text"`              // one sentence
	Details []string   `json:"details,omitempty"` // further facts, each one line
	Setting string     `json:"setting,omitempty"` // of the policy, that makes it so: "rule lan-out", "interface.wan.antispoof"
	File    string     `json:"file,omitempty"`    // where it stands
	Line    int        `json:"line,omitempty"`
	// Before and After are the address that a translation changed.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	// Tried is how many rules were asked and did not match; Misses are those of
	// them that came closest to it, in their order.
	Tried  int    `json:"tried,omitempty"`
	Misses []Miss `json:"misses,omitempty"`
}

// Miss is a rule that did not match, and why.
type Miss struct {
	Rule string   `json:"rule"`
	Line int      `json:"line"`
	Why  []string `json:"why"` // all that kept it from matching: "port 443 is not 22"
}
