package links

import (
	"net/netip"
	"testing"
)

// multipath takes hops as "10.1.2.3 eth1 3", with the weight.
func multipath(dst string, hops ...string) Route {
	r := Route{Dst: netip.MustParsePrefix(dst)}
	for _, h := range hops {
		r.Hops = append(r.Hops, hop(h))
	}
	return r
}

func TestDiffRoutes(t *testing.T) {
	lan := Link{Name: "lan", Device: "eth1", Up: true, Addresses: prefixes("10.1.2.2/28")}
	for _, tt := range []diffCase{
		{
			name: "route leads elsewhere: replaced, before another is deleted",
			have: Machine{
				Devices: []Device{eth(1, "eth1")},
				Routes:  []Route{route("10.7.0.0/16 10.1.2.3 eth1").canonical(), route("10.8.0.0/16 10.1.2.3 eth1").canonical()},
			},
			want: State{Routes: []Route{route("10.8.0.0/16 10.1.2.4 eth1")}},
			ops: []string{
				"route replace 10.8.0.0/16 via 10.1.2.4 dev eth1 (was via 10.1.2.3 dev eth1)",
				"route del 10.7.0.0/16 via 10.1.2.3 dev eth1",
			},
		},
		{
			name: "of two routes the one that leads right is kept",
			have: Machine{
				Devices: []Device{eth(1, "eth1")},
				Routes:  []Route{route("10.8.0.0/16 10.1.2.3 eth1").canonical(), route("10.8.0.0/16 10.1.2.4 eth1").canonical()},
			},
			want: State{Routes: []Route{route("10.8.0.0/16 10.1.2.4 eth1")}},
			ops:  []string{"route del 10.8.0.0/16 via 10.1.2.3 dev eth1"},
		},
		{
			name: "routes as the kernel lists them are no difference",
			have: Machine{
				Devices: []Device{eth(1, "eth1")},
				Routes: []Route{
					{Dst: netip.MustParsePrefix("10.8.0.0/16"), Via: netip.MustParseAddr("10.1.2.3"), Device: "eth1", Table: 254},
					{Dst: netip.MustParsePrefix("::/0"), Via: netip.MustParseAddr("fe80::1"), Device: "eth1", Metric: 1, Table: 254},
				},
			},
			want: State{Routes: []Route{route("10.8.3.3/16 10.1.2.3"), route("::/0 fe80::1 eth1")}},
		},
		{
			name: "one metric more is another route",
			have: Machine{Devices: []Device{eth(1, "eth1")}, Routes: []Route{route("10.8.0.0/16 10.1.2.3 eth1").canonical()}},
			want: State{Routes: []Route{route("10.8.0.0/16 10.1.2.3 eth1"), {Dst: netip.MustParsePrefix("10.8.0.0/16"), Device: "eth1", Metric: 5}}},
			ops:  []string{"route add 10.8.0.0/16 dev eth1 metric 5"},
		},
		{
			name: "rules come after the routes of their table",
			have: Machine{Devices: []Device{eth(1, "eth1")}},
			want: State{
				Routes: []Route{{Dst: netip.MustParsePrefix("::/0"), Kind: Unreachable, Metric: 9, Table: 82001}},
				Rules:  []Rule{{Priority: 8201, Is6: true, Mark: 0x10000, Mask: 0xff0000, Table: 82001}},
			},
			ops: []string{
				"route add unreachable ::/0 metric 9 table 82001",
				"-6 rule add priority 8201 from all fwmark 0x10000/0xff0000 table 82001",
			},
		},
		{
			name: "and go before them; those that stay are left alone",
			have: Machine{
				Devices: []Device{eth(1, "eth1")},
				Routes:  []Route{{Dst: netip.MustParsePrefix("::/0"), Kind: Unreachable, Metric: 9, Table: 82001}},
				Rules: []Rule{
					{Priority: 8201, Is6: true, Mark: 0x10000, Mask: 0xff0000, Table: 82001},
					{Priority: 8500, NoDefault: true, Table: 254},
					{Priority: 8601, From: netip.MustParsePrefix("10.1.0.0/16"), Table: 254},
				},
			},
			want: State{Rules: []Rule{{Priority: 8500, NoDefault: true}, {Priority: 8601, From: netip.MustParsePrefix("10.1.2.3/16")}}},
			ops: []string{
				"-6 rule del priority 8201 from all fwmark 0x10000/0xff0000 table 82001",
				"route del unreachable ::/0 metric 9 table 82001",
			},
		},
		{
			name: "several hops in another order are no difference, nor is onlink",
			have: Machine{
				Devices: []Device{eth(1, "eth1"), eth(2, "eth2")},
				Routes:  []Route{multipath("10.8.0.0/16", "10.1.2.3 eth1 1", "10.2.2.3 eth2 3").canonical()},
			},
			want: State{Routes: []Route{multipath("10.8.0.0/16", "10.2.2.3 eth2 3", "10.1.2.3 eth1 1")}},
		},
		{
			name: "another weight is one",
			have: Machine{
				Devices: []Device{eth(1, "eth1"), eth(2, "eth2")},
				Routes:  []Route{multipath("10.8.0.0/16", "10.1.2.3 eth1 1", "10.2.2.3 eth2 3").canonical()},
			},
			want: State{Routes: []Route{multipath("10.8.0.0/16", "10.1.2.3 eth1 1", "10.2.2.3 eth2 1")}},
			ops: []string{"route replace 10.8.0.0/16 nexthop via 10.1.2.3 dev eth1 weight 1 nexthop via 10.2.2.3 dev eth2 weight 1" +
				" (was nexthop via 10.1.2.3 dev eth1 weight 1 nexthop via 10.2.2.3 dev eth2 weight 3)"},
		},
		{
			name: "a hop that is named twice has both weights, and one hop is none of several",
			have: Machine{Devices: []Device{eth(1, "eth1")}},
			want: State{Routes: []Route{multipath("10.8.0.0/16", "10.1.2.3 eth1 1", "10.1.2.3 eth1 2"), multipath("10.9.0.0/16", "10.1.2.4 eth1 7", "10.1.2.3 eth1 200", "10.1.2.3 eth1 200")}},
			ops: []string{
				"route add 10.8.0.0/16 via 10.1.2.3 dev eth1",
				"route add 10.9.0.0/16 nexthop via 10.1.2.3 dev eth1 weight 256 nexthop via 10.1.2.4 dev eth1 weight 7",
			},
		},
		{
			name: "hops by devices that are missing or down are left out",
			have: Machine{Devices: []Device{eth(1, "eth1"), down(2, "eth2"), down(3, "eth3")}},
			want: State{
				Links:  []Link{lan, {Name: "dmz", Device: "eth3", Up: true}, {Name: "wan", Device: "eth9"}},
				Routes: []Route{multipath("10.8.0.0/16", "10.1.2.3 lan 1", "10.2.2.3 eth2 1", "10.3.2.3 dmz 1", "10.9.2.3 wan 1"), route("10.9.0.0/16 10.2.2.3 eth2")},
			},
			ops: []string{
				"link set eth3 up",
				"address add 10.1.2.2/28 dev eth1",
				"route add 10.8.0.0/16 nexthop via 10.1.2.3 dev eth1 weight 1 nexthop via 10.3.2.3 dev eth3 weight 1",
			},
		},
		{
			name: "a hop whose device went down stays, and one that came up is added",
			have: Machine{
				Devices: []Device{eth(1, "eth1"), down(2, "eth2"), eth(3, "eth3")},
				Routes: []Route{
					multipath("10.8.0.0/16", "10.1.2.3 eth1 1", "10.2.2.3 eth2 1").canonical(),
					route("10.9.0.0/16 10.1.2.3 eth1").canonical(),
				},
			},
			want: State{Routes: []Route{
				multipath("10.8.0.0/16", "10.1.2.3 eth1 1", "10.2.2.3 eth2 1"),
				multipath("10.9.0.0/16", "10.1.2.3 eth1 1", "10.3.2.3 eth3 1"),
			}},
			ops: []string{"route replace 10.9.0.0/16 nexthop via 10.1.2.3 dev eth1 weight 1 nexthop via 10.3.2.3 dev eth3 weight 1 (was via 10.1.2.3 dev eth1)"},
		},
		{
			name: "what nothing can be had of goes where it led before",
			have: Machine{
				Devices: []Device{eth(1, "eth1"), down(2, "eth2")},
				Routes:  []Route{route("10.8.0.0/16 10.1.2.3 eth1").canonical()},
			},
			want: State{Routes: []Route{route("10.8.0.0/16 10.2.2.3 eth2")}},
			ops:  []string{"route del 10.8.0.0/16 via 10.1.2.3 dev eth1"},
		},
		{
			name: "IPv6 hops without a next hop are left out, or all but one",
			have: Machine{Devices: []Device{eth(1, "ppp0"), eth(2, "ppp1")}},
			want: State{Routes: []Route{
				{Dst: netip.MustParsePrefix("::/0"), Hops: []Hop{{Device: "ppp0"}, {Device: "ppp1"}}},
				{Dst: netip.MustParsePrefix("2001:db8:8::/48"), Hops: []Hop{{Device: "ppp0"}, {Device: "ppp1", Via: netip.MustParseAddr("fe80::1%ppp1")}}},
				{Dst: netip.MustParsePrefix("0.0.0.0/0"), Hops: []Hop{{Device: "ppp0", Via: netip.IPv4Unspecified()}, {Device: "ppp1", Weight: 3}}},
			}},
			ops: []string{
				"route add ::/0 dev ppp0 metric 1",
				"route add 2001:db8:8::/48 via fe80::1 dev ppp1 metric 1",
				"route add default nexthop dev ppp0 weight 1 nexthop dev ppp1 weight 3",
			},
		},
		{
			name: "proxies come after what they need, and go before it; those of others stay",
			have: Machine{
				Devices: []Device{eth(1, "eth1"), {Index: 7, Name: VoidDevice, Kind: "dummy"}},
				Sysctls: map[string]string{"net/ipv4/neigh/eth1/proxy_delay": "80"},
				Routes:  []Route{route("203.0.113.6/32 - " + VoidDevice).canonical()},
				Proxies: []FoundProxy{
					{Proxy{"eth1", netip.MustParseAddr("203.0.113.6")}, true},
					{Proxy{"eth1", netip.MustParseAddr("203.0.113.7")}, false},
					{Proxy{"eth1", netip.MustParseAddr("203.0.113.8")}, false},
				},
			},
			want: State{Proxies: []Proxy{{"eth1", netip.MustParseAddr("203.0.113.5")}, {"eth1", netip.MustParseAddr("203.0.113.8")}, {"eth1", netip.MustParseAddr("203.0.113.5")}}},
			ops: []string{
				"sysctl net/ipv4/neigh/eth1/proxy_delay 0 (was 80)",
				"link add rempart-void type dummy",
				"route add 203.0.113.5/32 dev rempart-void",
				"route add 203.0.113.8/32 dev rempart-void",
				"neighbour add proxy 203.0.113.5 dev eth1",
				"neighbour del proxy 203.0.113.6 dev eth1",
				"route del 203.0.113.6/32 dev rempart-void",
			},
		},
		{
			name: "without proxies there is no device for them, and that of another stays",
			have: Machine{Devices: []Device{{Index: 7, Name: VoidDevice, Kind: "dummy"}, {Index: 8, Name: "dummy0", Kind: "dummy"}}},
			ops:  []string{"link del rempart-void"},
		},
		{
			name: "a stand-in that a crash left goes",
			have: Machine{
				Devices: []Device{eth(1, "eth1")},
				Routes:  []Route{route("10.8.0.0/16 10.1.2.3 eth1").canonical(), route("10.8.0.0/16 10.1.2.3 eth1").canonical()},
			},
			want: State{Routes: []Route{route("10.8.0.0/16 10.1.2.3 eth1")}},
			ops:  []string{"route del 10.8.0.0/16 via 10.1.2.3 dev eth1"},
		},
	} {
		t.Run(tt.name, tt.run)
	}
}
