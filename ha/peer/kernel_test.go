package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/rempart/rempart/lab"
)

// childVariable has the test program be a node instead: its value is where the other is.
const childVariable = "REMPART_PEER_CHILD"

func TestMain(m *testing.M) {
	if where := os.Getenv(childVariable); where != "" {
		if err := child(where); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child is a node with session 2 until it is killed.
func child(where string) error {
	var local, other string
	if _, err := fmt.Sscan(where, &local, &other); err != nil {
		return err
	}
	l := New(Options{
		Trust: func() Trust { return pairedWith(local, other) }, Local: 2, Log: hclog.NewNullLogger(),
		Answer: func(context.Context, Question) ([]byte, error) { return []byte("alive"), nil },
	})
	l.Aim("eth0", netip.MustParseAddr(local), netip.MustParseAddr(other))
	return l.Run(context.Background())
}

// street is two hosts with addresses of both families on a wire.
func street(t *testing.T) (a, b *lab.Host, w *lab.Wire) {
	t.Helper()
	n := lab.Test(t)
	a, b = n.Host("a"), n.Host("b")
	w = n.Wire(a, "eth0", b, "eth0")
	a.AddAddr("eth0", netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("fe80::a/64"))
	b.AddAddr("eth0", netip.MustParsePrefix("192.0.2.2/24"), netip.MustParsePrefix("fe80::b/64"))
	return a, b, w
}

// startIn runs a link on the device of a host.
func startIn(t *testing.T, h *lab.Host, session uint64, local, other string) *node {
	t.Helper()
	n := start(t, nil, session, local, other, func(o *Options) { o.Within = h.Do })
	n.Aim("eth0", n.address, netip.MustParseAddr(other))
	return n
}

// TestKilled: the kernel of the other tells at once that its program is no more.
func TestKilled(t *testing.T) {
	for name, c := range map[string]struct{ local, other string }{
		"IPv4": {"192.0.2.1", "192.0.2.2"},
		"IPv6": {"fe80::a", "fe80::b"},
	} {
		t.Run(name, func(t *testing.T) {
			a, b, _ := street(t)
			n := startIn(t, a, 1, c.local, c.other)
			cmd := b.Command(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), childVariable+"="+c.other+" "+c.local)
			p, err := b.Start(cmd)
			if err != nil {
				t.Fatal(err)
			}
			n.tells(t, "up 2")
			if got, err := n.Ask(t.Context(), "any", nil); err != nil || string(got) != "alive" {
				t.Errorf("%q, %v", got, err)
			}
			began := time.Now()
			if err := p.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			n.tells(t, "up 2; down true: its program ended")
			took := time.Since(began)
			t.Logf("the death is known after %v", took)
			if took > userTimeout {
				t.Errorf("the death is known after %v", took)
			}
		})
	}
}

// TestSilentWire: a network that gives out is no death, at neither end, and neither is what one end says
// when it comes back.
func TestSilentWire(t *testing.T) {
	a, b, w := street(t)
	x := startIn(t, a, 1, "192.0.2.1", "192.0.2.2")
	y := startIn(t, b, 2, "192.0.2.2", "192.0.2.1")
	x.tells(t, "up 2")
	y.tells(t, "up 1")
	w.Set(lab.Impairment{Loss: 100})
	began := time.Now()
	await(t, "one end gives up", func() bool { return !x.Connected() || !y.Connected() })
	t.Logf("noticed after %v", time.Since(began))
	w.Set(lab.Impairment{})
	const out, gone = "down false: the network was out for too long", "down false: the network gave out"
	await(t, "they find one another", func() bool {
		return strings.HasSuffix(x.hasTold(), "; up 2") && strings.HasSuffix(y.hasTold(), "; up 1")
	})
	for _, n := range []*node{x, y} {
		up := fmt.Sprintf("up %d", 3-n.options.Local)
		switch got := n.hasTold(); got {
		case up + "; " + out + "; " + up, up + "; " + gone + "; " + up:
		default:
			t.Errorf("told %q", got)
		}
	}
}

// TestOnlyByTheDevice: who comes in by another device does not reach the listener.
func TestOnlyByTheDevice(t *testing.T) {
	n := lab.Test(t)
	a, b, c := n.Host("a"), n.Host("b"), n.Host("c")
	n.Cable(a, "eth0", b, "eth0")
	n.Cable(a, "eth1", c, "eth0")
	a.AddAddr("eth0", netip.MustParsePrefix("192.0.2.1/24"))
	a.AddAddr("eth1", netip.MustParsePrefix("198.51.100.1/24"))
	b.AddAddr("eth0", netip.MustParsePrefix("192.0.2.2/24"))
	c.AddAddr("eth0", netip.MustParsePrefix("198.51.100.2/24"))
	c.Route(netip.MustParsePrefix("192.0.2.0/24"), netip.MustParseAddr("198.51.100.1"))
	start(t, nil, 1, "192.0.2.1", "192.0.2.9", func(o *Options) { o.Within = a.Do }).
		Aim("eth0", netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.9"))
	call := func(h *lab.Host) error {
		return h.Do(func() error {
			conn, err := net.DialTimeout("tcp", fmt.Sprintf("192.0.2.1:%d", Port), patience)
			if err == nil {
				conn.Close()
			}
			return err
		})
	}
	await(t, "it listens on its device", func() bool { return call(b) == nil })
	if err := call(c); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("by another device: %v", err)
	}
}

// An address that comes later is listened on then.
func TestAddressComesLater(t *testing.T) {
	n := lab.Test(t)
	a, b := n.Host("a"), n.Host("b")
	n.Cable(a, "eth0", b, "eth0")
	x := startIn(t, a, 1, "192.0.2.1", "192.0.2.2")
	y := startIn(t, b, 2, "192.0.2.2", "192.0.2.1")
	a.AddAddr("eth0", netip.MustParsePrefix("192.0.2.1/24"))
	b.AddAddr("eth0", netip.MustParsePrefix("192.0.2.2/24"))
	x.tells(t, "up 2")
	y.tells(t, "up 1")
	x.Goodbye()
	y.tells(t, "up 1; down false: the peer leaves: it stops")
}
