package links

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
)

func office() State {
	return State{
		Links: []Link{
			{Name: "wan", Device: "eth0", Up: true, Addresses: prefixes("203.0.113.2/29", "2001:db8::2/64")},
			{Name: "lan", Device: "eth1", Up: true, MTU: 1400, Addresses: prefixes("10.1.2.2/28")},
		},
		Routes:  []Route{route("0.0.0.0/0 203.0.113.1 wan"), route("10.8.0.0/16 10.1.2.3 lan")},
		Sysctls: Settings([]Link{{Name: "wan"}, {Name: "lan"}}),
	}
}

// down is a device as it is before anybody touched it.
func down(index int, name string) Device {
	d := eth(index, name)
	d.Up = false
	return d
}

func newOwner(t *testing.T, k Kernel) (*Owner, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state", "links.json")
	return New(k, path, hclog.NewNullLogger()), path
}

func apply(t testing.TB, o *Owner, want State) []string {
	t.Helper()
	ops, err := o.Apply(t.Context(), want)
	if err != nil {
		t.Fatalf("apply: %v", err)
	}
	return texts(ops)
}

func TestApplyTwiceChangesNothing(t *testing.T) {
	f := NewFake(down(1, "eth0"), down(2, "eth1"))
	o, path := newOwner(t, f)
	if ops := apply(t, o, office()); len(ops) == 0 {
		t.Fatal("nothing done")
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if ops := apply(t, o, office()); len(ops) != 0 {
		t.Errorf("second time: %q", ops)
	}
	if ops := apply(t, New(f, path, hclog.NewNullLogger()), office()); len(ops) != 0 {
		t.Errorf("after a restart: %q", ops)
	}
	after, err := os.Stat(path)
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("the record was written again: %v", err)
	}
}

func TestReleasePutsBack(t *testing.T) {
	f := NewFake(down(1, "eth0"), down(2, "eth1"))
	for path, value := range map[string]string{
		"net/ipv4/conf/all/rp_filter": "2", "net/ipv4/conf/eth0/accept_redirects": "1",
		// Zero already, and made one when ip_forward is put back.
		"net/ipv4/conf/all/accept_redirects": "0", "net/ipv4/ip_forward": "0",
	} {
		if err := f.Tamper(SetSysctl{Path: path, To: value}); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Tamper(AddAddress{Device: "eth1", Prefix: prefixes("10.1.2.2/28")[0]}); err != nil {
		t.Fatal(err)
	}
	settings := State{Sysctls: Settings([]Link{{Name: "eth0"}, {Name: "eth1"}})}
	o, path := newOwner(t, f)
	// What is written at all is written out, so that before can be compared.
	for _, s := range resolve([]Device{eth(1, "eth0"), eth(2, "eth1")}, settings).sysctls {
		if value, _ := f.Sysctl(s.Path); value == "0" && !strings.HasSuffix(s.Path, "ip_forward") {
			_ = f.Tamper(SetSysctl{Path: s.Path, To: "0"})
		}
	}
	before := f.String()
	apply(t, o, office())
	if f.String() == before {
		t.Fatal("nothing applied")
	}
	// Another process releases.
	if err := New(f, path, hclog.NewNullLogger()).Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(before, f.String()); d != "" {
		t.Errorf("machine after release (-before +after):\n%s", d)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("record after release: %v", err)
	}
}

// TestReleaseTakesAll has routes of several hops, rules and proxies.
func TestReleaseTakesAll(t *testing.T) {
	f := NewFake(eth(1, "eth0"), eth(2, "eth1"))
	// The setting is there before, as on every machine.
	for _, path := range []string{"net/ipv4/neigh/eth0/proxy_delay", "net/ipv6/neigh/eth0/proxy_delay", "net/ipv6/conf/all/proxy_ndp"} {
		if err := f.Tamper(SetSysctl{Path: path, To: "80"}); err != nil {
			t.Fatal(err)
		}
	}
	before := f.String()
	_, path := newOwner(t, f)
	want := State{
		Routes:  []Route{multipath("0.0.0.0/0", "203.0.113.1 eth0 1", "10.1.2.3 eth1 3"), {Dst: netip.MustParsePrefix("::/0"), Kind: Unreachable, Table: 82001}},
		Rules:   []Rule{{Priority: 8500, NoDefault: true}, {Priority: 8500, Is6: true, NoDefault: true}},
		Proxies: []Proxy{{"eth0", netip.MustParseAddr("203.0.113.5")}, {"eth0", netip.MustParseAddr("2001:db8::5")}},
	}
	apply(t, New(f, path, hclog.NewNullLogger()), want)
	for _, text := range []string{
		"default nexthop via 10.1.2.3 dev eth1 weight 3 nexthop via 203.0.113.1 dev eth0 weight 1\n",
		"unreachable ::/0 metric 1 table 82001\n",
		"-6 rule priority 8500 from all table main suppress_prefixlength 0\n",
		"203.0.113.5/32 dev rempart-void\n", "proxy 2001:db8::5 dev eth0\n", "net/ipv6/conf/all/proxy_ndp = 1\n",
	} {
		if !strings.Contains(f.String(), text) {
			t.Errorf("no %q in machine:\n%s", text, f)
		}
	}
	if ops := apply(t, New(f, path, hclog.NewNullLogger()), want); len(ops) != 0 {
		t.Errorf("after a restart: %q", ops)
	}
	if err := New(f, path, hclog.NewNullLogger()).Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(before, f.String()); d != "" {
		t.Errorf("machine after release (-before +after):\n%s", d)
	}
}

func TestRecordOfAnotherBootSaysNothing(t *testing.T) {
	f := NewFake(down(1, "eth0"), down(2, "eth1"))
	_, path := newOwner(t, f)
	apply(t, New(f, path, hclog.NewNullLogger()), office())
	f.Reboot()
	// Now the distribution puts it there.
	if err := f.Tamper(AddAddress{Device: "eth1", Prefix: prefixes("10.1.2.2/28")[0]}); err != nil {
		t.Fatal(err)
	}
	o := New(f, path, hclog.NewNullLogger())
	apply(t, o, office())
	if err := o.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(f.String(), "10.1.2.2/28") {
		t.Errorf("the distribution's address was removed:\n%s", f)
	}
}

func TestBrokenRecordRemovesNothing(t *testing.T) {
	f := NewFake(eth(1, "eth0", "203.0.113.2/29"), eth(2, "eth1"))
	o, path := newOwner(t, f)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(`{"identity": "fake", "addresses": [{"ind`), 0o600); err != nil {
		t.Fatal(err)
	}
	apply(t, o, office())
	apply(t, o, State{})
	if !strings.Contains(f.String(), "203.0.113.2/29") || strings.Contains(f.String(), "10.1.2.2") {
		t.Errorf("machine:\n%s", f)
	}
}

