package firewall

import (
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/links"
	"github.com/rempart/rempart/rules"
	"github.com/rempart/rempart/rules/steer"
	"go4.org/netipx"
)

// sharedPolicy is what two nodes have in common: no device, and a thing of each kind that could differ.
const sharedPolicy = `schema = 1

[interface.wan]
external = true

[interface.wan2]
external = true

[interface.lan]

[interface.sync]

[ha]
secret = "file:carp.key"
interface = "sync"

[[vip]]
interface = "wan"
address = "203.0.113.5/29"

[[vip]]
interface = "lan"
address = "10.1.2.1/24"
vhid = 1

[alias.updates]
addresses = ["deb.example.org"]

[alias.drop]
url = "https://lists.example.org/drop"
refresh = "1h"

[alias.caught]
dynamic = true

[schedule.office]
times = ["mon-fri 08:00-18:00"]

[gateway.fibre]
interface = "wan"
address = "203.0.113.1"
monitor = []

[gateway.lte]
interface = "wan2"
address = "dhcp"
monitor = []

[gateway_group.internet]
tiers = [["fibre"], ["lte"]]

[[route]]
destination = "default"
gateway = "internet"

[[rule]]
name = "drop"
from = "wan"
source = ["@drop", "@caught"]
action = "block"

[[rule]]
name = "updates"
from = "lan"
to = "wan"
destination = ["@updates"]
action = "pass"

[[rule]]
name = "office"
from = "lan"
source = ["lan:network"]
protocol = "tcp"
port = [443]
schedule = "office"
gateway = "internet"
action = "pass"

[[port_forward]]
name = "web"
on = "wan"
protocol = "tcp"
port = 443
target = "10.1.2.20"
`

const sharedNodeOne = `name = "fw1"
[ha]
advskew = 0
peer = "172.16.0.2"
[interface.wan]
device = "eth0"
addresses = ["203.0.113.2/29"]
peer = ["203.0.113.3"]
[interface.wan2]
device = "eth1"
[interface.lan]
device = "eth2"
addresses = ["10.1.2.2/24", "2001:db8:1::2/64"]
[interface.sync]
device = "eth3"
addresses = ["172.16.0.1/30"]
`

const sharedNodeTwo = `name = "fw2"
[ha]
advskew = 100
[interface.wan]
device = "enp1s0"
[interface.wan2]
mac = "52:54:00:00:00:02"
[interface.lan]
device = "br0"
addresses = ["10.1.2.3/24"]
[interface.sync]
device = "bond0"
addresses = ["172.16.0.2/30"]
`

