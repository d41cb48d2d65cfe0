package config

import (
	"net/netip"
	"testing"
)

const aliases = `
[[vip]]
kind      = "proxy_arp"
interface = "wan"
address   = "203.0.113.4/31"
[[vip]]
kind      = "alias"
interface = "wan"
address   = "203.0.113.3/29"
[[vip]]
kind      = "proxy_arp"
interface = "lan"
address   = "2001:db8:9::8"
[[vip]]
kind      = "alias"
interface = "lan"
address   = "192.0.2.1/32"
`

// TestParseVIPKinds: addresses that stay need no peer, and Parse enforces them.
func TestParseVIPKinds(t *testing.T) {
	c, err := Parse(File{"rempart.toml", []byte(twoInterfaces + aliases)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "vips", []VIP{
		{Interface: "wan", Kind: VIPProxyARP, Address: netip.MustParsePrefix("203.0.113.4/31")},
		{Interface: "wan", Kind: VIPAlias, Address: netip.MustParsePrefix("203.0.113.3/29")},
		{Interface: "lan", Kind: VIPProxyARP, Address: netip.MustParsePrefix("2001:db8:9::8/128")},
		{Interface: "lan", Kind: VIPAlias, Address: netip.MustParsePrefix("192.0.2.1/32")},
	}, c.VIPs)
	for kind, want := range map[VIPKind]bool{VIPCARP: true, VIPAlias: true, VIPProxyARP: false, 0: false} {
		if kind.IsAddress() != want {
			t.Errorf("%s is an address: %v", kind, !want)
		}
	}
}

// TestAliasesAreAddresses: what asks for an address of the gateway takes an
// alias, and for its source one that the gateway answers for.
func TestAliasesAreAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"[nat]\noutbound = \"manual\"\n[[outbound]]\nname = \"o\"\non = \"wan\"\naddress = \"203.0.113.3\"\n":                                                                             "",
		"[nat]\noutbound = \"manual\"\n[[outbound]]\nname = \"o\"\non = \"wan\"\npool = \"203.0.113.2-203.0.113.5\"\n":                                                                    "",
		"[[one_to_one]]\nname = \"o\"\non = \"wan\"\nexternal = \"203.0.113.3\"\ninternal = \"10.1.2.9\"\n":                                                                               "rempart.toml:29:12: one_to_one[0].external: 203.0.113.3 is the gateway's own address on wan: a [[port_forward]] shares it",
		"[[one_to_one]]\nname = \"o\"\non = \"wan\"\nexternal = \"203.0.113.4\"\ninternal = \"10.1.2.9\"\n":                                                                               "",
		"[gateway.g]\ninterface = \"wan\"\naddress = \"203.0.113.3\"\n":                                                                                                                   "rempart.toml:28:11: gateway.g.address: 203.0.113.3 is the gateway's own address on wan: write that of the next router",
		"[gateway.g]\ninterface = \"wan\"\naddress = \"203.0.113.1\"\nmonitor = \"192.0.2.1\"\n":                                                                                          "rempart.toml:29:11: gateway.g.monitor: 192.0.2.1 is the gateway's own address on lan: it would ask itself",
		"[interface.lte]\ndevice = \"wwan0\"\n[[vip]]\nkind = \"alias\"\ninterface = \"lte\"\naddress = \"192.0.2.7/32\"\n[gateway.g]\ninterface = \"lte\"\naddress = \"198.51.100.1\"\n": "",
	} {
		_, err := ParseLanguage(File{"rempart.toml", []byte(twoInterfaces + aliases + text)}, nil)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}
