package firewall

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/rempart/rempart/lab"
)

// dealt is one port forward for TCP and UDP with more keys.
func dealt(keys string) string {
	return "[[port_forward]]\nname = \"f\"\non = \"wan\"\nprotocol = [\"tcp\", \"udp\"]\nport = [8080]\npass = true\n" + keys
}

func TestTrafficTargets(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.server.AddAddr("eth0", prefixesOf("2001:db8:3::11/64")...)
	const three, two6 = `target = ["10.1.3.10", "10.1.3.11", "10.1.3.12"]` + "\n", `target = ["2001:db8:3::10", "2001:db8:3::11"]` + "\n"
	for _, tt := range []struct {
		name, keys, try string
		tries           int
		want            map[string]int // flows by target; -1: some
	}{
		{"in turn", three + "spread = \"round-robin\"\n", "tcp 203.0.113.2:8080", 6, map[string]int{"10.1.3.10": 2, "10.1.3.11": 2, "10.1.3.12": 2}},
		{"in turn, UDP", three + "spread = \"round-robin\"\n", "udp 203.0.113.2:8080", 6, map[string]int{"10.1.3.10": 2, "10.1.3.11": 2, "10.1.3.12": 2}},
		{"in turn, by weight", three + "spread = \"round-robin\"\nweights = [1, 4, 3]\n", "tcp 203.0.113.2:8080", 16, map[string]int{"10.1.3.10": 2, "10.1.3.11": 8, "10.1.3.12": 6}},
		{"in turn, IPv6", two6 + "spread = \"round-robin\"\n", "tcp [2001:db8:ff::2]:8080", 4, map[string]int{"2001:db8:3::10": 2, "2001:db8:3::11": 2}},
		{"at random", three + "spread = \"random\"\n", "tcp 203.0.113.2:8080", 48, map[string]int{"10.1.3.10": -1, "10.1.3.11": -1, "10.1.3.12": -1}},
		{"by source", three, "tcp 203.0.113.2:8080", 6, map[string]int{"10.1.3.10": 6}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.apply(t, dealt(tt.keys))
			s.forget(t)
			got := map[string]int{}
			for range tt.tries {
				r := s.send(t, probe{try: "internet " + tt.try})
				if r.Outcome != lab.Open || r.Seen != r.From {
					t.Errorf("%s: %s", tt.try, r)
				}
				got[r.At.Addr().String()]++
			}
			if tt.name == "by source" {
				if len(got) != 1 {
					t.Errorf("one source went to %v", got)
				}
				return
			}
			for target, n := range tt.want {
				if n >= 0 && got[target] != n || n < 0 && got[target] == 0 {
					t.Errorf("%s got %d of %d, want %d", target, got[target], tt.tries, n)
				}
			}
		})
	}
}

// TestTrafficExclusions: what a forward to nobody takes is the gateway's own, and
// neither a later forward nor 1:1 has it.
func TestTrafficExclusions(t *testing.T) {
	t.Parallel()
	s := translatingSite(t)
	s.apply(t, passAll+`
[[rule]]
name = "own"
from = "wan"
to = "self"
action = "pass"

[[port_forward]]
name = "not-this"
on = "wan"
source = ["198.51.100.8"]
destination = ["203.0.113.2", "198.51.100.80"]
protocol = ["tcp", "udp"]
port = [80, 8080]
target = ["none"]

[[port_forward]]
name = "not-six"
on = "wan"
destination = ["2001:db8:ff::2"]
protocol = "tcp"
port = [80]
target = ["none"]

[[port_forward]]
name = "www"
on = "wan"
destination = ["203.0.113.2", "2001:db8:ff::2"]
protocol = ["tcp", "udp"]
port = [80]
target = ["10.1.3.10", "2001:db8:3::10"]
pass = true

[[one_to_one]]
name = "erp"
on = "wan"
external = "198.51.100.80"
internal = "10.1.3.11"
`)
	for _, c := range []crossing{
		{"internet 198.51.100.7:0 tcp 203.0.113.2:80", "10.1.3.10:80", "", "auto_forwarded www"},
		{"internet 198.51.100.8:0 tcp 203.0.113.2:80", "203.0.113.2:80", "", "not-this own"},
		{"internet 198.51.100.8:0 udp 203.0.113.2:80", "203.0.113.2:80", "", "not-this own"},
		{"internet tcp [2001:db8:ff::2]:80", "[2001:db8:ff::2]:80", "", "not-six own"},
		{"internet udp [2001:db8:ff::2]:80", "[2001:db8:3::10]:80", "", "auto_forwarded www"},
		{"internet 198.51.100.7:0 tcp 198.51.100.80:80", "10.1.3.11:80", "", "erp through"},
		{"internet 198.51.100.8:0 tcp 198.51.100.80:443", "10.1.3.11:443", "", "erp through"},
	} {
		s.cross(t, c)
	}
	// Excluded from 1:1 it goes where its address leads: nowhere.
	if r := s.send(t, probe{try: "internet 198.51.100.8:0 tcp 198.51.100.80:80", want: lab.Timeout}); r.Outcome == lab.Open {
		t.Errorf("what is excluded from 1:1: %s", r)
	}
}

