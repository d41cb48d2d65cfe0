package nft

import (
	"strconv"
	"strings"
	"time"
)

// String compares the field, as nft writes it.
func (m Match) String() string { return string(m.appendText(nil, m.Field.String())) }

func (m Match) appendText(b []byte, field string) []byte {
	b = append(append(b, field...), ' ')
	bits := m.prefix()
	if m.masked() && bits < 0 {
		b = append(appendHex(append(b, "& "...), m.Mask), ' ')
	}
	switch {
	case m.Not:
		b = append(b, "!= "...)
	case m.masked() && bits < 0 && !m.set().Interval:
		b = append(b, "== "...)
	}
	if len(m.Values) != 1 {
		return append(m.set().appendElements(append(b, "{ "...), ", "), " }"...)
	}
	b = m.Values[0].appendText(b, m.Field.info().typ, false)
	if bits >= 0 {
		b = strconv.AppendInt(append(b, '/'), int64(bits), 10)
	}
	return b
}

// masked says that not all bits are compared.
func (m Match) masked() bool { return m.Mask != 0 && m.Mask != allBits }

const allBits = 1<<32 - 1

// prefix is how many of the highest bits are compared with one value, which nft
// writes as a prefix; -1 when it is something else that is compared.
func (m Match) prefix() int {
	if !m.masked() || len(m.Values) != 1 || m.Values[0].Lo != m.Values[0].Hi {
		return -1
	}
	return prefixBits32(m.Mask, allBits)
}

// set is the anonymous set that holds the values.
func (m Match) set() Set {
	t := m.Field.info().typ
	s := Set{Key: []Type{t}, Elements: make([]Element, len(m.Values))}
	for i := range m.Values {
		s.Elements[i].Key = m.Values[i : i+1 : i+1]
		s.Interval = s.Interval || !m.Values[i].single(t)
	}
	return s
}

// String looks the fields up, as nft writes it.
func (l Lookup) String() string {
	if l.Not {
		return fieldsText(l.Fields) + " != @" + l.Set
	}
	return fieldsText(l.Fields) + " @" + l.Set
}

// String looks the fields up for a verdict, as nft writes it.
func (v VMap) String() string {
	if v.Set != "" {
		return fieldsText(v.Fields) + " vmap @" + v.Set
	}
	return string(v.set().appendElements([]byte(fieldsText(v.Fields)+" vmap { "), ", ")) + " }"
}

// set is the anonymous map of the elements.
func (v VMap) set() Set {
	return Set{Key: fieldTypes(v.Fields), Data: TypeVerdict, Interval: v.Interval, Elements: v.Elements}
}

func fieldTypes(fields []Field) []Type {
	types := make([]Type, len(fields))
	for i, f := range fields {
		types[i] = f.info().typ
	}
	return types
}

func fieldsText(fields []Field) string {
	if len(fields) == 1 {
		return fields[0].String()
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.String()
	}
	return strings.Join(names, " . ")
}

// String lists the states in the order of their bits; with Not, none of them.
func (c CTState) String() string {
	return "ct state " + bitsText(c.Not, uint32(c.States), []string{
		0: "invalid", 1: "established", 2: "related", 3: "new", 6: "untracked",
	})
}

// String lists the status bits; with Not, none of them.
func (c CTStatus) String() string {
	return "ct status " + bitsText(c.Not, uint32(c.Bits), []string{
		0: "expected", 1: "seen-reply", 2: "assured", 3: "confirmed", 4: "snat", 5: "dnat", 9: "dying",
	})
}

func bitsText(not bool, set uint32, names []string) string {
	text := bitNames(set, names)
	if not {
		return "! " + text
	}
	return text
}

func bitNames(set uint32, names []string) string {
	var on []string
	for i, name := range names {
		if name != "" && set&(1<<i) != 0 {
			on = append(on, name)
		}
	}
	return strings.Join(on, ",")
}

// String is in the form that nft prefers: bits, or wanted bits / looked at bits.
func (f TCPFlags) String() string {
	mask, value := tcpFlagNames(f.Mask), tcpFlagNames(f.Value)
	one := f.Mask&(f.Mask-1) == 0
	switch {
	case f.Value == 0 && f.Not:
		return "tcp flags " + mask
	case f.Value == 0:
		return "tcp flags ! " + mask
	case one && f.Not:
		return "tcp flags & " + mask + " != " + value
	case one:
		return "tcp flags & " + mask + " == " + value
	case f.Not:
		return "tcp flags != " + value + " / " + mask
	}
	return "tcp flags " + value + " / " + mask
}

