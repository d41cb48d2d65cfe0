package firewall

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/links"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/report"
)

// pairPolicy is of two nodes that have no address of their own outside.
const pairPolicy = `schema = 1

[interface.wan]
device = "eth0"
external = true

[interface.lan]
device = "eth1"
addresses = ["10.1.2.2/24"]

[interface.sync]
device = "eth3"
addresses = ["172.16.0.1/30"]

[ha]
secret = "file:carp.key"
interface = "sync"

[[vip]]
interface = "wan"
address = "203.0.113.5/29"

[[vip]]
interface = "wan"
address = "2001:db8:f::5/64"

[[vip]]
interface = "lan"
address = "10.1.2.1/24"
vhid = 1

[gateway.fibre]
interface = "wan"
address = "203.0.113.1"
monitor = []

[gateway.fibre6]
interface = "wan"
address = "2001:db8:f::1"
monitor = []

[gateway.core]
interface = "lan"
address = "10.1.2.14"
monitor = []

[[route]]
destination = "default"
gateway = "fibre"

[[route]]
destination = "default"
gateway = "fibre6"

[[route]]
destination = "10.20.0.0/16"
gateway = "core"

[[rule]]
name = "lan-out"
from = "lan"
action = "pass"

[[one_to_one]]
name = "erp"
on = "wan"
external = "203.0.113.4"
internal = "10.1.2.29"

[[one_to_one]]
name = "mail"
on = "wan"
external = "203.0.113.5"
internal = "10.1.2.25"
`

// pairNode is the node.toml of one of them.
const pairNode = "name = \"fw1\"\n[ha]\nadvskew = 0\n"

// ofPair is a draft of one node of a pair.
func ofPair(policy string) Draft {
	d := draft(policy)
	d.NodeName, d.Node = "node.toml", []byte(pairNode)
	return d
}

