package report

import "time"

// LiveQuestion asks for the road of real packets through the kernel.
type LiveQuestion struct {
	// Flow says which packets, such as "lan tcp 10.1.2.9 -> 198.51.100.7:443". What is left out is any.
	Flow    string `json:"flow"`
	Seconds int    `json:"seconds,omitempty"` // to wait for packets; 0: 30
	Count   int    `json:"count,omitempty"`   // packets to follow; 0: 1
	Reply   bool   `json:"reply,omitempty"`   // follow the answers to such packets instead
}

// LiveLine is one line of what is told. Exactly one of its fields is there: a
// begin, then packets, and an end unless the conversation broke off.
type LiveLine struct {
	Begin  *LiveBegin  `json:"begin,omitempty"`
	Packet *LivePacket `json:"packet,omitempty"`
	End    *LiveEnd    `json:"end,omitempty"`
}

// LiveBegin says that packets are followed from now on.
type LiveBegin struct {
	Flow  string    `json:"flow"` // as it was understood
	Reply bool      `json:"reply,omitempty"`
	Count int       `json:"count"`
	Until time.Time `json:"until"`
}

// LiveEnd says that no packet is followed any more.
type LiveEnd struct {
	Packets int    `json:"packets"`
	Lost    bool   `json:"lost,omitempty"` // the kernel had more to tell than was read in time
	Hint    string `json:"hint,omitempty"` // why there may have been no packet
}

// LivePacket is a packet that was followed.
type LivePacket struct {
	Time   time.Time `json:"time"`
	Packet string    `json:"packet"`            // as it came, in one line
	In     string    `json:"in,omitempty"`      // device it came in by; empty: sent by the gateway itself
	InName string    `json:"in_name,omitempty"` // what the policy calls In
	// Verdict is pass, block or reject; queue when a program has the packet; gone when it
	// was dropped outside of nftables; unknown when part of the road was not told.
	Verdict string `json:"verdict"`
	// Cause is the word of the packet log (rule, default, spoofed, admin, ...);
	// established, loopback or own for what needs no rule; foreign for another table.
	Cause string     `json:"cause,omitempty"`
	Rule  string     `json:"rule,omitempty"` // that decided; of a port forward that passes, its name
	Line  int        `json:"line,omitempty"` // where it stands in the policy
	Why   string     `json:"why"`            // the verdict's reason in one sentence
	Steps []LiveStep `json:"steps"`
	Lost  bool       `json:"lost,omitempty"` // some of its steps were not told
	// Of a packet that passed.
	Left    string `json:"left,omitempty"`     // as it left or was delivered
	Out     string `json:"out,omitempty"`      // device it left by; empty: the gateway took it
	OutName string `json:"out_name,omitempty"` // what the policy calls Out
	Gateway string `json:"gateway,omitempty"`  // that its flow takes from then on, of a packet that begins one
}

// LiveStep is one step that the kernel told.
type LiveStep struct {
	Table   string `json:"table"` // with its family: inet rempart
	Foreign bool   `json:"foreign,omitempty"`
	Chain   string `json:"chain"`
	Kind    string `json:"kind"`              // rule, return (end of a chain) or policy
	Handle  uint64 `json:"handle,omitempty"`  // of the rule, as nft -a shows it
	Number  int    `json:"number,omitempty"`  // of the rule in its chain, from 1
	Text    string `json:"text,omitempty"`    // of the rule, as nft lists it
	Verdict string `json:"verdict"`           // accept, drop, goto CHAIN, continue, ...
	Name    string `json:"name,omitempty"`    // what the policy calls it
	Line    int    `json:"line,omitempty"`    // where it stands in the policy
	Setting string `json:"setting,omitempty"` // of the policy, that makes an automatic one
	Note    string `json:"note,omitempty"`    // one sentence; empty: it only leads on
	Packet  string `json:"packet,omitempty"`  // as it is after the step, when it was translated
}
