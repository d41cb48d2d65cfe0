package nat

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules"
)

// leaving is a policy in mode manual with one [[outbound]] on wan, and a rule
// behind it that takes what it leaves.
func leaving(keys string) string {
	return office[:strings.Index(office, "[nat]")] + `
[nat]
outbound = "hybrid"

[[one_to_one]]
name = "erp"
on = "wan"
external = "203.0.113.4"
internal = "10.1.3.29"

[[outbound]]
name = "o"
on = "wan"
` + keys + `
[[outbound]]
name = "then"
on = "wan"
source = ["10.1.3.0/24"]
address = "203.0.113.3"
`
}

func TestOutboundLeaves(t *testing.T) {
	const tcp = "protocol = \"tcp\"\n"
	const pool = "pool = [\"198.51.100.8-198.51.100.10\"]\n"
	for _, tt := range []struct {
		what, keys string
		rules      []string // that are in the chain
		want       string   // what a packet from the dmz leaves as
		echo       string   // and an echo request
	}{
		{"an exclusion", "address = \"none\"\nsource = [\"10.1.3.20\"]\n",
			[]string{`ip saddr 10.1.3.20 counter name "rule_o" accept comment "o"`},
			"outbound o excluded 10.1.3.20", "outbound o excluded 10.1.3.20"},
		{"the interface's own", "address = \"interface\"\n", []string{"snat ip to 203.0.113.2"}, "outbound o 203.0.113.2", "outbound o 203.0.113.2"},
		{"a source port", "protocol = \"udp\"\nsource_port = [40000]\naddress = \"203.0.113.3\"\n", []string{"udp sport 40000"}, "outbound then 203.0.113.3", "outbound then 203.0.113.3"},
		{"a source port that it has", tcp + "source_port = [40000]\naddress = \"203.0.113.2\"\n", []string{"tcp sport 40000"}, "outbound o 203.0.113.2", "outbound then 203.0.113.3"},
		{"a pool in turn", pool, []string{"snat ip to numgen inc mod 256 map @pool_o_v4"},
			"outbound o 198.51.100.8 of 198.51.100.8 198.51.100.9 198.51.100.10 freely", "outbound o 198.51.100.8 of 198.51.100.8 198.51.100.9 198.51.100.10 freely"},
		{"a pool at random", pool + "spread = \"random\"\n", []string{"snat ip to numgen random mod 256 map @pool_o_v4"},
			"outbound o 198.51.100.8 of 198.51.100.8 198.51.100.9 198.51.100.10 freely", "outbound o 198.51.100.8 of 198.51.100.8 198.51.100.9 198.51.100.10 freely"},
		{"a pool by source", pool + "spread = \"source\"\n", []string{"snat ip to jhash ip saddr mod 256 seed 0x72656d70 map @pool_o_v4"},
			"outbound o 198.51.100.8 of 198.51.100.8 198.51.100.9 198.51.100.10", "outbound o 198.51.100.8 of 198.51.100.8 198.51.100.9 198.51.100.10"},
		{"a pool of one", "pool = [\"198.51.100.8\"]\n", []string{"snat ip to 198.51.100.8"},
			"outbound o 198.51.100.8 of 198.51.100.8", "outbound o 198.51.100.8 of 198.51.100.8"},
		{"a pool of the other family", "pool = [\"2001:db8:e::8-2001:db8:e::9\"]\n", []string{"snat ip6 to numgen inc mod 256 map @pool_o_v6"}, "outbound then 203.0.113.3", "outbound then 203.0.113.3"},
		{"a range of ports", tcp + "address = \"203.0.113.3\"\ntranslated_ports = \"20000-29999\"\n", []string{"meta l4proto tcp ", "snat ip to 203.0.113.3:20000-29999"}, "outbound o 203.0.113.3 ports 20000-29999", "outbound then 203.0.113.3"},
		{"a range of ports of a pool", "protocol = [\"tcp\", \"udp\"]\ntranslated_ports = \"20000-29999\"\n" + pool,
			[]string{"meta l4proto { tcp, udp } ", "map @pool_o_v4:20000-29999"},
			"outbound o 198.51.100.8 of 198.51.100.8 198.51.100.9 198.51.100.10 freely ports 20000-29999", "outbound then 203.0.113.3"},
		{"the port that it has, of one protocol", tcp + "address = \"203.0.113.3\"\nstatic_port = true\n", []string{"meta l4proto tcp ", "snat ip to 203.0.113.3:tcp sport"}, "outbound o 203.0.113.3 static", "outbound then 203.0.113.3"},
		{"the port that it has, of any protocol", "address = \"203.0.113.3\"\nstatic_port = true\n",
			[]string{"meta l4proto { tcp, udp, dccp, sctp, udplite } counter name \"rule_o\" snat ip to 203.0.113.3:th sport", `counter name "rule_o" snat ip to 203.0.113.3 comment`},
			"outbound o 203.0.113.3 static", "outbound o 203.0.113.3"},
	} {
		w := world(t, leaving(tt.keys))
		chains, _ := compiled(w)
		text := textOf(chains, chainOut)
		for _, rule := range tt.rules {
			if !strings.Contains(text, rule) {
				t.Errorf("%s: %q is not in\n%s", tt.what, rule, text)
			}
		}
		e := NewEvaluator(w)
		p := syn("dmz", "10.1.3.20", "192.0.2.7:80")
		if got := leaves(e, p); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.what, got, tt.want)
		}
		p.Protocol, p.ICMPType = config.ICMP, 8
		if got := leaves(e, p); got != tt.echo {
			t.Errorf("%s: an echo request %q, want %q", tt.what, got, tt.echo)
		}
		if got := leaves(e, syn("dmz", "10.1.3.29", "192.0.2.7:80")); got != "one_to_one erp 203.0.113.4" {
			t.Errorf("%s: 1:1 comes after it: %q", tt.what, got)
		}
	}
}

