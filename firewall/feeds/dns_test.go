package feeds

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// nameServer is a name server on loopback, over UDP and TCP on one port.
func nameServer(t *testing.T, h dns.HandlerFunc) netip.AddrPort {
	t.Helper()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp", udp.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*dns.Server{{PacketConn: udp, Handler: h}, {Listener: tcp, Handler: h}} {
		started, ended := make(chan struct{}), make(chan error, 1)
		s.NotifyStartedFunc = func() { close(started) }
		go func() { ended <- s.ActivateAndServe() }()
		<-started
		t.Cleanup(func() {
			if err := errors.Join(s.Shutdown(), <-ended); err != nil {
				t.Error(err)
			}
		})
	}
	return netip.MustParseAddrPort(udp.LocalAddr().String())
}

// zoneFile answers from records; a name that has none does not exist.
func zoneFile(t *testing.T, records ...string) dns.HandlerFunc {
	t.Helper()
	var all []dns.RR
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rr)
	}
	return func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.Rcode = dns.RcodeNameError
		for _, rr := range all {
			if strings.EqualFold(rr.Header().Name, q.Question[0].Name) {
				m.Rcode = dns.RcodeSuccess
			}
			if rr.Header().Rrtype == q.Question[0].Qtype || rr.Header().Rrtype == dns.TypeCNAME {
				m.Answer = append(m.Answer, rr)
			}
		}
		w.WriteMsg(m)
	}
}

func TestLookup(t *testing.T) {
	server := nameServer(t, zoneFile(t,
		"deb.example.org. 300 IN A 192.0.2.1",
		"deb.example.org. 60 IN A 192.0.2.2",
		"deb.example.org. 600 IN AAAA 2001:db8::1",
		"mapped.example.org. 600 IN AAAA ::ffff:192.0.2.1",
		// Out of order, and with somebody else's address among them.
		"b.cdn.example.net. 20 IN A 192.0.2.9",
		"a.cdn.example.net. 500 IN CNAME b.cdn.example.net.",
		"WWW.example.org. 400 IN CNAME a.CDN.example.net.",
		"loop.example.org. 1 IN CNAME pool.example.org.",
		"pool.example.org. 1 IN CNAME loop.example.org.",
	))
	tests := []struct {
		name   string
		family Family
		want   Answer
		err    string
	}{
		{"deb.example.org", IPv4, Answer{addrs("192.0.2.1", "192.0.2.2"), time.Minute}, ""},
		{"DEB.example.org.", IPv6, Answer{addrs("2001:db8::1"), 10 * time.Minute}, ""},
		{"www.example.org", IPv4, Answer{addrs("192.0.2.9"), 20 * time.Second}, ""},
		{"www.example.org", IPv6, Answer{}, ""},
		{"mapped.example.org", IPv6, Answer{}, ""},
		{"absent.example.org", IPv4, Answer{}, "no such name"},
		{"loop.example.org", IPv4, Answer{}, ""},
	}
	for _, tt := range tests {
		got, err := (&DNS{Servers: []netip.AddrPort{server}}).Lookup(t.Context(), tt.name, tt.family)
		if tt.err == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s %v: %v, want %q", tt.name, tt.family, err, tt.err)
		}
		if diff := cmp.Diff(tt.want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("%s %v: -want +got\n%s", tt.name, tt.family, diff)
		}
	}
	if _, err := (&DNS{Servers: []netip.AddrPort{server}}).Lookup(t.Context(), "absent.example.org", IPv4); !errors.Is(err, ErrNoName) {
		t.Errorf("%v is not ErrNoName", err)
	}
}

