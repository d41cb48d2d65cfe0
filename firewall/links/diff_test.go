package links

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	macA = net.HardwareAddr{0x52, 0x54, 0, 0, 0, 1}
	macB = net.HardwareAddr{0x52, 0x54, 0, 0, 0, 2}
)

func prefixes(texts ...string) []netip.Prefix {
	var ps []netip.Prefix
	for _, text := range texts {
		ps = append(ps, netip.MustParsePrefix(text))
	}
	return ps
}

// route parses "10.8.0.0/16 10.1.2.3 eth1", with "-" for no gateway.
func route(text string) Route {
	fields := strings.Fields(text)
	r := Route{Dst: netip.MustParsePrefix(fields[0])}
	if fields[1] != "-" {
		r.Via = netip.MustParseAddr(fields[1])
	}
	if len(fields) > 2 {
		r.Device = fields[2]
	}
	return r
}

func eth(index int, name string, addresses ...string) Device {
	return Device{
		Index: index, Name: name, Kind: "device", MTU: 1500, Up: true,
		MAC: net.HardwareAddr{0x52, 0x54, 0, 0, 0, byte(index)}, Addresses: prefixes(addresses...),
	}
}

func moving(l Link, addresses ...string) Link {
	l.Moving = prefixes(addresses...)
	return l
}

func texts(ops []Op) []string {
	var out []string
	for _, op := range ops {
		out = append(out, op.String())
	}
	return out
}

// diffCase is a machine, what is wanted of it, and what has to be done.
type diffCase struct {
	name  string
	have  Machine
	want  State
	owned Owned
	ops   []string
}

func (c diffCase) run(t *testing.T) {
	t.Helper()
	if d := cmp.Diff(c.ops, texts(Diff(c.have, c.want, c.owned))); d != "" {
		t.Errorf("ops (-want +got):\n%s", d)
	}
}

