package rules

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/packetlog"
)

const ofTwo = `schema = 1

[interface.wan]
device = "eth0"
addresses = ["203.0.113.2/29"]
external = true

[interface.lan]
device = "eth1"
addresses = ["10.1.2.2/24", "2001:db8:2::2/64"]

[interface.dmz]
device = "eth2"
addresses = ["10.1.3.2/24"]

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
interface = "lan"
address = "10.1.2.1/24"
vhid = 1

[[rule]]
name = "nothing"
action = "block"
`

func pairWorld(t *testing.T, node string) *World {
	t.Helper()
	c, err := config.Parse(config.File{Name: "rempart.toml", Data: []byte(ofTwo)}, &config.File{Name: "node.toml", Data: []byte(node)})
	if err != nil {
		t.Fatal(err)
	}
	return &World{Config: c}
}

// TestPairIsHeard: packets by which nothing but CARP, heartbeats, who listens and the link on
// the cable is let in before the rules, from where they may come from.
func TestPairIsHeard(t *testing.T) {
	told := NewEvaluator(pairWorld(t, "[ha]\nadvskew = 0\npeer = \"172.16.0.2\"\n"))
	untold := NewEvaluator(pairWorld(t, "[ha]\nadvskew = 0\n"))
	const syn, ack = config.FlagSYN, config.FlagACK
	for _, tt := range []struct {
		what     string
		e        *Evaluator
		in       string
		protocol config.Protocol
		src, dst string
		sport    uint16
		dport    uint16
		flags    uint8
		heard    bool
	}{
		{"CARP", told, "lan", CARP, "10.1.2.3", "224.0.0.18", 0, 0, 0, true},
		{"CARP without an address", told, "wan", CARP, "0.0.0.0", "224.0.0.18", 0, 0, 0, true},
		{"CARP from a virtual address", told, "wan", CARP, "203.0.113.5", "224.0.0.18", 0, 0, 0, true},
		{"CARP to one node", told, "lan", CARP, "10.1.2.3", "10.1.2.2", 0, 0, 0, true},
		{"CARP in IPv6", told, "lan", CARP, "fe80::3", "ff02::12", 0, 0, 0, true},
		{"CARP on the cable", told, "sync", CARP, "172.16.0.2", "224.0.0.18", 0, 0, 0, true},
		{"CARP where there is nothing to share", told, "dmz", CARP, "10.1.3.3", "224.0.0.18", 0, 0, 0, false},
		{"CARP from beyond the link", told, "lan", CARP, "198.51.100.7", "10.1.2.2", 0, 0, 0, false},
		{"CARP to a host", told, "lan", CARP, "10.1.2.3", "10.1.3.9", 0, 0, 0, false},
		{"a heartbeat", told, "lan", config.UDP, "10.1.2.3", "224.0.0.18", BeatPort, BeatPort, 0, true},
		{"a heartbeat in IPv6", told, "lan", config.UDP, "2001:db8:2::3", "2001:db8:2::2", 9, BeatPort, 0, true},
		{"an answer from the port", told, "lan", config.UDP, "10.1.2.3", "10.1.2.2", BeatPort, 9, 0, false},
		{"through the gateway", told, "lan", config.UDP, "10.1.2.3", "198.51.100.7", 9, BeatPort, 0, false},
		{"a frame of flows", told, "sync", config.UDP, "172.16.0.2", "172.16.0.1", 9, FlowPort, 0, true},
		{"a frame of flows to all", told, "sync", config.UDP, "172.16.0.2", "224.0.0.18", 9, FlowPort, 0, true},
		{"a frame of flows in IPv6", told, "sync", config.UDP, "fe80::2", "ff02::12", 9, FlowPort, 0, true},
		{"a frame of flows beside the cable", told, "lan", config.UDP, "10.1.2.3", "10.1.2.2", 9, FlowPort, 0, false},
		{"a frame of flows from beyond the cable", told, "sync", config.UDP, "10.1.2.3", "172.16.0.1", 9, FlowPort, 0, false},
		{"an answer from the port of flows", told, "sync", config.UDP, "172.16.0.2", "172.16.0.1", FlowPort, 9, 0, false},
		{"flows in TCP", told, "sync", config.TCP, "172.16.0.2", "172.16.0.1", 9, FlowPort, syn, false},
		{"who listens", told, "lan", IGMP, "10.1.2.9", "224.0.0.1", 0, 0, 0, true},
		{"who listens, whoever asks", told, "lan", IGMP, "192.0.2.9", "224.0.0.1", 0, 0, 0, true},
		{"who listens, of one machine", told, "lan", IGMP, "10.1.2.9", "10.1.2.2", 0, 0, 0, false},
		{"who listens, beside the pair", told, "dmz", IGMP, "10.1.3.9", "224.0.0.1", 0, 0, 0, false},
		{"the link", told, "sync", config.TCP, "172.16.0.2", "172.16.0.1", 9, BeatPort, syn, true},
		{"the link, in the middle", told, "sync", config.TCP, "172.16.0.2", "172.16.0.1", 9, BeatPort, ack, true},
		{"the link that was opened here", told, "sync", config.TCP, "172.16.0.2", "172.16.0.1", BeatPort, 9, syn | ack, true},
		{"another connection from its port", told, "sync", config.TCP, "172.16.0.2", "172.16.0.1", BeatPort, 22, syn, false},
		{"another connection, of a packet that does not say", told, "sync", config.TCP, "172.16.0.2", "172.16.0.1", BeatPort, 22, 0, false},
		{"the link beside the cable", told, "lan", config.TCP, "10.1.2.3", "10.1.2.2", 9, BeatPort, syn, false},
		{"the link of another", told, "sync", config.TCP, "172.16.0.3", "172.16.0.1", 9, BeatPort, syn, false},
		{"the link of whoever is on the cable", untold, "sync", config.TCP, "172.16.0.3", "172.16.0.1", 9, BeatPort, syn, true},
		{"pairing", told, "sync", config.TCP, "172.16.0.2", "172.16.0.1", 9, PairPort, syn, true},
		{"pairing that was begun here", told, "sync", config.TCP, "172.16.0.2", "172.16.0.1", PairPort, 9, syn | ack, true},
		{"another connection from the port of pairing", told, "sync", config.TCP, "172.16.0.2", "172.16.0.1", PairPort, 22, syn, false},
		{"pairing beside the cable", told, "lan", config.TCP, "10.1.2.3", "10.1.2.2", 9, PairPort, syn, false},
		{"pairing with another", told, "sync", config.TCP, "172.16.0.3", "172.16.0.1", 9, PairPort, syn, false},
		{"pairing with whoever is on the cable", untold, "sync", config.TCP, "172.16.0.3", "172.16.0.1", 9, PairPort, syn, true},
		{"pairing in UDP", told, "sync", config.UDP, "172.16.0.2", "172.16.0.1", 9, PairPort, 0, false},
		{"SSH on the cable", told, "sync", config.TCP, "172.16.0.2", "172.16.0.1", 9, 22, syn, false},
	} {
		p := Packet{
			In: tt.in, Protocol: tt.protocol, Src: netip.MustParseAddr(tt.src), Dst: netip.MustParseAddr(tt.dst),
			SrcPort: tt.sport, DstPort: tt.dport, TCPFlags: tt.flags,
		}
		d := tt.e.Evaluate(p)
		if got := d.Action == config.Pass && d.Cause == packetlog.CauseAutomatic; got != tt.heard || tt.e.OfPair(p) != tt.heard {
			t.Errorf("%s: %+v, of the pair: %v", tt.what, d, tt.e.OfPair(p))
		}
	}
}

