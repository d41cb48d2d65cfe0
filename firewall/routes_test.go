package firewall

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

// branch is networks behind a router in the office and one among the servers.
const branch = `
[gateway.core]
interface = "lan"
address = "10.1.2.9"
monitor = []
up_after = "100ms"

[gateway.lab]
interface = "dmz"
address = "10.1.3.10"
monitor = []
up_after = "100ms"

[gateway.core6]
interface = "lan"
address = "2001:db8:2::9"
monitor = []
up_after = "100ms"

[gateway_group.both]
tiers = [["core", "lab"]]

[alias.branches]
addresses = ["10.20.0.0/16", "10.21.4.0/24", "2001:db8:20::/48"]

[[route]]
destination = "10.30.0.0/16"
gateway = "lab"
metric = 50

[[route]]
destination = "10.40.0.0/16"
gateway = "both"

[[route]]
destination = "10.66.0.0/16"
kind = "blackhole"

[[route]]
destination = "10.67.0.0/16"
kind = "unreachable"

[[route]]
destination = "2001:db8:68::/48"
kind = "prohibit"
`

// TestTrafficRoutes lists the static routes of a policy as the kernel has them, through a link that
// goes down, a route of another daemon, and a policy that wants them no longer.
func TestTrafficRoutes(t *testing.T) {
	t.Parallel()
	s := newUplinks(t, 2)
	aliases := "[[route]]\ndestination = \"@branches\"\ngateway = \"core\"\n"
	four := strings.Replace(branch, `, "2001:db8:20::/48"`, "", 1)
	s.run(t, "ip", "route", "add", "10.99.0.0/16", "via", "198.51.100.1", "dev", "wan2", "onlink", "proto", "bgp")
	ours := func() []string {
		t.Helper()
		var out []string
		for _, family := range []string{"-4", "-6"} {
			for _, l := range strings.Split(s.run(t, "ip", family, "-o", "route", "show", "proto", "82"), "\n") {
				if words := strings.Join(strings.Fields(strings.ReplaceAll(l, "\\", " ")), " "); words != "" && !strings.Contains(words, "default") {
					out = append(out, words)
				}
			}
		}
		slices.Sort(out)
		return out
	}
	s.applyLines(t, nil, defaults("fibre")+four+aliases+passesOut)
	want := []string{
		"10.20.0.0/16 via 10.1.2.9 dev lan0",
		"10.21.4.0/24 via 10.1.2.9 dev lan0",
		"10.30.0.0/16 via 10.1.3.10 dev dmz0 metric 50",
		"10.40.0.0/16 nexthop via 10.1.2.9 dev lan0 weight 1 nexthop via 10.1.3.10 dev dmz0 weight 1",
		"blackhole 10.66.0.0/16",
		"prohibit 2001:db8:68::/48 dev lo metric 1 pref medium",
		"unreachable 10.67.0.0/16",
	}
	back := func(what string) {
		t.Helper()
		var got []string
		for end := time.Now().Add(waitAtMost); !slices.Equal(got, want); time.Sleep(5 * time.Millisecond) {
			if got = ours(); time.Now().After(end) {
				t.Fatalf("%s: routes\n%s", what, strings.Join(got, "\n"))
			}
		}
	}
	if got := ours(); !slices.Equal(got, want) {
		t.Errorf("routes\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	bgp := s.run(t, "ip", "route", "show", "proto", "bgp")
	// The gateway sets its own device up again, and puts back what went with it.
	s.run(t, "ip", "link", "set", "dmz0", "down")
	back("a device was set down")
	s.run(t, "ip", "route", "del", "10.20.0.0/16")
	back("somebody removed a route")
	for try, want := range map[string]lab.Outcome{
		"office ping 10.67.0.1": lab.Unreachable, "office ping 10.66.0.1": lab.Timeout, "office ping 2001:db8:68::1": lab.Unreachable,
	} {
		if r := s.send(t, probe{try: try, want: want}); r.Outcome != want {
			t.Errorf("%s: %s, want %s", try, r, want)
		}
	}
	s.applyLines(t, nil, defaults("fibre")+four+passesOut)
	if got, want := ours(), want[2:]; !slices.Equal(got, want) {
		t.Errorf("without the alias: routes\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	s.applyLines(t, nil, defaults("fibre")+passesOut)
	if got := ours(); len(got) > 0 {
		t.Errorf("left behind: %q", got)
	}
	if got := s.run(t, "ip", "route", "show", "proto", "bgp"); got != bgp || bgp == "" {
		t.Errorf("the route of another daemon was %q and is %q", bgp, got)
	}
}
