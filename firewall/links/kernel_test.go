package links

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// space is a network namespace with veth pairs: one end by the name of a
// gateway's device, the other as its neighbour, NAMEp.
type space struct {
	t  testing.TB
	ns netns.NsHandle
	*Netlink
}

func newSpace(t testing.TB, devices ...string) *space {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	s := &space{t: t, ns: newNamespace(t)}
	t.Cleanup(func() { s.ns.Close() })
	k, err := OpenNetlinkAt(s.ns)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	s.Netlink = k
	for _, d := range devices {
		s.plug(d)
	}
	return s
}

// newNamespace makes it on a thread of its own, which ends with the goroutine.
func newNamespace(t testing.TB) netns.NsHandle {
	t.Helper()
	made := make(chan netns.NsHandle)
	failed := make(chan error)
	go func() {
		runtime.LockOSThread()
		ns, err := netns.New()
		if err != nil {
			failed <- err
			return
		}
		made <- ns
	}()
	select {
	case ns := <-made:
		return ns
	case err := <-failed:
		t.Fatal(err)
		return netns.None()
	}
}

func (s *space) plug(device string) {
	s.t.Helper()
	veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: device}, PeerName: device + "p"}
	if err := s.handle.LinkAdd(veth); err != nil {
		s.t.Fatal(err)
	}
	s.ip("link set %sp up", device)
}

// ip runs ip(8) inside and returns what it prints.
func (s *space) ip(format string, args ...any) string {
	s.t.Helper()
	var out []byte
	err := s.inside(func() error {
		var err error
		out, err = exec.Command("ip", strings.Fields(fmt.Sprintf(format, args...))...).CombinedOutput()
		return err
	})
	if err != nil {
		s.t.Fatalf("ip "+format+": %v: %s", append(args, err, out)...)
	}
	return string(out)
}

func (s *space) owner() *Owner {
	return New(s, filepath.Join(s.t.TempDir(), "links.json"), hclog.NewNullLogger())
}

// has polls until ip(8) prints text, or, with not, does not.
func (s *space) has(not bool, text, format string, args ...any) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for strings.Contains(s.ip(format, args...), text) == not {
		if time.Now().After(deadline) {
			s.t.Fatalf("ip "+format+" in the end (unwanted %v: %q):\n%s", append(args, not, text, s.ip(format, args...))...)
		}
		runtime.Gosched()
	}
}

// running runs an owner that has applied want until the test ends.
func (s *space) running(want State) *Owner {
	s.t.Helper()
	o := s.owner()
	_, _ = o.Apply(s.t.Context(), want)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- o.Run(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Errorf("run: %v", err)
		}
	})
	return o
}

// listing is all of the namespace that an Owner could have changed. Lifetimes,
// counters and the link-local addresses that come on their own are not in it.
func (s *space) listing(settings []Sysctl) string {
	s.t.Helper()
	devices, err := s.Devices()
	if err != nil {
		s.t.Fatal(err)
	}
	var b strings.Builder
	for _, d := range devices {
		d.Addresses = slices.DeleteFunc(d.Addresses, func(p netip.Prefix) bool { return p.Addr().IsLinkLocalUnicast() })
		fmt.Fprintln(&b, d.Name, d.MTU, d.Up, d.Addresses)
	}
	for _, x := range resolve(devices, State{Sysctls: settings}).sysctls {
		value, err := s.Sysctl(x.Path)
		if err != nil {
			s.t.Fatal(err)
		}
		fmt.Fprintln(&b, x.Path, value)
	}
	b.WriteString(s.ip("-4 route show table all") + s.ip("-6 route show table all proto 82"))
	return b.String()
}

