package flows

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

// refusing is a gateway that translates what leaves by its line and forwards a port, for hosts inside as well, and that
// refuses what comes for flows that were ended. It looks for those before any translation, after the look for a living flow.
const refusing = `
table inet test {
	set gone4 {
		type ipv4_addr . inet_service . ipv4_addr . inet_service
		flags timeout
	}
	set gone6 {
		type ipv6_addr . inet_service . ipv6_addr . inet_service
		flags timeout
	}
	chain own {
		type filter hook output priority raw
		meta mark 0x5252 %s
	}
	chain ended {
		type filter hook prerouting priority mangle
		ct state established,related accept
		tcp flags syn accept
		tcp flags rst drop
		ip saddr . tcp sport . ip daddr . tcp dport @gone4 reject with tcp reset
		ip6 saddr . tcp sport . ip6 daddr . tcp dport @gone6 reject with tcp reset
	}
	chain before {
		type nat hook prerouting priority dstnat
		ip daddr 203.0.113.1 tcp dport 8080 dnat to 10.0.0.3:80
	}
	chain after {
		type nat hook postrouting priority srcnat
		oifname "wan" masquerade
		ip saddr 10.0.0.0/24 ip daddr 10.0.0.3 masquerade
	}
}
`

// offices is two hosts inside, the gateway, and a host on the Internet.
type offices struct {
	client, inner, gw, far *lab.Host
	table                  *Kernel
	resetter               *Resetter
}

func newOffices(t *testing.T, tracked string) *offices {
	t.Helper()
	n := lab.Test(t)
	lan, wan := n.Switch("lan"), n.Switch("wan")
	o := &offices{client: n.Host("client"), inner: n.Host("inner"), gw: n.Host("gw"), far: n.Host("far")}
	prefix := netip.MustParsePrefix
	o.gw.Plug("lan", lan, prefix("10.0.0.1/24"), prefix("fd00:a::1/64"))
	o.gw.Plug("wan", wan, prefix("203.0.113.1/24"), prefix("2001:db8::1/64"))
	o.client.Plug("eth0", lan, prefix("10.0.0.2/24"), prefix("fd00:a::2/64"))
	o.inner.Plug("eth0", lan, prefix("10.0.0.3/24"), prefix("fd00:a::3/64"))
	o.far.Plug("eth0", wan, prefix("203.0.113.2/24"), prefix("2001:db8::2/64"))
	for _, h := range []*lab.Host{o.client, o.inner} {
		h.Default(netip.MustParseAddr("10.0.0.1"))
		h.Default(netip.MustParseAddr("fd00:a::1"))
	}
	o.gw.Forward()
	o.nft(t, fmt.Sprintf(refusing, tracked))
	err := o.gw.Do(func() (err error) {
		if o.table, err = Open(); err == nil {
			o.resetter, err = OpenResetter()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.table.Close(); o.resetter.Close() })
	return o
}

func (o *offices) nft(t *testing.T, commands string) {
	t.Helper()
	cmd := o.gw.Command(t.Context(), "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(commands)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v: %s", err, out)
	}
}

// connections opens n connections and returns both ends of each.
func connections(t *testing.T, n int, from *lab.Host, to netip.AddrPort, at *lab.Host, listen string) (dialed, accepted []net.Conn) {
	t.Helper()
	l, err := at.Listen("tcp", netip.MustParseAddrPort(listen))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range n {
		c, err := from.Dial(t.Context(), "tcp", netip.AddrPort{}, to)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		a, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		dialed, accepted = append(dialed, c), append(accepted, a)
	}
	return dialed, accepted
}

// resets waits for idle connections to be reset, as long as it is given, and counts those that are.
func resets(t *testing.T, conns []net.Conn, within time.Duration) (n int) {
	t.Helper()
	ends := make(chan error, len(conns))
	deadline := time.Now().Add(within)
	for _, c := range conns {
		if err := c.SetReadDeadline(deadline); err != nil {
			t.Fatal(err)
		}
		go func() {
			_, err := c.Read(make([]byte, 1))
			ends <- err
		}()
	}
	for range conns {
		switch err := <-ends; {
		case errors.Is(err, syscall.ECONNRESET):
			n++
		case !errors.Is(err, os.ErrDeadlineExceeded):
			t.Errorf("an idle connection ended otherwise: %v", err)
		}
	}
	return n
}

// cut ends all connections as the death of a line does, and returns the nudges to the ends that are inside.
func (o *offices) cut(t *testing.T, connections int) (inside []Segment) {
	t.Helper()
	all := listed(t, o.table, connections, "proto tcp state established")
	var elements strings.Builder
	for _, f := range all {
		set := "gone4"
		if f.Orig.Src.Addr().Is6() {
			set = "gone6"
		}
		for _, x := range []Tuple{f.Orig, f.Reply} {
			fmt.Fprintf(&elements, "add element inet test %s { %v . %d . %v . %d timeout 1m }\n", set, x.Src.Addr(), x.Src.Port(), x.Dst.Addr(), x.Dst.Port())
		}
		inside = append(inside, Nudges(f)...)
	}
	o.nft(t, elements.String())
	if n, err := o.table.End(t.Context(), all); n != connections || err != nil {
		t.Fatalf("ended %d, %v", n, err)
	}
	return slices.DeleteFunc(inside, func(s Segment) bool {
		return !netip.MustParsePrefix("10.0.0.0/24").Contains(s.Dst.Addr()) && !netip.MustParsePrefix("fd00:a::/64").Contains(s.Dst.Addr())
	})
}