func TestDiff(t *testing.T) {
	lan := Link{Name: "lan", Device: "eth1", Up: true, Addresses: prefixes("10.1.2.2/28")}
	for _, tt := range []diffCase{
		{name: "nothing wanted of a foreign machine", have: Machine{Devices: []Device{eth(1, "eth1", "10.1.2.2/28", "fe80::1/64")}}},
		{
			name: "address, new",
			have: Machine{Devices: []Device{eth(1, "eth1", "10.9.9.9/24")}},
			want: State{Links: []Link{lan}},
			ops:  []string{"address add 10.1.2.2/28 dev eth1"},
		},
		{
			name: "address that moves, absent",
			have: Machine{Devices: []Device{eth(1, "eth1", "10.1.2.2/28")}},
			want: State{Links: []Link{moving(lan, "10.1.2.5/28")}},
		},
		{
			name: "address that moves, there",
			have: Machine{Devices: []Device{eth(1, "eth1", "10.1.2.2/28", "10.1.2.5/32")}},
			want: State{Links: []Link{moving(lan, "10.1.2.5/28")}},
		},
		{
			name:  "address that moves, added by us once",
			have:  Machine{Devices: []Device{eth(1, "eth1", "10.1.2.2/28", "10.1.2.5/28", "10.1.2.6/28")}},
			want:  State{Links: []Link{moving(lan, "10.1.2.5/28")}},
			owned: Owned{Addresses: []OwnedAddress{{Index: 1, Prefix: prefixes("10.1.2.5/28")[0]}, {Index: 1, Prefix: prefixes("10.1.2.6/28")[0]}}},
			ops:   []string{"address del 10.1.2.6/28 dev eth1"},
		},
		{
			name: "address, there already",
			have: Machine{Devices: []Device{eth(1, "eth1", "10.1.2.2/28")}},
			want: State{Links: []Link{lan}},
		},
		{
			name: "address, named twice",
			have: Machine{Devices: []Device{eth(1, "eth1")}},
			want: State{Links: []Link{{Name: "lan", Device: "eth1", Addresses: prefixes("10.1.2.2/28", "10.1.2.2/28")}}},
			ops:  []string{"address add 10.1.2.2/28 dev eth1"},
		},
		{
			name:  "address, ours and dropped; the foreign one stays",
			have:  Machine{Devices: []Device{eth(1, "eth1", "10.1.2.2/28", "10.1.2.3/28")}},
			want:  State{Links: []Link{{Name: "lan", Device: "eth1"}}},
			owned: Owned{Addresses: []OwnedAddress{{Index: 1, Prefix: netip.MustParsePrefix("10.1.2.3/28")}}},
			ops:   []string{"address del 10.1.2.3/28 dev eth1"},
		},
		{
			name:  "address, ours on a device of that name that is gone",
			have:  Machine{Devices: []Device{eth(7, "eth1", "10.1.2.2/28")}},
			owned: Owned{Addresses: []OwnedAddress{{Index: 1, Device: "eth1", Prefix: netip.MustParsePrefix("10.1.2.2/28")}}},
		},
		{
			name:  "IPv4 changes its length: new before old",
			have:  Machine{Devices: []Device{eth(1, "eth1", "10.1.2.2/24")}},
			want:  State{Links: []Link{lan}},
			owned: Owned{Addresses: []OwnedAddress{{Index: 1, Prefix: netip.MustParsePrefix("10.1.2.2/24")}}},
			ops:   []string{"address add 10.1.2.2/28 dev eth1", "address del 10.1.2.2/24 dev eth1"},
		},
		{
			name:  "IPv6 changes its length: old before new",
			have:  Machine{Devices: []Device{eth(1, "eth1", "2001:db8::1/64")}},
			want:  State{Links: []Link{{Name: "lan", Device: "eth1", Addresses: prefixes("2001:db8::1/56")}}},
			owned: Owned{Addresses: []OwnedAddress{{Index: 1, Prefix: netip.MustParsePrefix("2001:db8::1/64")}}},
			ops:   []string{"address del 2001:db8::1/64 dev eth1", "address add 2001:db8::1/56 dev eth1"},
		},
		{
			name: "device by MAC",
			have: Machine{Devices: []Device{eth(1, "eth0"), eth(2, "eth5")}},
			want: State{Links: []Link{{Name: "lan", MAC: macB, Addresses: prefixes("10.1.2.2/28")}}},
			ops:  []string{"address add 10.1.2.2/28 dev eth5"},
		},
		{
			name: "order of everything new",
			have: Machine{
				Devices: []Device{{Index: 1, Name: "eth1", MTU: 1500}},
				Sysctls: map[string]string{"net/ipv4/ip_forward": "0", "net/ipv4/conf/eth1/rp_filter": "2"},
			},
			want: State{
				Links: []Link{{Name: "lan", Device: "eth1", MTU: 1400, Up: true, Addresses: prefixes("10.1.2.2/28")}},
				Routes: []Route{
					route("10.8.0.0/16 10.1.2.3 lan"),
					{Dst: netip.MustParsePrefix("0.0.0.0/0"), Via: netip.MustParseAddr("203.0.113.1"), Device: "lan", OnLink: true, Metric: 10, Table: 100},
				},
				Sysctls: []Sysctl{
					{Path: "net/ipv4/ip_forward", Value: "1"},
					{Path: "net/ipv4/conf/{device}/rp_filter", Value: "0", Device: "lan"},
				},
			},
			ops: []string{
				"sysctl net/ipv4/ip_forward 1 (was 0)",
				"sysctl net/ipv4/conf/eth1/rp_filter 0 (was 2)",
				"link set eth1 mtu 1400 (was 1500)",
				"link set eth1 up",
				"address add 10.1.2.2/28 dev eth1",
				"route add 10.8.0.0/16 via 10.1.2.3 dev eth1",
				"route add default via 203.0.113.1 dev eth1 onlink metric 10 table 100",
			},
		},
		{
			name: "order of everything given back",
			have: Machine{
				Devices: []Device{{Index: 1, Name: "eth1", MTU: 1400, Up: true, Addresses: prefixes("10.1.2.2/28")}},
				Routes:  []Route{route("10.8.0.0/16 10.1.2.3 eth1").canonical()},
				Sysctls: map[string]string{"net/ipv4/ip_forward": "1", "net/ipv4/conf/all/accept_redirects": "0", "x": "3"},
			},
			owned: Owned{
				Addresses: []OwnedAddress{{Index: 1, Prefix: netip.MustParsePrefix("10.1.2.2/28")}},
				Links:     []OwnedLink{{Index: 1, MTU: 1400, MTUBefore: 1500, Raised: true}},
				Sysctls: []OwnedSysctl{
					{Path: "net/ipv4/ip_forward", Value: "1", Before: "0"},
					{Path: "net/ipv4/conf/all/accept_redirects", Value: "0", Before: "0"},
					{Path: "x", Value: "1", Before: "0"}, // changed by another since
				},
			},
			ops: []string{
				"route del 10.8.0.0/16 via 10.1.2.3 dev eth1",
				"address del 10.1.2.2/28 dev eth1",
				"link set eth1 mtu 1500 (was 1400)",
				"link set eth1 down",
				"sysctl net/ipv4/ip_forward 0 (was 1)",
				"sysctl net/ipv4/conf/all/accept_redirects 0 (was 0)",
			},
		},
		{
			name:  "MTU and state that others changed since stay",
			have:  Machine{Devices: []Device{{Index: 1, Name: "eth1", MTU: 9000}}},
			owned: Owned{Links: []OwnedLink{{Index: 1, MTU: 1400, MTUBefore: 1500, Raised: true}}},
		},
		{
			name: "missing device: the rest is done",
			have: Machine{Devices: []Device{eth(1, "eth1")}, Sysctls: map[string]string{}},
			want: State{
				Links: []Link{{Name: "wan", Device: "eth9", Addresses: prefixes("192.0.2.1/24")}, lan},
				Routes: []Route{
					route("0.0.0.0/0 192.0.2.254 wan"), route("10.8.0.0/16 10.1.2.3 lan"), route("10.9.0.0/16 10.1.2.3 eth8"),
				},
				Sysctls: []Sysctl{{Path: "net/ipv4/conf/{device}/rp_filter", Value: "0", Device: "wan"}},
			},
			ops: []string{"address add 10.1.2.2/28 dev eth1", "route add 10.8.0.0/16 via 10.1.2.3 dev eth1"},
		},
		{
			name: "renamed by hand: nothing is taken away",
			have: Machine{
				Devices: []Device{eth(1, "oops", "10.1.2.2/28")},
				Routes:  []Route{route("10.8.0.0/16 10.1.2.3 oops").canonical()},
				Sysctls: map[string]string{"net/ipv4/ip_forward": "1"},
			},
			want: State{Links: []Link{lan}, Routes: []Route{route("10.8.0.0/16 10.1.2.3 lan")}},
			owned: Owned{
				Addresses: []OwnedAddress{{Index: 1, Device: "eth1", Prefix: netip.MustParsePrefix("10.1.2.2/28")}},
				Links:     []OwnedLink{{Index: 1, Raised: true}},
				Sysctls:   []OwnedSysctl{{Path: "net/ipv4/ip_forward", Value: "1", Before: "0"}},
			},
		},
		{
			name: "a link whose name is that of a device elsewhere",
			have: Machine{Devices: []Device{eth(1, "lan"), eth(2, "eth1")}},
			want: State{Links: []Link{lan}, Routes: []Route{route("10.8.0.0/16 10.1.2.3 lan")}},
			ops:  []string{"address add 10.1.2.2/28 dev eth1", "route add 10.8.0.0/16 via 10.1.2.3 dev eth1"},
		},
	} {
		t.Run(tt.name, tt.run)
	}
}