func sharedParsed(t *testing.T, policy, node string) *config.Config {
	t.Helper()
	d := draft(policy)
	d.NodeName, d.Node = "node.toml", []byte(node)
	c, err := parse(d)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func rangesOf(t *testing.T, prefixes ...string) *netipx.IPSet {
	t.Helper()
	var b netipx.IPSetBuilder
	for _, p := range prefixes {
		b.AddPrefix(netip.MustParsePrefix(p))
	}
	s, err := b.IPSet()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sharedLearned is what both nodes know.
func sharedLearned(t *testing.T) Learned {
	t.Helper()
	return Learned{
		Numbers: rules.Numbers{"updates": 7, "drop": 9, "office": 2, "web": 3, "gone": 1}, Gateways: rules.Numbers{"fibre": 3, "lte": 1},
		Outside: Outside{
			Names: map[string][]netip.Addr{"deb.example.org": {netip.MustParseAddr("198.51.100.20")}},
			Lists: map[string]*netipx.IPSet{"drop": rangesOf(t, "192.0.2.0/24", "2001:db8:bad::/48")},
		},
	}
}

func sharedDigestOf(w *rules.World) string { return new(sharedDigest).of(w, nil) }

func TestSharedDigest(t *testing.T) {
	one := sharedParsed(t, sharedPolicy, sharedNodeOne)
	base := NewWorld(one, sharedLearned(t), friday)
	want := sharedDigestOf(base)
	edited := func(old, new string) *config.Config {
		t.Helper()
		text := strings.Replace(sharedPolicy, old, new, 1)
		if text == sharedPolicy {
			t.Fatalf("the policy has no %q", old)
		}
		return sharedParsed(t, text, sharedNodeOne)
	}
	with := func(change func(*Learned)) Learned {
		l := sharedLearned(t)
		change(&l)
		return l
	}
	for _, tt := range []struct {
		name  string
		world *rules.World
		equal bool
	}{
		{"compiled again", NewWorld(sharedParsed(t, sharedPolicy, sharedNodeOne), sharedLearned(t), friday), true},
		{"the other node", NewWorld(sharedParsed(t, sharedPolicy, sharedNodeTwo), with(func(l *Learned) {
			l.Devices = map[string]string{"wan2": "enp2s0"}
			l.Machine = links.Learned{Addresses: map[string][]netip.Prefix{"wan": {netip.MustParsePrefix("203.0.113.4/29")}}}
		}), friday.Add(20*time.Hour)), true},
		{"another hour", NewWorld(one, sharedLearned(t), friday.Add(100*24*time.Hour)), true},
		{"a gateway is down", NewWorld(one, with(func(l *Learned) {
			l.Lines = map[string]steer.Health{"fibre": {State: steer.Down}}
			l.Silent = map[string][]netip.Addr{"web": {netip.MustParseAddr("10.1.2.20")}}
		}), friday), true},
		{"a gateway has learned its address", NewWorld(one, with(func(l *Learned) {
			l.Machine.Hops4 = map[string]netip.Addr{"wan2": netip.MustParseAddr("198.51.100.1")}
		}), friday), true},
		{"a number of a rule that is gone", NewWorld(one, with(func(l *Learned) { l.Numbers["gone"] = 99 }), friday), true},
		{"a dynamic alias holds something", withDynamic(base, Dynamic{"caught": rangesOf(t, "192.0.2.1/32")}), true},
		{"another action", NewWorld(edited(`action = "block"`, `action = "reject"`), sharedLearned(t), friday), false},
		{"a rule less", NewWorld(edited("[[rule]]\nname = \"drop\"", "[[rule]]\ndisabled = true\nname = \"drop\""), sharedLearned(t), friday), false},
		{"another port forward", NewWorld(edited("10.1.2.20", "10.1.2.21"), sharedLearned(t), friday), false},
		{"another schedule", NewWorld(edited("18:00", "19:00"), sharedLearned(t), friday), false},
		{"another virtual address", NewWorld(edited("203.0.113.5/29", "203.0.113.6/29"), sharedLearned(t), friday), false},
		{"another name", NewWorld(one, with(func(l *Learned) {
			l.Outside.Names = map[string][]netip.Addr{"deb.example.org": {netip.MustParseAddr("198.51.100.21")}}
		}), friday), false},
		{"another list", NewWorld(one, with(func(l *Learned) {
			l.Outside.Lists = map[string]*netipx.IPSet{"drop": rangesOf(t, "192.0.2.0/25", "2001:db8:bad::/48")}
		}), friday), false},
		{"another number of a rule", NewWorld(one, with(func(l *Learned) { l.Numbers["updates"] = 8 }), friday), false},
		{"another number of a gateway", NewWorld(one, with(func(l *Learned) { l.Gateways["fibre"] = 4 }), friday), false},
	} {
		if got := sharedDigestOf(tt.world); (got == want) != tt.equal {
			t.Errorf("%s: equal is %v, want %v", tt.name, got == want, tt.equal)
		}
	}
}

// TestSharedDigestLeavesOutWhatDiffers, and there is something to leave out.
func TestSharedDigestLeavesOutWhatDiffers(t *testing.T) {
	one := NewWorld(sharedParsed(t, sharedPolicy, sharedNodeOne), sharedLearned(t), friday)
	two := NewWorld(sharedParsed(t, sharedPolicy, sharedNodeTwo), sharedLearned(t), friday)
	if digestOf(Compile(one)) == digestOf(Compile(two)) {
		t.Error("two nodes with other devices and addresses have one ruleset")
	}
	if digestOf(Compile(sharedWorld(one))) != digestOf(Compile(sharedWorld(two))) {
		t.Error("what they share differs")
	}
}

// TestSharedDigestRemembers, and is made anew for whatever counts; sets that were made already change nothing.
func TestSharedDigestRemembers(t *testing.T) {
	c := sharedParsed(t, sharedPolicy, sharedNodeOne)
	w := NewWorld(c, sharedLearned(t), friday)
	before := Compile(w).String()
	s, made := new(sharedDigest), new(compiler)
	made.compile(w)
	first := s.of(w, made.before)
	if first != sharedDigestOf(w) {
		t.Error("sets that were made before make another digest")
	}
	s.digest = "remembered"
	failed := *w
	failed.Lines, failed.Numbers = map[string]steer.Health{"fibre": {State: steer.Down}}, maps.Clone(w.Numbers)
	if s.of(&failed, made.before) != "remembered" {
		t.Error("it was made anew although a line only failed")
	}
	later := *w
	later.Names = map[string][]netip.Addr{"deb.example.org": {netip.MustParseAddr("198.51.100.21")}}
	if got := s.of(&later, made.before); got == "remembered" || got != sharedDigestOf(&later) {
		t.Errorf("another name has the digest %s", got)
	}
	if Compile(w).String() != before {
		t.Error("the world was changed")
	}
}

func TestSharedDigestWithoutAPolicy(t *testing.T) {
	m := newMachine(t)
	m.files = draft("schema = 1\n[nonsense]\n")
	f, _ := m.start(t, nil)
	if d, err := f.SharedDigest(t.Context()); d != "" || err != nil {
		t.Errorf("%q, %v", d, err)
	}
}

// TestSharedDigestOfGoldenPolicies: whatever a policy has, its ruleset without devices is one that holds together.
func TestSharedDigestOfGoldenPolicies(t *testing.T) {
	seen := map[string]string{}
	policies(t, func(t *testing.T, path string) {
		w := goldenWorld(t, path)
		d := sharedDigestOf(w)
		if other, ok := seen[d]; ok {
			t.Errorf("it has the digest of %s", other)
		}
		if seen[d] = path; d != sharedDigestOf(goldenWorld(t, path)) {
			t.Error("two compiles of one policy differ")
		}
	})
}

// BenchmarkSharedDigest is of a policy with a list of a million networks, whose sets run already.
func BenchmarkSharedDigest(b *testing.B) {
	c, err := parse(draft(testPolicy + "destination = [\"@drop\"]\n[alias.drop]\nurl = \"https://lists.example.org/drop\"\n"))
	if err != nil {
		b.Fatal(err)
	}
	var list netipx.IPSetBuilder
	for i := range uint32(1_000_000) {
		at := 0x0a000000 + i<<9
		list.AddPrefix(netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(at >> 24), byte(at >> 16), byte(at >> 8), byte(at)}), 24))
	}
	set, err := list.IPSet()
	if err != nil {
		b.Fatal(err)
	}
	w := NewWorld(c, Learned{Outside: Outside{Lists: map[string]*netipx.IPSet{"drop": set}}}, friday)
	made := new(compiler)
	made.compile(w)
	b.ReportAllocs()
	for b.Loop() {
		new(sharedDigest).of(w, made.before)
	}
}
