package rules

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/schedules"
	"go4.org/netipx"
)

const office = `
schema = 1

[system]
timezone = "Europe/Paris"
admin = ["@admins"]

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

[gateway.core]
interface = "lan"
address = "10.1.2.14"

[gateway.fibre]
interface = "wan"
address = "203.0.113.1"

[[route]]
destination = "10.20.0.0/16"
gateway = "core"

[[route]]
destination = "default"
gateway = "fibre"

[alias.admins]
addresses = ["10.1.2.10", "10.1.2.11"]

[alias.servers]
addresses = ["@web", "10.1.3.20-10.1.3.29", "!10.1.3.25", "2001:db8:3::/64"]

[alias.web]
addresses = ["10.1.3.10", "10.1.3.11"]

[alias.updates]
addresses = ["deb.example.org"]

[alias.listed]
url = "https://lists.example.org/drop.txt"
refresh = "12h"

[alias.ports]
ports = [80, 443, "8000-8080", "!8040"]

[alias.scanners]
dynamic = true
timeout = "1h"
`

// world makes a world of the office and some rules.
func world(t *testing.T, more string) *World {
	t.Helper()
	c, err := config.Parse(config.File{Name: "rempart.toml", Data: []byte(office + more)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &World{
		Config: c, Numbers: Numbers(nil).Assign(c.RuleNames()),
		Names:     map[string][]netip.Addr{"deb.example.org": {netip.MustParseAddr("198.51.100.20")}},
		Lists:     map[string]*netipx.IPSet{"listed": prefixes("192.0.2.0/24")},
		Dynamic:   map[string]*netipx.IPSet{"scanners": prefixes("198.51.100.66/32")},
		Schedules: map[string][]schedules.Interval{},
	}
}

func TestRouteTo(t *testing.T) {
	w := world(t, "")
	for dst, want := range map[string]string{
		"10.1.2.9": "lan", "10.1.3.9": "dmz", "10.20.30.40": "lan", "198.51.100.7": "wan", "2001:db8:2::9": "lan", "2001:db8:9::1": "",
	} {
		if got := w.RouteTo(netip.MustParseAddr(dst)); got != want {
			t.Errorf("RouteTo(%s) = %q, want %q", dst, got, want)
		}
	}
}

func TestInsideHoldsWhatIsRoutedThere(t *testing.T) {
	inside := world(t, "").Inside()
	for _, a := range []string{"10.1.2.1", "10.1.3.200", "10.20.0.1", "2001:db8:2::5"} {
		if !inside.Contains(netip.MustParseAddr(a)) {
			t.Errorf("%s is not inside", a)
		}
	}
	for _, a := range []string{"203.0.113.2", "198.51.100.7", "10.21.0.1"} {
		if inside.Contains(netip.MustParseAddr(a)) {
			t.Errorf("%s is inside", a)
		}
	}
}

func TestResolve(t *testing.T) {
	for _, tt := range []struct {
		terms   string
		in, out []string
	}{
		{`["any"]`, []string{"1.1.1.1", "::1"}, nil},
		{`["any", "!lan:network"]`, []string{"1.1.1.1", "2001:db8:9::1"}, []string{"10.1.2.9", "2001:db8:2::9"}},
		{`["!10.0.0.0/8"]`, []string{"1.1.1.1", "2001:db8::1"}, []string{"10.1.2.3"}},
		{`["@servers"]`, []string{"10.1.3.10", "10.1.3.24", "10.1.3.26", "2001:db8:3::1"}, []string{"10.1.3.25", "10.1.3.12", "10.1.3.30"}},
		{`["10.1.3.0/24", "!@servers"]`, []string{"10.1.3.25", "10.1.3.1"}, []string{"10.1.3.10", "10.1.2.1"}},
		{`["self"]`, []string{"203.0.113.2", "10.1.2.1", "2001:db8:2::1"}, []string{"10.1.2.2"}},
		{`["lan:address"]`, []string{"10.1.2.1"}, []string{"10.1.3.1"}},
		{`["@updates"]`, []string{"198.51.100.20"}, []string{"198.51.100.21"}},
		{`["@listed", "@scanners"]`, []string{"192.0.2.200", "198.51.100.66"}, []string{"198.51.100.67"}},
		{`["198.51.100.0/24", "!@scanners"]`, []string{"198.51.100.65"}, []string{"198.51.100.66"}},
		{`["@scanners", "!198.51.100.66"]`, nil, []string{"198.51.100.66", "198.51.100.67"}},
	} {
		w := world(t, "[[rule]]\nname = \"r\"\naction = \"pass\"\nsource = "+tt.terms+"\n")
		source := w.Config.Rules[0].Source
		listed, set := NewLists(w).Read(source), w.Resolve(source)
		dynamic := len(set.In)+len(set.NotIn) > 0 // is in no set
		for want, list := range map[bool][]string{true: tt.in, false: tt.out} {
			for _, ip := range list {
				a := netip.MustParseAddr(ip)
				if got := listed.Contains(a); got != want {
					t.Errorf("%s is read to hold %s: %v", tt.terms, ip, got)
				}
				if got := set.Set.Contains(a); got != want && !dynamic {
					t.Errorf("%s is made a set that holds %s: %v", tt.terms, ip, got)
				}
			}
		}
	}
}

func TestPorts(t *testing.T) {
	w := world(t, "[[rule]]\nname = \"r\"\naction = \"pass\"\nprotocol = \"tcp\"\nport = [\"@ports\", 8081, \"!443\"]\n")
	got := w.Ports(w.Config.Rules[0].Ports)
	want := []config.PortRange{{From: 80, To: 80}, {From: 8000, To: 8039}, {From: 8041, To: 8081}}
	if len(got) != len(want) {
		t.Fatalf("Ports = %v, want %v", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("Ports = %v, want %v", got, want)
		}
	}
}

func TestPortsTakeAway(t *testing.T) {
	for ports, want := range map[string]string{
		`["80-90", "!85"]`:              "80-84 86-90",
		`["80-90", "!80", "!90"]`:       "81-89",
		`["80-90", "!70-82", "!88-99"]`: "83-87",
		`[1, 2, 3, "3-9", 11]`:          "1-9 11",
		`["!1-65534"]`:                  "0 65535",
	} {
		w := world(t, "[[rule]]\nname = \"r\"\naction = \"pass\"\nprotocol = \"tcp\"\nport = "+ports+"\n")
		var got []string
		for _, r := range w.Ports(w.Config.Rules[0].Ports) {
			got = append(got, r.String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s is %v, want %s", ports, got, want)
		}
	}
}

func TestNumbersStay(t *testing.T) {
	n := Numbers(nil).Assign([]string{"a", "b", "c"})
	m := n.Assign([]string{"c", "d", "a"})
	if m["a"] != n["a"] || m["c"] != n["c"] {
		t.Errorf("numbers moved: %v then %v", n, m)
	}
	if m["b"] != n["b"] {
		t.Error("a rule that is gone lost its number although there is room")
	}
	if m["d"] == 0 || m["d"] == m["b"] {
		t.Errorf("the new rule has number %d", m["d"])
	}
	if got := m.Name(m["d"]); got != "d" {
		t.Errorf("Name = %q", got)
	}
	if _, ok := n["d"]; ok {
		t.Error("Assign changed its receiver")
	}
}

func TestNumbersAreGivenUpWhenTheyRunOut(t *testing.T) {
	old := Numbers{}
	for i := 1; i <= MaxNumber; i++ {
		old[string(rune('a'))+time.Duration(i).String()] = uint16(i)
	}
	got := old.Assign([]string{"a1ns", "fresh"})
	if got["a1ns"] != 1 || got["fresh"] == 0 || got["fresh"] == 1 || len(got) != 2 {
		t.Errorf("got %d numbers, a1ns %d, fresh %d", len(got), got["a1ns"], got["fresh"])
	}
}
