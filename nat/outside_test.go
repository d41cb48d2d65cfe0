package nat

import (
	"maps"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules"
)

func TestOutside(t *testing.T) {
	w := world(t, office)
	vips := func(kind config.VIPKind) *rules.World {
		c := *w.Config
		for _, on := range []string{"lan 10.1.2.5/24", "wan 203.0.113.5/24", "wan 203.0.113.6/24", "lan fe80::1/64", "ppp 198.51.100.5/32"} {
			iface, address, _ := cutWords(on)
			c.VIPs = append(c.VIPs, config.VIP{Kind: kind, Interface: iface, Address: netip.MustParsePrefix(address)})
		}
		return &rules.World{Config: &c}
	}
	learned := func(w *rules.World) *rules.World {
		out := *w
		out.Addresses = map[string][]netip.Prefix{
			"ppp": {netip.MustParsePrefix("fe80::9/64"), netip.MustParsePrefix("100.64.0.9/32"), netip.MustParsePrefix("2001:db8:9::9/64")},
			"wan": {netip.MustParsePrefix("192.0.2.9/24")},
		}
		return &out
	}
	shared, further := vips(config.VIPCARP), vips(config.VIPAlias)
	for _, tt := range []struct {
		what   string
		w      *rules.World
		iface  string
		family rules.Family
		want   string
	}{
		{"the first address", w, "wan", rules.V4, "203.0.113.2"},
		{"the first that is not link-local", w, "wan", rules.V6, "2001:db8:f::2"},
		{"none of the family", w, "dmz", rules.V6, "invalid IP"},
		{"none at all", w, "ppp", rules.V4, "invalid IP"},
		{"no such interface", w, "none", rules.V4, "invalid IP"},
		{"the first address that is shared", shared, "wan", rules.V4, "203.0.113.5"},
		{"virtual addresses are of a family", shared, "wan", rules.V6, "2001:db8:f::2"},
		{"of each interface its own", shared, "lan", rules.V4, "10.1.2.5"},
		{"a shared one that is link-local is known to nobody beyond", shared, "lan", rules.V6, "fd00:1:2:2::1"},
		{"a shared one before one that is learned", learned(shared), "ppp", rules.V4, "198.51.100.5"},
		{"its own before a further one", further, "wan", rules.V4, "203.0.113.2"},
		{"a further one where there is no other", further, "ppp", rules.V4, "198.51.100.5"},
		{"one that is learned before a further one", learned(further), "ppp", rules.V4, "100.64.0.9"},
		{"one that is learned, of the other family", learned(w), "ppp", rules.V6, "2001:db8:9::9"},
		{"those written before what the machine has", learned(w), "wan", rules.V4, "203.0.113.2"},
		{"proxied addresses are nobody's", vips(config.VIPProxyARP), "ppp", rules.V4, "invalid IP"},
	} {
		if got := Outside(tt.w, tt.iface, tt.family).String(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.what, got, tt.want)
		}
	}
}

// dynamic is a policy in which nothing is settled: addresses come from a
// provider, targets from names and lists.
const dynamic = `
schema = 1

[interface.ppp]
device = "ppp0"
external = true

[interface.lan]
device = "eth1"

[interface.dmz]
device = "eth2"
addresses = ["10.1.3.1/24"]

[alias.www]
addresses = ["www.example.org"]

[alias.web]
addresses = ["web.example.org", "!10.1.3.99"]

[nat]
reflection = true

[[port_forward]]
name = "fixed"
on = "ppp"
protocol = "tcp"
port = [22]
target = ["10.1.3.22"]

[[port_forward]]
name = "named"
on = "ppp"
protocol = "tcp"
port = [80]
target = ["@www"]
pass = true

[[port_forward]]
name = "listed"
on = "ppp"
protocol = "tcp"
port = [80, 443]
target = ["@web"]
spread = "random"

[[port_forward]]
name = "checked"
on = "ppp"
protocol = "tcp"
port = [25]
target = ["10.1.3.25", "10.1.3.26"]
weights = [3, 1]
check = "tcp"
pass = true

[[one_to_one]]
name = "erp"
on = "ppp"
external = "198.51.100.0/28"
internal = "10.1.3.64/28"
`

// TestRulesStay changes everything that changes by itself, and expects the rules
// to stay as they are.
func TestRulesStay(t *testing.T) {
	before := world(t, dynamic)
	after := *before
	after.Addresses = map[string][]netip.Prefix{
		"ppp": {netip.MustParsePrefix("198.51.100.9/32"), netip.MustParsePrefix("2001:db8:9::9/64")},
		"lan": {netip.MustParsePrefix("10.1.9.1/24")},
	}
	after.Names = names("www.example.org", "10.1.3.80", "fd00::80")
	maps.Copy(after.Names, names("web.example.org", "10.1.3.90", "10.1.3.91", "10.1.3.99"))
	after.Silent = map[string][]netip.Addr{"checked": {netip.MustParseAddr("10.1.3.26")}}

	was, sets := compiled(before)
	is, now := compiled(&after)
	if diff := cmp.Diff(was, is, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" {
		t.Errorf("rules changed (-before +after):\n%s", diff)
	}
	for name, want := range map[string][2]string{
		"outside_ppp_v4":     {"", "198.51.100.9"},
		"outside_ppp_v6":     {"", "2001:db8:9::9"},
		"inside_v4":          {"10.1.3.0/24", "10.1.3.0/24, 10.1.9.0/24"},
		"reach_erp_v4":       {"198.51.100.0/28", "198.51.100.0-198.51.100.8, 198.51.100.10-198.51.100.15"},
		"entries_named_v4":   {"", "eth1, eth2, ppp0"},
		"entries_named_v6":   {"", "eth1, eth2, ppp0"},
		"targets_named_v4":   {"", "10.1.3.80=256"},
		"targets_named_v6":   {"", "fd00::80=256"},
		"entries_listed_v4":  {"", "eth1, eth2, ppp0"},
		"entries_listed_v6":  {"", ""},
		"targets_listed_v4":  {"", "10.1.3.90=128, 10.1.3.91=128"},
		"targets_listed_v6":  {"", ""},
		"targets_checked_v4": {"10.1.3.25=192, 10.1.3.26=64", "10.1.3.25=256"},
	} {
		if got := [2]string{content(sets, name), content(now, name)}; got != want {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
	}
}

// compiled is the chains of a world, and its sets by name.
func compiled(w *rules.World) ([]nft.Chain, map[string]nft.Set) {
	sets := rules.NewSets(w, nil)
	part := Compile(w, sets)
	by := map[string]nft.Set{}
	for _, s := range sets.List() {
		by[s.Name] = s
	}
	return part.Chains, by
}