func TestPartialFailure(t *testing.T) {
	f := NewFake(down(1, "eth0"), down(2, "eth1"))
	o, _ := newOwner(t, f)
	refused := errors.New("no")
	f.Refuse("address add 203.0.113.2/29 dev eth0", refused)
	f.Refuse("route add default via 203.0.113.1 dev eth0", refused)
	ops, err := o.Apply(t.Context(), office())
	want := "address add 203.0.113.2/29 dev eth0: no\nroute add default via 203.0.113.1 dev eth0: no"
	if !errors.Is(err, refused) || err.Error() != want {
		t.Errorf("err %q, want %q", err, want)
	}
	if !strings.Contains(strings.Join(texts(ops), "\n"), "10.1.2.2/28") {
		t.Errorf("the rest was not done: %q", texts(ops))
	}
	// It was not added by us, so it is not ours when another adds it.
	f.Refuse("address add 203.0.113.2/29 dev eth0", nil)
	if err := f.Tamper(AddAddress{Device: "eth0", Prefix: prefixes("203.0.113.2/29")[0]}); err != nil {
		t.Fatal(err)
	}
	if err := o.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(f.String(), "203.0.113.2/29") || strings.Contains(f.String(), "10.1.2.2/28") {
		t.Errorf("machine:\n%s", f)
	}
}

func TestUnwritableRecordDoesNotStop(t *testing.T) {
	f := NewFake(down(1, "eth0"), down(2, "eth1"))
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o := New(f, filepath.Join(file, "links.json"), hclog.NewNullLogger())
	if _, err := o.Apply(t.Context(), office()); err == nil || !strings.Contains(err.Error(), "record") {
		t.Errorf("err %v", err)
	}
	if !strings.Contains(f.String(), "10.1.2.2/28") {
		t.Errorf("machine:\n%s", f)
	}
}

