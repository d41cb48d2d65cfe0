package survival_test

import "fmt"

// The ports of the network.
const (
	openPort    = 9000 // of the server and the site, for everybody
	forwardPort = 8000 // of the outside address, which leads to the inner host
	ftpPort     = 21
)

// write writes the files of the node.
func (n *node) write() {
	n.Helper()
	n.put("rempart.toml", policy)
	n.put("node.toml", n.own())
	n.put("carp.key", secret)
}

// put writes one file.
func (n *node) put(name, text string) {
	n.Helper()
	if err := n.Write("etc/"+name, text, 0o600); err != nil {
		n.Fatal(err)
	}
}

// secret is what the pair's CARP is protected by.
const secret = "a secret of two\n"

// policy is what both nodes have alike: IPv4 and IPv6 leave with the virtual address, come in by a port forward,
// do both where an inside host uses the forward, and neither between the inside networks.
var policy = fmt.Sprintf(`schema = 1

[interface.lan]
[interface.wan]
external = true
[interface.dmz]
[interface.cable]

[[rule]]
name     = "ping"
protocol = ["icmp", "icmpv6"]
icmp     = ["echo-request"]
action   = "pass"

[[rule]]
name     = "out"
from     = "lan"
to       = "wan"
action   = "pass"

[[rule]]
name     = "routed"
from     = "lan"
to       = "dmz"
action   = "pass"

[nat]
outbound   = "hybrid"
reflection = true
helpers    = ["ftp"]

[[outbound]]
name    = "six"
on      = "wan"
source  = ["fd10::/64", "fd30::/64"]
address = "fd20::1"

[[port_forward]]
name        = "in"
on          = "wan"
destination = "10.20.0.1"
protocol    = ["tcp", "udp"]
port        = [%[1]d]
target      = "10.10.0.110"
pass        = true

[[port_forward]]
name        = "in-six"
on          = "wan"
destination = "fd20::1"
protocol    = ["tcp", "udp"]
port        = [%[1]d]
target      = "fd10::110"
pass        = true

[ha]
preempt   = false
secret    = "file:carp.key"
interface = "cable"
`, forwardPort) + vips("lan", 1, "10.10.0.1/24", "fd10::1/64") + vips("wan", 2, "10.20.0.1/24", "fd20::1/64") +
	vips("dmz", 3, "10.30.0.1/24", "fd30::1/64")

// vips are the virtual addresses of an interface.
func vips(iface string, vhid int, addresses ...string) (all string) {
	for _, a := range addresses {
		all += fmt.Sprintf("\n[[vip]]\ninterface = %q\naddress = %q\nvhid = %d\n", iface, a, vhid)
	}
	return all
}

// own is what belongs to one node.
func (n *node) own() string {
	return fmt.Sprintf(`name = %q

[interface.lan]
device    = %q
addresses = [%q, %q]

[interface.wan]
device    = %q
addresses = [%q, %q]

[interface.dmz]
device    = %q
addresses = [%q, %q]

[interface.cable]
device    = %q
addresses = [%q]

[ha]
advskew = %d
`, n.String(), lanDevice, subnet(n.lan()), subnet(n.lan6()), wanDevice, subnet(n.wan()), subnet(n.wan6()),
		dmzDevice, subnet(n.dmz()), subnet(n.dmz6()), cableDevice, subnet(n.cable()), 100*n.number)
}
