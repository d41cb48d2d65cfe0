package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestLookups(t *testing.T) {
	c := reference(t)
	for _, tt := range []struct {
		what string
		got  any
		want bool
	}{
		{what: "interface", got: c.Interface("lan"), want: true},
		{what: "zone", got: c.Zone("inside"), want: true},
		{what: "alias", got: c.Alias("web"), want: true},
		{what: "schedule", got: c.Schedule("office"), want: true},
		{what: "gateway", got: c.Gateway("core"), want: true},
		{what: "group", got: c.GatewayGroup("internet"), want: true},
		{what: "rule", got: c.Rule("ping"), want: true},
		{what: "no interface", got: c.Interface("inside")},
		{what: "no gateway", got: c.Gateway("internet")},
		{what: "no rule", got: c.Rule("www")},
	} {
		if found := !reflect.ValueOf(tt.got).IsNil(); found != tt.want {
			t.Errorf("%s: found %v, want %v", tt.what, found, tt.want)
		}
	}
	if c.Interface("dmz") != &c.Interfaces[2] {
		t.Error("the interface is a copy")
	}
}

func TestInterfacesOf(t *testing.T) {
	c := reference(t)
	for _, tt := range []struct {
		place Place
		want  []string
	}{
		{Place{}, nil},
		{Place{Kind: PlaceSelf}, nil},
		{Place{PlaceInterface, "lan"}, []string{"lan"}},
		{Place{PlaceZone, "inside"}, []string{"lan", "dmz"}},
	} {
		if got := c.InterfacesOf(tt.place); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("interfaces of %v = %v, want %v", tt.place, got, tt.want)
		}
	}
}

func TestRuleNames(t *testing.T) {
	want := "drop-listed lan-out lan-dns guests-web ping no-lateral www mail-source erp ula"
	if got := strings.Join(reference(t).RuleNames(), " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestHeldOneToOne(t *testing.T) {
	const policy = `schema = 1
[interface.wan]
device = "eth0"
addresses = ["203.0.113.2/24", "2001:db8::2/64"]
external = true

[interface.lan]
device = "eth1"
addresses = ["10.1.2.1/24"]

[[one_to_one]]
name = "near"
on = "wan"
external = "203.0.113.8/30"
internal = "10.1.2.8/30"

[[one_to_one]]
name = "six"
on = "wan"
external = "2001:db8::9"
internal = "fd00::9"

[[one_to_one]]
name = "routed"
on = "wan"
external = "198.51.100.0/24"
internal = "10.1.4.0/24"

[[vip]]
kind = "alias"
interface = "wan"
address = "192.0.2.1/24"

[[vip]]
kind = "proxy_arp"
interface = "wan"
address = "198.51.100.128/25"

[[one_to_one]]
name = "near-an-alias"
on = "wan"
external = "192.0.2.9"
internal = "10.1.2.99"

[[one_to_one]]
name = "off"
on = "wan"
disabled = true
external = "203.0.113.77"
internal = "10.1.2.77"
`
	c, err := Parse(File{Name: "p", Data: []byte(policy)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for iface, want := range map[string]string{
		"wan": "[203.0.113.8 203.0.113.9 203.0.113.10 203.0.113.11 2001:db8::9 192.0.2.9]", "lan": "[]", "none": "[]",
	} {
		if got := fmt.Sprint(c.HeldOneToOne(iface)); got != want {
			t.Errorf("%s holds %s, want %s", iface, got, want)
		}
	}
}

func TestHash(t *testing.T) {
	// FIPS 180-4, the example of one block.
	want := "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	if got := Hash([]byte("abc")); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestErrorsAsError(t *testing.T) {
	_, err := Parse(File{Name: "p", Data: []byte("x = 1\n")}, nil)
	var one *Error
	if !errors.As(err, &one) || one.Key == "" || one.File != "p" {
		t.Errorf("no *Error in %v", err)
	}
}

// TestUnsupportedLeadsSomewhere: each line of the table names a key of the language.
func TestUnsupportedLeadsSomewhere(t *testing.T) {
	known := make(map[string]bool)
	each(reflect.TypeFor[rawPolicy](), "", func(path string, _ field) { known[path] = true })
	for _, u := range unsupported {
		if !known[strings.ReplaceAll(u.path, ".*", "")] {
			t.Errorf("%s is no key of the language", u.path)
		}
		if u.what == "" {
			t.Errorf("%s is not said to be anything", u.path)
		}
	}
}

// TestParseRefusesWhatItDoesNotEnforce: the reference policy uses all of the
// table, and Parse says so for each line of it.
func TestParseRefusesWhatItDoesNotEnforce(t *testing.T) {
	policy := load(t, "reference.toml")
	_, err := Parse(policy, nil)
	if len(unsupported) > 0 && err == nil {
		t.Fatal("taken")
	}
	for _, u := range unsupported {
		if !strings.Contains(err.Error(), u.what+": not enforced") {
			t.Errorf("nothing is said of %s", u.path)
		}
	}
}
