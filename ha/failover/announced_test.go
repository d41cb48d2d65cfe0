package failover_test

import (
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/rempart/rempart/lab"
)

// announced is what a node says of the two virtual addresses: where they are, to those who use them.
type announced struct{ lan, wan *lab.Capture }

// listen begins to note where a node says that it has the virtual addresses.
func (b *bed) listen(n *node) announced {
	return announced{
		lan: b.client.Capture("eth0", claims(lanVIP, n.host.MAC(lanDevice))),
		wan: b.server.Capture("eth0", claims(wanVIP, n.host.MAC(wanDevice))),
	}
}

// any reports whether the node has claimed an address, and all whether it has claimed both.
func (a announced) any() bool { return len(a.lan.Packets()) > 0 || len(a.wan.Packets()) > 0 }
func (a announced) all() bool { return len(a.lan.Packets()) > 0 && len(a.wan.Packets()) > 0 }

// complete is when the node had claimed both addresses for the first time; zero if it has not.
func (a announced) complete() time.Time {
	if !a.all() {
		return time.Time{}
	}
	lan, wan := a.lan.Packets()[0].At, a.wan.Packets()[0].At
	if lan.After(wan) {
		return lan
	}
	return wan
}

func (a announced) stop() {
	a.lan.Stop()
	a.wan.Stop()
}

// Where an ARP packet has its sender, from the beginning of the Ethernet frame.
const (
	etherHeader = 14
	senderMAC   = etherHeader + 8
	senderIP    = senderMAC + 6
	arpEnd      = senderIP + 4 + 6 + 4
)

// claims is a filter for a capture: ARP in which one of these hardware addresses says that it has an address.
func claims(vip string, macs ...net.HardwareAddr) func(frame []byte) bool {
	a := netip.MustParseAddr(vip).As4()
	return func(frame []byte) bool {
		return len(frame) >= arpEnd && string(frame[etherHeader-2:etherHeader]) == "\x08\x06" &&
			string(frame[senderIP:senderIP+4]) == string(a[:]) &&
			slices.ContainsFunc(macs, func(mac net.HardwareAddr) bool { return mac.String() == senderOf(frame) })
	}
}

// senderOf is the hardware address that an ARP packet says that its sender has.
func senderOf(frame []byte) string { return net.HardwareAddr(frame[senderMAC:senderIP]).String() }
