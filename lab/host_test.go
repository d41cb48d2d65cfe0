package lab

import (
	"bytes"
	"errors"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// here is the namespace of the calling thread.
func here(t *testing.T) string {
	t.Helper()
	name, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Error(err)
	}
	return name
}

func TestDo(t *testing.T) {
	n := Test(t)
	a, b := n.Host("a"), n.Host("b")
	home := here(t)
	places := make(map[string]bool)
	for _, h := range []*Host{a, b, a} {
		if err := h.Do(func() error { places[here(t)] = true; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if len(places) != 2 || places[home] {
		t.Errorf("been in %v from %s", places, home)
	}
	cause := errors.New("cause")
	if err := a.Do(func() error { return cause }); !errors.Is(err, cause) {
		t.Errorf("got %v, want %v", err, cause)
	}
	if err := a.Do(func() error { runtime.Goexit(); return nil }); !errors.Is(err, errGoexit) {
		t.Errorf("got %v, want %v", err, errGoexit)
	}
}

// TestNoThreadComesBack looks for a thread that was in a namespace and now runs other goroutines.
func TestNoThreadComesBack(t *testing.T) {
	h := Test(t).Host("a")
	home := here(t)
	var work sync.WaitGroup
	for range 50 {
		work.Go(func() {
			for range 20 {
				if err := h.Do(func() error { return nil }); err != nil {
					t.Error(err)
				}
				if place := here(t); place != home {
					t.Errorf("in %s, want %s", place, home)
				}
			}
		})
	}
	work.Wait()
	// The main thread is never lent, or the whole process would seem to be elsewhere.
	if main, err := os.Readlink("/proc/self/ns/net"); main != home || err != nil {
		t.Errorf("main thread in %s, %v, want %s", main, err, home)
	}
}

func TestOnThreadSparesMainThread(t *testing.T) {
	for range 100 {
		if err := onThread(func() error {
			if unix.Gettid() == unix.Getpid() {
				return errors.New("on the main thread")
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSysctl(t *testing.T) {
	p := newPair(t)
	for _, key := range []string{"net.ipv4.conf.eth0.arp_announce", "net/ipv4/conf/eth0/arp_announce"} {
		p.client.Sysctl(key, "2")
		got, err := p.client.Run(t.Context(), "cat", "/proc/sys/net/ipv4/conf/eth0/arp_announce")
		if got != "2\n" || err != nil {
			t.Errorf("%s: got %q, %v", key, got, err)
		}
		p.client.Sysctl(key, "0")
	}
	p.client.Forward()
	got, err := p.client.Run(t.Context(), "cat", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/eth0/forwarding")
	if got != "1\n1\n" || err != nil {
		t.Errorf("forward: got %q, %v", got, err)
	}
}

func TestMAC(t *testing.T) {
	p := newPair(t)
	var want net.HardwareAddr
	if err := p.client.Do(func() error {
		i, err := net.InterfaceByName("eth0")
		if err == nil {
			want = i.HardwareAddr
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if got := p.client.MAC("eth0"); !bytes.Equal(got, want) || len(got) != 6 {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestNamespaceIsNamed uses ip-netns(8) as a person does.
func TestNamespaceIsNamed(t *testing.T) {
	h := Test(t).Host("a")
	if _, err := os.Stat("/run/netns/" + h.Namespace()); err != nil {
		t.Error(err)
	}
	if !strings.HasSuffix(h.Namespace(), "-a") || h.Name() != "a" {
		t.Errorf("names %q, %q", h.Namespace(), h.Name())
	}
}
