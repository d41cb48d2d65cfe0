package analysis

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules"
	"github.com/rempart/rempart/schedules"
)

// office is a policy in which every declared thing is used by the rules of a case or by itself.
const office = `
schema = 1

[system]
admin = ["10.1.2.10"]

[interface.wan]
device = "eth0"
addresses = ["203.0.113.2/29"]
external = true

[interface.lan]
device = "eth1"
addresses = ["10.1.2.1/24", "2001:db8:2::1/64"]

[interface.dmz]
device = "eth2"
addresses = ["10.1.3.1/24"]

[zone.inside]
interfaces = ["lan", "dmz"]

[gateway.fibre]
interface = "wan"
address = "203.0.113.1"

[[route]]
destination = "default"
gateway = "fibre"
`

// monday is when the worlds of the tests are made.
var monday = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func world(t testing.TB, policy string) *rules.World {
	t.Helper()
	c, err := config.ParseLanguage(config.File{Name: "rempart.toml", Data: []byte(policy)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &rules.World{Config: c, Schedules: map[string][]schedules.Interval{}}
	for _, s := range c.Schedules {
		w.Schedules[s.Name] = schedules.Intervals(s, c.System.Location, monday.Add(-24*time.Hour), monday.Add(400*24*time.Hour))
	}
	return w
}

// rule writes a rule on one line of a policy.
func rule(name, action, rest string) string {
	return fmt.Sprintf("[[rule]]\nname = %q\naction = %q\n%s\n", name, action, strings.ReplaceAll(rest, "; ", "\n"))
}

func TestFindings(t *testing.T) {
	for _, tt := range []struct {
		name   string
		policy []string
		want   []string
	}{
		{"nothing wrong", []string{
			rule("no-smtp", "reject", `from = "inside"; to = "wan"; protocol = "tcp"; port = 25`),
			rule("out", "pass", `from = "inside"; to = "wan"`),
		}, nil},
		{"shadowed by one", []string{
			rule("out", "pass", `from = "inside"; to = "wan"`),
			rule("web", "pass", `from = "lan"; to = "wan"; protocol = "tcp"; port = [80, 443]`),
		}, []string{
			`shadowed: rule[1]: rule "web" decides nothing: rule "out" (line 30) passes all its packets first`,
		}},
		{"shadowed by one with another verdict", []string{
			rule("out", "pass", `from = "inside"; to = "wan"`),
			rule("no-smtp", "reject", `from = "lan"; to = "wan"; protocol = "tcp"; port = 25`),
		}, []string{
			`shadowed: rule[1]: rule "no-smtp" never rejects anything: rule "out" (line 30) passes all its packets first`,
		}},
		{"shadowed by two together", []string{
			rule("low", "pass", `from = "inside"; protocol = "tcp"; port = "1-1023"`),
			rule("high", "reject", `from = "inside"; protocol = "tcp"; port = "1024-65535"`),
			rule("proxy", "pass", `from = "dmz"; to = "wan"; protocol = "tcp"; port = [80, "8000-8080"]`),
		}, []string{
			`shadowed: rule[2]: rule "proxy" decides nothing: rule "low" (line 30) and rule "high" (line 37) decide all its packets first`,
		}},
		{"shadowed by what comes before rules", []string{
			rule("ssh", "pass", `from = "inside"; to = "self"; protocol = "tcp"; port = 22; source = "10.1.2.10"`),
			rule("private", "block", `from = "wan"; source = "192.168.0.0/16"; log = true`),
			rule("errors", "pass", `protocol = "icmp"; icmp = ["destination-unreachable", "time-exceeded"]`),
			rule("neighbours", "pass", `from = "inside"; to = "self"; protocol = "icmpv6"; icmp = ["nd-neighbor-solicit"]`),
		}, []string{
			`impossible: rule[0]: rule "ssh" decides nothing: system.admin passes all its packets before any rule`,
			`impossible: rule[1]: rule "private" decides nothing: block_private of interface "wan" blocks all its packets before any rule`,
			`impossible: rule[2]: rule "errors" decides nothing: its ICMP types begin no flow; answers and errors pass with the flow that they belong to`,
			`impossible: rule[3]: rule "neighbours" decides nothing: IPv6 neighbour discovery passes all its packets before any rule`,
		}},
		{"shadowed by a rule and by what comes before rules", []string{
			rule("web", "pass", `from = "wan"; protocol = "tcp"; port = 443; source = "!192.168.0.0/16"`),
			rule("all-web", "pass", `from = "wan"; protocol = "tcp"; port = 443; source = ["8.0.0.0/8", "192.168.1.0/24"]`),
		}, []string{
			`shadowed: rule[1]: rule "all-web" decides nothing: block_private of interface "wan" and rule "web" (line 30) decide all its packets first`,
		}},
		{"a rule that is off shadows nothing", []string{
			rule("out", "pass", `from = "inside"; to = "wan"; disabled = true`),
			rule("web", "pass", `from = "lan"; to = "wan"; protocol = "tcp"; port = [80, 443]`),
			rule("dmz", "pass", `from = "dmz"; to = "lan"`),
		}, nil},
		{"a rule by day does not shadow one for always", []string{
			"[schedule.day]\ntimes = [\"08:00-18:00\"]\n[schedule.morning]\ntimes = [\"mon-fri 09:00-12:00\"]\n",
			rule("by-day", "pass", `from = "inside"; to = "wan"; schedule = "day"`),
			rule("in-the-morning", "pass", `from = "lan"; to = "wan"; schedule = "morning"`),
			rule("always", "pass", `from = "inside"; to = "wan"`),
		}, []string{
			`shadowed: rule[1]: rule "in-the-morning" decides nothing: rule "by-day" (line 35) passes all its packets first`,
		}},
		{"no time", []string{
			"[schedule.past]\ntimes = [\"2024-01-01 08:00-18:00\"]\n",
			rule("party", "pass", `from = "inside"; to = "wan"; schedule = "past"`),
		}, []string{
			`impossible: rule[0]: rule "party" matches nothing: schedule "past" is not on in the coming year`,
		}},
		{"nothing at the end of the way", []string{
			rule("to-lan", "pass", `from = "dmz"; to = "wan"; destination = "10.1.2.0/25"`),
			rule("to-itself", "pass", `from = "dmz"; to = "lan"; destination = "10.1.2.1"`),
			rule("to-self", "pass", `from = "dmz"; to = "self"; destination = ["10.1.2.2", "10.1.3.2"]`),
			rule("only-v4", "pass", `from = "lan"; to = "dmz"; source = "lan:network"; destination = "10.1.3.0/24"`),
		}, []string{
			`impossible: rule[0]: rule "to-lan" matches nothing: to = "wan", and destination = ["10.1.2.0/25"] leads to the gateway itself and lan`,
			`impossible: rule[1]: rule "to-itself" matches nothing: to = "lan", and destination = ["10.1.2.1"] leads to the gateway itself`,
			`impossible: rule[2]: rule "to-self" matches nothing: to = "self", and destination = ["10.1.2.2", "10.1.3.2"] leads to lan and dmz`,
		}},
		{"nothing in it", []string{
			"[alias.none]\naddresses = [\"lan:network\", \"!10.1.2.0/24\", \"!2001:db8:2::/64\"]\n",
			rule("sources", "pass", `from = "inside"; to = "wan"; source = "@none"`),
			rule("destinations", "pass", `from = "inside"; to = "wan"; destination = "@none"`),
			rule("flags", "pass", `from = "inside"; protocol = "tcp"; tcp_flags = ["ack"]`),
		}, []string{
			`impossible: rule[0]: rule "sources" matches nothing: source = ["@none"] holds no address`,
			`impossible: rule[1]: rule "destinations" matches nothing: destination = ["@none"] holds no address`,
			`impossible: rule[2]: rule "flags" matches nothing: no packet that begins a flow has the TCP flags ack`,
		}},
		{"two families", []string{
			rule("mixed", "pass", `from = "inside"; source = "!::/0"; destination = "!0.0.0.0/0"`),
			rule("ping", "pass", `from = "inside"; source = "!0.0.0.0/0"; protocol = "icmp"`),
		}, []string{
			`impossible: rule[0]: rule "mixed" matches nothing: its source and destination are never of one family`,
			`impossible: rule[1]: rule "ping" matches nothing: its addresses are of the family that icmp is not`,
		}},
		{"redundant", []string{
			rule("web", "pass", `from = "lan"; to = "wan"; protocol = "tcp"; port = 443`),
			rule("logged", "pass", `from = "dmz"; to = "wan"; protocol = "tcp"; port = 443; log = true`),
			rule("out", "pass", `from = "inside"; to = "wan"`),
			rule("silent", "block", `from = "wan"; to = "lan"`),
			rule("told", "block", `from = "wan"; to = "dmz"; log = true`),
			rule("refused", "reject", `from = "dmz"; to = "lan"`),
		}, []string{
			`redundant: rule[0]: rule "web" changes nothing: without it rule "out" (line 47) passes the same packets`,
			`redundant: rule[4]: rule "told" changes nothing: without it the default blocks the same packets`,
		}},
		{"needed, since another comes between", []string{
			rule("web", "pass", `from = "lan"; to = "wan"; protocol = "tcp"; port = 443`),
			rule("no-host", "block", `from = "lan"; to = "wan"; destination = "198.51.100.66"; log = true`),
			rule("out", "pass", `from = "inside"; to = "wan"`),
		}, []string{
			`overruled: rule[1]: rule "no-host" does not block all that it says: rule "web" (line 30) passes some of it first, such as lan tcp 10.1.2.9:40000 -> 198.51.100.66:443`,
		}},
		{"of two that are the same one is told", []string{
			rule("one", "pass", `from = "lan"; to = "wan"`),
			rule("two", "pass", `from = "lan"; to = "wan"`),
		}, []string{
			`shadowed: rule[1]: rule "two" decides nothing: rule "one" (line 30) passes all its packets first`,
		}},
		{"limits and schedules make a rule needed", []string{
			"[schedule.day]\ntimes = [\"08:00-18:00\"]\n",
			rule("limited", "pass", `from = "lan"; to = "wan"; protocol = "tcp"; port = 443; limits = { flows = 10 }`),
			rule("by-day", "pass", `from = "lan"; to = "wan"; protocol = "udp"; port = 443; schedule = "day"`),
			rule("out", "pass", `from = "inside"; to = "wan"`),
		}, nil},
		{"overruled", []string{
			rule("ping", "pass", `protocol = "icmp"; icmp = "echo-request"`),
			rule("dns", "pass", `from = "dmz"; protocol = "udp"; port = 53`),
			rule("lan-out", "pass", `from = "lan"`),
			rule("no-lateral", "reject", `from = "inside"; to = "dmz"`),
			rule("no-host", "reject", `destination = "10.1.2.66"`),
		}, []string{
			`overruled: rule[3]: rule "no-lateral" does not reject all that it says: rule "lan-out" (line 43) passes some of it first, such as lan tcp 10.1.2.9:40000 -> 10.1.3.7:443`,
			`overruled: rule[4]: rule "no-host" does not reject all that it says: rule "ping" (line 30), rule "dns" (line 36) and rule "lan-out" (line 43) pass some of it first, such as wan icmp 203.0.113.9 -> 10.1.2.66 echo-request`,
		}},
		{"exceptions are not overruled", []string{
			rule("bad", "block", `destination = "198.51.100.66"; log = true`),
			rule("printer", "pass", `from = "dmz"; to = "lan"; destination = "10.1.2.50"; protocol = "tcp"; port = 631`),
			rule("ping", "pass", `from = "inside"; protocol = "icmp"`),
			rule("no-lateral", "reject", `from = "dmz"; to = "lan"`),
			rule("out", "pass", `from = "inside"; to = "wan"`),
		}, nil},
		{"what an alias learns is not known", []string{
			"[alias.listed]\nurl = \"https://lists.example.org/drop.txt\"\nrefresh = \"12h\"\n[alias.scanners]\ndynamic = true\n" +
				"[alias.updates]\naddresses = [\"deb.example.org\", \"198.51.100.0/28\"]\n",
			rule("listed", "block", `from = "wan"; source = ["@listed", "@scanners"]; log = true`),
			rule("not-listed", "pass", `from = "wan"; to = "lan"; source = ["any", "!@listed"]`),
			rule("listed-after-all", "pass", `from = "wan"; to = "lan"; source = "@listed"`),
			rule("updates", "pass", `from = "dmz"; to = "wan"; destination = "@updates"`),
			rule("mirror", "pass", `from = "dmz"; to = "wan"; destination = "198.51.100.1"`),
			rule("other-mirror", "pass", `from = "dmz"; to = "wan"; destination = "198.51.100.100"`),
			rule("more-updates", "pass", `from = "dmz"; to = "wan"; destination = ["@updates", "198.51.100.200"]`),
			rule("scanner", "pass", `from = "wan"; to = "dmz"; source = "198.51.100.66"`),
		}, []string{
			`shadowed: rule[2]: rule "listed-after-all" never passes anything: rule "listed" (line 38) blocks all its packets first`,
			`redundant: rule[3]: rule "updates" changes nothing: without it rule "more-updates" (line 80) passes the same packets`,
			`shadowed: rule[4]: rule "mirror" decides nothing: rule "updates" (line 59) passes all its packets first`,
		}},
		{"unused", []string{
			"[interface.spare]\ndevice = \"eth9\"\n[zone.all]\ninterfaces = [\"lan\"]\n[alias.inner]\naddresses = [\"10.9.0.1\"]\n[alias.outer]\naddresses = [\"@inner\"]\n" +
				"[alias.web]\nports = [80, 443]\n[alias.ssh]\nports = [22]\n[schedule.never]\ntimes = [\"08:00-09:00\"]\n[gateway.old]\ninterface = \"dmz\"\naddress = \"10.1.3.254\"\n" +
				"[gateway.second]\ninterface = \"dmz\"\naddress = \"10.1.3.253\"\n[gateway_group.both]\ntiers = [[\"second\"]]\n" +
				"[gateway.answers]\ninterface = \"wan\"\naddress = \"203.0.113.3\"\n[alias.nets]\naddresses = [\"192.0.2.0/24\"]\n[[route]]\ndestination = \"@nets\"\nkind = \"blackhole\"\n" +
				"[interface.nat]\ndevice = \"eth8\"\naddresses = [\"192.0.2.2/29\"]\n[[one_to_one]]\nname = \"erp\"\non = \"nat\"\nexternal = \"192.0.2.4\"\ninternal = \"10.1.3.29\"\n" +
				"[[port_forward]]\nname = \"www\"\non = \"wan\"\nprotocol = \"tcp\"\nport = \"@web\"\ntarget = \"10.1.3.10\"\n",
			rule("in", "pass", `from = "wan"; to = "wan"`),
		}, []string{
			`unused: interface.lan: interface "lan" is not used: no rule, zone or translation names it`,
			`unused: interface.dmz: interface "dmz" is not used: no rule, zone or translation names it`,
			`unused: zone.inside: zone "inside" is not used`,
			`unused: interface.spare: interface "spare" is not used: no rule, zone or translation names it`,
			`unused: zone.all: zone "all" is not used`,
			`unused: alias.inner: alias "inner" is not used`,
			`unused: alias.outer: alias "outer" is not used`,
			`unused: alias.ssh: alias "ssh" is not used`,
			`unused: schedule.never: schedule "never" is not used`,
			`unused: gateway.old: gateway "old" is not used`,
			`unused: gateway.second: gateway "second" is not used`,
			`unused: gateway_group.both: gateway_group "both" is not used`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, f := range Findings(world(t, office+strings.Join(tt.policy, "\n"))) {
				if (f.Kind == Unused) == (tt.name == "unused") {
					got = append(got, fmt.Sprintf("%s: %s: %s", f.Kind, f.Key, f.Message))
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}