// TestResetReachesIdleEnds cuts idle connections that are translated in each way. The ends inside learn of it at once, and what
// tells them begins no flow.
func TestResetReachesIdleEnds(t *testing.T) {
	const many, soon, meanwhile = 100, 2 * time.Second, 300 * time.Millisecond
	for _, tc := range []struct {
		what             string
		from, at         func(*offices) *lab.Host
		to, listen       string
		dialed, accepted int // how many ends of each kind are inside
	}{
		{"source translated", client, far, "203.0.113.2:80", "203.0.113.2:80", many, 0},
		{"source translated, IPv6", client, far, "[2001:db8::2]:80", "[2001:db8::2]:80", many, 0},
		{"port forward", far, inner, "203.0.113.1:8080", "10.0.0.3:80", 0, many},
		{"reflection", client, inner, "203.0.113.1:8080", "10.0.0.3:80", many, many},
	} {
		t.Run(tc.what, func(t *testing.T) {
			o := newOffices(t, "notrack")
			dialed, accepted := connections(t, many, tc.from(o), netip.MustParseAddrPort(tc.to), tc.at(o), tc.listen)
			nudges := o.cut(t, many)
			if n := resets(t, slices.Concat(dialed, accepted), meanwhile); n != 0 {
				t.Errorf("%d ends were reset before they were nudged", n)
			}
			began := time.Now()
			if n, err := o.resetter.Send(t.Context(), nudges); n != tc.dialed+tc.accepted || err != nil {
				t.Errorf("sent %d, %v, want %d", n, err, tc.dialed+tc.accepted)
			}
			reset := resets(t, dialed[:tc.dialed], soon) + resets(t, accepted[:tc.accepted], soon)
			t.Logf("%d ends were reset in %v", reset, time.Since(began))
			if reset != tc.dialed+tc.accepted {
				t.Errorf("%d ends were reset, want %d", reset, tc.dialed+tc.accepted)
			}
			if n := resets(t, slices.Concat(dialed[tc.dialed:], accepted[tc.accepted:]), meanwhile); n != 0 {
				t.Errorf("%d ends outside were reset: something left by the dead line", n)
			}
			listed(t, o.table, 0, "proto tcp")
		})
	}
}

func client(o *offices) *lab.Host { return o.client }
func inner(o *offices) *lab.Host  { return o.inner }
func far(o *offices) *lab.Host    { return o.far }

// TestResetNeedsNotrack shows what ResetMark asks of the ruleset for: a segment that is tracked begins a flow.
func TestResetNeedsNotrack(t *testing.T) {
	o := newOffices(t, "counter")
	connections(t, 1, o.client, netip.MustParseAddrPort("203.0.113.2:80"), o.far, "203.0.113.2:80")
	if n, err := o.resetter.Send(t.Context(), o.cut(t, 1)); n != 1 || err != nil {
		t.Fatalf("sent %d, %v", n, err)
	}
	listed(t, o.table, 1, "proto tcp")
}

// TestResetPassesTheFirewallOfAHost has hosts that track connections themselves and drop what is invalid, as many do.
func TestResetPassesTheFirewallOfAHost(t *testing.T) {
	const many = 50
	o := newOffices(t, "notrack")
	cmd := o.client.Command(t.Context(), "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(`table inet own {
		counter invalid { }
		chain input { type filter hook input priority filter; ct state invalid counter name invalid drop; }
	}`)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v: %s", err, out)
	}
	dialed, _ := connections(t, many, o.client, netip.MustParseAddrPort("203.0.113.2:80"), o.far, "203.0.113.2:80")
	if n, err := o.resetter.Send(t.Context(), o.cut(t, many)); n != many || err != nil {
		t.Fatalf("sent %d, %v", n, err)
	}
	if n := resets(t, dialed, 2*time.Second); n != many {
		t.Errorf("%d ends were reset, want %d", n, many)
	}
	out, err := o.client.Run(t.Context(), "nft", "list", "counter", "inet", "own", "invalid")
	if err != nil || strings.Contains(out, "packets 0 ") {
		t.Errorf("the firewall of the host dropped nothing: %v: %s", err, out)
	}
}

func TestResetterGoesOnWithoutARoute(t *testing.T) {
	o := newOffices(t, "notrack")
	nowhere, there := segment("203.0.113.2:80", "192.0.2.7:1", 0, 0), segment("203.0.113.2:80", "10.0.0.2:1", 0, 0)
	if n, err := o.resetter.Send(t.Context(), []Segment{nowhere, there}); n != 1 || !errors.Is(err, syscall.ENETUNREACH) {
		t.Errorf("sent %d, %v, want one", n, err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := o.resetter.Send(gone, []Segment{there}); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("sent %d after cancel, %v", n, err)
	}
	began := time.Now()
	if n, err := o.resetter.Send(t.Context(), slices.Repeat([]Segment{there}, 4*nudgeBurst)); n != 4*nudgeBurst || err != nil {
		t.Errorf("sent %d, %v", n, err)
	}
	if took := time.Since(began); took < 3*nudgePause {
		t.Errorf("four bursts took %v", took)
	}
}
