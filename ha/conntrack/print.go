package conntrack

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// String is the key in one line for people, with the zone if it is not the default one:
//
//	tcp 10.1.2.9:40000 -> 198.51.100.7:443 zone 2
func (k Key) String() string {
	var b strings.Builder
	if k.Kind == KindExpect {
		b.WriteString("expect ")
	}
	fmt.Fprintf(&b, "%s %s -> %s", protoName(k.Proto), k.end(k.Orig.Src, k.Orig.SrcPort), k.end(k.Orig.Dst, k.Orig.DstPort))
	if k.icmp() {
		fmt.Fprintf(&b, " type %d code %d id %d", k.Orig.DstPort>>8, k.Orig.DstPort&0xff, k.Orig.SrcPort)
	}
	if k.Zone != 0 {
		fmt.Fprintf(&b, " zone %d", k.Zone)
	}
	return b.String()
}

// String is the flow in one line for people, with its translation and state if it has them:
//
//	tcp 10.1.2.9:40000 -> 198.51.100.7:443 (as 203.0.113.2:40000, to 10.2.0.4:8443) ESTABLISHED
func (f Flow) String() string {
	parts := []string{f.Key.String(), f.translationText(), f.stateText()}
	line := parts[0]
	for _, p := range parts[1:] {
		if p != "" {
			line += " " + p
		}
	}
	return line
}

// translationText tells the address that a flow leaves with, and the one that it really goes to.
func (f *Flow) translationText() string {
	inverse := f.Orig.Inverse(f.Proto)
	n, ok := f.translation(&inverse)
	if !ok || f.Kind == KindExpect {
		return ""
	}
	var parts []string
	if n.src != f.Orig.Src || n.srcPort != f.Orig.SrcPort {
		text := "as " + f.end(n.src, n.srcPort)
		if f.icmp() && n.srcPort != f.Orig.SrcPort {
			text += fmt.Sprintf(" id %d", n.srcPort)
		}
		parts = append(parts, text)
	}
	if n.dst != f.Orig.Dst || !f.icmp() && n.dstPort != f.Orig.DstPort {
		parts = append(parts, "to "+f.end(n.dst, n.dstPort))
	}
	if len(parts) == 0 {
		return ""
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

// stateText is the state of a protocol that has one, or how far the flow got.
func (f *Flow) stateText() string {
	switch {
	case f.Kind == KindExpect:
		return ""
	case f.Proto == TCP && f.state() != 0:
		return f.state().String()
	case f.Proto == SCTP || f.Proto == DCCPNum:
		return "state " + strconv.Itoa(int(f.State))
	case f.Status&SeenReply == 0:
		return "UNREPLIED"
	case f.Status&Assured != 0:
		return "ASSURED"
	}
	return ""
}

func (k *Key) icmp() bool { return k.Proto == ICMP || k.Proto == ICMPv6 }

// end is an address, with a port if the protocol has ports.
func (k *Key) end(addr [16]byte, port uint16) string {
	a := AddrOf(k.Family, addr)
	switch k.Proto {
	case TCP, UDP, SCTP, DCCPNum, GRE:
		return netip.AddrPortFrom(a, port).String()
	}
	return a.String()
}

// String is the name of a state of TCP, as conntrack(8) prints it.
func (s State) String() string {
	names := [...]string{"NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE", "SYN_SENT2"}
	if int(s) < len(names) {
		return names[s]
	}
	return "STATE " + strconv.Itoa(int(s))
}

// String is the word for the kind of entry.
func (k Kind) String() string {
	if k == KindExpect {
		return "expectation"
	}
	return "flow"
}

// String is the word for the event.
func (e Event) String() string {
	names := [...]string{Other: "other", New: "new", Update: "update", Destroy: "destroy", Done: "done", Refused: "refused"}
	if int(e) < len(names) {
		return names[e]
	}
	return "event " + strconv.Itoa(int(e))
}

// protoName is the name of a protocol, or its number.
func protoName(p uint8) string {
	switch p {
	case ICMP:
		return "icmp"
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	case DCCPNum:
		return "dccp"
	case GRE:
		return "gre"
	case ICMPv6:
		return "icmpv6"
	case SCTP:
		return "sctp"
	}
	return "protocol " + strconv.Itoa(int(p))
}