// TestPortOfFlowsIsNoRulesBusiness: nothing but what is heard of the other node comes to the port
// on which it tells of flows, though a rule passes all; what goes through is none of its business.
func TestPortOfFlowsIsNoRulesBusiness(t *testing.T) {
	w := pairWorld(t, "[ha]\nadvskew = 0\n")
	w.Config.Rules[0].Action = config.Pass
	e := NewEvaluator(w)
	for _, tt := range []struct {
		in, src, dst string
		protocol     config.Protocol
		port         uint16
		refused      bool
	}{
		{"lan", "10.1.2.3", "10.1.2.2", config.UDP, FlowPort, true},
		{"lan", "2001:db8:2::3", "2001:db8:2::2", config.UDP, FlowPort, true},
		{"sync", "10.1.2.3", "172.16.0.1", config.UDP, FlowPort, true},
		{"sync", "172.16.0.2", "172.16.0.1", config.UDP, FlowPort, false},
		{"lan", "10.1.2.3", "10.1.2.2", config.UDP, FlowPort + 1, false},
		{"lan", "10.1.2.3", "10.1.2.2", config.TCP, FlowPort, false},
		{"lan", "10.1.2.3", "198.51.100.7", config.UDP, FlowPort, false},
	} {
		p := Packet{In: tt.in, Protocol: tt.protocol, Src: netip.MustParseAddr(tt.src), Dst: netip.MustParseAddr(tt.dst), SrcPort: 9, DstPort: tt.port}
		d := e.Evaluate(p)
		if got := d.Action == config.Block && d.Cause == packetlog.CauseInvalid; got != tt.refused || e.Reserved(p) != tt.refused {
			t.Errorf("%+v: %+v, reserved: %v", tt, d, e.Reserved(p))
		}
	}
	w.Config.HA = nil
	p := Packet{In: "lan", Protocol: config.UDP, Src: netip.MustParseAddr("10.1.2.3"), Dst: netip.MustParseAddr("10.1.2.2"), DstPort: FlowPort}
	if e := NewEvaluator(w); e.Reserved(p) || e.Evaluate(p).Action != config.Pass {
		t.Error("a single gateway reserves the port as well")
	}
}

// TestNoPairIsNotHeard: on a single gateway nothing of it is let in.
func TestNoPairIsNotHeard(t *testing.T) {
	w := pairWorld(t, "[ha]\nadvskew = 0\n")
	w.Config.HA = nil
	p := Packet{In: "lan", Protocol: CARP, Src: netip.MustParseAddr("10.1.2.3"), Dst: netip.MustParseAddr("224.0.0.18")}
	if e := NewEvaluator(w); e.OfPair(p) || e.Evaluate(p).Action == config.Pass {
		t.Error("heard")
	}
	for _, c := range Compile(w, NewSets(w, nil)).Chains {
		if strings.HasPrefix(c.Name, "pair") {
			t.Errorf("there is a chain %s", c.Name)
		}
		for _, r := range c.Rules {
			for _, x := range r.Exprs {
				if _, sets := x.(nft.SetEvents); sets {
					t.Errorf("chain %s has %s", c.Name, x)
				}
			}
		}
	}
}
