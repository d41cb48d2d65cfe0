package flows

import (
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// namespaces returns a gateway at 10.99.0.1, 10.99.0.3 and fd00:99::1 and a client at 10.99.0.2 and fd00:99::2, with a cable
// between them. Both vanish with the test.
func namespaces(t testing.TB) (gw, client netns.NsHandle) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	gw, client = newNamespace(t), newNamespace(t)
	h, err := netlink.NewHandleAt(gw)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	cable := netlink.NewVeth(netlink.LinkAttrs{Name: "lan0"})
	cable.PeerName, cable.PeerNamespace = "eth0", netlink.NsFd(client)
	if err := h.LinkAdd(cable); err != nil {
		t.Fatal(err)
	}
	setUp(t, gw, "lan0", "10.99.0.1/24", "10.99.0.3/24", "fd00:99::1/64")
	setUp(t, client, "eth0", "10.99.0.2/24", "fd00:99::2/64")
	return gw, client
}

func newNamespace(t testing.TB) netns.NsHandle {
	t.Helper()
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer home.Close()
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	if err := netns.Set(home); err != nil {
		t.Fatal(err) // the thread stays locked and ends with its goroutine
	}
	runtime.UnlockOSThread()
	return ns
}

// inside runs fn on a thread that is in the namespace.
func inside(t testing.TB, ns netns.NsHandle, fn func()) {
	t.Helper()
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer home.Close()
	if err := netns.Set(ns); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := netns.Set(home); err != nil {
			t.Error(err)
			return
		}
		runtime.UnlockOSThread()
	}()
	fn()
}

func setUp(t testing.TB, ns netns.NsHandle, device string, addrs ...string) {
	t.Helper()
	h, err := netlink.NewHandleAt(ns)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for _, name := range []string{"lo", device} {
		l, err := h.LinkByName(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.LinkSetUp(l); err != nil {
			t.Fatal(err)
		}
		if name == "lo" {
			continue
		}
		for _, s := range addrs {
			a, err := netlink.ParseAddr(s)
			if err != nil {
				t.Fatal(err)
			}
			a.Flags |= unix.IFA_F_NODAD
			if err := h.AddrAdd(l, a); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// run runs a command in the namespace and returns what it says.
func run(t testing.TB, ns netns.NsHandle, stdin string, args ...string) string {
	t.Helper()
	var out []byte
	inside(t, ns, func() {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Stdin = strings.NewReader(stdin)
		cmd.Stderr = os.Stderr
		var err error
		if out, err = cmd.Output(); err != nil {
			t.Fatalf("%s: %v", strings.Join(args, " "), err)
		}
	})
	return string(out)
}

// eventually polls until the condition holds, for at most five seconds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	timeout := time.After(5 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("%s: not within five seconds", what)
		}
	}
}

// serve accepts connections at the address in the namespace and keeps them open until the test ends.
func serve(t testing.TB, ns netns.NsHandle, addr string) {
	t.Helper()
	inside(t, ns, func() {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			var open []net.Conn
			defer func() {
				for _, c := range open {
					c.Close()
				}
			}()
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				open = append(open, c)
			}
		}()
		t.Cleanup(func() { l.Close(); <-done })
	})
}

// send writes a datagram from the namespace; network is udp or, for a packet with a header of its own, ip4:icmp or ip6:ipv6-icmp.
func send(t testing.TB, ns netns.NsHandle, network, addr string, b []byte) {
	t.Helper()
	inside(t, ns, func() {
		c, err := net.Dial(network, addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
	})
}

// connect opens a TCP connection from the namespace and keeps it open until the test ends.
func connect(t testing.TB, ns netns.NsHandle, addr string) {
	t.Helper()
	inside(t, ns, func() {
		to, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		c, err := net.DialTCP("tcp", nil, to)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	})
}
