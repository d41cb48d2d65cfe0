package links

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
)

var sameAddresses = cmp.Options{
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
}

// steered is a gateway with a table a line, as policy routing has it.
func steered() State {
	want := twoLines()
	for _, is6 := range []bool{false, true} {
		via, from := netip.MustParseAddr("203.0.113.1"), prefixes("203.0.113.2/32")[0]
		if is6 {
			via, from = netip.MustParseAddr("2001:db8::1"), prefixes("2001:db8::/64")[0]
		}
		all := netip.PrefixFrom(from.Addr(), 0).Masked()
		want.Routes = append(want.Routes,
			Route{Dst: all, Via: via, Device: "wan", Table: 82001},
			Route{Dst: all, Kind: Unreachable, Metric: 1<<32 - 1, Table: 82001})
		want.Rules = append(want.Rules,
			Rule{Priority: 8201, Is6: is6, Mark: 1 << 16, Mask: 0xff0000, Table: 82001},
			Rule{Priority: 8500, Is6: is6, NoDefault: true},
			Rule{Priority: 8501, Is6: is6, Table: 82001, NoDefault: true},
			Rule{Priority: 8601, From: from, Table: 82001})
	}
	return want
}

func TestKernelRules(t *testing.T) {
	s := newSpace(t, "eth0", "eth1")
	o := s.owner()
	ops := apply(t, o, steered())
	if ops := apply(t, o, steered()); len(ops) != 0 {
		t.Errorf("second time: %q", ops)
	}
	found, err := s.Rules()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(resolve(nil, steered()).rules, found, sameAddresses); d != "" {
		t.Errorf("round trip (-want +got):\n%s", d)
	}
	s.has(false, "8501:\tfrom all lookup 82001 suppress_prefixlength 0 proto 82", "rule")
	s.has(false, "8601:\tfrom 2001:db8::/64 lookup 82001 proto 82", "-6 rule")
	s.has(false, "via 203.0.113.1 dev eth0 table 82001", "route get 192.0.2.1 mark 0x10000")
	s.has(false, "via 2001:db8::1 dev eth0 table 82001", "-6 route get 2001:db8:ffff::1 mark 0x10000")
	if !slices.Contains(ops, "-6 rule add priority 8201 from all fwmark 0x10000/0xff0000 table 82001") {
		t.Errorf("ops %q", ops)
	}
}

func TestKernelRulesOfOthersStay(t *testing.T) {
	s := newSpace(t, "eth0", "eth1")
	twins := []string{
		"rule add priority 8201 fwmark 0x10000/0xff0000 table 82001 proto static",
		"-6 rule add priority 8500 table main suppress_prefixlength 0 proto zebra",
		"rule add priority 9000 from 10.0.0.0/8 table 9",
	}
	for _, twin := range twins {
		s.ip("%s", twin)
	}
	before := s.ip("rule") + s.ip("-6 rule")
	path := s.owner().record.path
	apply(t, New(s, path, hclog.NewNullLogger()), steered())
	s.has(false, "lookup 82001 proto 82", "rule")
	s.has(false, "lookup 82001 proto static", "rule")

	// A restart, and a policy that wants fewer.
	o := New(s, path, hclog.NewNullLogger())
	want := steered()
	want.Rules = want.Rules[1:]
	ops := apply(t, o, want)
	if d := cmp.Diff([]string{"rule del priority 8201 from all fwmark 0x10000/0xff0000 table 82001"}, ops); d != "" {
		t.Errorf("ops (-want +got):\n%s", d)
	}
	if err := New(s, path, hclog.NewNullLogger()).Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(before, s.ip("rule")+s.ip("-6 rule")); d != "" {
		t.Errorf("rules after release (-before +after):\n%s", d)
	}
	if out := s.ip("route show table all proto 82") + s.ip("-6 route show table all proto 82"); out != "" {
		t.Errorf("routes after release:\n%s", out)
	}
}

// TestKernelDeletesTheRuleThatIsMeant has a rule less told by what it does not have.
func TestKernelDeletesTheRuleThatIsMeant(t *testing.T) {
	s := newSpace(t)
	o := s.owner()
	suppressed := Rule{Priority: 8500, NoDefault: true}
	all := Rule{Priority: 8500, Table: 9}
	apply(t, o, State{Rules: []Rule{suppressed, all}})
	apply(t, o, State{Rules: []Rule{suppressed}})
	found, err := s.Rules()
	if d := cmp.Diff([]Rule{suppressed.canonical()}, found, sameAddresses); d != "" || err != nil {
		t.Errorf("%v, rules (-want +got):\n%s", err, d)
	}
}

func TestKernelMendsRules(t *testing.T) {
	s := newSpace(t, "eth0", "eth1")
	s.running(steered())
	s.ip("rule flush")
	s.ip("rule add priority 32766 table main")
	s.ip("-6 rule del priority 8500")
	s.settled(steered())
	s.has(false, "8501:", "rule")
	s.has(false, "8500:", "-6 rule")
}

func TestKernelTakesNoRuleThatSelectsAllBesideAnother(t *testing.T) {
	s := newSpace(t)
	some := Rule{Priority: 8601, From: prefixes("10.1.2.2/32")[0], Table: 9}
	_, err := s.owner().Apply(t.Context(), State{Rules: []Rule{some, {Priority: 8601, Table: 9}}})
	if !errors.Is(err, ErrRuleTaken) {
		t.Errorf("err %v", err)
	}
}
