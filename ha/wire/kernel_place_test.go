package wire

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rempart/rempart/lab"
)

// placeBed is a host with a device, and one beside it.
type placeBed struct {
	*testing.T
	host, other *lab.Host
	kernel      *Netlink
	index       int
}

func newPlaceBed(t *testing.T, addrs ...netip.Prefix) *placeBed {
	t.Helper()
	n := lab.Test(t)
	b := &placeBed{T: t, host: n.Host("a"), other: n.Host("b")}
	sw := n.Switch("sw")
	b.host.Plug("eth0", sw, addrs...)
	b.other.Plug("eth0", sw, prefix("10.0.0.9/24"), prefix("2001:db8::9/64"))
	b.kernel = openKernel(t, b.host)
	b.index = mustDevice(t, b.kernel, "eth0").Index
	return b
}

func (b *placeBed) place(a netip.Prefix, lease time.Duration) {
	b.Helper()
	if err := b.kernel.Place(b.index, a, lease); err != nil {
		b.Fatal(err)
	}
}

func (b *placeBed) remove(a netip.Prefix) {
	b.Helper()
	if err := b.kernel.Remove(b.index, a); err != nil {
		b.Fatal(err)
	}
}

func (b *placeBed) has(a netip.Prefix) bool {
	b.Helper()
	return slices.Contains(mustDevice(b.T, b.kernel, "eth0").Addresses, a)
}

// shows is what ip(8) says of an address.
func (b *placeBed) shows(a netip.Prefix) string {
	b.Helper()
	return run(b.T, b.host, "ip addr show dev eth0 to "+a.Addr().String())
}

var placedPrefixes = []netip.Prefix{prefix("10.0.0.3/24"), prefix("2001:db8::3/64"), prefix("fe80::3/64")}

func TestPlaceAndRemove(t *testing.T) {
	b := newPlaceBed(t, prefix("10.0.0.1/24"))
	// The kernel looks for duplicates for a second, or for ever.
	b.host.Sysctl("net.ipv6.conf.eth0.accept_dad", "2")
	b.host.Sysctl("net.ipv6.conf.eth0.dad_transmits", "20")
	for _, a := range placedPrefixes {
		b.place(a, 0)
		b.place(a, 0)
		if !b.has(a) {
			t.Errorf("%s is not there", a)
		}
		shown := b.shows(a)
		if strings.Contains(shown, "tentative") || !strings.Contains(shown, "valid_lft forever") {
			t.Errorf("%s is shown as\n%s", a, shown)
		}
		if a.Addr().Is4() && !strings.Contains(shown, "brd 10.0.0.255 scope global secondary") {
			t.Errorf("%s is shown as\n%s", a, shown)
		}
		b.remove(a)
		b.remove(a)
		if b.has(a) {
			t.Errorf("%s is still there", a)
		}
	}
}

// TestLeaseEnds holds what is said of leases: they end, and neither early nor more than a second late.
func TestLeaseEnds(t *testing.T) {
	b := newPlaceBed(t, prefix("10.0.0.1/24"), prefix("2001:db8::1/64"))
	const lease = time.Second
	start := time.Now()
	for _, a := range placedPrefixes {
		b.place(a, 0)
		b.place(a, lease)
	}
	for _, a := range placedPrefixes {
		var here time.Time
		eventually(t, a.String()+" is gone", func() bool {
			asked := time.Now()
			if b.has(a) {
				here = asked
				return false
			}
			return true
		})
		gone := time.Since(start)
		t.Logf("%s was gone after %v", a, gone)
		if gone < lease-50*time.Millisecond {
			t.Errorf("%s was gone after %v already", a, gone)
		}
		if late := here.Sub(start); late > lease+1500*time.Millisecond {
			t.Errorf("%s was there after %v still", a, late)
		}
	}
}

// TestLeaseRenewed changes leases in every direction.
func TestLeaseRenewed(t *testing.T) {
	b := newPlaceBed(t, prefix("10.0.0.1/24"), prefix("2001:db8::1/64"))
	life := func(a netip.Prefix, want string) {
		t.Helper()
		if want += " preferred_lft "; a.Addr().Is6() {
			want += "0sec" // so that the machine itself speaks from others
		} else {
			want += strings.Fields(want)[0]
		}
		if shown := b.shows(a); !strings.Contains(shown, "valid_lft "+want) {
			t.Errorf("%s does not live %s:\n%s", a, want, shown)
		}
	}
	for _, a := range placedPrefixes {
		b.place(a, time.Hour)
		life(a, "3600sec")
		b.place(a, 2*time.Hour)
		life(a, "7200sec")
		b.place(a, time.Minute)
		life(a, "60sec")
		b.place(a, 0)
		life(a, "forever")
		b.place(a, 1500*time.Millisecond)
		life(a, "2sec")
		b.place(a, 0)
		life(a, "forever")
	}
}