func TestFaults(t *testing.T) {
	vlan := eth(3, "eth0.5")
	vlan.Kind, vlan.MAC = "vlan", macA
	twin := eth(4, "tap0")
	twin.MAC = macA
	tests := []struct {
		name    string
		devices []Device
		want    State
		faults  []string
	}{
		{
			name:    "missing device",
			devices: []Device{eth(1, "lo"), eth(3, "eth1"), eth(2, "eth0")},
			want:    State{Links: []Link{{Name: "wan", Device: "eth9"}}},
			faults:  []string{`interface wan: no device "eth9"; this machine has eth0, eth1`},
		},
		{
			name:    "no device at all",
			devices: []Device{eth(1, "lo")},
			want:    State{Links: []Link{{Name: "wan", Device: "eth9"}}},
			faults:  []string{`interface wan: no device "eth9"; this machine has none`},
		},
		{
			name:    "missing MAC",
			devices: []Device{eth(1, "eth0")},
			want:    State{Links: []Link{{Name: "wan", MAC: macB}}},
			faults:  []string{`interface wan: no device with MAC 52:54:00:00:00:02; this machine has eth0 (52:54:00:00:00:01)`},
		},
		{
			name:    "neither device nor MAC",
			devices: []Device{{Index: 1, Name: "tun0"}, eth(1, "eth0")},
			want:    State{Links: []Link{{Name: "wan"}}},
			faults:  []string{`interface wan: neither device nor mac is given; this machine has eth0 (52:54:00:00:00:01), tun0 ()`},
		},
		{
			name:    "MAC that a vlan borrowed",
			devices: []Device{eth(1, "eth0"), vlan},
			want:    State{Links: []Link{{Name: "wan", MAC: macA}}},
		},
		{
			name:    "MAC of two devices",
			devices: []Device{eth(1, "eth0"), vlan, twin},
			want:    State{Links: []Link{{Name: "wan", MAC: macA}}},
			faults:  []string{`interface wan: MAC 52:54:00:00:00:01 is that of several devices: eth0, tap0; name one with device`},
		},
		{
			name:    "one device for two",
			devices: []Device{eth(1, "eth0")},
			want:    State{Links: []Link{{Name: "wan", MAC: macA}, {Name: "lan", Device: "eth0"}}},
			faults:  []string{`interfaces wan and lan: both are device "eth0"`},
		},
		{
			name:    "routes",
			devices: []Device{eth(1, "eth0")},
			want: State{
				Links:  []Link{{Name: "dmz", Device: "eth9"}},
				Routes: []Route{route("10.8.0.0/16 10.1.2.3 eth8"), route("10.9.0.0/16 - eth0"), route("10.9.1.1/16 10.1.2.3"), route("10.7.0.0/16 - dmz")},
			},
			faults: []string{
				`interface dmz: no device "eth9"; this machine has eth0`,
				`route 10.8.0.0/16 via 10.1.2.3 dev eth8: no device "eth8"; this machine has eth0`,
				`route 10.9.0.0/16 via 10.1.2.3: there is already 10.9.0.0/16 dev eth0; give one of them another metric`,
			},
		},
		{
			name:    "devices that are down",
			devices: []Device{eth(1, "eth0"), down(2, "ppp0"), down(3, "ppp1"), down(4, "eth1")},
			want: State{
				Links: []Link{{Name: "lan", Device: "eth1", Up: true}},
				Routes: []Route{
					route("0.0.0.0/0 - ppp0"), multipath("10.8.0.0/16", "192.0.2.1 ppp0 1", "192.0.2.2 ppp1 1"), route("10.9.0.0/16 10.1.2.3 lan"),
					multipath("10.7.0.0/16", "192.0.2.1 ppp9 1", "192.0.2.2 eth0 1"),
				},
			},
			faults: []string{
				`route 10.7.0.0/16 nexthop via 192.0.2.1 dev ppp9 weight 1 nexthop via 192.0.2.2 dev eth0 weight 1: no device "ppp9"; this machine has eth0, eth1, ppp0, ppp1`,
				`device "ppp0" is down: 2 routes by it wait`,
				`device "ppp1" is down: a route by it waits`,
			},
		},
		{
			name:    "IPv6 hops without a next hop",
			devices: []Device{eth(1, "ppp0"), eth(2, "ppp1")},
			want: State{
				Routes:  []Route{{Dst: netip.MustParsePrefix("::/0"), Hops: []Hop{{Device: "ppp0"}, {Device: "ppp1"}}}},
				Proxies: []Proxy{{Device: "wan", Address: netip.MustParseAddr("203.0.113.5")}},
			},
			faults: []string{
				"route ::/0 nexthop dev ppp0 weight 1 nexthop dev ppp1 weight 1: IPv6 needs a next hop for each of several lines; those without are left out",
				`proxy 203.0.113.5 dev wan: no device "wan"; this machine has ppp0, ppp1`,
			},
		},
		{
			name:   "settings",
			want:   State{Sysctls: []Sysctl{{Path: "net/ipv4/a", Value: "1"}, {Path: "net/ipv6/b", Value: "1", Optional: true}}},
			faults: []string{"sysctl net/ipv4/a: this kernel does not have it"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, err := range faults(Machine{Devices: tt.devices}, tt.want) {
				got = append(got, err.Error())
			}
			if d := cmp.Diff(tt.faults, got); d != "" {
				t.Errorf("faults (-want +got):\n%s", d)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	settings := Settings([]Link{{Name: "wan", Line: true}, {Name: "lan"}})
	for _, s := range settings {
		if strings.Contains(s.Path, deviceMark) != (s.Device != "") {
			t.Errorf("%s: device %q", s.Path, s.Device)
		}
		if strings.HasPrefix(s.Path, "net/ipv6/") && !s.Optional {
			t.Errorf("%s: not optional", s.Path)
		}
	}
	at := func(path string) int {
		return slices.IndexFunc(settings, func(s Sysctl) bool { return s.Path == path })
	}
	// A change of ip_forward resets accept_redirects.
	if f, r := at("net/ipv4/ip_forward"), at("net/ipv4/conf/all/accept_redirects"); f < 0 || r < f {
		t.Errorf("ip_forward at %d, accept_redirects at %d", f, r)
	}
}
