package links

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

func TestKernelForeignRoutesStay(t *testing.T) {
	s := newSpace(t, "eth0", "eth1")
	o := s.owner()
	want := gateway()
	want.Routes = nil
	apply(t, o, want)
	s.ip("route add default via 203.0.113.5")
	s.ip("-6 route add default via 2001:db8::5")
	s.ip("-6 route add 2001:db8:7::/48 via 2001:db8::5 metric 1")

	want.Routes = []Route{route("0.0.0.0/0 203.0.113.1 wan"), route("::/0 2001:db8::1 wan")}
	apply(t, o, want)
	s.has(false, "via 203.0.113.1 ", "route get 192.0.2.1")
	s.has(false, "via 2001:db8::1 ", "-6 route get 2001:db8:1234::1")
	want.Routes = []Route{route("0.0.0.0/0 203.0.113.3 wan"), route("::/0 2001:db8::3 wan")}
	apply(t, o, want)
	s.has(false, "via 203.0.113.3 ", "route get 192.0.2.1")
	s.has(false, "via 2001:db8::3 ", "-6 route get 2001:db8:1234::1")

	want.Routes = []Route{route("2001:db8:7::/48 2001:db8::1 wan")}
	if _, err := o.Apply(t.Context(), want); !errors.Is(err, ErrRouteTaken) {
		t.Errorf("err %v", err)
	}
	s.has(false, "via 203.0.113.5 ", "route get 192.0.2.1")
	s.has(false, "via 2001:db8::5 ", "-6 route get 2001:db8:1234::1")
	s.has(false, "via 2001:db8::5 ", "-6 route get 2001:db8:7::1")
}

func TestKernelListsOnlyOurRoutes(t *testing.T) {
	s := newSpace(t, "eth0", "eth1")
	apply(t, s.owner(), gateway())
	s.ip("route add 10.55.0.0/16 via 10.1.2.4")
	s.ip("route add 10.56.0.0/16 via 10.1.2.4 table 100")
	routes, err := s.Routes()
	if err != nil || len(routes) != len(gateway().Routes) {
		t.Errorf("%d routes, %v: %v", len(routes), err, routes)
	}
	// The kernel itself leaves the others out.
	n := 0
	err = s.handle.RouteListFilteredIter(netlink.FAMILY_V4, &netlink.Route{Protocol: Protocol}, netlink.RT_FILTER_TABLE, func(r netlink.Route) bool {
		if r.Protocol != Protocol {
			n++
		}
		return true
	})
	if err != nil || n != 0 {
		t.Errorf("%d routes of others were sent, %v", n, err)
	}
}

func TestKernelSaysWhyARouteFails(t *testing.T) {
	s := newSpace(t, "eth0", "eth1")
	want := gateway()
	want.Routes = []Route{route("10.8.0.0/16 192.0.2.1 wan"), route("10.9.0.0/16 10.1.2.4 lan")}
	_, err := s.owner().Apply(t.Context(), want)
	text := "route add 10.8.0.0/16 via 192.0.2.1 dev eth0: the gateway is in no subnet of the device: network is unreachable"
	if err == nil || err.Error() != text {
		t.Errorf("err %v\nwant %s", err, text)
	}
	s.has(false, "10.9.0.0/16", "route")
}

func TestKernelMends(t *testing.T) {
	tests := []struct {
		name     string
		commands []string
		show     string
		text     string
	}{
		{"address", []string{"address del 10.1.2.3/28 dev eth1"}, "address show dev eth1", "10.1.2.3/28"},
		{"only address", []string{"address del 203.0.113.2/29 dev eth0"}, "route", "default via 203.0.113.1"},
		{"IPv6 address", []string{"address del 2001:db8::2/64 dev eth0"}, "address show dev eth0", "2001:db8::2/64"},
		{"route", []string{"route del 10.8.0.0/16"}, "route", "10.8.0.0/16 via 10.1.2.4"},
		{"IPv6 route", []string{"-6 route del default"}, "-6 route", "default via 2001:db8::1"},
		{"route of another table", []string{"route del 198.51.100.0/24 table 100"}, "route show table 100", "198.51.100.0/24"},
		{"route replaced", []string{"route replace 10.8.0.0/16 via 10.1.2.5"}, "route get 10.8.0.1", "via 10.1.2.4"},
		{"down", []string{"link set eth0 down"}, "-6 route", "default via 2001:db8::1"},
		{"flap", []string{"link set eth0 down", "link set eth0 up"}, "address show dev eth0", "2001:db8::2/64"},
		{"MTU", []string{"link set eth1 mtu 1300"}, "link show dev eth1", "mtu 1400"},
		{"device made again", []string{"link del eth1", "link add eth1 type veth peer name eth1p", "link set eth1p up"}, "route", "10.8.0.0/16"},
		{"device renamed and back", []string{"link set eth1 down", "link set eth1 name x", "link set x name eth1"}, "route", "10.8.0.0/16"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSpace(t, "eth0", "eth1")
			o := s.running(gateway())
			foreign := "eth0"
			if tt.name == "only address" {
				foreign = "eth1"
			}
			s.ip("address add 10.1.2.14/28 dev %s", foreign)
			for _, c := range tt.commands {
				s.ip("%s", c)
			}
			s.settled(gateway())
			s.has(false, tt.text, "%s", tt.show)
			if o.Stats().Mends.Load() == 0 {
				t.Error("mend not counted")
			}
			s.has(false, "10.1.2.14/28", "address show dev %s", foreign)
		})
	}
}