func gateway() State {
	return State{
		Links: []Link{
			{Name: "wan", Device: "eth0", Up: true, Addresses: prefixes("203.0.113.2/29", "2001:db8::2/64")},
			{Name: "lan", Device: "eth1", Up: true, MTU: 1400, Addresses: prefixes("10.1.2.2/28", "10.1.2.3/28")},
		},
		Routes: []Route{
			route("0.0.0.0/0 203.0.113.1 wan"),
			route("::/0 2001:db8::1 wan"),
			route("10.8.0.0/16 10.1.2.4"),
			{Dst: netip.MustParsePrefix("10.9.0.0/16"), Device: "lan", Metric: 7},
			{Dst: netip.MustParsePrefix("198.51.100.0/24"), Via: netip.MustParseAddr("192.0.2.9"), Device: "eth0", OnLink: true, Table: 100},
			{Dst: netip.MustParsePrefix("2001:db8:9::/48"), Via: netip.MustParseAddr("2001:db8:ffff::9"), Device: "wan", OnLink: true, Table: 1000, Metric: 30},
			{Dst: netip.MustParsePrefix("2001:db8:8::/48"), Device: "lan"},
		},
		Sysctls: Settings([]Link{{Name: "wan"}, {Name: "lan"}}),
	}
}

func TestKernelApplyTwice(t *testing.T) {
	s := newSpace(t, "eth0", "eth1")
	o := s.owner()
	if ops := apply(t, o, gateway()); len(ops) < 20 {
		t.Errorf("only %q", ops)
	}
	if ops := apply(t, o, gateway()); len(ops) != 0 {
		t.Errorf("second time: %q", ops)
	}
	s.has(false, "10.1.2.3/28", "address show dev eth1")
	s.has(false, "mtu 1400", "link show dev eth1")
	s.has(false, "default via 203.0.113.1 dev eth0 proto 82", "route")
	s.has(false, "default via 2001:db8::1 dev eth0 proto 82 metric 1", "-6 route")
	s.has(false, "198.51.100.0/24 via 192.0.2.9 dev eth0 proto 82 onlink", "route show table 100")
	s.has(false, "2001:db8:9::/48 via 2001:db8:ffff::9 dev eth0 proto 82 metric 30 onlink", "-6 route show table 1000")
	// No other namespace is meant: its own forwarding is on.
	if value, err := s.Sysctl("net/ipv4/ip_forward"); err != nil || value != "1" {
		t.Errorf("ip_forward %q, %v", value, err)
	}
}

func TestKernelAddressesAreUsableAtOnce(t *testing.T) {
	s := newSpace(t, "eth0", "eth1")
	apply(t, s.owner(), gateway())
	if out := s.ip("-6 address show dev eth0 scope global"); strings.Contains(out, "tentative") || !strings.Contains(out, "nodad") {
		t.Errorf("addresses:\n%s", out)
	}
}

func TestKernelReleasePutsBack(t *testing.T) {
	s := newSpace(t, "eth0", "eth1")
	s.ip("link set eth1 up")
	s.ip("address add 10.1.2.2/28 dev eth1")
	s.ip("address add 10.1.2.14/28 dev eth1")
	s.ip("route add 10.77.0.0/16 via 10.1.2.5")
	settings := Settings([]Link{{Name: "eth0"}, {Name: "eth1"}})
	before := s.listing(settings)
	o := s.owner()
	apply(t, o, gateway())
	if s.listing(settings) == before {
		t.Fatal("nothing applied")
	}
	if err := o.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(before, s.listing(settings)); d != "" {
		t.Errorf("after release (-before +after):\n%s", d)
	}
}