func TestApplyReportsMissingDevice(t *testing.T) {
	f := NewFake(down(1, "eth0"))
	o, _ := newOwner(t, f)
	check := o.Check(t.Context(), office())
	ops, err := o.Apply(t.Context(), office())
	var missing *MissingDevice
	if !errors.As(err, &missing) || missing.Link != "lan" {
		t.Errorf("err %v", err)
	}
	if d := cmp.Diff(check.Error(), err.Error()); d != "" {
		t.Errorf("check and apply differ:\n%s", d)
	}
	if len(ops) == 0 || !strings.Contains(f.String(), "203.0.113.2/29") {
		t.Errorf("the other interface was not set up:\n%s", f)
	}
}

func TestApplyStopsWithContext(t *testing.T) {
	f := NewFake(down(1, "eth0"), down(2, "eth1"))
	o, _ := newOwner(t, f)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if ops, err := o.Apply(ctx, office()); len(ops) != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("ops %q, err %v", texts(ops), err)
	}
}

func TestStatus(t *testing.T) {
	wan := eth(1, "eth0", "203.0.113.2/29")
	wan.State, wan.Carrier, wan.Counters = OperUp, true, Counters{RxBytes: 7, TxDrops: 3}
	o, _ := newOwner(t, NewFake(wan))
	_, _ = o.Apply(t.Context(), State{Links: office().Links})
	got, err := o.Status()
	if err != nil {
		t.Fatal(err)
	}
	want := []LinkStatus{
		{
			Name: "wan", Device: "eth0", MAC: "52:54:00:00:00:01", Up: true, Carrier: true, State: OperUp, MTU: 1500,
			Addresses: prefixes("203.0.113.2/29", "2001:db8::2/64"), Counters: wan.Counters,
		},
		{Name: "lan", Addresses: []netip.Prefix{}, Fault: `interface lan: no device "eth1"; this machine has eth0`},
	}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); d != "" {
		t.Errorf("status (-want +got):\n%s", d)
	}
}

// crashing is a kernel under which the process dies after an op was done.
type crashing struct {
	*Fake
	after string
}

func (c crashing) Do(op Op) error {
	err := c.Fake.Do(op)
	if op.String() == c.after {
		panic(c.after)
	}
	return err
}

func TestWhatWasAddedIsOursAfterACrash(t *testing.T) {
	f := NewFake(down(1, "eth0"), down(2, "eth1"))
	before := f.String()
	_, path := newOwner(t, f)
	want := State{Links: office().Links}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("did not crash")
			}
		}()
		o := New(crashing{f, "address add 10.1.2.2/28 dev eth1"}, path, hclog.NewNullLogger())
		_, _ = o.Apply(t.Context(), want)
	}()
	if !strings.Contains(f.String(), "10.1.2.2/28") {
		t.Fatalf("machine:\n%s", f)
	}
	if err := New(f, path, hclog.NewNullLogger()).Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(before, f.String()); d != "" {
		t.Errorf("machine after release (-before +after):\n%s", d)
	}
}

func TestSettingThatAnotherChangedIsNotPutBack(t *testing.T) {
	f := NewFake()
	o, _ := newOwner(t, f)
	apply(t, o, State{Sysctls: []Sysctl{{Path: "net/a", Value: "1"}, {Path: "net/b", Value: "1"}}})
	if err := f.Tamper(SetSysctl{Path: "net/b", To: "7"}); err != nil {
		t.Fatal(err)
	}
	apply(t, o, State{})
	// What is let go of is not remembered either.
	if err := f.Tamper(SetSysctl{Path: "net/b", To: "1"}); err != nil {
		t.Fatal(err)
	}
	apply(t, o, State{})
	if d := cmp.Diff("net/a = 0\nnet/b = 1\n", f.String()); d != "" {
		t.Errorf("machine (-want +got):\n%s", d)
	}
}

// TestAddressThatMovesIsNotOursAnyMore: what we added and another hand moves now
// stays when nothing wants it any more.
func TestAddressThatMovesIsNotOursAnyMore(t *testing.T) {
	f := NewFake(down(1, "eth0"), down(2, "eth1"))
	o, _ := newOwner(t, f)
	want := office()
	apply(t, o, want)
	lan := &want.Links[1]
	lan.Addresses, lan.Moving = nil, prefixes("10.1.2.2/28")
	want.Routes = want.Routes[:1]
	for _, op := range apply(t, o, want) {
		if strings.Contains(op, "10.1.2.2") {
			t.Errorf("did %s", op)
		}
	}
	lan.Moving = nil
	apply(t, o, want)
	if !strings.Contains(f.String(), "10.1.2.2/28") {
		t.Errorf("the address went:\n%s", f)
	}
}
