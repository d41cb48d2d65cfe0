package wire

import (
	"net/netip"
	"testing"
	"time"
)

func TestLeaseSeconds(t *testing.T) {
	for _, c := range []struct {
		lease time.Duration
		want  uint32
	}{
		{0, forEver}, {-time.Second, forEver}, {1, 1}, {time.Second, 1}, {time.Second + 1, 2},
		{6 * time.Second, 6}, {(forEver - 1) * time.Second, forEver - 1}, {forEver * time.Second, forEver}, {1<<63 - 1, forEver},
	} {
		if got := leaseSeconds(c.lease); got != c.want {
			t.Errorf("%v: %d, want %d", c.lease, got, c.want)
		}
	}
}

func TestBroadcastOf(t *testing.T) {
	for _, c := range []struct{ prefix, want string }{
		{"10.1.2.3/8", "10.255.255.255"}, {"192.0.2.9/25", "192.0.2.127"}, {"192.0.2.9/30", "192.0.2.11"},
		{"0.0.0.0/0", "255.255.255.255"}, {"192.0.2.9/31", ""}, {"192.0.2.9/32", ""}, {"2001:db8::1/64", ""},
	} {
		got, ok := broadcastOf(netip.MustParsePrefix(c.prefix))
		if ok != (c.want != "") || ok && got.String() != c.want {
			t.Errorf("%s: %s, %v; want %q", c.prefix, got, ok, c.want)
		}
	}
}
