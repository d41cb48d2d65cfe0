package firewall

import (
	"testing"

	"github.com/rempart/rempart/lab"
)

// TestTrafficRules sends real packets for every key of [[rule]]: each probe
// has an end and a counter, and no other counter may move with it.
func TestTrafficRules(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, tt := range ruleCases {
		t.Run(tt.name, func(t *testing.T) {
			s.apply(t, tt.policy)
			s.forget(t)
			for _, p := range tt.probes {
				s.check(t, p)
			}
		})
	}
}

var ruleCases = []struct {
	name   string
	policy string
	probes []probe
}{
	{"from and to are interfaces", `
[[rule]]
name = "r"
from = "lan"
to = "dmz"
action = "pass"
`, []probe{
		{try: "office tcp 10.1.3.10:80", want: lab.Open, by: "r"},
		{try: "office tcp [2001:db8:3::10]:80", want: lab.Open, by: "r"},
		{try: "office ping 10.1.3.10", want: lab.Open, by: "r"},
		{try: "server tcp 10.1.2.9:80", want: lab.Timeout, by: "block_default", log: "block default dmz -> lan tcp 10.1.3.10"},
		{try: "office tcp 198.51.100.7:80", want: lab.Timeout, by: "block_default", log: "block default lan -> wan tcp 10.1.2.9"},
		{try: "office tcp 10.1.2.1:80", want: lab.Timeout, by: "block_default", log: "block default lan -> self tcp 10.1.2.9"},
	}},
	{"from and to are zones", `
[[rule]]
name = "r"
from = "inside"
to = "inside"
action = "pass"
`, []probe{
		{try: "office tcp 10.1.3.10:80", want: lab.Open, by: "r"},
		{try: "server tcp [2001:db8:2::9]:80", want: lab.Open, by: "r"},
		{try: "internet tcp 10.1.3.10:80", want: lab.Timeout, by: "block_default", log: "block default wan -> dmz tcp 203.0.113.1"},
		{try: "server udp 198.51.100.7:53", want: lab.Timeout, by: "block_default", log: "block default dmz -> wan udp 10.1.3.10"},
	}},
	{"to self", `
[[rule]]
name = "r"
from = "lan"
to = "self"
action = "pass"
`, []probe{
		{try: "office tcp 10.1.2.1:80", want: lab.Open, by: "r"},
		{try: "office udp 203.0.113.2:53", want: lab.Open, by: "r"},
		{try: "office ping 2001:db8:2::1", want: lab.Open, by: "r"},
		{try: "server tcp 10.1.3.1:80", want: lab.Timeout, by: "block_default", log: "block default dmz -> self tcp 10.1.3.10"},
		{try: "office tcp 10.1.3.10:80", want: lab.Timeout, by: "block_default", log: "block default lan -> dmz tcp 10.1.2.9"},
	}},
	{"from any to anywhere", `
[[rule]]
name = "r"
from = "any"
action = "pass"
`, []probe{
		{try: "internet tcp 10.1.3.10:80", want: lab.Open, by: "r"},
		{try: "server tcp 198.51.100.7:80", want: lab.Open, by: "r"},
		{try: "internet udp 203.0.113.2:53", want: lab.Open, by: "r"},
		{try: "internet tcp [2001:db8:3::10]:80", want: lab.Open, by: "r"},
	}},
	{"from interface to external", `
[[rule]]
name = "r"
from = "lan"
to = "wan"
action = "pass"
`, []probe{
		{try: "office tcp 198.51.100.7:80", want: lab.Open, by: "r"},
		{try: "office tcp [2001:db8:ff::1]:80", want: lab.Open, by: "r"},
		{try: "office tcp 10.1.3.10:80", want: lab.Timeout, by: "block_default"},
	}},
	{"source: literal, range, prefix, exclusion", `
[[rule]]
name = "one"
source = ["10.1.2.10"]
port = [80]
protocol = "tcp"
action = "pass"

[[rule]]
name = "range"
source = ["10.1.2.9-10.1.2.10"]
port = [443]
protocol = "tcp"
action = "pass"

[[rule]]
name = "prefix"
source = ["10.1.2.8/30", "2001:db8:2::/64", "!10.1.2.10"]
port = [8000]
protocol = "tcp"
action = "pass"

[[rule]]
name = "all-but"
source = ["any", "!10.1.2.8/31"]
port = [22]
protocol = "tcp"
action = "pass"
`, []probe{
		{try: "office 10.1.2.10:0 tcp 10.1.3.10:80", want: lab.Open, by: "one"},
		{try: "office 10.1.2.9:0 tcp 10.1.3.10:80", want: lab.Timeout, by: "block_default"},
		{try: "office 10.1.2.9:0 tcp 10.1.3.10:443", want: lab.Open, by: "range"},
		{try: "office 10.1.2.10:0 tcp 10.1.3.10:443", want: lab.Open, by: "range"},
		{try: "office 10.1.2.11:0 tcp 10.1.3.10:443", want: lab.Timeout, by: "block_default"},
		{try: "office 10.1.2.11:0 tcp 10.1.3.10:8000", want: lab.Open, by: "prefix"},
		{try: "office tcp [2001:db8:3::10]:8000", want: lab.Open, by: "prefix"},
		{try: "office 10.1.2.10:0 tcp 10.1.3.10:8000", want: lab.Timeout, by: "block_default"},
		{try: "office 10.1.2.10:0 tcp 10.1.3.10:22", want: lab.Open, by: "all-but"},
		{try: "office tcp [2001:db8:3::10]:22", want: lab.Open, by: "all-but"},
		{try: "office 10.1.2.9:0 tcp 10.1.3.10:22", want: lab.Timeout, by: "block_default"},
	}},
	{"destination: literal, range, prefix, exclusion", `
[[rule]]
name = "one"
destination = ["10.1.3.10", "2001:db8:3::10"]
protocol = "tcp"
port = [80]
action = "pass"

[[rule]]
name = "range"
destination = ["10.1.3.11-10.1.3.12"]
protocol = "tcp"
port = [80]
action = "pass"

[[rule]]
name = "prefix"
destination = ["10.1.0.0/16", "!10.1.3.10", "!10.1.2.0/24"]
protocol = "udp"
action = "pass"
`, []probe{
		{try: "office tcp 10.1.3.10:80", want: lab.Open, by: "one"},
		{try: "office tcp [2001:db8:3::10]:80", want: lab.Open, by: "one"},
		{try: "office tcp 10.1.3.12:80", want: lab.Open, by: "range"},
		{try: "office udp 10.1.3.11:53", want: lab.Open, by: "prefix"},
		{try: "office udp 10.1.3.10:53", want: lab.Timeout, by: "block_default"},
		{try: "server udp 10.1.2.9:53", want: lab.Timeout, by: "block_default"},
		{try: "office udp [2001:db8:3::10]:53", want: lab.Timeout, by: "block_default"},
	}},
	{"aliases, nested, excluded and beside literals", `
[alias.web]
addresses = ["10.1.3.10", "2001:db8:3::/64"]

[alias.servers]
addresses = ["@web", "10.1.3.11-10.1.3.12", "!10.1.3.12"]

[[rule]]
name = "in"
destination = ["@servers"]
protocol = "tcp"
action = "pass"

[[rule]]
name = "not"
destination = ["10.1.3.0/24", "!@web"]
protocol = "udp"
action = "pass"

[[rule]]
name = "beside"
destination = ["@web", "10.1.3.12"]
protocol = "icmp"
action = "pass"

[[rule]]
name = "others"
destination = ["any", "!@servers"]
action = "reject"
`, []probe{
		{try: "office tcp 10.1.3.10:80", want: lab.Open, by: "in"},
		{try: "office tcp 10.1.3.11:80", want: lab.Open, by: "in"},
		{try: "office tcp [2001:db8:3::10]:80", want: lab.Open, by: "in"},
		{try: "office tcp 10.1.3.12:80", want: lab.Refused, by: "others"},
		{try: "office udp 10.1.3.11:53", want: lab.Open, by: "not"},
		{try: "office udp 10.1.3.10:53", want: lab.Timeout, by: "block_default"},
		{try: "office ping 10.1.3.12", want: lab.Open, by: "beside"},
		{try: "office ping 10.1.3.11", want: lab.Timeout, by: "block_default"},
	}},
	{"interface networks, interface addresses, self", `
[[rule]]
name = "network"
source = ["lan:network"]
destination = ["dmz:network"]
action = "pass"

[[rule]]
name = "address"
destination = ["lan:address"]
protocol = "tcp"
action = "pass"

[[rule]]
name = "own"
destination = ["self"]
protocol = "udp"
action = "pass"
`, []probe{
		{try: "office tcp 10.1.3.10:80", want: lab.Open, by: "network"},
		{try: "office tcp [2001:db8:3::10]:80", want: lab.Open, by: "network"},
		{try: "server tcp 10.1.2.9:80", want: lab.Timeout, by: "block_default"},
		{try: "office tcp 10.1.2.1:80", want: lab.Open, by: "address"},
		{try: "office tcp [2001:db8:2::1]:80", want: lab.Open, by: "address"},
		{try: "server tcp 10.1.3.1:80", want: lab.Timeout, by: "block_default"},
		{try: "server udp 10.1.3.1:53", want: lab.Open, by: "own"},
		{try: "office udp [2001:db8:2::1]:53", want: lab.Open, by: "own"},
	}},
	{"protocols by name and by number", `
[[rule]]
name = "gre"
from = "lan"
protocol = "gre"
action = "pass"

[[rule]]
name = "udp"
from = "lan"
protocol = "17"
action = "pass"

[[rule]]
name = "both"
from = "dmz"
protocol = ["tcp", "253"]
action = "pass"
`, []probe{
		{try: "office 10.1.2.9:0 proto47 10.1.3.10:0", want: lab.Open, by: "gre"},
		{try: "office 10.1.2.9:0 proto50 10.1.3.10:0", want: lab.Timeout, by: "block_default"},
		{try: "office [2001:db8:2::9]:0 proto47 [2001:db8:3::10]:0", want: lab.Open, by: "gre"},
		{try: "office udp 10.1.3.10:53", want: lab.Open, by: "udp"},
		{try: "office tcp 10.1.3.10:80", want: lab.Timeout, by: "block_default"},
		{try: "server tcp 10.1.2.9:80", want: lab.Open, by: "both"},
		{try: "server 10.1.3.10:0 proto253 10.1.2.9:0", want: lab.Open, by: "both"},
		{try: "server udp 10.1.2.9:53", want: lab.Timeout, by: "block_default"},
	}},
	{"ports, ranges, aliases, service names, exclusions", `
[alias.web_ports]
ports = [80, "8000-8002", "!8001"]

[[rule]]
name = "alias"
protocol = "tcp"
port = ["@web_ports"]
action = "pass"

[[rule]]
name = "name"
protocol = ["udp", "tcp"]
port = ["domain", "https"]
action = "pass"

[[rule]]
name = "all-but"
protocol = "udp"
port = ["5000-5001", "!5001"]
action = "pass"
`, []probe{
		{try: "office tcp 10.1.3.10:80", want: lab.Open, by: "alias"},
		{try: "office tcp 10.1.3.10:8000", want: lab.Open, by: "alias"},
		{try: "office tcp [2001:db8:3::10]:8002", want: lab.Open, by: "alias"},
		{try: "office tcp 10.1.3.10:8001", want: lab.Timeout, by: "block_default"},
		{try: "office udp 10.1.3.10:53", want: lab.Open, by: "name"},
		{try: "office tcp [2001:db8:3::10]:443", want: lab.Open, by: "name"},
		{try: "office udp 10.1.3.10:80", want: lab.Timeout, by: "block_default"},
		{try: "office udp 10.1.3.10:5000", want: lab.Open, by: "all-but"},
		{try: "office udp 10.1.3.10:5001", want: lab.Timeout, by: "block_default"},
	}},
	{"source ports", `
[[rule]]
name = "r"
protocol = ["tcp", "udp"]
source_port = ["4000-4099"]
port = [53, 80]
action = "pass"
`, []probe{
		{try: "office 0.0.0.0:4001 tcp 10.1.3.10:80", want: lab.Open, by: "r"},
		{try: "office [::]:4099 udp [2001:db8:3::10]:53", want: lab.Open, by: "r"},
		{try: "office 0.0.0.0:4100 tcp 10.1.3.10:80", want: lab.Timeout, by: "block_default"},
		{try: "office 0.0.0.0:4002 tcp 10.1.3.10:443", want: lab.Timeout, by: "block_default"},
	}},
	{"ICMP types of both families", `
[[rule]]
name = "v4"
protocol = "icmp"
icmp = ["echo-request"]
action = "pass"

[[rule]]
name = "v6"
from = "lan"
to = "dmz"
protocol = "icmpv6"
icmp = ["128"]
action = "pass"
`, []probe{
		{try: "office ping 10.1.3.10", want: lab.Open, by: "v4"},
		{try: "office ping 10.1.2.1", want: lab.Open, by: "v4"},
		{try: "office ping 2001:db8:3::10", want: lab.Open, by: "v6"},
		{try: "server ping 2001:db8:2::9", want: lab.Timeout, by: "block_default"},
	}},
	{"an ICMP type that is not named stays out", `
[[rule]]
name = "r"
protocol = ["icmp", "icmpv6"]
icmp = ["destination-unreachable"]
action = "pass"
`, []probe{
		{try: "office ping 10.1.3.10", want: lab.Timeout, by: "block_default", log: "block default lan -> dmz icmp"},
		{try: "office ping 2001:db8:3::10", want: lab.Timeout, by: "block_default"},
	}},
	{"TCP flags", `
[[rule]]
name = "ecn"
protocol = "tcp"
tcp_flags = ["syn", "ece"]
action = "pass"

[[rule]]
name = "plain"
protocol = "tcp"
tcp_flags = ["syn", "!cwr"]
port = [80]
action = "pass"
`, []probe{
		{try: "office 10.1.2.9:5001 syn|ece 10.1.3.10:443", want: lab.Open, by: "ecn"},
		{try: "office 10.1.2.9:5002 syn 10.1.3.10:443", want: lab.Timeout, by: "block_default"},
		{try: "office 10.1.2.9:5003 syn 10.1.3.10:80", want: lab.Open, by: "plain"},
		{try: "office 10.1.2.9:5004 syn|cwr 10.1.3.10:80", want: lab.Timeout, by: "block_default"},
	}},
	{"reject answers, block does not", `
[[rule]]
name = "rejected"
from = "lan"
to = "dmz"
action = "reject"
log = true

[[rule]]
name = "blocked"
from = "dmz"
to = "lan"
action = "block"
log = true

[[rule]]
name = "refused-here"
from = "lan"
to = "self"
action = "reject"
`, []probe{
		{try: "office tcp 10.1.3.10:80", want: lab.Refused, by: "rejected", log: "reject rule rejected lan -> dmz tcp 10.1.2.9"},
		{try: "office udp 10.1.3.10:53", want: lab.Unreachable, by: "rejected", log: "reject rule rejected lan -> dmz udp 10.1.2.9"},
		{try: "office tcp [2001:db8:3::10]:80", want: lab.Refused, by: "rejected"},
		{try: "office udp [2001:db8:3::10]:53", want: lab.Unreachable, by: "rejected"},
		{try: "office ping 10.1.3.10", want: lab.Unreachable, by: "rejected"},
		{try: "server tcp 10.1.2.9:80", want: lab.Timeout, by: "blocked", log: "block rule blocked dmz -> lan tcp 10.1.3.10"},
		{try: "server udp [2001:db8:2::9]:53", want: lab.Timeout, by: "blocked", log: "block rule blocked dmz -> lan udp"},
		{try: "office tcp 10.1.2.1:80", want: lab.Refused, by: "refused-here"},
		{try: "office udp [2001:db8:2::1]:53", want: lab.Unreachable, by: "refused-here"},
	}},
	{"a rule that passes logs", `
[[rule]]
name = "r"
from = "lan"
action = "pass"
log = true
`, []probe{
		{try: "office tcp 10.1.3.10:80", want: lab.Open, by: "r", log: "pass rule r lan -> dmz tcp 10.1.2.9"},
		{try: "office ping 2001:db8:2::1", want: lab.Open, by: "r", log: "pass rule r lan -> self icmp"},
	}},
	{"the first match decides, a disabled rule never", `
[[rule]]
name = "off"
disabled = true
action = "block"

[[rule]]
name = "first"
destination = ["10.1.3.10"]
action = "pass"

[[rule]]
name = "second"
destination = ["10.1.3.0/24"]
action = "reject"

[[rule]]
name = "third"
destination = ["10.1.3.0/24"]
action = "pass"
`, []probe{
		{try: "office tcp 10.1.3.10:80", want: lab.Open, by: "first"},
		{try: "office tcp 10.1.3.11:80", want: lab.Refused, by: "second"},
	}},
	{"both families in one rule", `
[[rule]]
name = "r"
source = ["10.1.2.9", "2001:db8:2::9"]
destination = ["10.1.3.10", "2001:db8:3::10"]
protocol = ["tcp", "udp"]
port = [80]
action = "pass"
`, []probe{
		{try: "office tcp 10.1.3.10:80", want: lab.Open, by: "r"},
		{try: "office udp [2001:db8:3::10]:80", want: lab.Open, by: "r"},
		{try: "office 10.1.2.10:0 tcp 10.1.3.10:80", want: lab.Timeout, by: "block_default"},
	}},
	{"many alternatives share a chain", `
[[rule]]
name = "r"
source = ["10.1.2.9", "2001:db8:2::9"]
destination = ["10.1.3.10", "2001:db8:3::10"]
protocol = ["tcp", "udp", "icmp", "icmpv6", "gre"]
action = "pass"
`, []probe{
		{try: "office tcp 10.1.3.10:80", want: lab.Open, by: "r"},
		{try: "office udp [2001:db8:3::10]:80", want: lab.Open, by: "r"},
		{try: "office ping 2001:db8:3::10", want: lab.Open, by: "r"},
		{try: "office ping 10.1.3.10", want: lab.Open, by: "r"},
		{try: "office 10.1.2.9:0 proto47 10.1.3.10:0", want: lab.Open, by: "r"},
		{try: "office ping 10.1.3.11", want: lab.Timeout, by: "block_default"},
	}},
	{"a schedule that is on and one that is off", `
[schedule.always]
times = ["00:00-24:00"]

[schedule.past]
times = ["2020-01-01"]

[[rule]]
name = "off"
schedule = "past"
action = "reject"

[[rule]]
name = "on"
schedule = "always"
from = "lan"
action = "pass"
`, []probe{
		{try: "office tcp 10.1.3.10:80", want: lab.Open, by: "on"},
		{try: "office udp [2001:db8:3::10]:53", want: lab.Open, by: "on"},
		{try: "server tcp 10.1.2.9:80", want: lab.Timeout, by: "block_default"},
	}},
}
