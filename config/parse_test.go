package config

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// load reads a file of testdata.
func load(t testing.TB, name string) File {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return File{Name: name, Data: data}
}

// reference is the reference policy on its first node.
func reference(t testing.TB) *Config {
	t.Helper()
	node := load(t, "node.toml")
	c, err := ParseLanguage(load(t, "reference.toml"), &node)
	if err != nil {
		t.Fatalf("reference policy:\n%v", err)
	}
	return c
}

// parseText reads a policy that is right as language.
func parseText(t testing.TB, text string) *Config {
	t.Helper()
	c, err := ParseLanguage(File{Name: "rempart.toml", Data: []byte(text)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// twoInterfaces begins a policy.
const twoInterfaces = `schema = 1
[interface.wan]
external  = true
device    = "eth0"
addresses = ["203.0.113.2/29"]
[interface.lan]
device    = "eth1"
addresses = ["10.1.2.1/24"]
`

// sameValue compares what policies say, not where.
var sameValue = cmp.Options{
	cmpopts.IgnoreTypes(Position{}),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() }),
	cmpopts.EquateEmpty(),
}

func expect(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, sameValue); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func single(r string) Range {
	a := addr(r)
	return Range{a, a}
}

func TestParseSingle(t *testing.T) {
	c, err := Parse(load(t, "single.toml"), nil)
	if err != nil {
		t.Fatalf("single policy:\n%v", err)
	}
	expect(t, "names", []string{
		"drop-listed", "lan-out", "lan-dns", "servers-update", "guests-web", "ping", "no-lateral", "www",
		"mail-source", "erp", "ula",
	}, c.RuleNames())
}

func TestParseSystemAndInterfaces(t *testing.T) {
	c := reference(t)
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "name", "fw1", c.Name)
	expect(t, "system", System{
		Domain:     "example.lan",
		Location:   paris,
		Admin:      []AddressTerm{{Kind: TermAlias, Name: "admins"}},
		AdminPorts: []PortRange{{22, 22}, {443, 443}},
		LogDefault: true,
	}, c.System)
	expect(t, "interfaces", []Interface{
		{
			Name: "wan", Description: "Fibre", External: true, BlockBogons: true, BlockPrivate: true, AntiSpoof: true,
			Device: "eth0", Addresses: []netip.Prefix{netip.MustParsePrefix("203.0.113.2/29")},
		},
		{Name: "lan", Description: "Office", Device: "eth1", Addresses: []netip.Prefix{netip.MustParsePrefix("10.1.2.2/28")}},
		{Name: "dmz", Description: "Servers", Device: "eth2", Addresses: []netip.Prefix{netip.MustParsePrefix("10.1.3.2/24")}},
		{
			Name: "sync", Description: "Cable between the two nodes", Device: "eth3",
			Addresses: []netip.Prefix{netip.MustParsePrefix("172.16.0.1/30")},
		},
	}, c.Interfaces)
	expect(t, "zones", []Zone{{Name: "inside", Interfaces: []string{"lan", "dmz"}}}, c.Zones)
}

