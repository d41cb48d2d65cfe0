package nft

import (
	"slices"
	"strconv"
	"strings"
)

// defaultSize is the number of elements that nft gives a dynamic set without a size.
const defaultSize = 65535

// String is the table as `nft list table` of nft 1.0.6 prints it, with TZ=UTC, but
// for two things: named counters are at zero, and elements stand one on a line
// where nft fills lines in its own way. Canonical makes both alike.
func (r Ruleset) String() string {
	b := append([]byte("table inet "), r.Table.Name...)
	b = append(b, " {\n"...)
	start := len(b)
	block := func() {
		if len(b) > start {
			b = append(b, '\n')
		}
	}
	for _, h := range r.Helpers {
		block()
		b = h.appendText(b)
	}
	for _, name := range r.Counters {
		block()
		b = append(append(append(b, "\tcounter "...), name...), " {\n\t\tpackets 0 bytes 0\n\t}\n"...)
	}
	for _, s := range r.Sets {
		block()
		b = s.appendText(b)
	}
	for _, c := range r.Chains {
		block()
		b = c.appendText(b)
	}
	return string(append(b, "}\n"...))
}

// String is the set as nft lists it in its table.
func (s Set) String() string { return string(s.appendText(nil)) }

func (s Set) appendText(b []byte) []byte {
	b = append(append(b, '\t'), s.kind()...)
	b = append(append(append(b, ' '), s.Name...), " {\n"...)
	b = append(append(append(b, "\t\t"...), s.typeText()...), '\n')
	if n := s.limit(); n > 0 {
		b = append(strconv.AppendInt(append(b, "\t\tsize "...), int64(n), 10), '\n')
	}
	if flags := s.flags(); flags != "" {
		b = append(append(append(b, "\t\tflags "...), flags...), '\n')
	}
	if s.HasTimeout && s.Timeout > 0 {
		b = append(appendDuration(append(b, "\t\ttimeout "...), s.Timeout), '\n')
	}
	if s.Comment != "" {
		b = append(append(append(b, "\t\tcomment \""...), s.Comment...), "\"\n"...)
	}
	if len(s.Elements) > 0 {
		b = append(b, "\t\telements = { "...)
		b = s.appendElements(b, ",\n\t\t\t     ")
		b = append(b, " }\n"...)
	}
	return append(b, "\t}\n"...)
}

func (s Set) kind() string {
	if s.Data != 0 {
		return "map"
	}
	return "set"
}

// typeText names a key by an expression where nft has no name for its type.
func (s Set) typeText() string {
	if key, data, ok := s.typeof(); ok {
		text := "typeof " + key.text
		if s.Data != 0 {
			text += " : " + data.text
		}
		return text
	}
	names := make([]string, len(s.Key))
	for i, t := range s.Key {
		names[i] = t.String()
	}
	text := "type " + strings.Join(names, " . ")
	if s.Data != 0 {
		text += " : " + s.Data.String()
	}
	return text
}

// limit is the size that the kernel is told, 0 for none.
func (s Set) limit() int {
	if s.Size == 0 && s.Dynamic {
		return defaultSize
	}
	return s.Size
}

func (s Set) flags() string {
	var flags []string
	if s.Dynamic {
		flags = append(flags, "dynamic")
	}
	if s.Interval {
		flags = append(flags, "interval")
	}
	if s.HasTimeout {
		flags = append(flags, "timeout")
	}
	return strings.Join(flags, ",")
}

func (s Set) appendElements(b []byte, separator string) []byte {
	for i, e := range listed(s) {
		if i > 0 {
			b = append(b, separator...)
		}
		b = e.appendText(b, s.Key, s.Data)
	}
	return b
}

func (e Element) appendText(b []byte, key []Type, data Type) []byte {
	for i, v := range e.Key {
		if i > 0 {
			b = append(b, " . "...)
		}
		b = v.appendText(b, key[i], true)
	}
	if e.Timeout > 0 {
		b = appendDuration(append(b, " timeout "...), e.Timeout)
	}
	if e.Expires > 0 {
		b = appendDuration(append(b, " expires "...), e.Expires)
	}
	switch data {
	case 0:
	case TypeVerdict:
		b = append(append(b, " : "...), e.Verdict.String()...)
	default:
		b = e.Data.appendText(append(b, " : "...), data, true)
	}
	return b
}

// String is the chain as nft lists it in its table.
func (c Chain) String() string { return string(c.appendText(nil)) }

func (c Chain) appendText(b []byte) []byte {
	b = append(append(append(b, "\tchain "...), c.Name...), " {\n"...)
	if c.Hook != nil {
		b = append(append(append(b, "\t\t"...), c.Hook.String()...), '\n')
	}
	for _, r := range c.Rules {
		b = append(b, "\t\t"...)
		b = append(r.appendText(b), '\n')
	}
	return append(b, "\t}\n"...)
}

// String is the line that makes a chain a base chain.
func (h Hook) String() string {
	return "type " + h.Type + " hook " + h.Point + " priority " + h.priority() + "; policy " + h.policy().String() + ";"
}

// policy of a base chain is accept unless it is drop.
func (h Hook) policy() Verdict {
	if h.Policy.Kind == Drop {
		return h.Policy
	}
	return Verdict{Kind: Accept}
}

// priority is written by the name of one that is at most ten away, as nft does.
func (h Hook) priority() string {
	names := [...]struct {
		name   string
		value  int
		points []string
	}{
		{"raw", -300, nil},
		{"mangle", -150, nil},
		{"dstnat", -100, []string{"prerouting"}},
		{"filter", 0, nil},
		{"security", 50, nil},
		{"srcnat", 100, []string{"postrouting"}},
	}
	const reach = 10
	for _, n := range names {
		away := h.Priority - n.value
		if away < -reach || away > reach || n.points != nil && !slices.Contains(n.points, h.Point) {
			continue
		}
		switch {
		case away > 0:
			return n.name + " + " + strconv.Itoa(away)
		case away < 0:
			return n.name + " - " + strconv.Itoa(-away)
		}
		return n.name
	}
	return strconv.Itoa(h.Priority)
}
