package scenario_test

import (
	"fmt"
	"os"
)

// settings are what a scenario has different.
type settings struct {
	ha     string // further lines of [ha] in rempart.toml
	vips   string // the [[vip]], instead of the usual
	tables string // further tables of rempart.toml
	// lan, cable and own are further lines of the node's [interface.lan], [interface.cable] and [ha].
	lan, cable, own func(n *node) string
	secret          func(n *node) string
	lanDevice       func(n *node) string // instead of the usual
}

const usualSecret = "a secret of two"

// write writes the files of the node.
func (n *node) write(s settings) {
	n.Helper()
	secret := usualSecret
	if s.secret != nil {
		secret = s.secret(n)
	}
	for name, text := range map[string]string{"rempart.toml": policy(s), "node.toml": nodeFile(n, s), "carp.key": secret + "\n"} {
		n.writeFile("etc/"+name, text, 0o600)
	}
}

func (n *node) writeFile(name, text string, mode os.FileMode) {
	n.Helper()
	if err := n.Write(name, text, mode); err != nil {
		n.Fatal(err)
	}
}

// apply has a running node take new files.
func (n *node) apply(s settings) {
	n.Helper()
	n.write(s)
	n.order("apply", "--now", "--yes")
}

const usualVIPs = `
[[vip]]
interface = "lan"
address   = "10.10.0.1/24"
vhid      = 1

[[vip]]
interface = "lan"
address   = "fd10::1/64"
vhid      = 1

[[vip]]
interface = "lan"
address   = "fe80::1/64"
vhid      = 1

[[vip]]
interface = "wan"
address   = "10.20.0.1/24"
vhid      = 2

[[vip]]
interface = "wan"
address   = "fd20::1/64"
vhid      = 2
`

// policy is what both nodes have alike.
func policy(s settings) string {
	vips := s.vips
	if vips == "" {
		vips = usualVIPs
	}
	return fmt.Sprintf(`schema = 1

[interface.lan]
[interface.wan]
external = true
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

[ha]
secret    = "file:carp.key"
interface = "cable"
%s
%s
%s
`, s.ha, vips, s.tables)
}

// nodeFile is what belongs to one node.
func nodeFile(n *node, s settings) string {
	more := func(f func(n *node) string) string {
		if f == nil {
			return ""
		}
		return f(n)
	}
	lan := lanDevice
	if s.lanDevice != nil {
		lan = s.lanDevice(n)
	}
	own := fmt.Sprintf("advskew = %d", 100*n.number)
	if s.own != nil {
		own = s.own(n)
	}
	return fmt.Sprintf(`name = %q

[interface.lan]
device    = %q
addresses = [%q, %q]
%s
[interface.wan]
device    = %q
addresses = [%q, %q]

[interface.cable]
device    = %q
addresses = [%q]
%s
[ha]
%s
`, n.String(), lan, subnet(n.lan()), subnet(n.lan6()), more(s.lan), wanDevice, subnet(n.wan()), subnet(n.wan6()),
		cableDevice, subnet(n.cable()), more(s.cable), own)
}