func pairConfig(t *testing.T, policy string) *config.Config {
	t.Helper()
	c, err := parse(ofPair(policy))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestNetworkLeavesWhatMoves: virtual addresses, and the outside ones of 1:1 translations
// beside them, are not this room's to give; the way out is there without them.
func TestNetworkLeavesWhatMoves(t *testing.T) {
	state := Network(NewWorld(pairConfig(t, pairPolicy), Learned{}, time.Now()))
	got := map[string]string{}
	for _, l := range state.Links {
		got[l.Name] = fmt.Sprint(l.Addresses, l.Moving)
	}
	for name, want := range map[string]string{
		"wan":  "[] [203.0.113.5/29 2001:db8:f::5/64 203.0.113.4/32]",
		"lan":  "[10.1.2.2/24] [10.1.2.1/24]",
		"sync": "[172.16.0.1/30] []",
	} {
		if got[name] != want {
			t.Errorf("%s has %s, want %s", name, got[name], want)
		}
	}
	for _, r := range state.Routes {
		if want := r.Device == "wan"; r.Via.IsValid() && r.OnLink != want {
			t.Errorf("%s: on link %v, want %v", r, r.OnLink, want)
		}
	}
	if !slices.ContainsFunc(state.Sysctls, func(s links.Sysctl) bool { return s.Path == "net/ipv4/ip_nonlocal_bind" && s.Value == "1" }) {
		t.Error("services cannot bind to what is at the other node")
	}
	own := strings.Replace(pairPolicy, "external = true", "external = true\naddresses = [\"203.0.113.2/29\"]", 1)
	for _, r := range Network(NewWorld(pairConfig(t, own), Learned{}, time.Now())).Routes {
		if r.Via == netip.MustParseAddr("203.0.113.1") && r.OnLink {
			t.Errorf("on link beside an own address: %s", r)
		}
	}
}

// TestPolicyIsTold: who moves addresses hears of each policy that begins to be
// enforced, and of none twice.
func TestPolicyIsTold(t *testing.T) {
	m := newMachine(t)
	m.network.Plug(links.Device{Index: 4, Name: "eth3", MTU: 1500, Carrier: true})
	m.files = ofPair(pairPolicy)
	var told []string
	m.policy = func(c *config.Config) { told = append(told, fmt.Sprint(c.HA != nil, len(c.VIPs), len(c.Rules))) }
	f, stop := m.start(t, nil)
	if _, err := f.Status(t.Context()); err != nil { // the loop is past the start
		t.Fatal(err)
	}
	m.apply(t, f, testPolicy, 60)
	if _, err := f.Rollback(t.Context(), 0, m.caller()); err != nil {
		t.Fatal(err)
	}
	m.apply(t, f, otherPolicy, 0)
	m.apply(t, f, otherPolicy, 0)
	stop()
	if got, want := strings.Join(told, "; "), "true 3 1; false 0 1; true 3 1; false 0 1"; got != want {
		t.Errorf("told %s\nwant %s", got, want)
	}
}

// TestHoldIsTold: a change that keeps the kernel busy is told before it is made, and
// others are not.
func TestHoldIsTold(t *testing.T) {
	kernel := nft.NewFake(TableName)
	var held []time.Duration
	var before []string
	tab := table{hold: func(d time.Duration) {
		held = append(held, d)
		before = append(before, kernel.String())
	}}
	put := func(rules, elements int) nft.Ruleset {
		r := Closed()
		chain := nft.Chain{Name: "many"}
		for range rules {
			chain.Rules = append(chain.Rules, nft.Rule{Exprs: []nft.Expr{nft.Verdict{Kind: nft.Accept}}})
		}
		r.Chains = append(r.Chains, chain)
		set := nft.Set{Name: "hosts", Key: []nft.Type{nft.TypeIPv4}}
		for i := range elements {
			a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
			set.Elements = append(set.Elements, nft.Element{Key: []nft.Value{nft.Address(a)}})
		}
		r.Sets = append(r.Sets, set)
		if err := tab.put(t.Context(), kernel, r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, step := range []struct {
		rules, elements int
		least           time.Duration // zero: nothing is told
	}{
		{rules: 10, elements: 10},
		{rules: 2000, elements: 10, least: 100 * time.Millisecond},
		{rules: 2000, elements: 11},                              // nothing but one element
		{rules: 10, elements: 11, least: 100 * time.Millisecond}, // the 2,000 go
		{rules: 10, elements: 60_000, least: time.Second},
		{rules: 10, elements: 60_000},
	} {
		held, before = nil, nil
		was := kernel.String()
		put(step.rules, step.elements)
		switch {
		case step.least == 0 && len(held) > 0:
			t.Errorf("%+v: held for %s", step, held)
		case step.least > 0 && (len(held) != 1 || held[0] < step.least || held[0] > time.Minute):
			t.Errorf("%+v: held for %s", step, held)
		case step.least > 0 && before[0] != was:
			t.Errorf("%+v: told after it was done", step)
		}
	}
}

// TestWhoCanAsk: a gateway is asked by a node that has an address to ask from.
func TestWhoCanAsk(t *testing.T) {
	holds := map[string]bool{}
	f := &Firewall{Parts: Parts{Holds: func(iface string) bool { return holds[iface] }}}
	asked := func(policy string) string {
		w := NewWorld(pairConfig(t, policy), Learned{}, time.Now())
		var names []string
		for _, g := range w.Config.Gateways {
			if f.canAsk(w, &g) {
				names = append(names, g.Name)
			}
		}
		return strings.Join(names, " ")
	}
	if got := asked(pairPolicy); got != "core" {
		t.Errorf("a backup asks %s", got)
	}
	if got := asked(strings.Replace(pairPolicy, "monitor = []", "force_down = true", 1)); got != "core fibre" && got != "fibre core" {
		t.Errorf("beside what is down by order a backup asks %s", got)
	}
	holds["wan"] = true
	if got := len(strings.Fields(asked(pairPolicy))); got != 3 {
		t.Errorf("a master asks %d gateways", got)
	}
	holds["wan"] = false
	own := strings.Replace(pairPolicy, "external = true", "external = true\naddresses = [\"203.0.113.2/29\"]", 1)
	if got := asked(own); !strings.Contains(got, "fibre") || strings.Contains(got, "fibre6") {
		t.Errorf("a backup with an own IPv4 address asks %s", got)
	}
}

// TestSecretIsAskedFor: a policy whose secret cannot be read is refused at its place, and what
// runs goes on.
func TestSecretIsAskedFor(t *testing.T) {
	m := newMachine(t)
	m.network.Plug(links.Device{Index: 4, Name: "eth3", MTU: 1500, Carrier: true})
	m.secret = func(file string) ([]byte, error) { return nil, fmt.Errorf("read secret: no %s", file) }
	f, stop := m.start(t, nil)
	defer stop()
	_, err := f.Apply(t.Context(), report.Request{Draft: ofPair(pairPolicy)}, m.caller())
	if faults := Faults(err); len(faults) != 1 || faults[0].Key != "ha.secret" || faults[0].Line == 0 {
		t.Errorf("%v", err)
	}
}
