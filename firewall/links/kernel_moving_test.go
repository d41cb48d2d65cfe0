package links

import (
	"strings"
	"testing"
	"time"
)

// addressless is a gateway whose outside has no address but one that moves.
func addressless() State {
	wan := Link{Name: "wan", Device: "eth0", Up: true, Moving: prefixes("203.0.113.5/29", "2001:db8::5/64")}
	lan := Link{Name: "lan", Device: "eth1", Up: true, Addresses: prefixes("10.1.2.2/28"), Moving: prefixes("10.1.2.5/28", "fe80::1/64")}
	by4, by6 := route("0.0.0.0/0 203.0.113.1 wan"), route("::/0 2001:db8::1 wan")
	by4.OnLink, by6.OnLink = true, true
	line := by4
	line.Table = 82001
	return State{Links: []Link{wan, lan}, Routes: []Route{by4, by6, line}, Sysctls: Settings([]Link{wan, lan})}
}

// TestKernelRoutesWithoutAnAddress: a node has its way out before it has the address to
// speak from, and keeps it all the while when the address comes and goes.
func TestKernelRoutesWithoutAnAddress(t *testing.T) {
	s := newSpace(t, "eth0", "eth1")
	want := addressless()
	o := s.running(want)
	ways := func() {
		t.Helper()
		for _, show := range []string{"route get 192.0.2.1", "route show table 82001"} {
			if out := s.ip("%s", show); !strings.Contains(out, "via 203.0.113.1 dev eth0") || strings.Contains(out, anchor.Addr().String()) {
				t.Fatalf("%s: %s", show, out)
			}
		}
		if out := s.ip("-6 route show default"); !strings.Contains(out, "via 2001:db8::1 dev eth0") {
			t.Fatalf("no way in IPv6: %s", out)
		}
	}
	ways()
	s.ip("-6 address add fe80::1/64 dev eth1 nodad")
	for range 2 {
		s.ip("address add 203.0.113.5/29 dev eth0 valid_lft 60 preferred_lft 60")
		s.ip("-6 address add 2001:db8::5/64 dev eth0 nodad")
		ways()
		if out := s.ip("route get 192.0.2.1"); !strings.Contains(out, "src 203.0.113.5") {
			t.Errorf("not spoken from the address that came: %s", out)
		}
		s.settled(want)
		if l, err := o.Learned(want); err != nil || len(l.Addresses) != 0 {
			t.Errorf("learned %v, %v", l.Addresses, err)
		}
		s.ip("address del 203.0.113.5/29 dev eth0")
		s.ip("-6 address del 2001:db8::5/64 dev eth0")
		ways()
	}
	s.has(false, "fe80::1/64", "address show dev eth1")
	if o.Stats().Mends.Load() != 0 {
		t.Error("something had to be mended")
	}
	if err := o.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.has(true, anchor.String(), "address")
}

// TestKernelTellsNoRenewals: a lease that is renewed is no news, and what else is done to
// the address is.
func TestKernelTellsNoRenewals(t *testing.T) {
	s := newSpace(t, "eth0", "eth1")
	for _, d := range []string{"eth0", "eth0p"} { // no address of their own that comes when it likes
		s.ip("link set %s addrgenmode none", d)
	}
	s.ip("link set eth0 up")
	o := s.running(State{})
	news := func(what string, want bool, command string, args ...any) {
		t.Helper()
		for quiet := false; !quiet; { // what came before is not meant
			select {
			case <-o.Changed():
			case <-time.After(200 * time.Millisecond):
				quiet = true
			}
		}
		s.ip(command, args...)
		got := false
		select {
		case <-o.Changed():
			got = true
		case <-time.After(300 * time.Millisecond):
		}
		if got != want {
			t.Errorf("%s: news %v", what, got)
		}
	}
	for _, a := range []string{"203.0.113.5/29", "2001:db8::5/64"} {
		news(a+" comes", true, "address add %s dev eth0 valid_lft 60 preferred_lft 60 %s", a, nodad(a))
		for range 2 {
			news(a+" is renewed", false, "address change %s dev eth0 valid_lft 50 preferred_lft 50 %s", a, nodad(a))
		}
		news(a+" is deprecated", true, "address change %s dev eth0 valid_lft 50 preferred_lft 0 %s", a, nodad(a))
		news(a+" goes", true, "address del %s dev eth0", a)
		news(a+" comes again", true, "address add %s dev eth0 valid_lft 60 preferred_lft 0 %s", a, nodad(a))
	}
}

// nodad settles an IPv6 address at once.
func nodad(a string) string {
	if prefixes(a)[0].Addr().Is6() {
		return "nodad"
	}
	return ""
}