func TestParseAliasesAndSchedules(t *testing.T) {
	c := reference(t)
	expect(t, "servers", &Alias{Name: "servers", Kind: AliasAddresses, Addresses: []AddressTerm{
		{Kind: TermAlias, Name: "web"},
		{Kind: TermRange, Range: Range{addr("10.1.3.20"), addr("10.1.3.29")}},
		{Kind: TermRange, Range: single("10.1.3.25"), Exclude: true},
		{Kind: TermRange, Range: Range{addr("2001:db8:3::"), addr("2001:db8:3::ffff:ffff:ffff:ffff")}},
	}}, c.Alias("servers"))
	expect(t, "web_ports", &Alias{Name: "web_ports", Kind: AliasPorts, Ports: []PortTerm{
		{Range: PortRange{80, 80}}, {Range: PortRange{443, 443}}, {Range: PortRange{8000, 8080}},
	}}, c.Alias("web_ports"))
	expect(t, "updates", &Alias{
		Name: "updates", Kind: AliasAddresses, Addresses: []AddressTerm{{Kind: TermDomain, Name: "deb.example.org"}},
	}, c.Alias("updates"))
	expect(t, "drop_list", &Alias{
		Name: "drop_list", Kind: AliasList, URL: "https://lists.example.org/drop.txt", Refresh: 12 * time.Hour,
	}, c.Alias("drop_list"))
	expect(t, "bruteforce", &Alias{
		Name: "bruteforce", Kind: AliasDynamic, Timeout: time.Hour, Size: 65536,
	}, c.Alias("bruteforce"))
	expect(t, "office", &Schedule{
		Name:   "office",
		Spans:  []Span{{Days: 0b0111110, From: 480, To: 1110}, {Days: 1 << time.Saturday, From: 540, To: 720}},
		Except: []DateSpan{{Date{2026, 12, 25}, Date{2026, 12, 25}}, {Date{2027, 1, 1}, Date{2027, 1, 1}}},
	}, c.Schedule("office"))
}

func TestParseRules(t *testing.T) {
	c := reference(t)
	expect(t, "guests-web", &Rule{
		Name:        "guests-web",
		From:        Place{PlaceInterface, "dmz"},
		Destination: []AddressTerm{{Kind: TermAny}, {Kind: TermNetwork, Name: "lan", Exclude: true}},
		Protocols:   []Protocol{TCP},
		Ports:       []PortTerm{{Alias: "web_ports"}},
		Schedule:    "office",
		Action:      Pass,
		Log:         true,
		Limits: &Limits{
			Flows: 10000, FlowsPerSource: 200, RatePerSource: Rate{30, 10 * time.Second}, Overload: "bruteforce",
		},
	}, c.Rule("guests-web"))
	expect(t, "lan-dns", &Rule{
		Name:      "lan-dns",
		From:      Place{PlaceZone, "inside"},
		To:        Place{Kind: PlaceSelf},
		Protocols: []Protocol{UDP, TCP},
		Ports:     []PortTerm{{Range: PortRange{53, 53}}},
		Action:    Pass,
	}, c.Rule("lan-dns"))
	expect(t, "ping", &Rule{
		Name: "ping", Protocols: []Protocol{ICMP}, ICMP: []ICMPType{{ICMP, 8, -1}}, Action: Pass,
	}, c.Rule("ping"))
}

func TestParseRuleKeysThatTheReferenceLacks(t *testing.T) {
	c := parseText(t, twoInterfaces+`
[[rule]]
name        = "flags"
disabled    = true
protocol    = 6
source_port = ["1024-65535", "!8080"]
port        = 22
tcp_flags   = ["syn", "!ack"]
action      = "reject"
[[rule]]
name        = "both-pings"
protocol    = ["icmp", "icmpv6"]
icmp        = "echo-request"
action      = "pass"
`)
	expect(t, "flags", &Rule{
		Name:        "flags",
		Disabled:    true,
		Protocols:   []Protocol{TCP},
		SourcePorts: []PortTerm{{Range: PortRange{1024, 65535}}, {Range: PortRange{8080, 8080}, Exclude: true}},
		Ports:       []PortTerm{{Range: PortRange{22, 22}}},
		TCPFlags:    &TCPFlags{Mask: 0x12, Value: 0x02},
		Action:      Reject,
	}, c.Rule("flags"))
	expect(t, "both-pings", []ICMPType{{ICMP, 8, -1}, {ICMPv6, 128, -1}}, c.Rule("both-pings").ICMP)
}

