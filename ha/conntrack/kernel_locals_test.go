package conntrack

import (
	"net/netip"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

func TestLocals(t *testing.T) {
	n := lab.Test(t)
	h, peer := n.Host("gw"), n.Host("peer")
	sw := n.Switch("sw")
	h.Plug("eth0", sw, netip.MustParsePrefix("10.9.0.1/24"), netip.MustParsePrefix("2001:db8::1/64"))
	peer.Plug("eth0", sw, netip.MustParsePrefix("10.9.0.2/24"))
	l := openAt(t, h, OpenLocals)
	has := func(want bool, addrs ...string) {
		t.Helper()
		for _, a := range addrs {
			ip := netip.MustParseAddr(a)
			family := IPv6
			if ip.Is4() {
				family = IPv4
			}
			if got := l.Has(family, BytesOf(ip)); got != want {
				t.Errorf("has %s: %t", a, got)
			}
		}
	}
	// The news wait by the time that the request is answered; those of IPv6 may come later.
	news := func() {
		t.Helper()
		for late := time.Now().Add(patience); ; {
			readable(t, l.FD(), late)
			if changed, err := l.Read(); err != nil {
				t.Fatal(err)
			} else if changed {
				return
			}
		}
	}
	run := func(args ...string) {
		t.Helper()
		if out, err := h.Run(t.Context(), "ip", args...); err != nil {
			t.Fatal(out, err)
		}
	}
	has(true, "10.9.0.1", "2001:db8::1", "127.0.0.1", "127.1.2.3", "::1")
	has(false, "10.9.0.2", "10.9.0.255", "128.0.0.1", "2001:db8::2", "7f00::1")

	h.AddAddr("eth0", netip.MustParsePrefix("10.9.0.99/32"))
	news()
	has(true, "10.9.0.99", "10.9.0.1")
	h.AddAddr("eth0", netip.MustParsePrefix("2001:db8::99/128"))
	news()
	has(true, "2001:db8::99")
	run("addr", "change", "10.9.0.99/32", "dev", "eth0", "valid_lft", "1000", "preferred_lft", "1000")
	readable(t, l.FD(), time.Now().Add(patience))
	if changed, err := l.Read(); changed || err != nil {
		t.Errorf("a longer life: %t, %v", changed, err)
	}
	if changed, err := l.Read(); changed || err != nil {
		t.Errorf("no news: %t, %v", changed, err)
	}
	h.DelAddr("eth0", netip.MustParsePrefix("10.9.0.99/32"))
	news()
	has(false, "10.9.0.99")
	run("addr", "add", "10.8.0.1", "peer", "10.8.0.2", "dev", "eth0")
	news()
	has(true, "10.8.0.1")
	has(false, "10.8.0.2")
	run("link", "del", "eth0")
	for late := time.Now().Add(patience); l.Has(IPv6, BytesOf(netip.MustParseAddr("2001:db8::1"))) && time.Now().Before(late); {
		news()
	}
	has(false, "10.9.0.1", "10.8.0.1", "2001:db8::1", "2001:db8::99")
	has(true, "127.0.0.1", "::1")
	if n := testing.AllocsPerRun(100, func() { l.Has(IPv6, [16]byte{15: 1}) }); n != 0 {
		t.Errorf("%v allocations a look", n)
	}
}
