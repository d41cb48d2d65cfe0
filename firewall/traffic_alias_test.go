package firewall

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rempart/rempart/firewall/feeds"
	"github.com/rempart/rempart/lab"
)

// answers is a Resolver whose answers the test changes.
type answers struct {
	mu   sync.Mutex
	list []netip.Addr
	err  error
}

func (a *answers) set(err error, list ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list, a.err = nil, err
	for _, s := range list {
		a.list = append(a.list, netip.MustParseAddr(s))
	}
}

// Lookup gives the addresses of the family that is asked for.
func (a *answers) Lookup(_ context.Context, _ string, f feeds.Family) (feeds.Answer, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := feeds.Answer{TTL: 20 * time.Millisecond}
	for _, ip := range a.list {
		if ip.Is4() == (f == feeds.IPv4) {
			out.Addresses = append(out.Addresses, ip)
		}
	}
	return out, a.err
}

// handles is the rules of the table with the kernel's numbers for them: a rule that was put in anew has another.
func (s *site) handles(t *testing.T) string {
	t.Helper()
	out, err := s.gw.Run(t.Context(), "nft", "-a", "list", "table", "inet", TableName)
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for line := range strings.Lines(out) {
		// Named counters and sets show figures and elements, which are to change.
		if strings.Contains(line, "# handle") && !strings.Contains(line, "packets") {
			rules = append(rules, line)
		}
	}
	return strings.Join(rules, "")
}

// TestTrafficNames changes what a name stands for while a rule uses it.
func TestTrafficNames(t *testing.T) {
	t.Parallel()
	s := buildSite(t)
	dns := &answers{}
	dns.set(nil, "10.1.3.10", "2001:db8:3::10")
	s.feeds = feeds.Options{Resolver: dns, MinTTL: 20 * time.Millisecond}
	s.start(t)
	s.apply(t, `
[alias.updates]
addresses = ["deb.example.org"]

[alias.nested]
addresses = ["@updates", "10.1.3.12"]

[[rule]]
name = "named"
destination = ["@updates"]
protocol = "tcp"
action = "pass"

[[rule]]
name = "nested"
destination = ["@nested"]
protocol = "udp"
action = "pass"
`)
	open := func(try string) { t.Helper(); s.comesBack(t, try, "named") }
	closed := func(try string) {
		t.Helper()
		await(t, try+" to be blocked", func() bool {
			before := s.counters(t)
			r := s.send(t, probe{try: try, want: lab.Timeout})
			after := s.counters(t)
			return r.Outcome == lab.Timeout && after["named"] == before["named"] && after["nested"] == before["nested"]
		})
	}
	open("office tcp 10.1.3.10:80")
	open("office tcp [2001:db8:3::10]:80")
	s.check(t, probe{try: "office udp 10.1.3.10:53", want: lab.Open, by: "nested"})
	s.check(t, probe{try: "office udp 10.1.3.12:53", want: lab.Open, by: "nested"})
	closed("office tcp 10.1.3.11:80")

	before := s.handles(t)
	dns.set(nil, "10.1.3.11")
	open("office tcp 10.1.3.11:80")
	s.check(t, probe{try: "office udp 10.1.3.11:53", want: lab.Open, by: "nested"})
	closed("office tcp 10.1.3.10:80")
	if after := s.handles(t); after != before {
		t.Errorf("the rules were put in anew:\n%s\nwere\n%s", after, before)
	}

	dns.set(errors.New("no server answers"))
	await(t, "a failed lookup", func() bool {
		a, err := s.Alias(t.Context(), "updates")
		return err == nil && len(a.Sources) == 1 && a.Sources[0].LastError != ""
	})
	s.check(t, probe{try: "office tcp 10.1.3.11:80", want: lab.Open, by: "named"})
	s.stop()
	s.start(t)
	s.check(t, probe{try: "office tcp 10.1.3.11:80", want: lab.Open, by: "named"})
}

// TestTrafficLists changes a file that an alias is read from.
func TestTrafficLists(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	file := filepath.Join(s.dir, "drop.txt")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("10.1.3.11\n2001:db8:3::/64\n")
	s.apply(t, `
[alias.drop]
url = "file://`+file+`"
refresh = "12h"

[[rule]]
name = "listed"
destination = ["@drop"]
action = "reject"

[[rule]]
name = "free"
action = "pass"
`)
	refused := func(try string) {
		t.Helper()
		await(t, try+" to be rejected", func() bool { return s.send(t, probe{try: try}).Outcome == lab.Refused })
		s.check(t, probe{try: try, want: lab.Refused, by: "listed"})
	}
	refused("office tcp 10.1.3.11:80")
	refused("office tcp [2001:db8:3::10]:80")
	s.check(t, probe{try: "office tcp 10.1.3.10:80", want: lab.Open, by: "free"})

	before := s.handles(t)
	long := "10.1.3.10\n2001:db8:3::/64\n10.1.3.12\n"
	for i := range 30 {
		long += fmt.Sprintf("192.0.2.%d\n", i)
	}
	write(long)
	if err := s.RefreshAlias(t.Context(), "drop", false); err != nil {
		t.Fatal(err)
	}
	refused("office tcp 10.1.3.10:80")
	refused("office tcp 10.1.3.12:80")
	s.check(t, probe{try: "office tcp 10.1.3.11:80", want: lab.Open, by: "free"})
	if after := s.handles(t); after != before {
		t.Errorf("the rules were put in anew:\n%s\nwere\n%s", after, before)
	}

	// A list that is nearly empty is held back until somebody says that it is right.
	write("10.1.3.12\n")
	if err := s.RefreshAlias(t.Context(), "drop", false); err != nil {
		t.Fatal(err)
	}
	await(t, "a list that is held", func() bool {
		a, err := s.Alias(t.Context(), "drop")
		return err == nil && len(a.Sources) == 1 && a.Sources[0].Held
	})
	s.check(t, probe{try: "office tcp 10.1.3.10:80", want: lab.Refused, by: "listed"})
	if err := s.RefreshAlias(t.Context(), "drop", true); err != nil {
		t.Fatal(err)
	}
	await(t, "a list that is forced", func() bool { return s.send(t, probe{try: "office tcp 10.1.3.10:80"}).Outcome == lab.Open })

	// The file is gone: what was in it stays, over a restart too.
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := s.RefreshAlias(t.Context(), "drop", false); err != nil {
		t.Fatal(err)
	}
	refused("office tcp 10.1.3.12:80")
	s.stop()
	s.start(t)
	s.check(t, probe{try: "office tcp 10.1.3.12:80", want: lab.Refused, by: "listed"})
	s.check(t, probe{try: "office tcp 10.1.3.10:80", want: lab.Open, by: "free"})
}