func TestParseNAT(t *testing.T) {
	c := reference(t)
	expect(t, "nat", NAT{Outbound: NATAutomatic, Reflection: true}, c.NAT)
	expect(t, "port forwards", []PortForward{{
		Name: "www", On: "wan", Protocols: []Protocol{TCP}, Ports: []PortRange{{80, 80}, {443, 443}},
		Target: []AddressTerm{{Kind: TermAlias, Name: "web"}}, Spread: SpreadSource, Reflection: true, Pass: true,
	}}, c.PortForwards)
	expect(t, "outbound", []Outbound{{
		Name: "mail-source", On: "wan", Source: []AddressTerm{{Kind: TermRange, Range: single("10.1.3.20")}},
		Address: addr("203.0.113.6"), Spread: SpreadRoundRobin,
	}}, c.Outbound)
	expect(t, "1:1", []OneToOne{{
		Name: "erp", On: "wan", External: netip.MustParsePrefix("203.0.113.4/32"), Internal: netip.MustParsePrefix("10.1.3.29/32"), Reflection: true,
	}}, c.OneToOne)
	expect(t, "prefixes", []PrefixTranslation{{
		Name: "ula", On: "wan", External: netip.MustParsePrefix("2001:db8:f00::/48"), Internal: netip.MustParsePrefix("fd00:1:2::/48"),
	}}, c.Prefixes)
}

func TestParsePortForwardResolvesPorts(t *testing.T) {
	c := parseText(t, twoInterfaces+`
[alias.web]
ports = ["https", "8000-8080", "@more"]
[alias.more]
ports = ["!9005", "9000-9009", "https"]
[[port_forward]]
name     = "f"
on       = "wan"
protocol = ["tcp", "udp"]
port     = ["@web", "!8080"]
target   = "10.1.2.3"
[[port_forward]]
name     = "vpn"
on       = "wan"
protocol = "gre"
target   = "lan:address"
`)
	expect(t, "ports", []PortRange{{443, 443}, {8000, 8079}, {9000, 9004}, {9006, 9009}}, c.PortForwards[0].Ports)
	expect(t, "vpn", []PortRange{}, c.PortForwards[1].Ports)
}

// watched is how a gateway is watched that says nothing but its targets.
func watched(targets ...Probe) Monitor {
	return Monitor{
		Targets: targets, Quorum: 1,
		Interval: 500 * time.Millisecond, Timeout: 2 * time.Second, Window: 30 * time.Second,
		Down: 2 * time.Second, Up: 10 * time.Second,
		LossWarning: 10, LossDown: 20,
		DelayWarning: 200 * time.Millisecond, DelayDown: 500 * time.Millisecond,
	}
}

func TestParseRoutes(t *testing.T) {
	c := reference(t)
	expect(t, "gateways", []Gateway{
		{
			Name: "fibre", Interface: "wan", Address: addr("203.0.113.1"), Weight: 1,
			Monitor: watched(Probe{Kind: ProbeICMP, Address: addr("203.0.113.1")}, Probe{Kind: ProbeICMP, Address: addr("192.0.2.53")}),
			OnDown:  OnDownNext, FailOver: FailOverMove,
		},
		{
			Name: "core", Interface: "lan", Address: addr("10.1.2.14"), Weight: 1, Monitor: watched(Probe{Kind: ProbeICMP}),
			OnDown: OnDownNext, FailOver: FailOverMove,
		},
	}, c.Gateways)
	expect(t, "groups", []GatewayGroup{{
		Name: "internet", Tiers: [][]string{{"fibre"}}, OnDown: OnDownNext, FailOver: FailOverMove, FailBack: FailBackKeep,
	}}, c.GatewayGroups)
	expect(t, "routes", []Route{
		{Destination: netip.MustParsePrefix("10.20.0.0/16"), Gateway: "core"},
		{Destination: netip.MustParsePrefix("0.0.0.0/0"), Gateway: "internet"},
	}, c.Routes)
}

func TestParseDefaultRouteHasTheGatewaysFamily(t *testing.T) {
	c := parseText(t, twoInterfaces+`
[gateway.six]
interface = "wan"
address   = "fe80::1"
[[route]]
destination = "default"
gateway     = "six"
`)
	expect(t, "destination", netip.MustParsePrefix("::/0"), c.Routes[0].Destination)
}

