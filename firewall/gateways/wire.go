package gateways

import (
	"net/netip"
	"time"

	"github.com/rempart/rempart/config"
)

// Kernel is what the Monitor needs of the machine. Sockets is the real one.
type Kernel interface {
	// Send sends a question and waits for nothing. The error is why it did not leave.
	Send(Question) error
	// Drop ends what is open for a question that is answered or given up.
	Drop(id uint64)
	// Keep ends what is open for other paths than these.
	Keep([]Path)
	// Receive hands over what arrives, one Reply after the other, until a moment
	// or until Wake. One goroutine at a time receives.
	Receive(until time.Time, got func(Reply)) error
	// Wake has Receive return, or the next one if none waits. It may be called
	// from any goroutine, as the others may.
	Wake()
}

// Path is the way that a question leaves by. The zero value is the routing table's.
type Path struct {
	Device string
	Source netip.Addr // invalid: the kernel chooses
	Mark   uint32     // of the packet
}

// Question is what is sent to a target.
type Question struct {
	ID     uint64 // random, of this question alone
	Path   Path
	Kind   config.ProbeKind
	To     netip.AddrPort // the port of ProbeICMP is zero
	Packet []byte         // ICMP message or UDP payload; nil for ProbeTCP
}

// Reply is what arrived, whoever sent it.
type Reply struct {
	Kind config.ProbeKind
	// ID is that of the Question that the socket was opened for; of ProbeICMP,
	// where one socket serves a device, it is zero.
	ID     uint64
	Device string // by which it came, of ProbeICMP
	From   netip.Addr
	// Packet is an ICMPv6 message, an IPv4 packet with an ICMP message or a UDP
	// payload. It is the receiver's until it returns.
	Packet []byte
	// Refused says that a ProbeTCP was refused: somebody is there, and the port is shut.
	Refused bool
	// Err is why a ProbeTCP or ProbeDNS has failed; a refused connection is none.
	Err error
}
