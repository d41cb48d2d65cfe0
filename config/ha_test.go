package config

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

// pairText is a policy with every key of a pair.
const pairText = `schema = 1
[interface.wan]
device   = "eth0"
external = true
[interface.lan]
device    = "eth1"
addresses = ["10.1.2.2/24", "2001:db8:2::2/64"]
[interface.dmz]
device    = "eth2"
addresses = ["10.1.3.2/24"]
[interface.sync]
device    = "eth3"
addresses = ["172.16.0.1/30"]
[gateway.isp]
interface = "wan"
address   = "203.0.113.1"
[gateway_group.uplinks]
tiers = [["isp"]]
[ha]
preempt     = false
interval    = "10ms"
secret      = "file:carp.key"
interface   = "sync"
sections    = ["rules"]
advbase     = 3
virtual_mac = true
flow_table  = 2000000
strict_tcp  = true
services    = ["dnsmasq.service", "openvpn@office.service"]
gateways    = ["isp", "uplinks"]
[ha_group.voice]
preferred = "fw2"
[ha_check.dns]
command  = ["/usr/local/bin/dns-ok", "example.org"]
interval = "1s"
timeout  = "1s"
fall     = 1
rise     = 4
weight   = 200
[ha_check.web]
command = "/usr/local/bin/web-ok"
[[vip]]
interface = "wan"
address   = "203.0.113.5/29"
[[vip]]
interface = "dmz"
address   = "10.1.3.1/24"
vhid      = 3
group     = "voice"
[[vip]]
interface = "lan"
address   = "10.1.2.1/24"
vhid      = 3
group     = "main"
[[vip]]
interface = "lan"
address   = "fe80::1/64"
vhid      = 3
[[one_to_one]]
name     = "erp"
on       = "wan"
external = "203.0.113.4"
internal = "10.1.3.29"
[[one_to_one]]
name     = "mail"
on       = "wan"
external = "203.0.113.5"
internal = "10.1.3.25"
[[one_to_one]]
name     = "phone"
on       = "dmz"
external = "10.1.3.100"
internal = "10.1.2.100"
`

const pairNode = `name = "fw1"
[interface.lan]
peer = ["10.1.2.3", "2001:db8:2::3"]
[interface.sync]
peer = "fe80::2"
[ha]
advskew = 100
peer    = "172.16.0.2"
`