func TestParseShaping(t *testing.T) {
	c := reference(t)
	expect(t, "shapers", []Shaper{{Interface: "wan", Upload: 20e6, Download: 100e6}}, c.Shapers)
	expect(t, "queues", []Queue{{Name: "voip", On: "wan", Guaranteed: 1e6, Priority: 1}}, c.Queues)
	expect(t, "limiters", []Limiter{{Name: "guest", Upload: 2e6, Download: 10e6, PerSource: true}}, c.Limiters)
	expect(t, "applications", []Application{{Name: "video", Domains: []string{"*.video.example", "video-cdn.example"}}}, c.Applications)
	expect(t, "shapes", []Shape{
		{
			Name: "voip", Protocols: []Protocol{UDP}, Queue: "voip",
			Ports: []PortTerm{{Range: PortRange{5060, 5060}}, {Range: PortRange{10000, 20000}}},
		},
		{Name: "guest-video", From: Place{PlaceInterface, "dmz"}, Application: "video", Limiter: "guest"},
	}, c.Shapes)
}

func TestParseHA(t *testing.T) {
	c := reference(t)
	expect(t, "ha", &HA{
		Preempt: true, Interval: 100 * time.Millisecond, Secret: "file:carp.key", Interface: "sync",
		Sections: []string{"rules", "nat", "aliases", "schedules", "routes", "vips", "shaper"},
		AdvBase:  1, Peer: addr("172.16.0.2"), Groups: []HAGroup{{Name: DefaultHAGroup}},
	}, c.HA)
	expect(t, "vips", []VIP{
		{Interface: "lan", Kind: VIPCARP, Address: netip.MustParsePrefix("10.1.2.5/28"), VHID: 1, Group: DefaultHAGroup},
		{Interface: "wan", Kind: VIPCARP, Address: netip.MustParsePrefix("203.0.113.5/29"), VHID: 2, Group: DefaultHAGroup},
		{Interface: "wan", Kind: VIPCARP, Address: netip.MustParsePrefix("203.0.113.6/29"), VHID: 2, Group: DefaultHAGroup},
		{Interface: "dmz", Kind: VIPCARP, Address: netip.MustParsePrefix("10.1.3.1/24"), VHID: 3, Group: DefaultHAGroup},
	}, c.VIPs)
	expect(t, "tests", Test{
		Name:   "guests are off at night",
		Packet: Packet{In: "dmz", Protocol: TCP, Src: addr("10.1.3.99"), Dst: addr("198.51.100.7"), SrcPort: 40000, DstPort: 443},
		At:     time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC), Expect: Block,
	}, c.Tests[2])
}

func TestParseDefaults(t *testing.T) {
	c := parseText(t, "schema = 1\ninterface.lan.device = \"eth0\"\n")
	expect(t, "config", &Config{
		Schema:     1,
		System:     System{Location: time.UTC, AdminPorts: []PortRange{{22, 22}, {443, 443}}, LogDefault: true},
		Interfaces: []Interface{{Name: "lan", Device: "eth0"}},
		NAT:        NAT{Outbound: NATAutomatic},
	}, c)
}

func TestParseInterfaceSwitchesFollowExternal(t *testing.T) {
	c := parseText(t, `schema = 1
[interface.wan]
device        = "eth0"
external      = true
block_private = false
[interface.lan]
device    = "eth1"
antispoof = true
mtu       = 1400
[interface.usb]
mac = "52-54-00-AB-CD-EF"
`)
	expect(t, "interfaces", []Interface{
		{Name: "wan", Device: "eth0", External: true, BlockBogons: true, AntiSpoof: true},
		{Name: "lan", Device: "eth1", AntiSpoof: true, MTU: 1400},
		{Name: "usb", MAC: "52:54:00:ab:cd:ef"},
	}, c.Interfaces)
}