func tcpFlagNames(flags uint8) string {
	return bitNames(uint32(flags), []string{"fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"})
}

// String names the counter.
func (c Count) String() string { return `counter name "` + c.Counter + `"` }

// String is the log statement.
func (l Log) String() string {
	b := []byte("log ")
	if l.Prefix != "" {
		b = append(append(append(b, `prefix "`...), l.Prefix...), `" `...)
	}
	b = strconv.AppendUint(append(b, "group "...), uint64(l.Group), 10)
	if l.Snaplen > 0 {
		b = strconv.AppendUint(append(b, " snaplen "...), uint64(l.Snaplen), 10)
	}
	return string(b)
}

// defaultBurst is what nft takes, and leaves out, when no burst is given.
const defaultBurst = 5

func (l Limit) burst() uint32 {
	if l.Burst == 0 {
		return defaultBurst
	}
	return l.Burst
}

// String is the limit in packets.
func (l Limit) String() string {
	b := []byte("limit rate ")
	if l.Over {
		b = append(b, "over "...)
	}
	b = append(append(strconv.AppendUint(b, l.Rate, 10), '/'), unitName(l.Unit)...)
	if burst := l.burst(); burst != defaultBurst {
		b = append(strconv.AppendUint(append(b, " burst "...), uint64(burst), 10), " packets"...)
	}
	return string(b)
}

func unitName(unit time.Duration) string {
	switch unit {
	case time.Minute:
		return "minute"
	case time.Hour:
		return "hour"
	case 24 * time.Hour:
		return "day"
	case 7 * 24 * time.Hour:
		return "week"
	}
	return "second"
}

// String counts flows.
func (c ConnLimit) String() string { return "ct count over " + strconv.FormatUint(uint64(c.Over), 10) }

// String adds to the set.
func (d DynSet) String() string {
	b := []byte("add @")
	if d.Update {
		b = []byte("update @")
	}
	b = append(append(append(b, d.Set...), " { "...), fieldsText(d.Fields)...)
	if d.Timeout > 0 {
		b = appendDuration(append(b, " timeout "...), d.Timeout)
	}
	if d.Stmt != nil {
		b = append(append(b, ' '), d.Stmt.String()...)
	}
	return string(append(b, " }"...))
}

// String sets the mark. nft writes a bit that is set anew in the mask as well.
func (s SetMark) String() string {
	field := s.Field.String()
	text := field + " set "
	if s.Keep == 0 {
		return text + string(appendHex(nil, s.Value))
	}
	text += field
	if mask := s.Keep | s.Value; mask != 1<<32-1 {
		text += " & " + string(appendHex(nil, mask))
	}
	if s.Value != 0 {
		text += " | " + string(appendHex(nil, s.Value))
	}
	return text
}

// String sets the one mark, and leaves out a mask that leaves all bits.
func (c CopyMark) String() string {
	text := c.To.String() + " set " + c.From.String()
	if !c.masked() {
		return text
	}
	return text + " & " + string(appendHex(nil, c.Mask))
}

func (c CopyMark) masked() bool { return c.Mask != 0 && c.Mask != allBits }

// String is the statement.
func (NoTrack) String() string { return "notrack" }

// String is the statement.
func (h SetHelper) String() string { return `ct helper set "` + h.Helper + `"` }

// String is the statement.
func (SetTrace) String() string { return "meta nftrace set 1" }

// String lists the events in the order of their bits.
func (s SetEvents) String() string {
	if s.Events == 0 {
		return "ct event set 0x0"
	}
	return "ct event set " + bitNames(uint32(s.Events), []string{
		"new", "related", "destroy", "reply", "assured", "protoinfo", "helper", "mark", "seqadj", "secmark", "label",
	})
}

// String is the refusal. A rule adds the match on TCP that a reset implies.
func (r Reject) String() string {
	switch r.With {
	case RejectTCPReset:
		return "reject with tcp reset"
	case RejectAdminProhibited:
		return "reject with icmpx admin-prohibited"
	}
	return "reject"
}

// String is the verdict as nft writes it.
func (v Verdict) String() string {
	switch v.Kind {
	case Accept:
		return "accept"
	case Drop:
		return "drop"
	case Jump:
		return "jump " + v.Chain
	case Goto:
		return "goto " + v.Chain
	case Return:
		return "return"
	case Queue:
		return "queue"
	case Stolen:
		return "stolen"
	}
	return "continue"
}
