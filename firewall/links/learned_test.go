package links

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLearn(t *testing.T) {
	wan := eth(1, "eth0", "203.0.113.2/29", "203.0.113.9/32", "203.0.113.5/29", "198.51.100.7/24", "fe80::1/64", "2001:db8::7/64", "2001:db8::8/64", "169.254.3.3/16")
	wan.Carrier, wan.Unsettled = true, prefixes("2001:db8::8/64")
	ppp := Device{Index: 2, Name: "ppp0", Up: true, Carrier: true, Addresses: prefixes("192.0.2.77/32")}
	lan := down(3, "eth1")
	lan.Carrier = true
	dark := eth(4, "eth2")
	want := State{Links: []Link{
		{Name: "wan", MAC: wan.MAC, Addresses: prefixes("203.0.113.2/28"), Moving: prefixes("203.0.113.5/28")},
		{Name: "dsl", Device: "ppp0"}, {Name: "lan", Device: "eth1"}, {Name: "dmz", Device: "eth2"}, {Name: "gone", Device: "eth9"},
	}}
	defaults := []Route{
		route("0.0.0.0/0 203.0.113.7 eth0"), // the worst metric, see below
		route("0.0.0.0/0 203.0.113.1 eth0"),
		multipath("0.0.0.0/0", "203.0.113.6 eth0 1", "10.1.2.3 eth1 1"),
		route("0.0.0.0/0 - ppp0"),
		route("0.0.0.0/0 10.7.7.7 eth7"),
		route("::/0 fe80::9 eth0"),
		route("::/0 - ppp0"),
	}
	for i, metric := range []int{100, 20, 30, 0, 0, 1024, 1} {
		defaults[i].Metric = metric
	}
	owned := Owned{Addresses: []OwnedAddress{{Index: 1, Prefix: prefixes("203.0.113.9/32")[0]}}}
	got := learn([]Device{wan, ppp, lan, dark}, defaults, want, owned)
	if d := cmp.Diff(Learned{
		Addresses: map[string][]netip.Prefix{
			"wan": prefixes("198.51.100.7/24", "2001:db8::7/64"),
			"dsl": prefixes("192.0.2.77/32"),
		},
		Hops4: map[string]netip.Addr{
			"wan": netip.MustParseAddr("203.0.113.1"), "dsl": netip.IPv4Unspecified(), "lan": netip.MustParseAddr("10.1.2.3"),
		},
		Hops6:   map[string]netip.Addr{"wan": netip.MustParseAddr("fe80::9"), "dsl": netip.IPv6Unspecified()},
		Carrier: map[string]bool{"wan": true, "dsl": true, "lan": false, "dmz": false},
	}, got, sameAddresses); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestChangedTellsOfNews(t *testing.T) {
	drama(t, func(t *testing.T, f *Fake, o *Owner) {
		changed := func() bool {
			time.Sleep(time.Second)
			select {
			case <-o.Changed():
				return true
			default:
				return false
			}
		}
		if !changed() || changed() {
			t.Error("told of the start not once")
		}
		f.SetDefaults(route("0.0.0.0/0 203.0.113.1 eth0"))
		f.SetDefaults(route("0.0.0.0/0 203.0.113.3 eth0"))
		if !changed() || changed() {
			t.Error("told of two changes at once not once")
		}
		l, err := o.Learned(office())
		if err != nil || l.Hops4["wan"] != netip.MustParseAddr("203.0.113.3") {
			t.Errorf("%v, learned %v", err, l)
		}
		if len(l.Addresses) != 0 {
			t.Errorf("addresses of ours are learned: %v", l.Addresses)
		}
	})
}
