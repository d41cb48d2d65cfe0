package flows

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// lineWidth is the width of a terminal that a flow should fit in.
const lineWidth = 80

// String is the flow in one line for people, with its translation if it has one:
//
//	tcp 10.1.2.9:40000 -> 198.51.100.7:443 (as 203.0.113.2:40000) ESTABLISHED 4m59s
//
// "as" is the address it leaves with, "to" the one it really goes to. A translated port that is the same as before is left out
// where the line would be wider than 80 columns.
func (f Flow) String() string {
	if line := f.line(false); len(line) <= lineWidth {
		return line
	}
	return f.line(true)
}

func (f Flow) line(brief bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v %s -> %s", f.Orig.Proto, f.Orig.end(f.Orig.Src), f.Orig.end(f.Orig.Dst))
	if f.Orig.Proto == ProtoICMP || f.Orig.Proto == ProtoICMPv6 {
		fmt.Fprintf(&b, " type %d id %d", f.Orig.ICMP.Type, f.Orig.ICMP.ID)
	}
	b.WriteString(f.translation(brief))
	if state := f.state(); state != "" {
		b.WriteByte(' ')
		b.WriteString(state)
	}
	b.WriteByte(' ')
	b.WriteString(short(f.Timeout))
	return b.String()
}

// end prints one end of the tuple, with a port only if the protocol has ports.
func (t Tuple) end(a netip.AddrPort) string {
	if t.Proto.ports() {
		return a.String()
	}
	return a.Addr().String()
}

// translation prints in brackets what the reply tuple has otherwise than the original one.
func (f Flow) translation(brief bool) string {
	var parts []string
	add := func(word string, before, after netip.AddrPort) {
		switch {
		case before == after || !after.IsValid():
		case brief && before.Port() == after.Port():
			parts = append(parts, word+" "+after.Addr().String())
		default:
			parts = append(parts, word+" "+f.Orig.end(after))
		}
	}
	add("as", f.Orig.Src, f.Reply.Dst)
	add("to", f.Orig.Dst, f.Reply.Src)
	if parts == nil {
		return ""
	}
	return " (" + strings.Join(parts, " ") + ")"
}

// state is the TCP state, or how far a flow without states has come.
func (f Flow) state() string {
	switch {
	case f.TCPState != 0:
		return f.TCPState.String()
	case f.Status&SeenReply == 0:
		return "unreplied"
	case f.Status&Assured != 0:
		return "assured"
	}
	return "replied"
}

// short prints a duration by its two largest units, 4d23h or 4m59s.
func short(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= day:
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}
