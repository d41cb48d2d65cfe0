package nat

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules"
)

// twoNodes is a pair; wan has no address of a node's own.
const twoNodes = `
schema = 1

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
address = "203.0.113.6/29"

[[vip]]
interface = "lan"
address = "10.1.2.1/24"

[nat]
outbound = "hybrid"
reflection = true

[[one_to_one]]
name = "mail"
on = "wan"
external = "203.0.113.6"
internal = "10.1.2.25"

[[one_to_one]]
name = "erp"
on = "wan"
external = "203.0.113.4"
internal = "10.1.2.29"

[[outbound]]
name = "as-wan"
on = "wan"
source = "10.1.2.30"
address = "interface"
`

func pairWorld(t *testing.T, policy string) *rules.World {
	t.Helper()
	node := &config.File{Name: "node.toml", Data: []byte("[ha]\nadvskew = 0\n")}
	c, err := config.Parse(config.File{Name: "rempart.toml", Data: []byte(policy)}, node)
	if err != nil {
		t.Fatal(err)
	}
	return &rules.World{Config: c}
}

// TestLeavesAsTheVirtualAddress: whatever a node has itself, what comes from inside leaves with
// the first virtual address, and what the node sends leaves as it is.
func TestLeavesAsTheVirtualAddress(t *testing.T) {
	own := strings.Replace(twoNodes, "external = true", "external = true\naddresses = [\"203.0.113.2/29\"]", 1)
	learned := pairWorld(t, twoNodes)
	learned.Addresses = map[string][]netip.Prefix{"wan": {netip.MustParsePrefix("203.0.113.3/29")}}
	for what, w := range map[string]*rules.World{
		"no address of its own": pairWorld(t, twoNodes), "one of its own": pairWorld(t, own), "one that it learned": learned,
	} {
		e := NewEvaluator(w)
		for _, tt := range []struct{ in, src, want string }{
			{"lan", "10.1.2.9", "nat.outbound 203.0.113.5"},
			{"lan", "10.1.2.30", "outbound as-wan 203.0.113.5"},
			{"lan", "10.1.2.25", "one_to_one mail 203.0.113.6"},
			{"lan", "10.1.2.29", "one_to_one erp 203.0.113.4"},
			{"sync", "172.16.0.2", "nat.outbound 203.0.113.5"},
			{"lo", "203.0.113.2", "none 203.0.113.2"},
			{"lo", "10.1.2.2", "none 10.1.2.2"},
		} {
			p := rules.Packet{In: tt.in, Protocol: config.TCP, Src: netip.MustParseAddr(tt.src), Dst: netip.MustParseAddr("192.0.2.7"), SrcPort: 40000, DstPort: 80}
			d := e.Outbound(Outgoing{Packet: p, Out: "wan"})
			if got := strings.Join(strings.Fields(d.Kind.String()+" "+d.Name+" "+d.Source.String()), " "); got != tt.want {
				t.Errorf("%s, %s: %q, want %q", what, tt.src, got, tt.want)
			}
		}
		chains, _ := compiled(w)
		for _, c := range chains {
			for _, r := range c.Rules {
				for _, x := range r.Exprs {
					if _, ok := x.(nft.Masquerade); ok {
						t.Errorf("%s: %s lets flows leave as whatever the node has", what, r.Comment)
					}
				}
			}
		}
	}
}

// TestVirtualAddressIsTranslated: one that a 1:1 translation names is for its inside host.
func TestVirtualAddressIsTranslated(t *testing.T) {
	e := NewEvaluator(pairWorld(t, twoNodes))
	for dst, want := range map[string]string{"203.0.113.6": "10.1.2.25", "203.0.113.4": "10.1.2.29", "203.0.113.5": "203.0.113.5"} {
		src := netip.MustParseAddr("198.51.100.7")
		a := e.Inbound(rules.Packet{In: "wan", Protocol: config.TCP, Src: src, Dst: netip.MustParseAddr(dst), SrcPort: 40000, DstPort: 80})
		if got := a.Chosen(src).String(); got != want {
			t.Errorf("%s is for %s, want %s", dst, got, want)
		}
	}
	_, sets := compiled(pairWorld(t, twoNodes))
	if got := content(sets, "reach_mail_v4"); got != "203.0.113.6" {
		t.Errorf("compiled for %q", got)
	}
}
