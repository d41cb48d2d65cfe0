package firewall

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/rempart/rempart/lab"
)

func TestTrafficOutboundNAT(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const out = "[[rule]]\nname = \"out\"\nfrom = \"inside\"\naction = \"pass\"\n"
	for _, tt := range []struct {
		name, policy string
		crossing
	}{
		{"office leaves as the outside address", out, crossing{"office tcp 198.51.100.7:80", "198.51.100.7:80", "203.0.113.2", "auto_outbound out"}},
		{"servers do as well", out, crossing{"server udp 198.51.100.7:53", "198.51.100.7:53", "203.0.113.2", "auto_outbound out"}},
		{"inside nothing is translated", out, crossing{"office tcp 10.1.3.10:80", "10.1.3.10:80", "", "out"}},
		{"IPv6 is not translated", out, crossing{"office tcp [2001:db8:ff::1]:80", "[2001:db8:ff::1]:80", "", "out"}},
		{"off", out + "[nat]\noutbound = \"off\"\n", crossing{"office tcp 198.51.100.7:80", "198.51.100.7:80", "", "out"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.apply(t, tt.policy)
			s.forget(t)
			s.cross(t, tt.crossing)
		})
	}
}

// TestTrafficOfTheGateway leaves what the gateway itself sends as it is, the
// addresses of its inside interfaces included.
func TestTrafficOfTheGateway(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply(t, "")
	for _, from := range []string{"203.0.113.2:0", "10.1.3.1:0"} {
		before := s.counters(t)["auto_outbound"]
		r := s.send(t, probe{try: "gw " + from + " tcp 198.51.100.7:80"})
		if r.Outcome != lab.Open || r.Seen != r.From {
			t.Errorf("from %s: %s, and it left as %s", from, r, r.From)
		}
		if after := s.counters(t)["auto_outbound"]; after != before {
			t.Errorf("from %s: it was translated", from)
		}
	}
	if r := s.send(t, probe{try: "gw ping 10.1.2.9"}); r.Outcome != lab.Open {
		t.Errorf("the gateway cannot ping the office: %s", r)
	}
}

const forwards = `
[alias.web]
addresses = ["10.1.3.10", "10.1.3.11", "10.1.3.12"]

[[port_forward]]
name = "www"
on = "wan"
protocol = "tcp"
port = [80, 443]
target = ["10.1.3.11"]
pass = true

[[port_forward]]
name = "shifted"
on = "wan"
protocol = ["tcp", "udp"]
port = ["9000-9002"]
target = ["10.1.3.10"]
target_port = 8000
pass = true

[[port_forward]]
name = "one"
on = "wan"
protocol = "udp"
port = [5353]
target = ["10.1.3.10"]
target_port = 53
pass = true
log = true

[[port_forward]]
name = "closed"
on = "wan"
protocol = "tcp"
port = [8080]
target = ["10.1.3.10"]

[[port_forward]]
name = "spread"
on = "wan"
protocol = "tcp"
port = [8000]
target = ["@web"]
pass = true

[[port_forward]]
name = "for-one"
on = "wan"
source = ["198.51.100.8"]
protocol = "tcp"
port = [22]
target = ["10.1.3.12"]
pass = true

[[port_forward]]
name = "six"
on = "wan"
protocol = "tcp"
port = [8002]
target = ["2001:db8:3::10"]
target_port = 80
pass = true
`

