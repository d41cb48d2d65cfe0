// Package packetlog answers "why was this packet dropped?". Rules that log carry their Reason in the prefix of an nftables log
// statement; the kernel hands a copy of each such packet to one Reader, which keeps the last ones in a Ring:
//
//	log prefix "rempart block default" group 1 snaplen 128  ->  Reader  ->  Ring  ->  Tail, Subscribe
//
// Nothing in this row ever waits for the next: who is too slow loses entries, and the next one that arrives says how many.
package packetlog

import (
	"fmt"
	"time"
)

// Entry is one logged packet.
type Entry struct {
	Time    time.Time `json:"time"`
	Reason  Reason    `json:"reason,omitzero"`    // zero if Prefix is not ours
	Prefix  string    `json:"prefix,omitempty"`   // of a log statement that is not ours
	In      string    `json:"in,omitempty"`       // device it came in by; empty: sent by the gateway itself
	Out     string    `json:"out,omitempty"`      // device it was to leave by; empty: for the gateway itself, or not yet routed
	InName  string    `json:"in_name,omitempty"`  // what the policy calls In
	OutName string    `json:"out_name,omitempty"` // what the policy calls Out
	SrcMAC  MAC       `json:"src_mac,omitzero"`
	Mark    uint32    `json:"mark,omitempty"`
	Lost    uint64    `json:"lost,omitempty"` // entries that were lost just before this one
	Packet
}

// String is one line for people, in the entry's own time zone:
//
//	14:02:11.123 block default   lan -> wan  tcp 10.1.2.9:40000 > 198.51.100.7:443 S len 60
//
// The interfaces have the names of the policy where they have one.
func (e Entry) String() string {
	why := e.Reason.String()
	if e.Reason == (Reason{}) {
		why = fmt.Sprintf("%q", e.Prefix)
	}
	line := fmt.Sprintf("%s %-15s %s -> %s  %v", e.Time.Format("15:04:05.000"), why, end(e.InName, e.In), end(e.OutName, e.Out), e.Packet)
	if e.Lost != 0 {
		line += fmt.Sprintf(" (%d lost before)", e.Lost)
	}
	return line
}

// end is the name of an interface, that of its device if it has none, or self where there is no interface.
func end(name, device string) string {
	switch {
	case name != "":
		return name
	case device != "":
		return device
	}
	return "self"
}
