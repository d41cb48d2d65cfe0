package applying_test

import (
	"fmt"
	"strings"
)

// firstPort is the first that probes go to.
const firstPort = 20_000

// base is what every policy of a gateway of ours begins with: what it blocks it does not write down.
const base = `schema = 1

[system]
log_default = false

[interface.lan]
[interface.wan]
`

// pairBase is what a pair has beside that.
const pairBase = `
[interface.cable]

[ha]
secret    = "file:carp.key"
interface = "cable"

[[vip]]
interface = "lan"
address   = "10.10.0.1/24"
vhid      = 1

[[vip]]
interface = "wan"
address   = "10.20.0.1/24"
vhid      = 2
`

// policy is so many rules: one that opens a port, and others for a network each.
func policy(rules, port int) string {
	var b strings.Builder
	b.WriteString(base)
	fmt.Fprintf(&b, "\n[[rule]]\nname = \"open\"\nfrom = \"lan\"\nto = \"wan\"\nprotocol = \"udp\"\nport = [%d]\naction = \"pass\"\n", port)
	for i := range rules - 1 {
		fmt.Fprintf(&b, "\n[[rule]]\nname = \"r%d\"\nfrom = \"lan\"\nto = \"wan\"\nsource = \"10.1.2.%d\"\ndestination = \"10.%d.%d.0/24\"\nprotocol = \"tcp\"\nport = [%d]\naction = \"pass\"\n",
			i, i%256, 100+i/256, i%256, i%7999+1)
	}
	return b.String()
}

// handRules is the same as one would write it for nft(8), in a file that replaces what there is. Probes that do not pass
// are dropped in front of all other rules: to walk them a thousand times a second takes more than one core.
func handRules(rules, port int) string {
	var b strings.Builder
	b.WriteString("table inet gateway\nflush table inet gateway\ntable inet gateway {\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy drop;\n")
	b.WriteString("\t\tct state established,related accept\n\t\tct state invalid drop\n")
	fmt.Fprintf(&b, "\t\tiifname %q oifname %q udp dport %d counter accept\n\t\tudp dport >= %d drop\n", lanDevice, wanDevice, port, firstPort)
	for i := range rules - 1 {
		fmt.Fprintf(&b, "\t\tiifname %q oifname %q ip saddr 10.1.2.%d ip daddr 10.%d.%d.0/24 tcp dport %d counter accept\n",
			lanDevice, wanDevice, i%256, 100+i/256, i%256, i%7999+1)
	}
	b.WriteString("\t}\n}\n")
	return b.String()
}

// ownNode is what belongs to a gateway of ours.
func ownNode(g *gateway) string {
	return fmt.Sprintf("name = %q\n\n[interface.lan]\ndevice = %q\naddresses = [%q]\n\n[interface.wan]\ndevice = %q\naddresses = [%q]\n",
		g.host.Name(), lanDevice, subnet(g.lan()), wanDevice, subnet(g.wan()))
}

// pairNode is what belongs to one of a pair.
func pairNode(g *gateway) string {
	return ownNode(g) + fmt.Sprintf("\n[interface.cable]\ndevice = %q\naddresses = [%q]\n\n[ha]\nadvskew = %d\n", cableDevice, subnet(g.cable()), 100*g.number)
}
