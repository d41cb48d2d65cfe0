package vmac

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/rempart/rempart/lab"
)

// state is what stands in a host: the table, and the MACs that devices hear beside their own.
func (b *bed) state(h *lab.Host) string {
	b.Helper()
	var macs []string
	for line := range strings.Lines(b.run(h, "bridge", "fdb", "show")) {
		if strings.HasPrefix(line, "00:00:5e:") {
			macs = append(macs, line)
		}
	}
	tables := b.run(h, "nft", "list", "tables")
	if strings.Contains(tables, tableName) {
		tables += b.run(h, "nft", "list", "table", "netdev", tableName)
	}
	return tables + strings.Join(macs, "")
}

func TestLeftoversGo(t *testing.T) {
	b := newBed(t)
	one := b.nodes[0]
	b.run(one.Host, "nft", "add table inet rempart; add table netdev other")
	before := b.state(one.Host)
	died := openTable(t, one.Host)
	check(t, died.Set(both()))
	if got := b.state(one.Host); strings.Count(got, virtual(vhid).String()+" dev ") != 2 {
		t.Fatalf("set: %s", got)
	}
	openTable(t, one.Host)
	if got := b.state(one.Host); got != before {
		t.Errorf("opened anew: %s\nwant %s", got, before)
	}
}

func TestSetReplaces(t *testing.T) {
	b := newBed(t)
	one := b.nodes[0]
	empty := b.state(one.Host)
	check(t, one.table.Set(both()))
	want := b.state(one.Host)
	lan := both()[:1]
	lan[0].Hosts[0].VHID = 9
	for _, tt := range []struct {
		name   string
		wanted []Wanted
		want   func(state string) bool
	}{
		{"again", both(), func(s string) bool { return s == want }},
		{"other", lan, func(s string) bool {
			return strings.Contains(s, virtual(9).String()+" dev lan") && !strings.Contains(s, virtual(vhid).String())
		}},
		{"back", both(), func(s string) bool { return s == want }},
		{"no hosts", []Wanted{{Device: "lan"}, {Device: "wan"}}, func(s string) bool { return s == empty }},
	} {
		check(t, one.table.Set(tt.wanted))
		if got := b.state(one.Host); !tt.want(got) {
			t.Errorf("%s: %s\nbefore %s", tt.name, got, want)
		}
	}
	check(t, one.table.Set(both()))
	check(t, one.table.Release())
	if got := b.state(one.Host); got != empty {
		t.Errorf("released: %s", got)
	}
}

// TestDeviceIsMissing sets what can be set, and the rest once the device is there.
func TestDeviceIsMissing(t *testing.T) {
	b := newBed(t)
	one := b.nodes[0]
	wanted := append(both(), Wanted{Device: "late", Hosts: []Virtual{{VHID: 9, Addresses: []netip.Addr{addr("10.9.0.1")}}}})
	for range 2 { // it comes, goes, and comes back
		if err := one.table.Set(wanted); err == nil || !strings.Contains(err.Error(), "find device late: ") {
			t.Errorf("without the device: %v", err)
		}
		if got := b.state(one.Host); strings.Count(got, virtual(vhid).String()+" dev ") != 2 {
			t.Errorf("without the device: %s", got)
		}
		b.run(one.Host, "ip", "link", "add", "late", "type", "veth", "peer", "name", "far")
		check(t, one.table.Set(wanted))
		if got := b.state(one.Host); !strings.Contains(got, virtual(9).String()+" dev late") || !strings.Contains(got, "out-late") {
			t.Errorf("with the device: %s", got)
		}
		b.run(one.Host, "ip", "link", "delete", "late")
	}
	check(t, one.table.Release())
	if got := b.state(one.Host); strings.Contains(got, tableName) || strings.Contains(got, "00:00:5e") {
		t.Errorf("released: %s", got)
	}
}

// TestDeviceWithoutEthernet sets what can be set beside a device that has no MAC.
func TestDeviceWithoutEthernet(t *testing.T) {
	b := newBed(t)
	one := b.nodes[0]
	one.Tun("tun0")
	wanted := append(both(), Wanted{Device: "tun0", Hosts: []Virtual{{VHID: 9, Addresses: []netip.Addr{addr("10.9.0.1")}}}})
	if err := one.table.Set(wanted); err == nil || !strings.Contains(err.Error(), "have tun0 hear 00:00:5e:00:01:09: ") {
		t.Errorf("got %v", err)
	}
	if got := b.state(one.Host); strings.Count(got, virtual(vhid).String()+" dev ") != 2 {
		t.Errorf("beside it: %s", got)
	}
}

// TestBridge has the virtual host on a bridge, whose own table of MACs is not that of its ports.
func TestBridge(t *testing.T) {
	b := newBed(t)
	one := b.nodes[0]
	b.run(one.Host, "ip", "link", "add", "br0", "type", "bridge")
	b.run(one.Host, "ip", "link", "set", "lan", "master", "br0")
	one.Up("br0")
	one.DelAddr("lan", netip.PrefixFrom(ownAddrs[0][0], 24), netip.PrefixFrom(ownAddrs[0][1], 64))
	one.AddAddr("br0", vips...)
	w := both()
	w[0].Device = "br0"
	check(t, one.table.Set(w))
	b.reach(b.client, vips[0].Addr(), vips[1].Addr())
	for _, a := range addrs(vips[:2]) {
		if got := b.neighbour(b.client, a); got != virtual(vhid).String() {
			t.Errorf("client has %s at %s", a, got)
		}
	}
	check(t, one.table.Release())
	if got := b.state(one.Host); strings.Contains(got, "00:00:5e") {
		t.Errorf("released: %s", got)
	}
}

func TestSupported(t *testing.T) {
	b := newBed(t)
	h := b.nodes[0].Host
	before := b.state(h)
	check(t, h.Do(Supported)) // the kernel of these tests is one
	if got := b.state(h); got != before {
		t.Errorf("left behind: %s", got)
	}
}
