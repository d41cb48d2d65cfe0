// Package report holds the shapes in which the gateway tells what it does:
// what the API sends, the commands print and the page shows. Times are in
// RFC 3339, durations in whole seconds or, of lines, in milliseconds, addresses as text.
package report

import (
	"net/netip"
	"time"
)

// Status is the gateway at a glance.
type Status struct {
	Name     string    `json:"name"`
	Version  string    `json:"version"`
	Started  time.Time `json:"started"`
	Revision int       `json:"revision"` // the one that runs; 0: the drop-all policy
	Hash     string    `json:"hash"`     // of its text
	Since    time.Time `json:"since"`    // when it began to run
	Pending  *Pending  `json:"pending,omitempty"`
	// FileDiffers says that rempart.toml or node.toml was changed since what runs was applied.
	FileDiffers bool   `json:"file_differs"`
	Flows       int    `json:"flows"`
	FlowsMax    int    `json:"flows_max"`
	Interfaces  []Link `json:"interfaces"`
	VIPs        []VIP  `json:"vips,omitempty"`
	Lines
	Warnings []string `json:"warnings,omitempty"` // each with what to do
}

// Pending is an apply that waits for its confirm.
type Pending struct {
	Hash     string    `json:"hash"`
	Author   string    `json:"author"`
	Message  string    `json:"message,omitempty"`
	Deadline time.Time `json:"deadline"`
}

// Link is one interface of the policy and the device under it.
type Link struct {
	Name      string         `json:"name"`
	Device    string         `json:"device"`
	Present   bool           `json:"present"`
	Up        bool           `json:"up"` // up and with carrier
	MAC       string         `json:"mac,omitempty"`
	MTU       int            `json:"mtu,omitempty"`
	Addresses []netip.Prefix `json:"addresses,omitempty"`
	RxBytes   uint64         `json:"rx_bytes"`
	TxBytes   uint64         `json:"tx_bytes"`
	RxErrors  uint64         `json:"rx_errors"`
	TxErrors  uint64         `json:"tx_errors"`
	RxDropped uint64         `json:"rx_dropped"`
	TxDropped uint64         `json:"tx_dropped"`
}

// Draft is a policy that somebody wants to run. Names are those of the files, for messages.
type Draft struct {
	PolicyName string `json:"policy_name"`
	Policy     []byte `json:"policy"`
	NodeName   string `json:"node_name,omitempty"`
	Node       []byte `json:"node,omitempty"` // empty: there is no node.toml
}

// Fault is something wrong in a draft, at its place in a file.
type Fault struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Col     int    `json:"col"`
	Key     string `json:"key"`
	Message string `json:"message"`
	// Explanation is of a test of the policy that failed: what becomes of its packet.
	Explanation *Explanation `json:"explanation,omitempty"`
}

// Preview is what a draft would change. With faults only the difference of the texts is told.
type Preview struct {
	Faults    []Fault         `json:"faults,omitempty"`
	Unchanged bool            `json:"unchanged"` // it is what runs
	Hash      string          `json:"hash"`
	Diff      string          `json:"diff,omitempty"`    // of the policy, unified
	Ruleset   string          `json:"ruleset,omitempty"` // as nft would list it
	Changes   []string        `json:"changes,omitempty"` // to devices, addresses, routes and sysctls
	Traffic   []TrafficChange `json:"traffic,omitempty"` // that gets another verdict than now
	FlowsLost []FlowsLost     `json:"flows_lost,omitempty"`
	Warnings  []string        `json:"warnings,omitempty"`
	Tests     []Test          `json:"tests,omitempty"` // of the policy, all of them
	// Lockout is what an apply is refused for: the draft would cut off who asks.
	Lockout *Lockout `json:"lockout,omitempty"`
	// Peer is what the other node of a pair says of it; absent where there is none, or it is not paired.
	Peer *PeerReport `json:"peer,omitempty"`
}

// FlowsLost is how many flows that a rule let in would end.
type FlowsLost struct {
	Rule  string `json:"rule"`
	Count int    `json:"count"`
}

