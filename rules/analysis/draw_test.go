package analysis

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules"
	"github.com/rempart/rempart/rules/steer"
	"go4.org/netipx"
)

// drawer draws small policies whose rules meet all the time, and packets at
// the edges of what they speak of.
type drawer struct{ *rand.Rand }

func one[T any](d drawer, list ...T) T { return list[d.IntN(len(list))] }

// named is what every drawn policy declares.
const named = `
[alias.hosts]
addresses = ["10.1.2.0/28", "!10.1.2.7", "10.1.3.10"]

[alias.mixed]
addresses = ["198.51.100.0/30", "a.example.org", "!198.51.100.2"]

[alias.listed]
url = "https://lists.example.org/drop.txt"
refresh = "12h"

[alias.seen]
dynamic = true

[alias.ports]
ports = [80, 443]

[gateway.cable]
interface = "wan"
address = "203.0.113.3"

[gateway.sure]
interface = "wan"
address = "203.0.113.4"

[gateway.six]
interface = "lan"
address = "2001:db8:2::99"

[gateway_group.both]
tiers = [["fibre"], ["cable"]]

[gateway_group.hard]
tiers = [["sure"]]
on_down = "block"

[gateway_group.soft]
tiers = [["cable"]]
on_down = "default-route"

[schedule.day]
times = ["08:00-18:00"]

[schedule.week]
times = ["mon-fri 06:00-20:00"]
`

// policy is a whole policy with some rules.
func (d drawer) policy(rules int) string {
	var b strings.Builder
	b.WriteString(office + named)
	for n := range rules {
		for {
			r := d.rule(fmt.Sprintf("r%d", n))
			if _, err := config.ParseLanguage(config.File{Data: []byte(office + named + r)}, nil); err == nil {
				b.WriteString(r)
				break
			} // families that never meet, and the like
		}
	}
	return b.String()
}

func (d drawer) rule(name string) string {
	var keys []string
	add := func(chance int, key string, values ...string) {
		if d.IntN(100) < chance {
			keys = append(keys, key+" = "+one(d, values...))
		}
	}
	action := one(d, "pass", "pass", "block", "reject")
	add(70, "from", `"lan"`, `"dmz"`, `"wan"`, `"inside"`)
	add(50, "to", `"wan"`, `"lan"`, `"self"`, `"inside"`)
	addresses := []string{
		`"10.1.2.0/29"`, `["10.1.2.4-10.1.2.12", "10.1.3.0/24"]`, `"lan:network"`, `["any", "!lan:network"]`, `"self"`,
		`"@hosts"`, `"!@hosts"`, `["@hosts", "!10.1.2.1"]`, `"@seen"`, `["10.1.2.0/24", "@seen"]`, `["any", "!@seen"]`,
		`"@mixed"`, `["@listed", "@seen"]`, `["any", "!@listed"]`, `"198.51.100.0/29"`, `"198.51.100.1"`, `"2001:db8::/32"`,
	}
	add(40, "source", addresses...)
	add(40, "destination", addresses...)
	add(20, "schedule", `"day"`, `"week"`)
	add(20, "log", "true")
	add(5, "disabled", "true")
	switch protocol := one(d, "", "", `"tcp"`, `"udp"`, `["tcp", "udp"]`, `"icmp"`, `["icmp", "icmpv6"]`, `"gre"`); protocol {
	case "":
	case `"gre"`:
		keys = append(keys, "protocol = "+protocol)
	case `"icmp"`, `["icmp", "icmpv6"]`:
		keys = append(keys, "protocol = "+protocol)
		add(60, "icmp", `["echo-request"]`, `["echo-request", "time-exceeded"]`)
	default:
		keys = append(keys, "protocol = "+protocol)
		add(60, "port", "80", `"@ports"`, `"1-1023"`, `"80-443"`, "53")
		add(15, "source_port", `"1024-65535"`)
		if protocol == `"tcp"` {
			add(15, "tcp_flags", `["syn"]`, `["syn", "!ece"]`)
		}
	}
	if action == "pass" {
		add(5, "limits", "{ flows = 10 }")
		add(25, "gateway", `"both"`, `"cable"`, `"hard"`, `"soft"`, `"six"`)
	}
	return rule(name, action, strings.Join(keys, "; "))
}

