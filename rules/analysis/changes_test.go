package analysis

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/rules"
	"github.com/rempart/rempart/rules/space"
)

// place is where a packet stands for both policies.
func (c *comparison) place(p rules.Packet) (space.Spot, bool) {
	s, ok := c.new.spot(p)
	for n, f := range c.new.known { // what only the old policy knows
		if n > 0 && c.new.holds(f, p) != c.old.holds(f, p) && c.old.holds(f, p) {
			s.True = append(s.True, space.Fact(n))
		}
	}
	return s, ok
}

// within says whether one of the regions has a packet.
func within(regions [][]space.Cube, s *space.Spot) bool {
	for _, region := range regions {
		for i := range region {
			if region[i].Contains(s) {
				return true
			}
		}
	}
	return false
}

// TestChangesAreThePacketsThatDiffer draws a policy and another that was made
// of it, and asks the reference evaluator about both.
func TestChangesAreThePacketsThatDiffer(t *testing.T) {
	differ := 0
	for seed := range uint64(seeds) {
		d := drawer{rand.New(rand.NewPCG(seed, 9))}
		before := d.policy(1 + d.IntN(10))
		after := d.edit(before)
		old, new := world(t, before), world(t, after)
		c := compare(old, new)
		if c.incomplete {
			t.Fatalf("seed %d: given up", seed)
		}
		exact := slices.Collect(maps.Values(c.found))
		var told [][]space.Cube
		for _, region := range exact {
			told = append(told, c.simplified(region))
		}
		for range 4 {
			d.learn(old)
			new.Names, new.Lists, new.Dynamic, new.Lines = old.Names, old.Lists, old.Dynamic, old.Lines
			was, is := rules.NewEvaluator(old), rules.NewEvaluator(new)
			for range packets / 4 {
				p := d.packet()
				a, b := was.Evaluate(p), is.Evaluate(p)
				other := effectOf(old, a) != effectOf(new, b)
				if other {
					differ++
				}
				s, known := c.place(p)
				if got := known && within(exact, &s); got != other {
					t.Fatalf("seed %d: %+v: found %v, before %+v, after %+v\n%s\n=====\n%s", seed, p, got, a, b, before, after)
				}
				if known && within(told, &s) != other && (other || a.Cause == packetlog.CauseRule || a.Cause == packetlog.CauseDefault) {
					t.Fatalf("seed %d: %+v is told wrongly, before %+v, after %+v\n%s\n=====\n%s", seed, p, a, b, before, after)
				}
			}
		}
	}
	if differ < packets {
		t.Errorf("only %d packets differed", differ)
	}
}

// second is another line and a group of both.
const second = `[gateway.cable]
interface = "wan"
address = "203.0.113.3"
[gateway_group.internet]
tiers = [["fibre"], ["cable"]]
`

// effectOf is what a decision does to packets.
func effectOf(w *rules.World, d rules.Decision) effect {
	e := entry{action: d.Action, rule: w.Config.Rule(d.Rule)}
	return e.effect()
}