// settled polls until nothing is left to do.
func (s *space) settled(want State) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		have, err := New(s, "", nil).look(want, Owned{})
		if err != nil {
			s.t.Fatal(err)
		}
		ops := Diff(have, want, Owned{})
		if len(ops) == 0 {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("left to do: %q", texts(ops))
		}
	}
}

func TestKernelMendsForwarding(t *testing.T) {
	s := newSpace(t, "eth0", "eth1")
	s.running(gateway())
	for _, path := range []string{"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"} {
		if err := s.writeSysctl(path, "0"); err != nil {
			t.Fatal(err)
		}
	}
	s.settled(gateway())
}

func TestKernelLateDevice(t *testing.T) {
	s := newSpace(t, "eth0")
	o := s.owner()
	_, err := o.Apply(t.Context(), gateway())
	want := `interface lan: no device "eth1"; this machine has eth0, eth0p`
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("err %v\nwant %s", err, want)
	}
	s.running(gateway())
	s.plug("eth1")
	s.has(false, "10.1.2.2/28", "address show dev eth1")
	s.has(false, "10.8.0.0/16 via 10.1.2.4 dev eth1", "route")
	s.settled(gateway())
}

func TestKernelsOfTwoNamespacesDoNotClash(t *testing.T) {
	a, b := newSpace(t, "eth0", "eth1"), newSpace(t, "eth0", "eth1")
	first, err := a.Identity()
	if err != nil {
		t.Fatal(err)
	}
	if second, err := b.Identity(); err != nil || first == second {
		t.Errorf("identities %q and %q, %v", first, second, err)
	}
	for _, s := range []*space{a, b} {
		if err := s.writeSysctl("net/ipv4/ip_forward", "0"); err != nil {
			t.Fatal(err)
		}
	}
	apply(t, a.owner(), gateway())
	if value, err := b.Sysctl("net/ipv4/ip_forward"); err != nil || value != "0" {
		t.Errorf("ip_forward of the other is %q, %v", value, err)
	}
	if routes, err := b.Routes(); err != nil || len(routes) != 0 {
		t.Errorf("routes of the other %v, %v", routes, err)
	}
}

func TestKernelStatus(t *testing.T) {
	s := newSpace(t, "eth0", "eth1")
	o := s.owner()
	apply(t, o, gateway())
	s.ip("link set eth1p down")
	// The kernel's link watch changes the operational state a moment after the carrier.
	var all []LinkStatus
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var err error
		if all, err = o.Status(); err != nil || len(all) != 2 {
			t.Fatalf("%v, %v", all, err)
		}
		if all[1].State != OperUp || time.Now().After(deadline) {
			break
		}
	}
	wan, lan := all[0], all[1]
	if !wan.Carrier || wan.State != OperUp || wan.MTU != 1500 || len(wan.MAC) != 17 {
		t.Errorf("wan %+v", wan)
	}
	if lan.Carrier || !lan.Up || lan.State == OperUp || lan.MTU != 1400 {
		t.Errorf("lan %+v", lan)
	}
}

func TestKernelDoIsDoneAlready(t *testing.T) {
	s := newSpace(t, "eth0", "eth1")
	apply(t, s.owner(), gateway())
	r := route("10.66.0.0/16 10.1.2.4 eth1").canonical()
	gone := route("10.66.0.0/16 10.1.2.4 eth7").canonical()
	lan := mustIndex(t, s, "eth1")
	for _, op := range []Op{
		AddRoute{r}, AddRoute{r}, DeleteRoute{r}, DeleteRoute{r}, DeleteRoute{gone},
		DeleteAddress{Device: "eth1", Index: lan, Prefix: netip.MustParsePrefix("10.99.0.1/24")},
		DeleteAddress{Device: "eth7", Index: 777, Prefix: netip.MustParsePrefix("10.99.0.1/24")},
	} {
		if err := s.Do(op); err != nil {
			t.Errorf("%s: %v", op, err)
		}
	}
}

func mustIndex(t testing.TB, s *space, name string) int {
	t.Helper()
	l, err := s.handle.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return l.Attrs().Index
}