func parsePair(t *testing.T, policy, node string) *Config {
	t.Helper()
	c, err := Parse(File{"rempart.toml", []byte(policy)}, &File{"node.toml", []byte(node)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestParsePair(t *testing.T) {
	c := parsePair(t, pairText, pairNode)
	expect(t, "ha", &HA{
		Interval: 10 * time.Millisecond, Secret: "file:carp.key", Interface: "sync", Sections: []string{"rules"},
		AdvBase: 3, AdvSkew: 100, Peer: addr("172.16.0.2"), VirtualMAC: true, FlowTable: 2_000_000, StrictTCP: true,
		Services: []string{"dnsmasq.service", "openvpn@office.service"}, Gateways: []string{"isp", "uplinks"},
		Groups: []HAGroup{{Name: "main"}, {Name: "voice", Preferred: "fw2"}},
		Checks: []HACheck{
			{Name: "dns", Command: []string{"/usr/local/bin/dns-ok", "example.org"}, Interval: time.Second, Timeout: time.Second, Fall: 1, Rise: 4, Weight: 200},
			{Name: "web", Command: []string{"/usr/local/bin/web-ok"}, Interval: 5 * time.Second, Timeout: 2 * time.Second, Fall: 3, Rise: 2, Weight: 1},
		},
	}, c.HA)
	vips := []VIP{
		{Interface: "wan", Kind: VIPCARP, Address: netip.MustParsePrefix("203.0.113.5/29"), Group: "main"},
		{Interface: "dmz", Kind: VIPCARP, Address: netip.MustParsePrefix("10.1.3.1/24"), VHID: 3, Group: "voice"},
		{Interface: "lan", Kind: VIPCARP, Address: netip.MustParsePrefix("10.1.2.1/24"), VHID: 3, Group: "main"},
		{Interface: "lan", Kind: VIPCARP, Address: netip.MustParsePrefix("fe80::1/64"), VHID: 3, Group: "main"},
	}
	expect(t, "vips", vips, c.VIPs)
	expect(t, "peers", [][]netip.Addr{nil, {addr("10.1.2.3"), addr("2001:db8:2::3")}, nil, {addr("fe80::2")}},
		[][]netip.Addr{c.Interfaces[0].Peers, c.Interfaces[1].Peers, c.Interfaces[2].Peers, c.Interfaces[3].Peers})
	// The address of "mail" is the virtual one, the others go with the first of their interface.
	expect(t, "moving", append(vips,
		VIP{Interface: "wan", Kind: VIPCARP, Address: netip.MustParsePrefix("203.0.113.4/32"), Group: "main"},
		VIP{Interface: "dmz", Kind: VIPCARP, Address: netip.MustParsePrefix("10.1.3.100/32"), Group: "voice"},
	), c.Moving())
	if got := reference(t).Moving(); len(got) != 5 || got[4].Address != netip.MustParsePrefix("203.0.113.4/32") {
		t.Errorf("of the reference move %v", got)
	}
	alone := parseText(t, twoInterfaces+"[[one_to_one]]\nname = \"o\"\non = \"wan\"\nexternal = \"203.0.113.4\"\ninternal = \"10.1.2.9\"\n")
	if got := alone.Moving(); len(got) != 0 {
		t.Errorf("of a single gateway move %v", got)
	}
}

// TestGroupsOfAPair: the first group is that of addresses that name none, if there is one.
func TestGroupsOfAPair(t *testing.T) {
	const pair = twoInterfaces + "[interface.sync]\ndevice = \"eth3\"\n[ha]\nsecret = \"file:k\"\ninterface = \"sync\"\n"
	vip := func(group string) string {
		return "[[vip]]\ninterface = \"lan\"\naddress = \"10.1.2.5/24\"\n" + group
	}
	const a, main = "[ha_group.a]\n", "[ha_group.main]\npreferred = \"fw1\"\n"
	for text, want := range map[string]string{
		"":                              "main",
		vip(""):                         "main",
		a + vip("group = \"a\"\n"):      "a",
		a + main + vip(""):              "main a",
		a + vip("") + "":                "main a",
		a + main + vip("group=\"a\"\n"): "main a",
	} {
		var got []string
		for _, g := range parsePair(t, pair+text, "[ha]\nadvskew = 0\n").HA.Groups {
			got = append(got, g.Name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: groups %q, want %s", text, got, want)
		}
	}
}

// TestDoubtsAboutAPair: what is allowed and hardly meant.
func TestDoubtsAboutAPair(t *testing.T) {
	c := parsePair(t, twoInterfaces+`[interface.sync]
device = "eth3"
[ha]
secret = "file:k"
interface = "sync"
[ha_group.voice]
`, "[ha]\nadvskew = 0\n")
	var got []string
	for _, w := range c.Warnings {
		got = append(got, w.Error())
	}
	expect(t, "warnings", []string{
		"rempart.toml:11:2: ha: no [[vip]] moves between the two nodes: hosts do not notice which of them is master",
		`rempart.toml:14:11: ha_group.voice: holds no address: write group = "voice" into the [[vip]] that are to move with it`,
	}, got)
	if w := parsePair(t, pairText, pairNode).Warnings; len(w) != 2 || !strings.Contains(w[1].Error(), `rempart.toml:30:23: ha.gateways[1]: "isp" is asked from interface "wan"`) {
		t.Errorf("of a gateway that the backup cannot ask: %v", w)
	}
	for _, cure := range []string{"monitor   = []\n", ""} {
		asked := strings.Replace(pairText, "address   = \"203.0.113.1\"\n", "address   = \"203.0.113.1\"\n"+cure, 1)
		if cure == "" {
			asked = strings.Replace(pairText, "external = true\n", "external = true\naddresses = [\"203.0.113.2/29\"]\n", 1)
		}
		if w := parsePair(t, asked, pairNode).Warnings; len(w) > 0 {
			t.Errorf("warned of %v", w)
		}
	}
}

func TestParseSecret(t *testing.T) {
	longest := strings.Repeat("x", LongestSecret)
	for content, want := range map[string]string{
		"a": "a", "a\n": "a", "a\r\n": "a", " a b ": " a b ", "a\n\n": "a\n", longest: longest, longest + "\n": longest, "é\n": "é",
		"": "", "\n": "", "\r\n": "", longest + "x": "", longest + "\n\n": "", "a\x00b": "", "\x00": "",
	} {
		got, err := ParseSecret([]byte(content))
		if string(got) != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", content, got, err)
		}
		if err != nil && strings.Contains(err.Error(), longest) {
			t.Errorf("the secret is told: %v", err)
		}
	}
	if _, err := ParseSecret([]byte(longest + "x")); err == nil || !strings.Contains(err.Error(), "at most 19, because carp(4) keeps 20") {
		t.Errorf("a secret that is too long: %v", err)
	}
}
