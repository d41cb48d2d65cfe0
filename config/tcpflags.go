package config

import (
	"fmt"
	"strings"
)

// The flags of a TCP header (RFC 9293 3.1).
const (
	FlagFIN uint8 = 1 << iota
	FlagSYN
	FlagRST
	FlagPSH
	FlagACK
	FlagURG
	FlagECE
	FlagCWR
)

// tcpFlagNames in the order of their bits, the lowest first (RFC 9293, 3.1).
var tcpFlagNames = [...]string{"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"}

// ParseTCPFlags reads flags with commas between them, as "syn" or "syn,!ack".
func ParseTCPFlags(s string) (TCPFlags, error) {
	var f TCPFlags
	for item := range strings.SplitSeq(s, ",") {
		if err := f.add(item); err != nil {
			return TCPFlags{}, err
		}
	}
	return f, nil
}

// add takes one item of tcp_flags into f: "syn" or "!ack".
func (f *TCPFlags) add(s string) error {
	name, unset := strings.CutPrefix(s, "!")
	for i, known := range tcpFlagNames {
		if known != name {
			continue
		}
		bit := uint8(1) << i
		if f.Mask&bit != 0 {
			return fmt.Errorf("flag %q stands twice", name)
		}
		f.Mask |= bit
		if !unset {
			f.Value |= bit
		}
		return nil
	}
	return fmt.Errorf("no TCP flag %q%s", name, suggest(name, tcpFlagNames[:]))
}

// String writes f as the language does, one flag after the other: "syn !ack".
func (f TCPFlags) String() string {
	var items []string
	for i, name := range tcpFlagNames {
		bit := uint8(1) << i
		switch {
		case f.Mask&bit == 0:
		case f.Value&bit != 0:
			items = append(items, name)
		default:
			items = append(items, "!"+name)
		}
	}
	return strings.Join(items, " ")
}