func TestTrafficPortForwards(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply(t, forwards)
	for _, tt := range []struct {
		try  string
		by   string
		at   string // the server's own address; empty: nobody answers
		from string // what the server sees; empty: the sender
	}{
		{try: "internet tcp 203.0.113.2:80", by: "www", at: "10.1.3.11:80"},
		{try: "internet 198.51.100.9:0 tcp 203.0.113.2:443", by: "www", at: "10.1.3.11:443"},
		{try: "internet tcp 203.0.113.2:9000", by: "shifted", at: "10.1.3.10:8000"},
		{try: "internet tcp 203.0.113.2:9002", by: "shifted", at: "10.1.3.10:8002"},
		{try: "internet udp 203.0.113.2:5353", by: "one", at: "10.1.3.10:53"},
		{try: "internet 198.51.100.8:0 tcp 203.0.113.2:22", by: "for-one", at: "10.1.3.12:22"},
		{try: "internet tcp [2001:db8:ff::2]:8002", by: "six", at: "[2001:db8:3::10]:80"},
	} {
		before := s.counters(t)
		r := s.send(t, probe{try: tt.try})
		if r.Outcome != lab.Open || r.At.String() != tt.at || r.Seen != r.From {
			t.Errorf("%s: %s, want %s to answer and to see %s", tt.try, r, tt.at, r.From)
		}
		after := s.counters(t)
		if after[tt.by] != before[tt.by]+1 || after["auto_forwarded"] != before["auto_forwarded"]+1 {
			t.Errorf("%s: %s counted %d, auto_forwarded %d", tt.try, tt.by, after[tt.by]-before[tt.by], after["auto_forwarded"]-before["auto_forwarded"])
		}
	}
	entries(t, s, "rule", "one", "reason", "forward")
	for _, p := range []probe{
		// A source that the forward does not name reaches the gateway itself, and so does what comes from inside.
		{try: "internet 198.51.100.7:0 tcp 203.0.113.2:22", want: lab.Timeout, by: "block_default", log: "block default wan -> self tcp"},
		{try: "office tcp 203.0.113.2:80", want: lab.Timeout, by: "block_default", log: "block default lan -> self tcp"},
	} {
		s.check(t, p)
	}
	// Without pass a rule has to let it in, and sees it after its translation.
	before := s.counters(t)["closed"]
	if r := s.send(t, probe{try: "internet tcp 203.0.113.2:8080", want: lab.Timeout}); r.Outcome != lab.Timeout {
		t.Errorf("a forward without pass: %s", r)
	}
	if s.counters(t)["closed"] == before {
		t.Error("a forward without pass did not translate")
	}
	s.apply(t, forwards+"[[rule]]\nname = \"in\"\nfrom = \"wan\"\ndestination = [\"10.1.3.10\"]\nprotocol = \"tcp\"\nport = [8080]\naction = \"pass\"\n")
	s.forget(t)
	rule := s.counters(t)["in"]
	if r := s.send(t, probe{try: "internet tcp 203.0.113.2:8080"}); r.Outcome != lab.Open || r.At.String() != "10.1.3.10:8080" {
		t.Errorf("a forward with a rule: %s", r)
	}
	if s.counters(t)["in"] != rule+1 {
		t.Error("the rule did not count it")
	}
}

// TestTrafficSpread sends from many addresses to a forward with three targets:
// each source keeps its target, and every target gets some.
func TestTrafficSpread(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply(t, forwards)
	var sources []netip.Prefix
	for i := range 24 {
		sources = append(sources, netip.MustParsePrefix(fmt.Sprintf("198.51.100.%d/32", 100+i)))
	}
	s.internet.AddAddr("eth0", sources...)
	targets := map[netip.Addr]int{}
	for _, src := range sources {
		var first netip.Addr
		for range 2 {
			r := s.internet.TCP(t.Context(), addrPort("203.0.113.2:8000"), lab.From(netip.AddrPortFrom(src.Addr(), 0)), lab.Within(waitAtMost))
			if r.Outcome != lab.Open {
				t.Fatalf("from %s: %s", src, r)
			}
			if first.IsValid() && first != r.At.Addr() {
				t.Errorf("%s was sent to %s and to %s", src, first, r.At.Addr())
			}
			first = r.At.Addr()
		}
		targets[first]++
	}
	if len(targets) != 3 {
		t.Errorf("the targets got %v", targets)
	}
}
