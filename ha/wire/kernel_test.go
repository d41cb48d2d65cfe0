package wire

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

// patience bounds what a busy machine may take.
const patience = 10 * time.Second

// openKernel opens the namespace of a host.
func openKernel(t *testing.T, h *lab.Host) *Netlink {
	t.Helper()
	var k *Netlink
	err := h.Do(func() (err error) {
		k, err = OpenNetlink()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

func mustDevice(t *testing.T, k Kernel, name string) Device {
	t.Helper()
	d, err := k.Device(name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// eventually waits until what is asked for holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after %v still not: %s", patience, what)
		}
	}
}

// run runs a command in a host.
func run(t *testing.T, h *lab.Host, command string) string {
	t.Helper()
	args := strings.Fields(command)
	out, err := h.Run(t.Context(), args[0], args[1:]...)
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return out
}

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func TestDevice(t *testing.T) {
	n := lab.Test(t)
	a, b := n.Host("a"), n.Host("b")
	sw := n.Switch("sw")
	a.Plug("eth0", sw, prefix("10.0.0.1/24"), prefix("2001:db8::1/64"))
	b.Plug("eth0", sw, prefix("10.0.0.2/24"))
	k := openKernel(t, a)

	d := mustDevice(t, k, "eth0")
	if d.Name != "eth0" || d.Index == 0 || d.MTU != 1500 || !d.Up || !d.Carrier || d.MAC != MAC(a.MAC("eth0")) {
		t.Errorf("device is %+v", d)
	}
	for _, want := range []string{"10.0.0.1/24", "2001:db8::1/64"} {
		if !slices.Contains(d.Addresses, prefix(want)) {
			t.Errorf("%s is not among %v", want, d.Addresses)
		}
	}
	if r := b.Ping(t.Context(), addr("10.0.0.1")); r.Outcome != lab.Open {
		t.Fatalf("ping: %+v", r)
	}
	if after := mustDevice(t, k, "eth0"); after.Received <= d.Received {
		t.Errorf("received %d, then %d", d.Received, after.Received)
	}
	a.Unplug("eth0")
	eventually(t, "the carrier is lost", func() bool { return !mustDevice(t, k, "eth0").Carrier })
	if d := mustDevice(t, k, "eth0"); !d.Up {
		t.Errorf("device is %+v", d)
	}
	a.Down("eth0")
	if d := mustDevice(t, k, "eth0"); d.Up || d.Carrier {
		t.Errorf("device is %+v", d)
	}
}

func TestNeighbours(t *testing.T) {
	n := lab.Test(t)
	a, b := n.Host("a"), n.Host("b")
	sw := n.Switch("sw")
	a.Plug("eth0", sw, prefix("10.0.0.1/24"), prefix("2001:db8::1/64"))
	a.Plug("eth1", sw, prefix("10.0.1.1/24"))
	b.Plug("eth0", sw, prefix("10.0.0.2/24"), prefix("2001:db8::2/64"))
	k := openKernel(t, a)
	for _, to := range []string{"10.0.0.2", "2001:db8::2", "10.0.0.77"} {
		want := to != "10.0.0.77"
		if r := a.Ping(t.Context(), addr(to)); (r.Outcome == lab.Open) != want {
			t.Fatalf("ping %s: %+v", to, r)
		}
	}
	got, err := k.Neighbours(mustDevice(t, k, "eth0").Index)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"10.0.0.2", "2001:db8::2"} {
		if !slices.Contains(got, addr(want)) {
			t.Errorf("%s is not among %v", want, got)
		}
	}
	for _, a := range got {
		if a == addr("10.0.0.77") || a.IsMulticast() {
			t.Errorf("%s was never reached", a)
		}
	}
	if got, err := k.Neighbours(mustDevice(t, k, "eth1").Index); err != nil || len(got) != 0 {
		t.Errorf("neighbours of another device are %v, %v", got, err)
	}
}

func TestWatch(t *testing.T) {
	n := lab.Test(t)
	a := n.Host("a")
	sw := n.Switch("sw")
	a.Plug("eth0", sw, prefix("10.0.0.1/24"))
	k := openKernel(t, a)
	d := mustDevice(t, k, "eth0")

	ctx, cancel := context.WithCancel(t.Context())
	news, done := make(chan struct{}, 1), make(chan error)
	go func() {
		done <- k.Watch(ctx, func() {
			select {
			case news <- struct{}{}:
			default:
			}
		})
	}()
	await := func(what string, holds func() bool) {
		t.Helper()
		for late := time.After(patience); ; {
			select {
			case <-news:
			case <-late:
				t.Fatalf("no news of %s", what)
			}
			if holds() {
				return
			}
		}
	}
	await("having begun", func() bool { return true })
	for _, vip := range []netip.Prefix{prefix("10.0.0.3/24"), prefix("2001:db8::3/64")} {
		has := func() bool { return slices.Contains(mustDevice(t, k, "eth0").Addresses, vip) }
		if err := k.Place(d.Index, vip, 0); err != nil {
			t.Fatal(err)
		}
		await(vip.String(), has)
		if err := k.Remove(d.Index, vip); err != nil {
			t.Fatal(err)
		}
		await(vip.String()+" going", func() bool { return !has() })
	}
	a.Unplug("eth0")
	await("the carrier", func() bool { return !mustDevice(t, k, "eth0").Carrier })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
