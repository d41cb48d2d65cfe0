package lab

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// refuse loads an nft ruleset on the server.
func refuse(t *testing.T, h *Host, rules string) {
	t.Helper()
	cmd := h.Command(t.Context(), "nft", "-f", "-")
	cmd.Stdin = strings.NewReader("table inet t { chain in { type filter hook input priority 0;\n" + rules + "\n}; }")
	p, err := h.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatalf("nft: %v: %s", err, p.Output())
	}
}

func TestProbes(t *testing.T) {
	p := newPair(t)
	for _, a := range []string{server4, server6} {
		p.server.ServeTCP(port(a, 80))
		p.server.ServeUDP(port(a, 53))
	}
	refuse(t, p.server, `
		th dport 1000 drop
		meta l4proto tcp th dport 1001 reject with tcp reset
		th dport 1002 reject with icmpx admin-prohibited
		th dport 1003 reject with icmpx port-unreachable
		th dport 1004 reject with icmpx no-route`)
	tcp, udp := (*Host).TCP, (*Host).UDP
	tests := []struct {
		name  string
		probe func(*Host, context.Context, netip.AddrPort, ...Option) Result
		port  uint16
		want  string // for the address A, port P and the prober B
		want6 string // if it differs
	}{
		{"tcp open", tcp, 80, "open: server at A:P saw B", ""},
		{"udp open", udp, 53, "open: server at A:P saw B", ""},
		{"tcp closed", tcp, 81, "refused", ""},
		{"udp closed", udp, 54, "unreachable: port unreachable from A", ""},
		{"tcp dropped", tcp, 1000, "timeout", ""},
		{"udp dropped", udp, 1000, "timeout", ""},
		{"tcp reset", tcp, 1001, "refused", ""},
		{"tcp prohibited", tcp, 1002, "unreachable: admin prohibited from A", ""},
		{"udp prohibited", udp, 1002, "unreachable: admin prohibited from A", ""},
		{"tcp port unreachable is no reset", tcp, 1003, "unreachable: port unreachable from A", ""},
		{"tcp no route", tcp, 1004, "unreachable: net unreachable from A", "unreachable: no route from A"},
		{"udp no route", udp, 1004, "unreachable: net unreachable from A", "unreachable: no route from A"},
	}
	for _, tt := range tests {
		for _, a := range []string{server4, server6} {
			within := patience(tt.want)
			r := tt.probe(p.client, t.Context(), port(a, tt.port), Within(within))
			want := tt.want
			if addr(a).Is6() && tt.want6 != "" {
				want = tt.want6
			}
			asked := port(a, tt.port).String()
			want = strings.NewReplacer("A:P", asked, "A", a, "B", r.From.String()).Replace(want)
			if r.String() != want {
				t.Errorf("%s: %s: got %q, want %q", tt.name, a, r, want)
			}
			if r.Took <= 0 || r.Outcome == Timeout && r.Took < within/2 {
				t.Errorf("%s: %s: %s after %s", tt.name, a, r, r.Took)
			}
		}
	}
}

// patience is short only where a timeout is wanted.
func patience(want string) time.Duration {
	if want == Timeout.String() {
		return 100 * time.Millisecond
	}
	return 5 * time.Second
}

