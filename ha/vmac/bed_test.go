package vmac

import (
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

// bed is a client and a server with two routers between them, of which one is to be the gateway.
type bed struct {
	*testing.T
	net            *lab.Net
	client, server *lab.Host
	nodes          [2]*node
}

// node is a router with a table.
type node struct {
	*lab.Host
	table *Table
}

const vhid = 7

// The virtual host's addresses towards the client, and the others.
var (
	vips        = []netip.Prefix{prefix("10.0.0.1/24"), prefix("fd00::1/64"), prefix("fe80::1/64")}
	outside     = []netip.Prefix{prefix("192.0.2.1/24"), prefix("2001:db8::1/64")}
	clientAddrs = []netip.Addr{addr("10.0.0.100"), addr("fd00::100")}
	serverAddrs = []netip.Addr{addr("192.0.2.100"), addr("2001:db8::100")}
	ownAddrs    = [2][]netip.Addr{{addr("10.0.0.2"), addr("fd00::2")}, {addr("10.0.0.3"), addr("fd00::3")}}
)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }

func newBed(t *testing.T) *bed {
	t.Helper()
	b := &bed{T: t, net: lab.Test(t)}
	lan, wan := b.net.Switch("lan"), b.net.Switch("wan")
	b.client, b.server = b.net.Host("client"), b.net.Host("server")
	b.client.Plug("eth0", lan, netip.PrefixFrom(clientAddrs[0], 24), netip.PrefixFrom(clientAddrs[1], 64))
	b.server.Plug("eth0", wan, netip.PrefixFrom(serverAddrs[0], 24), netip.PrefixFrom(serverAddrs[1], 64))
	for i, name := range []string{"one", "two"} {
		n := &node{Host: b.net.Host(name)}
		n.Plug("lan", lan, netip.PrefixFrom(ownAddrs[i][0], 24), netip.PrefixFrom(ownAddrs[i][1], 64))
		n.Plug("wan", wan)
		n.Forward()
		n.table = openTable(t, n.Host)
		b.nodes[i] = n
	}
	b.client.Default(vips[0].Addr())
	b.client.Default(vips[1].Addr())
	b.server.Default(outside[0].Addr())
	b.server.Default(outside[1].Addr())
	return b
}

// openTable opens the table of a host.
func openTable(t testing.TB, h *lab.Host) *Table {
	t.Helper()
	var table *Table
	err := h.Do(func() (err error) { table, err = Open(); return err })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { check(t, table.Close()) })
	return table
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func addrs(of []netip.Prefix) []netip.Addr {
	var all []netip.Addr
	for _, p := range of {
		all = append(all, p.Addr())
	}
	return all
}

// both is the virtual host on both sides.
func both() []Wanted {
	return []Wanted{
		{Device: "lan", Hosts: []Virtual{{VHID: vhid, Addresses: addrs(vips)}}},
		{Device: "wan", Hosts: []Virtual{{VHID: vhid, Addresses: addrs(outside)}}},
	}
}

// take makes the node the gateway.
func (n *node) take(t *testing.T, w []Wanted) {
	t.Helper()
	n.AddAddr("lan", vips...)
	n.AddAddr("wan", outside...)
	check(t, n.table.Set(w))
}

// leave ends that.
func (n *node) leave(t *testing.T) {
	t.Helper()
	n.DelAddr("lan", vips...)
	n.DelAddr("wan", outside...)
	check(t, n.table.Release())
}

// reach pings, with patience for the neighbours that have to be found.
func (b *bed) reach(from *lab.Host, to ...netip.Addr) {
	b.Helper()
	for _, a := range to {
		if r := from.Ping(b.Context(), a, lab.Within(5*time.Second)); r.Outcome != lab.Open {
			b.Errorf("%s to %s: %s", from.Name(), a, r)
		}
	}
}

// run runs a command in a host.
func (b *bed) run(h *lab.Host, name string, args ...string) string {
	b.Helper()
	out, err := h.Run(b.Context(), name, args...)
	check(b.T, err)
	return out
}

// neighbour is the MAC that a host has for an address.
func (b *bed) neighbour(h *lab.Host, a netip.Addr) string {
	b.Helper()
	fields := strings.Fields(b.run(h, "ip", "neighbour", "show", "to", a.String()))
	if i := slices.Index(fields, "lladdr"); i >= 0 {
		return fields[i+1]
	}
	return "none"
}

// forget has a host ask for its neighbours anew.
func (b *bed) forget(h *lab.Host) { b.run(h, "ip", "neighbour", "flush", "all") }

// port is where a switch has learned a MAC.
func (b *bed) port(sw, m string) string {
	b.Helper()
	out, err := exec.Command("bridge", "-n", b.net.Prefix()+sw, "fdb", "show", "br", "br0").CombinedOutput()
	if err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		// 00:00:5e:00:01:07 dev p2 master br0
		if f := strings.Fields(line); len(f) > 2 && f[0] == m && !slices.Contains(f, "permanent") {
			return f[2]
		}
	}
	return "none"
}
