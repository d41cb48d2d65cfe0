package failover_test

import (
	"net"
	"net/netip"
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

// claims is a filter for a capture: ARP in which a hardware address says that it has an address.
func claims(vip string, mac net.HardwareAddr) func(frame []byte) bool {
	const ether, sender, target = 14, 14 + 8, 14 + 18
	a := netip.MustParseAddr(vip).As4()
	return func(frame []byte) bool {
		return len(frame) >= target && string(frame[ether-2:ether]) == "\x08\x06" &&
			string(frame[sender:sender+6]) == string(mac) && string(frame[sender+6:target]) == string(a[:])
	}
}
