package nft

import (
	"strings"
	"testing"
)

func TestCanonical(t *testing.T) {
	const listed = `table inet t {
	counter n {
		packets 17 bytes 4711
	}

	set b {
		type ipv4_addr
		flags dynamic,timeout
		elements = { 1.1.1.1 expires 5s }
	}
	set a {
		type ifname
		flags timeout
		elements = { "wan, 2" timeout 1h expires 59m59s992ms,
			     "eth0" }
	}

	chain c {
		type filter hook input priority filter; policy drop;
		log prefix "two  spaces, \ and {" group 1
		ip saddr { 1.1.1.1, 2.2.2.2 } counter packets 5 bytes 6 accept
	}
}
`
	const want = `table inet t {
	chain c {
		type filter hook input priority filter; policy drop;
		log prefix "two  spaces, \ and {" group 1
		ip saddr { 1.1.1.1, 2.2.2.2 } counter packets 0 bytes 0 accept
	}
	counter n {
		packets 0 bytes 0
	}
	set a {
		type ifname
		flags timeout
			"eth0"
			"wan, 2" timeout 1h
	}
	set b {
		type ipv4_addr
		flags dynamic,timeout
	}
`
	if got := Canonical(listed); strings.TrimSuffix(got, "}\n") != want && got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The ruleset's own text means the same after Canonical, and Canonical finds differences.
func TestCanonicalTellsApart(t *testing.T) {
	text := small().String()
	for _, change := range []struct{ from, to string }{
		{"accept", "drop"}, {"10.0.0.0/8", "10.0.0.0/9"}, {"policy drop", "policy accept"},
		{"counter n", "counter m"}, {"ip saddr", "ip daddr"}, {"flags interval", "flags timeout"},
	} {
		other := strings.Replace(text, change.from, change.to, 1)
		if other == text {
			t.Fatalf("%q is not in\n%s", change.from, text)
		}
		if Canonical(other) == Canonical(text) {
			t.Errorf("%q and %q are the same to Canonical", change.from, change.to)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	f.Add(small().String())
	f.Add(caseRuleset(ruleCases()).String())
	f.Add("table inet t {\n\tset a {\n\t\telements = { 1,\n")
	f.Add("}\n}\n{\n{ {\nelements = { }")
	f.Fuzz(func(t *testing.T, text string) {
		Canonical(text)
	})
}
