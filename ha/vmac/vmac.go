// Package vmac makes a device answer and speak with the virtual hardware address of
// carp(4), without a device of its own: nft(8) chains of the family netdev rewrite what
// comes in and goes out.
//
//	[]Wanted --> compile --> ruleset --> Table --> table netdev rempart_vmac, filters of devices
//
// All that touches the kernel is in kernel*.go; a ruleset is a value that prints in nft's words.
//
// While a host is held on a device:
//   - The device takes frames for the host's MAC as its own.
//   - ARP and neighbour discovery that speak for an address of the host name the host's MAC,
//     whether the kernel says it or a program.
//   - IP packets from an address of the host leave with the host's MAC.
//   - Packets that the machine forwards leave with the host's MAC if the host is the only one
//     on the device. With two it cannot be known for which of them a packet was forwarded, and
//     a switch that sees one MAC behind the wrong host's port would do harm; then, and for
//     what the machine says from addresses of its own, the device's MAC stays.
//
// Frames of a VLAN are none of the device below it. Router advertisements are not rewritten:
// the program that sends them leaves the option with its link-layer address out (RFC 4861
// allows that), as after the MAC of one node it would be wrong on the other.
package vmac

import (
	"fmt"
	"net"
	"net/netip"
)

// Virtual is a virtual host of carp(4).
type Virtual struct {
	VHID uint8
	// Addresses are all of the virtual host on the device, those that ride on it included.
	Addresses []netip.Addr
	// Leaving is for a master that gives way and forwards what still comes to it: the MAC is heard and
	// answered for, but no frame has it as its source. Else a switch that has just learned that it is
	// with the other node would unlearn that by the next packet.
	Leaving bool
}

// Wanted is what a device is to speak for.
type Wanted struct {
	Device string
	// Hosts are those that this node is master of; without any there is nothing on the device.
	Hosts []Virtual
}

// mac is a hardware address of Ethernet.
type mac [6]byte

// String prints the address in hexadecimal, with colons.
func (m mac) String() string { return net.HardwareAddr(m[:]).String() }

// virtual is the hardware address of a virtual host, as carp(4) has it for both families.
func virtual(vhid uint8) mac { return mac{0, 0, 0x5e, 0, 1, vhid} }

// bound is an address with the MAC that speaks for it.
type bound struct {
	addr netip.Addr
	mac  mac
}

// device is what is held on one device.
type device struct {
	name     string
	macs     []mac
	ip4, ip6 []bound
	// shy is a device that a host is leaving. The MACs of others do without being seen that long.
	shy bool
}

// forwards is the MAC of what is forwarded, if there is one.
func (d device) forwards() (mac, bool) {
	if len(d.macs) != 1 || d.shy {
		return mac{}, false
	}
	return d.macs[0], true
}

// contradiction says what no device can do.
func contradiction(dev, format string, args ...any) error {
	return fmt.Errorf("device %s: %s", dev, fmt.Sprintf(format, args...))
}
