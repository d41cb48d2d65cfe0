package vmac

import (
	"bytes"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

// TestVLAN has the virtual host on a device that carries a VLAN as well, which has none.
func TestVLAN(t *testing.T) {
	b := newBed(t)
	one := b.nodes[0]
	if out, err := one.Run(t.Context(), "ip", "link", "add", "lan.5", "link", "lan", "type", "vlan", "id", "5"); err != nil {
		t.Skipf("the kernel has no VLANs: %s", out)
	}
	b.run(b.client, "ip", "link", "add", "eth0.5", "link", "eth0", "type", "vlan", "id", "5")
	one.Up("lan.5")
	b.client.Up("eth0.5")
	one.AddAddr("lan.5", prefix("10.5.0.1/24"))
	b.client.AddAddr("eth0.5", prefix("10.5.0.100/24"))
	one.take(t, both())
	b.reach(b.client, addr("10.5.0.1"))
	b.reach(one.Host, addr("10.5.0.100"))
	heard := b.client.Capture("eth0.5", nil)
	b.reach(b.server, addr("10.5.0.100")) // forwarded
	b.client.Neighbour("eth0.5", addr("10.5.0.1"), net.HardwareAddr{0, 0, 0x5e, 0, 1, vhid})
	if r := b.client.Ping(t.Context(), addr("10.5.0.1"), lab.Within(50*time.Millisecond)); r.Outcome != lab.Timeout {
		t.Errorf("to the virtual MAC in the VLAN: %s", r)
	}
	for _, p := range heard.Stop() {
		if !p.Out && !bytes.Equal(p.Frame[6:12], one.MAC("lan")) {
			t.Errorf("in the VLAN: % x", p.Frame)
		}
	}
	// On the device of the VLAN it works like everywhere.
	check(t, one.table.Set([]Wanted{{Device: "lan.5", Hosts: []Virtual{{VHID: 9, Addresses: []netip.Addr{addr("10.5.0.1")}}}}}))
	b.run(b.client, "ip", "neighbour", "del", "10.5.0.1", "dev", "eth0.5")
	b.reach(b.client, addr("10.5.0.1"))
	if got := b.neighbour(b.client, addr("10.5.0.1")); got != virtual(9).String() {
		t.Errorf("client has the host in the VLAN at %s", got)
	}
}

// TestTags sends frames for the virtual MAC with tags, and counts those that have become the
// machine's own: with a priority and no VLAN they are.
func TestTags(t *testing.T) {
	b := &bed{T: t, net: lab.Test(t)}
	from, to := b.net.Host("from"), b.net.Host("to")
	b.net.Cable(from, "eth0", to, "eth0") // the bridge of a switch lets no VLANs pass on every kernel
	table := openTable(t, to)
	check(t, table.Set([]Wanted{{Device: "eth0", Hosts: []Virtual{{VHID: vhid}}}}))
	b.run(to, "nft", `table netdev count {
		chain in {
			type filter hook ingress device "eth0" priority 0
			meta pkttype host @ll,0,48 0x5e000107 counter
		}
	}`)
	m := virtual(vhid)
	for _, tt := range []struct {
		name string
		tag  []byte
		want string // in all that were sent so far
	}{
		{"none", nil, "packets 1 "},
		{"VLAN 5", []byte{0x81, 0, 0, 5}, "packets 1 "},
		{"outer VLAN 5", []byte{0x88, 0xa8, 0, 5}, "packets 1 "},
		{"priority 5, no VLAN", []byte{0x81, 0, 0xa0, 0}, "packets 2 "},
	} {
		heard := to.Capture("eth0", func(frame []byte) bool { return bytes.HasPrefix(frame, m[:]) })
		frame := slices.Concat(m[:], from.MAC("eth0"), tt.tag, []byte{0x88, 0xb5}, make([]byte, 46))
		check(t, from.SendFrame("eth0", frame))
		if len(heard.Stop()) != 1 {
			t.Errorf("%s: never came", tt.name)
		}
		if got := b.run(to, "nft", "list", "table", "netdev", "count"); !strings.Contains(got, tt.want) {
			t.Errorf("%s: want %sin %s", tt.name, tt.want, got)
		}
	}
}
