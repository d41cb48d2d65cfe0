package packetlog

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxRule is how many bytes of a rule's name a prefix has room for. The kernel takes 127 bytes of prefix.
const MaxRule = 64

// prefixMark begins each prefix that is ours.
const prefixMark = "rempart"

// Reason says what was done with a packet and why. The ruleset writes it into the prefix of a log statement.
type Reason struct {
	Action Action `json:"action"`
	Cause  Cause  `json:"cause"`
	Rule   string `json:"rule,omitempty"` // the rule or port forward that decided; CauseRule, CauseLimit and CauseForward have one
}

// Action is what was done with the packet.
type Action uint8

// The actions, by the words of the policy.
const (
	Pass   Action = iota + 1 // Pass: it went on.
	Block                    // Block: it was dropped.
	Reject                   // Reject: it was dropped and its sender was told.
)

// Cause is the part of the gateway that decided.
type Cause uint8

// The causes.
const (
	CauseRule      Cause = iota + 1 // CauseRule: a filter rule matched.
	CauseDefault                    // CauseDefault: no rule matched.
	CauseInvalid                    // CauseInvalid: conntrack could make nothing of the packet.
	CauseNoSYN                      // CauseNoSYN: a TCP packet of no flow that does not ask for a new one.
	CauseSpoofed                    // CauseSpoofed: the source does not live behind the interface it came in by.
	CauseBogon                      // CauseBogon: the source cannot be in use on the Internet.
	CauseLimit                      // CauseLimit: the rule's limits were reached.
	CauseAdmin                      // CauseAdmin: the addresses that may always administer the gateway.
	CauseForward                    // CauseForward: a port forward lets in what it forwards.
	CauseAutomatic                  // CauseAutomatic: a rule of the gateway's own, such as for neighbour discovery.
	CauseGateway                    // CauseGateway: the rule's gateway is down and on_down says block.
)

func actionNames() []string { return []string{"", "pass", "block", "reject"} }

func causeNames() []string {
	return []string{
		"", "rule", "default", "invalid", "nosyn", "spoofed", "bogon", "limit", "admin", "forward", "automatic", "gateway",
	}
}

// String is the word of the policy: pass, block or reject.
func (a Action) String() string { return nameOf(actionNames(), a) }

// String is one word, such as default or spoofed.
func (c Cause) String() string { return nameOf(causeNames(), c) }

// ParseAction reads what String writes.
func ParseAction(s string) (Action, error) { return byName[Action](actionNames(), s) }

// ParseCause reads what String writes.
func ParseCause(s string) (Cause, error) { return byName[Cause](causeNames(), s) }

// MarshalText is String, for JSON.
func (a Action) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// MarshalText is String, for JSON.
func (c Cause) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText is ParseAction, for JSON.
func (a *Action) UnmarshalText(b []byte) (err error) {
	*a, err = ParseAction(string(b))
	return err
}

// UnmarshalText is ParseCause, for JSON.
func (c *Cause) UnmarshalText(b []byte) (err error) {
	*c, err = ParseCause(string(b))
	return err
}

func nameOf[T ~uint8](names []string, v T) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("unknown-%d", v)
}

func byName[T ~uint8](names []string, s string) (T, error) {
	i := slices.Index(names, s)
	if i <= 0 {
		return 0, fmt.Errorf("%q: want one of %s", s, strings.Join(names[1:], ", "))
	}
	return T(i), nil
}

// named reports whether the cause always comes with the name of what decided.
func (c Cause) named() bool { return c == CauseRule || c == CauseLimit || c == CauseForward }

// String is the reason for people: "block default", "pass rule lan-out".
func (r Reason) String() string {
	s := r.Action.String() + " " + r.Cause.String()
	if r.Rule != "" {
		s += " " + r.Rule
	}
	return s
}

// Prefix is the reason as a log statement has it: "rempart pass rule lan-out", "rempart block default". ParsePrefix reads it back.
// It has at most 127 bytes: of a rule's name no more than MaxRule bytes are kept.
func (r Reason) Prefix() string {
	r.Rule = cut(r.Rule, MaxRule)
	return prefixMark + " " + r.String()
}

// cut shortens s to at most n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// ParsePrefix reads the prefix of a log statement. It refuses one that Reason.Prefix did not write.
func ParsePrefix(s string) (Reason, error) {
	words := strings.SplitN(s, " ", 4)
	if len(words) < 3 || words[0] != prefixMark {
		return Reason{}, fmt.Errorf("log prefix %q: want %q, an action and a cause", s, prefixMark)
	}
	action, err := ParseAction(words[1])
	if err != nil {
		return Reason{}, fmt.Errorf("log prefix %q: action %w", s, err)
	}
	cause, err := ParseCause(words[2])
	if err != nil {
		return Reason{}, fmt.Errorf("log prefix %q: cause %w", s, err)
	}
	r := Reason{Action: action, Cause: cause}
	if len(words) == 4 {
		r.Rule = words[3]
	}
	if len(r.Rule) > MaxRule || (r.Rule == "" && (len(words) == 4 || cause.named())) {
		return Reason{}, fmt.Errorf("log prefix %q: want a name of 1 to %d bytes after the cause", s, MaxRule)
	}
	return r, nil
}