// TestTrafficVirtualAddress: a further address of the interface has forwards and
// outbound rules of its own, and nothing else uses it.
func TestTrafficVirtualAddress(t *testing.T) {
	t.Parallel()
	s := translatingSite(t)
	s.apply(t, passAll+`
[[vip]]
kind = "alias"
interface = "wan"
address = "203.0.113.5/24"

[nat]
outbound = "hybrid"

[[outbound]]
name = "mail"
on = "wan"
source = ["10.1.3.12"]
address = "203.0.113.5"

[[port_forward]]
name = "first"
on = "wan"
protocol = "tcp"
port = [80]
target = ["10.1.3.10"]
pass = true

[[port_forward]]
name = "second"
on = "wan"
destination = ["203.0.113.5"]
protocol = ["tcp", "udp"]
port = [80]
target = ["10.1.3.12"]
pass = true
`)
	for _, c := range []crossing{
		{"internet tcp 203.0.113.2:80", "10.1.3.10:80", "", "auto_forwarded first"},
		{"internet tcp 203.0.113.5:80", "10.1.3.12:80", "", "auto_forwarded second"},
		{"internet udp 203.0.113.5:80", "10.1.3.12:80", "", "auto_forwarded second"},
		{"server 10.1.3.12:0 tcp 198.51.100.7:80", "198.51.100.7:80", "203.0.113.5", "mail out"},
		{"server 10.1.3.12:0 udp 198.51.100.7:53", "198.51.100.7:53", "203.0.113.5", "mail out"},
		{"server 10.1.3.10:0 tcp 198.51.100.7:80", "198.51.100.7:80", "203.0.113.2", "auto_outbound out"},
	} {
		s.cross(t, c)
	}
	ownTraffic(t, s)
}