func TestProbesFromAndFailed(t *testing.T) {
	p := newPair(t)
	p.server.ServeTCP(port(server4, 80))
	p.server.ServeUDP(port(server4, 80))
	p.client.AddAddr("eth0", prefix("10.0.0.3/24"))
	from := port("10.0.0.3", 1234)
	for name, probe := range map[string]func(*Host, context.Context, netip.AddrPort, ...Option) Result{
		"tcp": (*Host).TCP,
		"udp": (*Host).UDP,
		"ping": func(h *Host, ctx context.Context, dst netip.AddrPort, opts ...Option) Result {
			return h.Ping(ctx, dst.Addr(), opts...)
		},
	} {
		r := probe(p.client, t.Context(), port(server4, 80), From(from))
		if r.Outcome != Open || r.From != from || name != "ping" && r.Seen != from {
			t.Errorf("%s: %s, from %s, seen %s, want %s", name, r, r.From, r.Seen, from)
		}
		for what, r := range map[string]Result{
			"no route":       probe(p.client, t.Context(), port("192.0.2.1", 80)),
			"no destination": probe(p.client, t.Context(), netip.AddrPort{}),
			"not ours":       probe(p.client, t.Context(), port(server4, 80), From(port("10.0.0.4", 0))),
			"no device":      probe(p.client, t.Context(), port("fe80::1%eth9", 80)),
		} {
			if r.Outcome != Failed || r.Err == nil {
				t.Errorf("%s: %s: %s", name, what, r)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if r := probe(p.client, ctx, port("10.0.0.99", 80)); r.Outcome != Timeout {
			t.Errorf("%s: over: %s", name, r)
		}
	}
}

func TestPing(t *testing.T) {
	p := newPair(t)
	refuse(t, p.server, `
		ip saddr 10.0.0.3 drop
		ip saddr 10.0.0.4 reject with icmp admin-prohibited`)
	p.client.AddAddr("eth0", prefix("10.0.0.3/24"), prefix("10.0.0.4/24"))
	tests := []struct {
		from, dst string
		size      int
		want      string
	}{
		{client4, server4, 0, "open"},
		{client4, server4, 4000, "open"},
		{client6, server6, 0, "open"},
		{"10.0.0.3", server4, 0, "timeout"},
		{"10.0.0.4", server4, 0, "unreachable: admin prohibited from " + server4},
	}
	for _, tt := range tests {
		r := p.client.Ping(t.Context(), addr(tt.dst), From(port(tt.from, 0)), Size(tt.size), Within(patience(tt.want)))
		if r.String() != tt.want {
			t.Errorf("%+v: got %s", tt, r)
		}
	}
}

func TestLinkLocal(t *testing.T) {
	p := newPair(t)
	p.server.AddAddr("eth0", prefix("fe80::1/64"))
	p.server.ServeTCP(port("fe80::1%eth0", 80))
	p.server.ServeUDP(port("fe80::1%eth0", 53))
	for what, r := range map[string]Result{
		"tcp":  p.client.TCP(t.Context(), port("fe80::1%eth0", 80)),
		"udp":  p.client.UDP(t.Context(), port("fe80::1%eth0", 53)),
		"ping": p.client.Ping(t.Context(), addr("fe80::1%eth0")),
	} {
		if r.Outcome != Open {
			t.Errorf("%s: %s", what, r)
		}
	}
	s := p.client.Stream(port("fe80::1%eth0", 53), 1000)
	eventually(t, "an echo", func() bool { return s.Stats().Echoed > 0 })
	s.Stop()
}

// TestServeAll sees answers come from the address that was asked, whatever the routes prefer.
func TestServeAll(t *testing.T) {
	p := newPair(t)
	p.server.AddAddr("eth0", prefix("10.0.0.77/24"), prefix("fd00::77/64"))
	for _, a := range []string{"0.0.0.0", "::"} {
		p.server.ServeUDP(port(a, 53))
		p.server.ServeTCP(port(a, 80))
	}
	for _, a := range []string{server4, "10.0.0.77", server6, "fd00::77"} {
		if r := p.client.UDP(t.Context(), port(a, 53)); r.At != port(a, 53) {
			t.Errorf("udp: %s: %s", a, r)
		}
		if r := p.client.TCP(t.Context(), port(a, 80)); r.At != port(a, 80) {
			t.Errorf("tcp: %s: %s", a, r)
		}
	}
}

func TestServeFreePortAndClose(t *testing.T) {
	p := newPair(t)
	s := p.server.ServeTCP(port(server4, 0))
	c, r := p.client.Call(t.Context(), s.Addr())
	if r.Outcome != Open {
		t.Fatal(r)
	}
	defer c.Close()
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Echo(t.Context()); err == nil {
		t.Error("echo from a closed server")
	}
	if r := p.client.TCP(t.Context(), s.Addr()); r.Outcome != Refused {
		t.Errorf("closed: %s", r)
	}
}

func TestSilentServerIsOpen(t *testing.T) {
	p := newPair(t)
	if _, err := p.server.Listen("tcp", port(server4, 80)); err != nil {
		t.Fatal(err)
	}
	c, r := p.client.Call(t.Context(), port(server4, 80), Within(50*time.Millisecond))
	if r.Outcome != Open || r.Server != "" || r.String() != "open" {
		t.Errorf("got %s", r)
	}
	if c != nil {
		_ = c.Close()
	}
}

func TestCall(t *testing.T) {
	p := newPair(t)
	p.server.ServeTCP(port(server4, 80))
	c, r := p.client.Call(t.Context(), port(server4, 80))
	if c == nil {
		t.Fatal(r)
	}
	defer c.Close()
	for range 3 {
		if err := c.Echo(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	p.client.Unplug("eth0")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Echo(ctx); err == nil {
		t.Error("echo without a cable")
	}
	p.client.Replug("eth0")
	// What was lost is sent again, so the echo before this one comes first.
	ctx, cancel = context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := c.Echo(ctx); err == nil || !strings.Contains(err.Error(), `got "echo 4\n"`) {
		t.Errorf("late echo: %v", err)
	}
}