func TestParseNodeGoesBeforePolicy(t *testing.T) {
	node := File{Name: "node.toml", Data: []byte(`
name = "fw2"
[interface.lan]
mac       = "52:54:00:00:00:01"
addresses = "10.1.2.2/24"
`)}
	c, err := ParseLanguage(File{Name: "rempart.toml", Data: []byte("name = \"fw1\"\n" + twoInterfaces)}, &node)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "name", "fw2", c.Name)
	expect(t, "lan", &Interface{
		Name: "lan", MAC: "52:54:00:00:00:01", Addresses: []netip.Prefix{netip.MustParsePrefix("10.1.2.2/24")},
	}, c.Interface("lan"))
	expect(t, "wan", "eth0", c.Interface("wan").Device)
}

func TestParseTakesAStringForAList(t *testing.T) {
	a := parseText(t, twoInterfaces+"[[rule]]\nname = \"r\"\nprotocol = \"tcp\"\nport = 80\nsource = \"10.1.2.3\"\naction = \"pass\"\n")
	b := parseText(t, twoInterfaces+"[[rule]]\nname = \"r\"\nprotocol = [6]\nport = [\"http\"]\nsource = [\"10.1.2.3\"]\naction = \"pass\"\n")
	expect(t, "rules", a.Rules, b.Rules)
}

func TestParsePositions(t *testing.T) {
	c := parseText(t, twoInterfaces+`
  [[rule]]
  name   = "r"   # the header is indented
  action = "pass"
  source = ["10.1.2.3", "10.1.2.4",
    "10.1.2.5"]
  protocol = "tcp"
  port = [ 80,443 ]
`)
	r := c.Rules[0]
	for _, tt := range []struct {
		what string
		got  Position
		want string
	}{
		{"interface wan", c.Interfaces[0].Pos, "rempart.toml:2:12"},
		{"rule", r.Pos, "rempart.toml:10:3"},
		{"source[0]", r.Source[0].Pos, "rempart.toml:13:13"},
		{"source[1]", r.Source[1].Pos, "rempart.toml:13:25"},
		{"source[2]", r.Source[2].Pos, "rempart.toml:14:5"},
		{"port[0]", r.Ports[0].Pos, "rempart.toml:16:12"},
		{"port[1]", r.Ports[1].Pos, "rempart.toml:16:15"},
	} {
		if tt.got.String() != tt.want {
			t.Errorf("%s: at %v, want %s", tt.what, tt.got, tt.want)
		}
	}
}

func TestParseColumnsCountCharacters(t *testing.T) {
	_, err := ParseLanguage(File{Name: "p", Data: []byte(twoInterfaces +
		"[[rule]]\nname = \"r\"\naction = \"pass\"\nsource = [\"10.1.2.3\", \"ééé\", \"é\"]\n")}, nil)
	want := `p:12:23: rule[0].source[1]: "ééé" is no address, network or range
p:12:30: rule[0].source[2]: "é" is no address, network or range`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// Aliases that name one another many times over must not cost exponentially.
func TestParseDeepAliases(t *testing.T) {
	b := new(strings.Builder)
	b.WriteString(twoInterfaces)
	b.WriteString("[alias.p0]\nports = [80]\n[alias.a0]\naddresses = \"10.1.2.3\"\n")
	for i := 1; i < 200; i++ {
		fmt.Fprintf(b, "[alias.p%d]\nports = [\"@p%d\", \"@p%d\"]\n", i, i-1, i-1)
		fmt.Fprintf(b, "[alias.a%d]\naddresses = [\"@a%d\", \"@a%d\"]\n", i, i-1, i-1)
	}
	b.WriteString("[[port_forward]]\nname = \"f\"\non = \"wan\"\nprotocol = \"tcp\"\nport = \"@p199\"\ntarget = \"@a199\"\n")
	c := parseText(t, b.String())
	expect(t, "ports", []PortRange{{80, 80}}, c.PortForwards[0].Ports)
}