// TestTrafficReflectedPair: the inside reaches a host of 1:1 by its outside address.
func TestTrafficReflectedPair(t *testing.T) {
	t.Parallel()
	s := translatingSite(t)
	s.neighbour = s.net.Host("neighbour")
	s.neighbour.Plug("eth0", s.dmz, prefixesOf("10.1.3.50/24 2001:db8:3::50/64")...)
	s.neighbour.Default(addr("10.1.3.1"))
	s.neighbour.Default(addr("2001:db8:3::1"))
	s.apply(t, `
[[rule]]
name = "through"
to = "inside"
action = "pass"

[[one_to_one]]
name = "erp"
on = "wan"
external = "203.0.113.4"
internal = "10.1.3.10"
reflection = true

[[one_to_one]]
name = "net"
on = "wan"
external = "198.51.100.80/28"
internal = "10.1.3.0/28"
reflection = true

[[one_to_one]]
name = "six"
on = "wan"
external = "2001:db8:f00:3::10"
internal = "2001:db8:3::10"
reflection = true

[[one_to_one]]
name = "outside-only"
on = "wan"
external = "198.51.100.70"
internal = "10.1.3.12"
`)
	for _, c := range []crossing{
		// From another segment the source stays.
		{"office tcp 203.0.113.4:80", "10.1.3.10:80", "", "erp through"},
		{"office udp 203.0.113.4:53", "10.1.3.10:53", "", "erp through"},
		{"office ping 203.0.113.4", "", "", "erp through"},
		{"office tcp 198.51.100.91:80", "10.1.3.11:80", "", "net through"},
		{"office tcp [2001:db8:f00:3::10]:80", "[2001:db8:3::10]:80", "", "six through"},
		// From its own it is the gateway's.
		{"neighbour tcp 203.0.113.4:80", "10.1.3.10:80", "10.1.3.1", "auto_reflected erp through"},
		{"neighbour udp 203.0.113.4:53", "10.1.3.10:53", "10.1.3.1", "auto_reflected erp through"},
		{"neighbour tcp [2001:db8:f00:3::10]:80", "[2001:db8:3::10]:80", "2001:db8:3::1", "auto_reflected six through"},
		{"server 10.1.3.10:0 tcp 203.0.113.4:80", "10.1.3.10:80", "10.1.3.1", "auto_reflected erp through"},
		{"internet tcp 203.0.113.4:80", "10.1.3.10:80", "", "erp through"},
		{"internet tcp 198.51.100.70:80", "10.1.3.12:80", "", "outside-only through"},
	} {
		s.cross(t, c)
	}
	if r := s.send(t, probe{try: "office tcp 198.51.100.70:80", want: lab.Timeout}); r.Outcome == lab.Open {
		t.Errorf("1:1 without reflection from inside: %s", r)
	}
}

// TestLiveTargets lets targets fall silent and come back while flows begin: none
// is lost, none goes to a silent target once the change is through, and no rule changes.
func TestLiveTargets(t *testing.T) {
	t.Parallel()
	s := buildSite(t)
	b := bedOn(t, s.gw)
	w := NewWorld(parsed(t, base+dealt("target = [\"10.1.3.10\", \"10.1.3.11\", \"10.1.3.12\"]\nspread = \"round-robin\"\ncheck = \"tcp\"\n")), Learned{}, compileTime)
	put := func(silent ...string) {
		out := *w
		out.Silent = map[string][]netip.Addr{}
		for _, a := range silent {
			out.Silent["f"] = append(out.Silent["f"], addr(a))
		}
		if err := b.run(t, newOracle(&out)); err != nil {
			t.Fatal(err)
		}
	}
	put()
	rulesOf := func() string {
		out, err := s.gw.Run(t.Context(), "nft", "list", "chain", "inet", TableName, "translate_in")
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	before := rulesOf()

	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	begun, lost := make(chan int, 2), make(chan string, 1000)
	for range 2 {
		work.Go(func() {
			n := 0
			for ; ctx.Err() == nil; n++ {
				r := s.internet.TCP(context.WithoutCancel(ctx), addrPort("203.0.113.2:8080"), lab.Within(waitAtMost))
				if r.Outcome != lab.Open {
					select {
					case lost <- r.String():
					default:
					}
				}
			}
			begun <- n
		})
	}
	silences := [][]string{{"10.1.3.11"}, {"10.1.3.11", "10.1.3.12"}, {"10.1.3.10", "10.1.3.11", "10.1.3.12"}, {"10.1.3.10"}, nil}
	for range 6 {
		for _, silent := range silences {
			put(silent...)
			if len(silent) == 3 {
				continue
			}
			for range 3 {
				r := s.internet.TCP(t.Context(), addrPort("203.0.113.2:8080"), lab.Within(waitAtMost))
				if r.Outcome != lab.Open || strings.Contains(fmt.Sprint(silent), r.At.Addr().String()) {
					t.Errorf("while %v are silent: %s", silent, r)
				}
			}
		}
	}
	stop()
	work.Wait()
	close(lost)
	for r := range lost {
		t.Errorf("a flow was lost: %s", r)
	}
	if n := <-begun + <-begun; n < 50 {
		t.Errorf("only %d flows began meanwhile", n)
	}
	if after := rulesOf(); after != before {
		t.Errorf("the rules changed:\n%s\nthey were:\n%s", after, before)
	}
}
