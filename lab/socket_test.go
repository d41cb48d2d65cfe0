package lab

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"
)

// TestOrdinarySockets runs HTTP, which knows nothing of namespaces, over the sockets of two hosts.
func TestOrdinarySockets(t *testing.T) {
	p := newPair(t)
	for _, a := range []string{server4, server6} {
		l, err := p.server.Listen("tcp", port(a, 80))
		if err != nil {
			t.Fatal(err)
		}
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.RemoteAddr)
		})}
		done := make(chan error, 1)
		go func() { done <- srv.Serve(l) }()
		client := &http.Client{Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				remote, err := netip.ParseAddrPort(addr)
				if err != nil {
					return nil, err
				}
				from := client4
				if remote.Addr().Is6() {
					from = client6
				}
				return p.client.Dial(ctx, network, port(from, 5555), remote)
			},
		}}
		resp, err := client.Get("http://" + port(a, 80).String() + "/")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		want := port(client4, 5555).String()
		if addr(a).Is6() {
			want = port(client6, 5555).String()
		}
		if string(body) != want {
			t.Errorf("%s: seen %s, want %s", a, body, want)
		}
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != http.ErrServerClosed {
			t.Error(err)
		}
	}
}

func TestListenPacketAndDialUDP(t *testing.T) {
	p := newPair(t)
	pc, err := p.server.ListenPacket("udp", port(server4, 53))
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.client.Dial(t.Context(), "udp", port(client4, 5353), port(server4, 53))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 10)
	n, from, err := pc.ReadFrom(buf)
	if err != nil || string(buf[:n]) != "hello" || from.String() != "10.0.0.2:5353" {
		t.Errorf("got %q from %v, %v", buf[:n], from, err)
	}
}

func TestCloseClosesListeners(t *testing.T) {
	n := mustNew(t, "listen")
	l, err := n.Host("a").Listen("tcp", port("127.0.0.1", 80))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := l.Accept()
		done <- err
	}()
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil {
		t.Error("accepted")
	}
}

func TestDialEndsWithContext(t *testing.T) {
	p := newPair(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if c, err := p.client.Dial(ctx, "tcp", netip.AddrPort{}, port("10.0.0.99", 80)); err == nil {
		t.Errorf("connected to %s", c.RemoteAddr())
	}
}
