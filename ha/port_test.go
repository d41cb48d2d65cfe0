package ha

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/carp"
	"github.com/rempart/rempart/ha/wire"
)

func TestOwnAddressTowardsAnother(t *testing.T) {
	n := &Node{settings: &settings{groups: []groupSettings{{vips: []vip{{link: "sync", prefix: prefix("10.0.9.3/24")}}}}}}
	p := &port{name: "sync", device: wire.Device{Addresses: []netip.Prefix{
		dummyPrefix, prefix("10.0.9.3/24"), prefix("172.16.0.1/30"), prefix("10.0.9.1/24"), prefix("fe80::1/64"), prefix("fd00::1/64"), prefix("fd00:9::1/64"),
	}}}
	for to, want := range map[string]string{
		"172.16.0.2": "172.16.0.1",
		"10.0.9.2":   "10.0.9.1", // the virtual one is not its own
		"192.0.2.9":  "10.0.9.1",
		"fe80::2":    "fe80::1",
		"fd00::2":    "fd00::1",
		"fd00:9::2":  "fd00:9::1",
	} {
		if got, _ := meet(n.ownNetworks(p), []netip.Addr{addr(to)}); got != addr(want) {
			t.Errorf("%s is spoken to from %v, want %s", to, got, want)
		}
	}
	p.device.Addresses = []netip.Prefix{dummyPrefix, prefix("fe80::1/64")}
	for _, to := range []string{"10.0.9.2", "fd00::2"} {
		if got, _ := meet(n.ownNetworks(p), []netip.Addr{addr(to)}); got.IsValid() {
			t.Errorf("%s is spoken to from %v", to, got)
		}
	}
}

var dummyPrefix = netip.PrefixFrom(dummy, 32)

// TestEarUnderstandsBothSidesOfAChange: the addresses before and after, in the families of either.
func TestEarUnderstandsBothSidesOfAChange(t *testing.T) {
	before := carp.Context{VHID: 7, Addresses: []netip.Addr{addr("10.0.1.1")}}
	after := carp.Context{VHID: 7, Addresses: []netip.Addr{addr("10.0.1.1"), addr("2001:db8::1")}}
	e := &ear{hosts: map[uint8]*carp.VHost{}}
	e.understand(carp.VHost{VHID: 7, Link: "lan", Send: after, V4: true, V6: true})
	e.understand(carp.VHost{VHID: 7, Link: "lan", Send: before, V4: true})
	stranger := carp.Context{VHID: 7, Addresses: []netip.Addr{addr("10.0.1.2")}}
	other := carp.Context{VHID: 8, Addresses: after.Addresses}
	for name, c := range map[string]struct {
		by    *carp.Context
		src   string
		fault string
	}{
		"before":         {&before, "10.0.1.11", ""},
		"after":          {&after, "10.0.1.11", ""},
		"after, by IPv6": {&after, "fe80::11", ""},
		"other address":  {&stranger, "10.0.1.11", refusedAd},
		"other vhid":     {&other, "10.0.1.11", refusedVHID},
	} {
		h := wire.Heard{At: time.Now(), Packet: wire.Packet{Src: addr(c.src), TTL: 255, Payload: c.by.Append(nil, carp.Ad{AdvBase: 1, Counter: 1})}}
		_, err := e.parse(h)
		if c.fault == "" && err != nil || c.fault != "" && (err == nil || adFault(err) != c.fault) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := e.parse(wire.Heard{}); err == nil || adFault(err) == refusedAd {
		t.Errorf("an empty frame: %v", err)
	}
}

func TestCutCableIsWarnedOf(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a, b := s.pair()
		b.machine.Carrier("sync", false)
		a.machine.Carrier("sync", false)
		s.pass(3 * time.Second)
		s.want(map[string]string{"fw1": "MASTER", "fw2": "BACKUP"})
		warns := func(w string) bool { return strings.Contains(w, "cable between the nodes") }
		if w := a.status().Warnings; !slices.ContainsFunc(w, warns) {
			t.Errorf("warnings: %q", w)
		}
		a.machine.Carrier("sync", true)
		b.machine.Carrier("sync", true)
		s.pass(3 * time.Second)
		if w := a.status().Warnings; slices.ContainsFunc(w, warns) {
			t.Errorf("warnings of a cable that was repaired: %q", w)
		}
	})
}