// leaves is how a packet leaves by wan, in words.
func leaves(e *Evaluator, p rules.Packet) string {
	d := e.Outbound(Outgoing{Packet: p, Out: "wan"})
	words := []string{d.Kind.String(), d.Name}
	if d.Excluded {
		words = append(words, "excluded")
	}
	words = append(words, d.Source.String())
	for i, a := range d.Sources {
		if i == 0 {
			words = append(words, "of")
		}
		words = append(words, a.String())
	}
	if d.Free() {
		words = append(words, "freely")
	}
	if d.Ports.To != 0 {
		words = append(words, "ports", d.Ports.String())
	}
	if d.Static {
		words = append(words, "static")
	}
	return strings.Join(words, " ")
}

// TestLearnedAddressLeaves: by an interface whose address comes from elsewhere,
// flows leave as whatever it has, which is known when it has one.
func TestLearnedAddressLeaves(t *testing.T) {
	w := world(t, dynamic)
	chains, _ := compiled(w)
	if text := textOf(chains, chainOut); !strings.Contains(text, `oifname "ppp0" ip saddr @inside_v4 counter name "auto_outbound" masquerade`) {
		t.Errorf("no masquerade in\n%s", text)
	}
	p := Outgoing{Packet: syn("dmz", "10.1.3.20", "192.0.2.7:80"), Out: "ppp"}
	for _, tt := range []struct {
		what string
		has  []string
		want string
	}{
		{"none now", nil, "invalid IP"},
		{"one", []string{"100.64.0.9/32", "fe80::9/64", "2001:db8:9::9/64"}, "100.64.0.9"},
		{"two: the kernel chooses", []string{"100.64.0.9/32", "100.64.0.10/32"}, "invalid IP"},
	} {
		w.Addresses = map[string][]netip.Prefix{}
		for _, a := range tt.has {
			w.Addresses["ppp"] = append(w.Addresses["ppp"], netip.MustParsePrefix(a))
		}
		if d := NewEvaluator(w).Outbound(p); d.Kind != Automatic || d.Source.String() != tt.want {
			t.Errorf("%s: %s as %s, want %s", tt.what, d.Kind, d.Source, tt.want)
		}
	}
}

// TestLearnedPorts: a masquerade has ports as well.
func TestLearnedPorts(t *testing.T) {
	for keys, want := range map[string]string{
		"protocol = \"tcp\"\ntranslated_ports = \"20000-29999\"\n": "masquerade to :20000-29999",
		"protocol = \"udp\"\nstatic_port = true\n":                 "masquerade to :udp sport",
	} {
		w := world(t, strings.Replace(leaving(keys), "name = \"o\"\non = \"wan\"", "name = \"o\"\non = \"ppp\"", 1))
		chains, _ := compiled(w)
		if text := textOf(chains, chainOut); !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}