// Request is an apply: a draft, and how it is to be made.
type Request struct {
	Draft
	Message string `json:"message,omitempty"`
	// Confirm is how many seconds there are to confirm; 0 applies for good at once.
	Confirm int `json:"confirm"`
	// Force applies it although it cuts off the connection over which it is asked for.
	Force bool `json:"force,omitempty"`
	// Base is the hash of the policy that the draft was made from; when it is
	// given and another one runs, the request is refused.
	Base string `json:"base,omitempty"`
	// Alone applies it here although the peer refuses it or cannot be reached: that is behind until then.
	Alone bool `json:"alone,omitempty"`
}

// Applied is what an apply or a rollback did.
type Applied struct {
	Revision   int       `json:"revision"` // 0 while it waits for a confirm
	Hash       string    `json:"hash"`
	Unchanged  bool      `json:"unchanged"`
	FlowsEnded int       `json:"flows_ended"`
	Deadline   time.Time `json:"deadline,omitzero"` // confirm until then
	Changes    []string  `json:"changes,omitempty"`
	Warnings   []string  `json:"warnings,omitempty"`
	// Peer is what became of the other node of a pair; absent where there is none, or it is not paired.
	Peer *PeerReport `json:"peer,omitempty"`
}

// Revision is a policy that was kept.
type Revision struct {
	Number  int       `json:"number"`
	ID      string    `json:"id,omitempty"` // its identity on both nodes of a pair
	Hash    string    `json:"hash"`
	Parents []string  `json:"parents,omitempty"` // what it was edited from; two of a merge
	Origin  string    `json:"origin,omitempty"`  // the node that made it
	Author  string    `json:"author"`
	Time    time.Time `json:"time"`
	Message string    `json:"message,omitempty"`
	Current bool      `json:"current"`
	Damaged bool      `json:"damaged,omitempty"` // its file cannot be read whole
	Policy  []byte    `json:"policy,omitempty"`  // when one revision is asked for
	Node    []byte    `json:"node,omitempty"`
}

// Rule is a rule of the policy, or an automatic one, with what it decided.
// Counters count the first packet of each flow and every packet of what is blocked.
type Rule struct {
	Name        string    `json:"name"`
	Number      int       `json:"number,omitempty"`  // in the mark of its flows
	Kind        string    `json:"kind"`              // rule, limit, port_forward, one_to_one, outbound, prefix, automatic
	Setting     string    `json:"setting,omitempty"` // what makes an automatic rule
	Action      string    `json:"action"`
	Text        string    `json:"text"` // from, to, addresses, ports in one line
	Description string    `json:"description,omitempty"`
	Line        int       `json:"line,omitempty"`
	Disabled    bool      `json:"disabled,omitempty"`
	Schedule    string    `json:"schedule,omitempty"`
	Active      bool      `json:"active"` // its schedule is on
	Packets     uint64    `json:"packets"`
	Bytes       uint64    `json:"bytes"`
	LastHit     time.Time `json:"last_hit,omitzero"` // seen to count; to some seconds
	Targets     []Target  `json:"targets,omitempty"` // of a port forward with a check
}

// Alias is an alias and what it holds.
type Alias struct {
	Name        string        `json:"name"`
	Kind        string        `json:"kind"` // addresses, ports, list, dynamic
	Description string        `json:"description,omitempty"`
	Count       int           `json:"count"`
	Entries     []string      `json:"entries,omitempty"` // when one alias is asked for: ranges, sorted; dynamic ones with the time left
	UsedBy      []string      `json:"used_by,omitempty"`
	Sources     []AliasSource `json:"sources,omitempty"`
}

// AliasSource is a name or a list that an alias is fed from.
type AliasSource struct {
	Name        string    `json:"name"`
	Entries     int       `json:"entries"`
	LastSuccess time.Time `json:"last_success,omitzero"`
	LastError   string    `json:"last_error,omitempty"`
	Next        time.Time `json:"next,omitzero"`
	Held        bool      `json:"held,omitempty"`         // shrank so much that the old content stays
	HeldEntries int       `json:"held_entries,omitempty"` // what it has now
	Bad         int       `json:"bad,omitempty"`          // lines that are no addresses
	BadLines    []string  `json:"bad_lines,omitempty"`    // the first of them, with their numbers
}

// Schedule is a schedule and where it stands.
type Schedule struct {
	Name        string    `json:"name"`
	Description string    `json:"description,omitempty"`
	Active      bool      `json:"active"`
	Next        time.Time `json:"next,omitzero"` // next change; absent: never
	UsedBy      []string  `json:"used_by,omitempty"`
}
