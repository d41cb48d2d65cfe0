package flows

import (
	"fmt"
	"strings"
)

// TCPState is conntrack's view of a TCP connection: TCP_CONNTRACK_ in nf_conntrack_tcp.h. It is zero for other protocols.
type TCPState uint8

// The states of a TCP flow.
const (
	SynSent     TCPState = iota + 1 // SynSent: the client asked.
	SynRecv                         // SynRecv: the server answered, the client has not yet confirmed.
	Established                     // Established: both ends agree that the connection is up.
	FinWait                         // FinWait: one end has said that it is done.
	CloseWait                       // CloseWait: the other end has seen that.
	LastAck                         // LastAck: both ends have said that they are done.
	TimeWait                        // TimeWait: both have seen it; late packets may still come.
	Close                           // Close: the connection was reset.
	SynSent2                        // SynSent2: both ends asked at the same time.
)

// tcpStates gives the names as conntrack(8) prints them.
func tcpStates() []string {
	return []string{
		"NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE", "SYN_SENT2",
	}
}

// String is the state as conntrack(8) prints it, such as SYN_SENT.
func (s TCPState) String() string {
	names := tcpStates()
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("STATE_%d", uint8(s))
}

// ParseTCPState reads a state as String prints it; syn-sent and SYN_SENT are the same.
func ParseTCPState(s string) (TCPState, error) {
	word := strings.ReplaceAll(strings.ToUpper(s), "-", "_")
	for i, name := range tcpStates() {
		if word == name {
			return TCPState(i), nil
		}
	}
	var n uint8
	if _, err := fmt.Sscanf(word, "STATE_%d", &n); err == nil && TCPState(n).String() == word {
		return TCPState(n), nil
	}
	return 0, fmt.Errorf("TCP state %q: unknown", s)
}

// MarshalText is String, for JSON.
func (s TCPState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is ParseTCPState, for JSON.
func (s *TCPState) UnmarshalText(b []byte) (err error) {
	*s, err = ParseTCPState(string(b))
	return err
}