// TestLookupFollowsAliases has a server that gives one CNAME record an answer.
func TestLookupFollowsAliases(t *testing.T) {
	server := nameServer(t, func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		name := q.Question[0].Name
		text := name + " 100 IN CNAME x" + name
		if strings.HasPrefix(name, "xx") {
			text = name + " 200 IN A 192.0.2.7"
		}
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Error(err)
		}
		m.Answer = []dns.RR{rr}
		w.WriteMsg(m)
	})
	got, err := (&DNS{Servers: []netip.AddrPort{server}}).Lookup(t.Context(), "www.example.org", IPv4)
	if err != nil || got.TTL != 100*time.Second || len(got.Addresses) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	endless := nameServer(t, func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		name := q.Question[0].Name
		m.Answer = []dns.RR{&dns.CNAME{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: 1}, Target: "x" + name}}
		w.WriteMsg(m)
	})
	_, err = (&DNS{Servers: []netip.AddrPort{endless}}).Lookup(t.Context(), "www.example.org", IPv4)
	if err == nil || !strings.Contains(err.Error(), "more than 8 aliases (CNAME)") {
		t.Errorf("endless aliases: %v", err)
	}
}

func TestLookupFallsBackToTCP(t *testing.T) {
	var overUDP, overTCP atomic.Int32
	server := nameServer(t, func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		if w.RemoteAddr().Network() == "udp" {
			overUDP.Add(1)
			m.Truncated = true
			w.WriteMsg(m)
			return
		}
		overTCP.Add(1)
		for i := range 100 {
			rr, err := dns.NewRR(fmt.Sprintf("%s 60 IN A 192.0.2.%d", q.Question[0].Name, i+1))
			if err != nil {
				t.Error(err)
			}
			m.Answer = append(m.Answer, rr)
		}
		w.WriteMsg(m)
	})
	got, err := (&DNS{Servers: []netip.AddrPort{server}}).Lookup(t.Context(), "many.example.org", IPv4)
	if err != nil || len(got.Addresses) != 100 || overUDP.Load() != 1 || overTCP.Load() != 1 {
		t.Errorf("%d addresses, %v; asked %d times over UDP and %d over TCP", len(got.Addresses), err, overUDP.Load(), overTCP.Load())
	}
}

// TestLookupTriesServersInTurn passes one that is silent, one that is broken,
// one that answers another question.
func TestLookupTriesServersInTurn(t *testing.T) {
	silent := nameServer(t, func(dns.ResponseWriter, *dns.Msg) {})
	broken := nameServer(t, func(w dns.ResponseWriter, q *dns.Msg) {
		w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeServerFailure))
	})
	confused := nameServer(t, func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.Question[0].Name = "other.example.org."
		w.WriteMsg(m)
	})
	good := nameServer(t, zoneFile(t, "deb.example.org. 300 IN A 192.0.2.1"))

	d := &DNS{Servers: []netip.AddrPort{silent, broken, confused, good}, Timeout: 50 * time.Millisecond}
	if got, err := d.Lookup(t.Context(), "deb.example.org", IPv4); err != nil || len(got.Addresses) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	d.Servers = d.Servers[:3]
	_, err := d.Lookup(t.Context(), "deb.example.org", IPv4)
	want := fmt.Sprintf("ask %s for A: it does not answer; ask %s for A: it says SERVFAIL; ask %s for A: it answers another question: check that these name servers answer", silent, broken, confused)
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// TestLookupEnds checks that a lookup ends with its context, not with its time-out.
func TestLookupEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	silent := nameServer(t, func(dns.ResponseWriter, *dns.Msg) { cancel() })
	begun := time.Now()
	_, err := (&DNS{Servers: []netip.AddrPort{silent}, Timeout: time.Minute}).Lookup(ctx, "deb.example.org", IPv4)
	if !errors.Is(err, context.Canceled) || time.Since(begun) > 30*time.Second {
		t.Errorf("%v after %v", err, time.Since(begun))
	}
}

func TestServers(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tests := []struct {
		path, want, says string
	}{
		{write("two", "# mine\nsearch example.org\nnameserver 192.0.2.53\nnameserver 2001:db8::53\noptions edns0\n"), "[192.0.2.53:53 [2001:db8::53]:53]", ""},
		{write("none", "search example.org\n"), "[]", "names none: add a line such as"},
		{filepath.Join(dir, "absent"), "[]", "find name servers: open"},
	}
	for _, tt := range tests {
		got, err := (&DNS{ResolvConf: tt.path}).servers()
		if fmt.Sprint(got) != tt.want || tt.says == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, %v, want %s, %q", tt.path, got, err, tt.want, tt.says)
		}
	}
}