func TestKernelPolicyLetsGo(t *testing.T) {
	s := newSpace(t, "eth0", "eth1")
	o := s.owner()
	apply(t, o, gateway())
	// The first address of the subnet goes, and the kernel would take along
	// ours and another's.
	s.ip("address add 10.1.2.14/28 dev eth1")
	want := gateway()
	want.Sysctls = slices.DeleteFunc(want.Sysctls, func(x Sysctl) bool { return strings.HasSuffix(x.Path, "promote_secondaries") })
	apply(t, o, want)
	const promote = "net/ipv4/conf/eth1/promote_secondaries"
	for _, path := range []string{promote, "net/ipv4/conf/all/promote_secondaries"} {
		if err := s.writeSysctl(path, "0"); err != nil {
			t.Fatal(err)
		}
	}
	want.Links[1].Addresses = prefixes("10.1.2.3/28")
	ops := apply(t, o, want)
	if d := cmp.Diff([]string{"address del 10.1.2.2/28 dev eth1"}, ops); d != "" {
		t.Errorf("ops (-want +got):\n%s", d)
	}
	out := s.ip("address show dev eth1")
	if strings.Contains(out, "10.1.2.2/28") || !strings.Contains(out, "10.1.2.3/28") || !strings.Contains(out, "10.1.2.14/28") {
		t.Errorf("addresses:\n%s", out)
	}
	if value, _ := s.Sysctl(promote); value != "0" {
		t.Errorf("promote_secondaries left at %s", value)
	}
	if ops := apply(t, o, want); len(ops) != 0 {
		t.Errorf("second time: %q", ops)
	}
}

func TestKernelLengthOfSubnetChanges(t *testing.T) {
	s := newSpace(t, "eth0")
	o := s.owner()
	link := func(addresses ...string) State {
		return State{Links: []Link{{Name: "wan", Device: "eth0", Up: true, Addresses: prefixes(addresses...)}}}
	}
	apply(t, o, link("10.1.2.2/28", "2001:db8::2/64"))
	apply(t, o, link("10.1.2.2/24", "2001:db8::2/56"))
	out := s.ip("address show dev eth0")
	if !strings.Contains(out, "10.1.2.2/24") || !strings.Contains(out, "2001:db8::2/56") || strings.Contains(out, "/28") || strings.Contains(out, "2001:db8::2/64") {
		t.Errorf("addresses:\n%s", out)
	}
	s.ip("address add 2001:db8:1::2/64 dev eth0")
	_, err := o.Apply(t.Context(), link("10.1.2.2/24", "2001:db8::2/56", "2001:db8:1::2/48"))
	if err == nil || !strings.Contains(err.Error(), ErrAddressTaken.Error()) {
		t.Errorf("err %v", err)
	}
}

func TestKernelSaysThatIPv6IsOff(t *testing.T) {
	s := newSpace(t, "eth0", "eth1")
	if err := s.writeSysctl("net/ipv6/conf/eth0/disable_ipv6", "1"); err != nil {
		t.Fatal(err)
	}
	want := gateway()
	want.Routes = nil
	_, err := s.owner().Apply(t.Context(), want)
	text := "address add 2001:db8::2/64 dev eth0: net/ipv6/conf/eth0/disable_ipv6 is set: permission denied"
	if err == nil || err.Error() != text {
		t.Errorf("err %v\nwant %s", err, text)
	}
	s.has(false, "203.0.113.2/29", "address show dev eth0")
}

func TestKernelWatchEndsWhenNewsIsLost(t *testing.T) {
	s := newSpace(t, "eth0")
	s.ip("link set eth0 up")
	begun, flooded := make(chan struct{}), make(chan struct{})
	ended := make(chan error)
	go func() {
		first := true
		ended <- s.Watch(t.Context(), func() {
			if first {
				first = false
				close(begun)
				<-flooded
			}
		})
	}()
	<-begun
	for i := range 10000 {
		r := Route{Dst: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24), Device: "eth0"}
		if err := s.Do(AddRoute{r.canonical()}); err != nil {
			t.Fatal(err)
		}
	}
	close(flooded)
	if err := <-ended; !errors.Is(err, unix.ENOBUFS) {
		t.Errorf("watch ended with %v", err)
	}
}

func TestKernelRefusesOtherNamespaces(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := OpenNetlinkAt(netns.NsHandle(f.Fd())); err == nil {
		t.Error("opened /dev/null as a namespace")
	}
}
