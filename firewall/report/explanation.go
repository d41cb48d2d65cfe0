package report

import (
	"net/netip"
	"time"
)

// Question asks what becomes of a packet.
type Question struct {
	Packet string    `json:"packet"`      // "lan tcp 10.1.2.9:40000 -> 198.51.100.7:443"
	At     time.Time `json:"at,omitzero"` // zero: now
	Reply  bool      `json:"reply"`       // of the answer to that packet, once its flow stands
	Draft  *Draft    `json:"-"`           // a policy that does not run; nil: the one that does
}

// Explanation is every step that a packet takes, in the order in which it takes
// them, and what becomes of it.
type Explanation struct {
	Packet  string    `json:"packet"`
	At      time.Time `json:"at"`
	Verdict string    `json:"verdict"`        // pass, block or reject
	Cause   string    `json:"cause"`          // rule, default, spoofed, admin, ... as in the packet log
	Rule    string    `json:"rule,omitempty"` // that decided
	Line    int       `json:"line,omitempty"` // where it stands in the policy
	Steps   []Step    `json:"steps"`
	// Of a packet that passes.
	Interface   string         `json:"interface,omitempty"` // that it leaves by; empty: the gateway takes it
	Gateway     string         `json:"gateway,omitempty"`   // next hop of the policy; empty: the destination is a neighbour
	Via         netip.Addr     `json:"via,omitzero"`        // address of that gateway
	Source      netip.AddrPort `json:"source,omitzero"`     // as it leaves; port 0: chosen by the kernel, or the protocol has none
	Destination netip.AddrPort `json:"destination,omitzero"`
}

// StepName names a step; the order is that of the road.
type StepName string

// The steps of a packet.
const (
	StepFlow     StepName = "flow"     // does it belong to a flow, can it begin one
	StepInbound  StepName = "inbound"  // port forward, one-to-one, prefix
	StepSource   StepName = "source"   // anti-spoof, private sources, bogons
	StepAdmin    StepName = "admin"    // admin access
	StepRoute    StepName = "route"    // by which interface and gateway it leaves
	StepRules    StepName = "rules"    // the policy's rules
	StepLimits   StepName = "limits"   // limits of the rule that matched
	StepOutbound StepName = "outbound" // translation of the source
)

// Step is one step and what it did.
type Step struct {
	Name    StepName `json:"name"`
	Result  string   `json:"result"`            // passed, stopped, changed or none
	Text    string   `json:"text"`              // one sentence
	Setting string   `json:"setting,omitempty"` // of the policy, that makes it so
	Line    int      `json:"line,omitempty"`
	// Misses are the rules before the one that matched that came closest to it, in their order.
	Misses []Miss `json:"misses,omitempty"`
	Passed int    `json:"passed,omitempty"` // how many rules were tried and did not match
}

// Miss is a rule that did not match, and why.
type Miss struct {
	Rule string `json:"rule"`
	Line int    `json:"line"`
	Why  string `json:"why"` // "port 22 is not 443"
}