// TestSubnetStays is against what the kernel does to the route of a subnet when a lasting IPv6
// address becomes a leased one: other addresses lose it.
func TestSubnetStays(t *testing.T) {
	b := newPlaceBed(t, prefix("10.0.0.1/24"), prefix("2001:db8::1/64"))
	b.host.Sysctl("net.ipv4.conf.eth0.promote_secondaries", "1")
	reaches := func(when string) {
		t.Helper()
		if out, err := b.host.Run(t.Context(), "ip", "-6", "route", "get", "fe80::1", "oif", "eth0"); err != nil {
			t.Errorf("%s: %s: %v", when, out, err)
		}
		for _, to := range []string{"10.0.0.9", "2001:db8::9"} {
			// The first answer may be too early for a new address: see Netlink.Place.
			eventually(t, when+": reaches "+to, func() bool { return b.host.Ping(t.Context(), addr(to)).Outcome == lab.Open })
		}
	}
	step := func(when string, lease time.Duration) {
		t.Helper()
		for _, a := range placedPrefixes {
			b.place(a, lease)
		}
		reaches(when)
	}
	step("placed for ever", 0)
	step("leased", time.Second)
	step("renewed", time.Second)
	step("placed for ever again", 0)
	step("leased again", time.Second)
	for _, a := range placedPrefixes {
		eventually(t, a.String()+" is gone", func() bool { return !b.has(a) })
	}
	reaches("gone")
	step("placed anew", 0)
	for _, a := range placedPrefixes {
		b.remove(a)
	}
	reaches("removed")
}

// TestSubnetComesAndGoes is a device that has no address but those that are placed.
func TestSubnetComesAndGoes(t *testing.T) {
	b := newPlaceBed(t)
	one, two := prefix("2001:db8::3/64"), prefix("2001:db8::4/64")
	ping := func() bool {
		return b.host.Ping(t.Context(), addr("2001:db8::9"), lab.Within(200*time.Millisecond)).Outcome == lab.Open
	}
	reaches := func(want bool) {
		t.Helper()
		if !want && ping() {
			t.Error("reaches the subnet")
		}
		if want {
			eventually(t, "reaches the subnet", ping)
		}
	}
	reaches(false)
	b.place(one, 0)
	reaches(true)
	b.place(two, 0)
	b.remove(one)
	reaches(true)
	b.place(two, time.Hour)
	b.place(one, time.Second)
	eventually(t, "the lease is over", func() bool { return !b.has(one) })
	reaches(true)
	b.remove(two)
	reaches(false)
	b.place(one, 0)
	b.place(one, time.Second)
	reaches(true)
	eventually(t, "the lease is over", func() bool { return !b.has(one) })
	reaches(false)
	b.place(one, 0)
	reaches(true)
	b.remove(one)
	if routes := run(t, b.host, "ip -6 route show to 2001:db8::/64"); routes != "" {
		t.Errorf("left behind: %s", routes)
	}
}

func TestPlaceRefused(t *testing.T) {
	b := newPlaceBed(t, prefix("10.0.0.1/24"))
	const nobody = 9999
	for _, a := range placedPrefixes {
		if err := b.kernel.Place(nobody, a, 0); !errors.Is(err, ErrNoDevice) {
			t.Errorf("place %s on no device: %v", a, err)
		}
		if err := b.kernel.Remove(nobody, a); err != nil {
			t.Errorf("remove %s from no device: %v", a, err)
		}
	}
	b.host.Sysctl("net.ipv6.conf.eth0.disable_ipv6", "1")
	err := b.kernel.Place(b.index, prefix("2001:db8::3/64"), 0)
	if !errors.Is(err, unix.EACCES) || !strings.Contains(err.Error(), "disable_ipv6") {
		t.Errorf("place on a device without IPv6: %v", err)
	}
	b.place(prefix("10.0.0.3/24"), 0)
	for name, call := range map[string]func() error{
		"device": func() error { _, err := b.kernel.Device("eth9"); return err },
		"open":   func() error { _, err := b.kernel.Open("eth9", func(Heard) {}); return err },
	} {
		if err := call(); !errors.Is(err, ErrNoDevice) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func BenchmarkPlace(b *testing.B) {
	n := lab.Test(b)
	h := n.Host("a")
	h.Plug("eth0", n.Switch("sw"), prefix("10.0.0.1/24"), prefix("2001:db8::1/64"))
	var k *Netlink
	err := h.Do(func() (err error) {
		k, err = OpenNetlink()
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	defer k.Close()
	d, err := k.Device("eth0")
	if err != nil {
		b.Fatal(err)
	}
	for _, a := range placedPrefixes[:2] {
		b.Run(a.String(), func(b *testing.B) {
			for b.Loop() {
				if err := errors.Join(k.Place(d.Index, a, time.Minute), k.Remove(d.Index, a)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