// learn gives a world what its aliases hold today.
func (d drawer) learn(w *rules.World) {
	some := func() *netipx.IPSet {
		var b netipx.IPSetBuilder
		for range d.IntN(4) {
			b.Add(d.addr(v4))
			b.Add(d.addr(v6))
		}
		s, _ := b.IPSet()
		return s
	}
	w.Lines = map[string]steer.Health{}
	for _, name := range []string{"fibre", "cable", "six"} { // what hard blocks while it is down is not looked at
		w.Lines[name] = steer.Health{State: one(d, steer.Online, steer.Down)}
	}
	w.Names = map[string][]netip.Addr{"a.example.org": {d.addr(v4)}}
	w.Lists = map[string]*netipx.IPSet{"listed": some()}
	w.Dynamic = map[string]*netipx.IPSet{"seen": some()}
}

func (d drawer) addr(f family) netip.Addr {
	if f == v6 {
		return netip.MustParseAddr(one(d, "2001:db8:2::1", "2001:db8:2::7", "2001:db8:9::9", "2001:4860::8", "ff02::1"))
	}
	network := one(d, "10.1.2.0", "10.1.3.0", "198.51.100.0", "203.0.113.0")
	a := netip.MustParseAddr(network).As4()
	a[3] = one(d, byte(d.IntN(16)), byte(d.IntN(16)), 255)
	return netip.AddrFrom4(a)
}

// packet is one of the kind that begins a flow; the time is around monday.
func (d drawer) packet() rules.Packet {
	f := one(d, v4, v4, v4, v6)
	p := rules.Packet{
		In: one(d, "lan", "lan", "dmz", "dmz", "wan", "wan", "extra"), Protocol: one(d, config.TCP, config.TCP, config.UDP, config.ICMP, config.ICMPv6, 47),
		Src: d.addr(f), Dst: d.addr(f), At: monday.Add(time.Duration(d.IntN(7*24*60)) * time.Minute),
	}
	switch {
	case p.Protocol == config.ICMP || p.Protocol == config.ICMPv6:
		p.ICMPType = one[uint8](d, 8, 11, 13, 128, 135, 137)
		p.ICMPCode = one[uint8](d, 0, 1)
	case p.Protocol.HasPorts():
		p.SrcPort, p.DstPort = one[uint16](d, 1023, 1024, 40000), one[uint16](d, 53, 79, 80, 443, 444, 1023, 1024)
		if p.Protocol == config.TCP {
			p.TCPFlags = one[uint8](d, 0, 2, 2|0x40, 2|0x80)
		}
	}
	return p
}

// without is the world as if some rules were not there.
func without(w *rules.World, names []string) *rules.World {
	c := *w.Config
	c.Rules = slices.DeleteFunc(slices.Clone(c.Rules), func(r config.Rule) bool { return slices.Contains(names, r.Name) })
	out := *w
	out.Config = &c
	return &out
}

// edit changes a policy a little: a rule goes, comes, moves or is another, an
// alias has other content, a network or a setting of an interface is another.
func (d drawer) edit(policy string) string {
	head, rest, _ := strings.Cut(policy, "[[rule]]\n")
	rules := strings.Split(rest, "[[rule]]\n")
	for range 1 + d.IntN(3) {
		n := d.IntN(len(rules))
		switch d.IntN(9) {
		case 0:
			if len(rules) > 1 {
				rules = slices.Delete(rules, n, n+1)
			}
		case 1:
			r := rules[n]
			rules = slices.Delete(rules, n, n+1)
			rules = slices.Insert(rules, d.IntN(len(rules)+1), r)
		case 2, 3:
			name, _, _ := strings.Cut(rules[n], "\n")
			fresh := strings.TrimPrefix(d.rule("x"), "[[rule]]\nname = \"x\"")
			rules[n] = name + fresh
		case 4:
			rules[n] = strings.NewReplacer(`"pass"`, `"reject"`, `"block"`, `"pass"`).Replace(rules[n])
		case 5:
			head = strings.Replace(head, `"10.1.3.10"]`, `"10.1.3.0/28"]`, 1)
		case 6:
			head = strings.Replace(head, `"a.example.org", `, `"a.example.org", "b.example.org", `, 1)
		case 7:
			head = strings.Replace(head, "external = true", one(d, "external = true\nblock_private = false", "external = false", "external = true\nblock_bogons = false"), 1)
		case 8:
			head += "[interface.extra]\ndevice = \"eth9\"\naddresses = [\"10.1.3.1/28\"]\n"
		}
	}
	out := head + "[[rule]]\n" + strings.Join(rules, "[[rule]]\n")
	if _, err := config.ParseLanguage(config.File{Data: []byte(out)}, nil); err != nil {
		return d.edit(policy)
	}
	return out
}
