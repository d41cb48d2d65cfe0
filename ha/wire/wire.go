// Package wire puts frames of the pair on a network device and takes them off it:
// CARP's, heartbeats, ARP and neighbour discovery.
//
//	Parse  <-- Port <-- device      what is heard, with the time at which the kernel had it
//	Append --> Port --> device      what is said, from whichever address and MAC
//
// A port stands beside the IP stack (packet(7)): it hears before the ruleset does, and
// speaks from a device that has no address. All of the kernel is in kernel*.go.
package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// BeatPort is the UDP port of heartbeats, and the TCP port of the link between the
// nodes. IANA has assigned it to nobody; its last digits are CARP's protocol number.
const BeatPort = 7112

// The groups that CARP and heartbeats are sent to; both are of the link alone.
var (
	group4 = netip.AddrFrom4([4]byte{224, 0, 0, 18})
	group6 = netip.MustParseAddr("ff02::12")
)

// Group is the multicast group that CARP and heartbeats are sent to.
func Group(is6 bool) netip.Addr {
	if is6 {
		return group6
	}
	return group4
}

// MAC is a hardware address of Ethernet.
type MAC [6]byte

// String prints the address in hexadecimal, with colons.
func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// Multicast says that the address is of a group or of all.
func (m MAC) Multicast() bool { return m[0]&1 != 0 }

// Virtual says that the address is one that VirtualMAC gives.
func (m MAC) Virtual() bool { return m == VirtualMAC(m[5]) }

// VirtualMAC is the hardware address of a virtual host, as carp(4) has it for both families.
func VirtualMAC(vhid uint8) MAC { return MAC{0, 0, 0x5e, 0, 1, vhid} }

// Kind is what a frame is about.
type Kind uint8

// The kinds of frames that a Port hears.
const (
	CARP      Kind = iota + 1 // IP protocol 112
	Beat                      // UDP to BeatPort
	ARP                       // requests and replies for IPv4 over Ethernet
	Neighbour                 // neighbour solicitations and advertisements
	Echo                      // ICMP and ICMPv6 echo replies
)

var kinds = [...]string{CARP: "CARP", Beat: "heartbeat", ARP: "ARP", Neighbour: "neighbour discovery", Echo: "echo"}

// String names the kind.
func (k Kind) String() string {
	if int(k) < len(kinds) && k != 0 {
		return kinds[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Packet is a frame in parts.
type Packet struct {
	Kind Kind
	// From sent the frame and To is whom it was sent to.
	From, To MAC
	// Src and Dst are of the IP header; of ARP the sender's and the target's protocol
	// address; of Neighbour the address that is spoken for or asked about is Target.
	Src, Dst netip.Addr
	Target   netip.Addr
	// TTL is the hop limit; of ARP it is 255.
	TTL uint8
	// Reply says that the frame is an ARP reply or a neighbour advertisement.
	Reply bool
	// Link is the hardware address that ARP's sender or a neighbour option gives;
	// zero when there is none.
	Link MAC
	// ID and Seq are of an Echo.
	ID, Seq uint16
	// Payload is what follows the IP header of CARP and Echo, the UDP header of a Beat. It
	// shares memory with the frame.
	Payload []byte
}

// Gratuitous says that an ARP frame or an unsolicited advertisement announces its sender's own address.
func (p Packet) Gratuitous() bool {
	switch p.Kind {
	case ARP:
		return p.Src == p.Dst
	case Neighbour:
		return p.Reply && p.Dst.IsMulticast()
	}
	return false
}

// Heard is a packet that came in by a port.
type Heard struct {
	Packet
	// At is when the kernel had it, on the monotonic clock: later steps of the
	// machine's clock do not change it.
	At time.Time
}

// Port is one device, spoken to below IP. Its methods may be called from any goroutine.
type Port interface {
	// Send sends a whole Ethernet frame.
	Send(frame []byte) error
	// SendTo sends a payload of CARP or Beat to one host, by the device: the kernel finds its
	// hardware address and chooses the source.
	SendTo(k Kind, to netip.Addr, payload []byte) error
	// Dropped is how many frames were lost because they were not taken in time.
	Dropped() uint64
	Close() error
}

// Device is a network device as the kernel has it.
type Device struct {
	Index       int
	Name        string
	MAC         MAC
	MTU         int
	Up, Carrier bool
	// Addresses are all that it has, with their prefix lengths.
	Addresses []netip.Prefix
	// Received counts the frames that came in.
	Received uint64
}

// ErrNoDevice says that there is no device of that name.
var ErrNoDevice = errors.New("no such device")

// Kernel is what the pair needs of the machine. Netlink is the real one, and Ether makes
// some in memory.
type Kernel interface {
	// Open opens a port. heard is called from one goroutine of the port's own for each frame that
	// came in and is of a known Kind; what it gets must not be kept. Frames that the machine
	// itself sent are not heard, except those that come back from outside.
	Open(device string, heard func(Heard)) (Port, error)
	// Device reads a device; the error is ErrNoDevice when there is none.
	Device(name string) (Device, error)
	// Watch calls changed once it listens and after each change of devices or their
	// addresses, until ctx ends. It returns an error when changes may have been lost.
	Watch(ctx context.Context, changed func()) error
	// Place gives a device an address without duplicate address detection, or renews
	// its lease. It goes by itself when the lease has run out; a lease of zero lasts for ever.
	Place(index int, a netip.Prefix, lease time.Duration) error
	// Remove takes an address away. One that is not there is no error.
	Remove(index int, a netip.Prefix) error
	// Neighbours are the hosts that were reached by a device of late.
	Neighbours(index int) ([]netip.Addr, error)
}