func TestChanges(t *testing.T) {
	out := rule("out", "pass", `from = "inside"; to = "wan"`)
	for _, tt := range []struct {
		name        string
		before, now []string
		want        []string
	}{
		{"nothing", []string{out}, []string{out}, nil},
		{"a rule that goes", []string{out}, nil, []string{
			`lan, dmz -> wan: pass (rule out) becomes block (the default); lan tcp 10.1.2.9:40000 -> 198.51.100.7:443`,
		}},
		{"a rule that comes", nil, []string{rule("web", "pass", `from = "lan"; to = "wan"; protocol = "tcp"; port = [80, 443]; source = "10.1.2.0/25"`)}, []string{
			`lan -> wan tcp 80, 443 from 10.1.2.0/25: block (the default) becomes pass (rule web); lan tcp 10.1.2.9:40000 -> 198.51.100.7:443`,
		}},
		{"another verdict", []string{out, rule("ping", "block", `protocol = "icmp"; icmp = "echo-request"`)},
			[]string{out, rule("ping", "pass", `protocol = "icmp"; icmp = "echo-request"`)}, []string{
				`wan -> any IPv4 icmp echo-request: block (rule ping) becomes pass (rule ping); wan icmp 203.0.113.9 -> 198.51.100.7 echo-request`,
				`lan, dmz -> self, lan, dmz IPv4 icmp echo-request: block (rule ping) becomes pass (rule ping)`,
			}},
		{"an exception before", []string{out}, []string{rule("no-smtp", "reject", `from = "lan"; to = "wan"; protocol = "tcp"; port = 25`), out}, []string{
			`lan -> wan tcp 25: pass (rule out) becomes reject (rule no-smtp); lan tcp 10.1.2.9:40000 -> 198.51.100.7:25`,
		}},
		{"a rule that moves", []string{rule("no-smtp", "reject", `from = "lan"; to = "wan"; protocol = "tcp"; port = 25`), out},
			[]string{out, rule("no-smtp", "reject", `from = "lan"; to = "wan"; protocol = "tcp"; port = 25`)}, []string{
				`lan -> wan tcp 25: reject (rule no-smtp) becomes pass (rule out); lan tcp 10.1.2.9:40000 -> 198.51.100.7:25`,
			}},
		{"a wider list", []string{rule("web", "pass", `from = "lan"; to = "wan"; protocol = "tcp"; port = [80, 443]`)},
			[]string{rule("web", "pass", `from = "inside"; to = "wan"; protocol = "tcp"; port = [80, "440-450"]`)}, []string{
				`dmz -> wan tcp 80, 440-450: block (the default) becomes pass (rule web); dmz tcp 10.1.3.9:40000 -> 198.51.100.7:443`,
				`lan -> wan tcp 440-442, 444-450: block (the default) becomes pass (rule web)`,
			}},
		{"another name for the same", []string{out}, []string{rule("exit", "pass", `from = "inside"; to = "wan"`)}, nil},
		{"behind an exception", []string{rule("no-smtp", "reject", `from = "lan"; to = "wan"; protocol = "tcp"; port = 25`), rule("no-host", "block", `destination = "198.51.100.66"; log = true`), out},
			[]string{rule("no-smtp", "reject", `from = "lan"; to = "wan"; protocol = "tcp"; port = 25`), rule("no-host", "block", `destination = "198.51.100.66"; log = true`)}, []string{
				`dmz -> wan to all but 198.51.100.66: pass (rule out) becomes block (the default); dmz tcp 10.1.3.9:40000 -> 198.51.100.7:443`,
				`lan -> wan any but tcp to all but 198.51.100.66: pass (rule out) becomes block (the default)`,
				`lan -> wan tcp all but 25 to all but 198.51.100.66: pass (rule out) becomes block (the default)`,
				`dmz -> wan IPv6: pass (rule out) becomes block (the default)`,
				`2 more parts: pass (rule out) becomes block (the default)`,
			}},
		{"what an alias learns", []string{"[alias.seen]\ndynamic = true\n", out},
			[]string{"[alias.seen]\ndynamic = true\n", rule("seen", "block", `from = "inside"; source = "@seen"; destination = ["any", "!@seen"]`), out}, []string{
				`lan, dmz -> wan from @seen to all but @seen: pass (rule out) becomes block (rule seen)`,
			}},
		{"by day", []string{"[schedule.day]\ntimes = [\"08:00-18:00\"]\n", out}, []string{"[schedule.day]\ntimes = [\"08:00-18:00\"]\n", out + "schedule = \"day\"\n"}, []string{
			`lan, dmz -> wan while "day" is off: pass (rule out) becomes block (the default); lan tcp 10.1.2.9:40000 -> 198.51.100.7:443 at 2026-11-22 18:00`,
		}},
		{"other hours", []string{"[schedule.day]\ntimes = [\"08:00-18:00\"]\n", out + "schedule = \"day\"\n"}, []string{"[schedule.day]\ntimes = [\"08:00-20:00\"]\n", out + "schedule = \"day\"\n"}, []string{
			`lan, dmz -> wan at times such as Sun 2026-11-22 18:00: block (the default) becomes pass (rule out); lan tcp 10.1.2.9:40000 -> 198.51.100.7:443 at 2026-11-22 18:00`,
		}},
		{"everything", []string{out}, []string{rule("all", "pass", "")}, []string{
			`wan -> any: block (the default) becomes pass (rule all); wan tcp 203.0.113.9:40000 -> 198.51.100.7:443`,
			`lan, dmz -> self, lan, dmz IPv4 any but tcp: block (the default) becomes pass (rule all)`,
			`lan, dmz -> self, lan, dmz IPv4 tcp all but 22, 443: block (the default) becomes pass (rule all)`,
			`lan, dmz -> self, lan, dmz tcp 22, 443 from all but 10.1.2.10: block (the default) becomes pass (rule all)`,
			`3 more parts: block (the default) becomes pass (rule all)`,
		}},
		{"a setting of an interface", []string{rule("in", "pass", `from = "wan"; to = "dmz"`), `[interface.dsl]
device = "eth5"
external = true
`, rule("dsl", "pass", `from = "dsl"; to = "dmz"`)}, []string{rule("in", "pass", `from = "wan"; to = "dmz"`), `[interface.dsl]
device = "eth5"
`, rule("dsl", "pass", `from = "dsl"; to = "dmz"`)}, []string{
			`dsl -> self tcp 22, 443 from 10.1.2.10: block (antispoof of interface "dsl") becomes pass (system.admin); dsl tcp 10.1.2.10:40000 -> 10.1.2.1:443`,
			`dsl -> dmz from 10.1.2.0/23, 203.0.113.2: block (antispoof of interface "dsl") becomes pass (rule dsl); dsl tcp 10.1.2.10:40000 -> 10.1.3.7:443`,
			`dsl -> dmz from 2001:db8:2::/64: block (antispoof of interface "dsl") becomes pass (rule dsl)`,
			`dsl -> dmz from 10.0.0.0-10.1.1.255, 10.1.4.0-10.255.255.255, 100.64.0.0/10, 2 more: block (block_private of interface "dsl") becomes pass (rule dsl); dsl tcp 10.0.0.9:40000 -> 10.1.3.7:443`,
			`dsl -> dmz from fc00::/7: block (block_private of interface "dsl") becomes pass (rule dsl)`,
			`dsl -> dmz from all but 1.0.0.0-126.255.255.255, 128.0.0.0-169.253.255.255, 169.255.0.0-191.255.255.255, 2 more: block (block_bogons of interface "dsl") becomes pass (rule dsl); dsl tcp 0.0.0.9:40000 -> 10.1.3.7:443`,
			`dsl -> dmz from all but 100:0:0:1::-2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff, 2001:200::-2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff, 2003::-3ffd:ffff:ffff:ffff:ffff:ffff:ffff:ffff, 2 more: block (block_bogons of interface "dsl") becomes pass (rule dsl)`,
		}},
		{"gateways", []string{second, rule("web", "pass", `from = "lan"; to = "wan"; protocol = "tcp"; port = 443; gateway = "internet"`), out},
			[]string{second, rule("web", "pass", `from = "lan"; to = "wan"; protocol = "tcp"; port = 443; gateway = "cable"`), out}, []string{
				`lan -> wan IPv4 tcp 443 while internet is up and cable is up: pass (rule web by internet) becomes pass (rule web by cable); lan tcp 10.1.2.9:40000 -> 198.51.100.7:443`,
				`lan -> wan IPv4 tcp 443 while internet is down and cable is up: pass (rule out) becomes pass (rule web by cable)`,
				`lan -> wan IPv4 tcp 443 while internet is up and cable is down: pass (rule web by internet) becomes pass (rule out)`,
			}},
		{"lines and routes", []string{second + "[[route]]\ndestination = \"192.0.2.0/24\"\ngateway = \"cable\"\n", out},
			[]string{strings.Replace(second, "[[\"fibre\"], [\"cable\"]]", "[[\"fibre\", \"cable\"]]\nsticky = true\non_down = \"block\"", 1) +
				"[gateway.dsl]\ninterface = \"wan\"\naddress = \"203.0.113.4\"\nweight = 2\n[[route]]\ndestination = \"192.0.2.0/24\"\nkind = \"blackhole\"\n", out}, []string{
				`lan, dmz -> a route that refuses IPv4: pass (rule out) becomes block (the default); lan tcp 10.1.2.9:40000 -> 192.0.2.7:443`,
				`gateway "dsl" is new: on wan 203.0.113.4 weight 2`,
				`gateway group "internet": fibre before cable becomes fibre, cable sticky on_down block`,
				`route 192.0.2.0/24: by cable becomes blackhole`,
			}},
		{"translations", []string{"[[port_forward]]\nname = \"www\"\non = \"wan\"\nprotocol = \"tcp\"\nport = [80, 443]\ntarget = \"10.1.3.10\"\n[[one_to_one]]\nname = \"erp\"\non = \"wan\"\nexternal = \"203.0.113.4\"\ninternal = \"10.1.3.29\"\n"},
			[]string{"[[port_forward]]\nname = \"www\"\non = \"wan\"\nprotocol = \"tcp\"\nport = 443\ntarget = \"10.1.3.10\"\npass = true\n[[port_forward]]\nname = \"ssh\"\non = \"wan\"\nprotocol = \"tcp\"\nport = 2222\ntarget = \"10.1.3.11\"\ntarget_port = 22\nsource = \"198.51.100.0/24\"\n"}, []string{
				`lan, dmz -> wan tcp 22, 443 from 10.1.2.10 to 203.0.113.4: pass (system.admin) becomes block (the default); lan tcp 10.1.2.10:40000 -> 203.0.113.4:443`,
				`port forward "www": on wan tcp 80, 443 leads to 10.1.3.10 where a rule passes it becomes on wan tcp 443 leads to 10.1.3.10 and passes`,
				`port forward "ssh" is new: on wan tcp 2222 from 198.51.100.0/24 leads to 10.1.3.11 port 22 where a rule passes it`,
				`one-to-one "erp" is gone: on wan 203.0.113.4 is 10.1.3.29`,
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, c := range Changes(world(t, office+strings.Join(tt.before, "\n")), world(t, office+strings.Join(tt.now, "\n"))) {
				s := c.String()
				if c.Packet != "" {
					s += "; " + c.Packet
				}
				got = append(got, s)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}
