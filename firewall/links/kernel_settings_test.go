package links

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestKernelSharesFlowsByPort(t *testing.T) {
	s := newSpace(t, "eth0", "eth1")
	apply(t, s.owner(), lines())
	for _, get := range []string{
		"route get 10.8.0.1 from 10.1.2.9 iif eth1 ipproto tcp dport 443 sport %d",
		"-6 route get 2001:db8:8::1 from 2001:db8:1::9 iif eth1 ipproto tcp dport 443 sport %d",
	} {
		count := make(map[bool]int)
		for port := range 64 {
			out := s.ip(get, 40000+port)
			if !strings.Contains(out, "dev eth") {
				t.Fatalf("no way: %s", out)
			}
			count[strings.Contains(out, "dev eth0")]++
		}
		if len(count) != 2 {
			t.Errorf("%s: all of 64 flows by one line", get)
		}
	}
}

// TestKernelAnswersByTheLineOfTheMark has a client behind the second line, whose
// packets are marked as they come in, and a default route by the first.
func TestKernelAnswersByTheLineOfTheMark(t *testing.T) {
	for _, is6 := range []bool{false, true} {
		t.Run(fmt.Sprintf("IPv6 %v", is6), func(t *testing.T) {
			s, p, client, server := markedSpace(t, is6)
			l := s.listen(netip.AddrPortFrom(server, 4000))
			defer l.Close()
			if err := p.dial(client, netip.AddrPortFrom(server, 4000), patience); err != nil {
				t.Errorf("no answer: %v", err)
			}
			const setting = "net/ipv4/tcp_fwmark_accept"
			if err := s.writeSysctl(setting, "0"); err != nil {
				t.Fatal(err)
			}
			if p.dial(client, netip.AddrPortFrom(server, 4000), 300*time.Millisecond) == nil {
				t.Errorf("there is an answer without %s", setting)
			}
		})
	}
}

// TestKernelTellsTheSender has a neighbour send what a mark leads to a table that
// refuses it: what is said about it goes to the neighbour, and not by that table.
func TestKernelTellsTheSender(t *testing.T) {
	for _, is6 := range []bool{false, true} {
		t.Run(fmt.Sprintf("IPv6 %v", is6), func(t *testing.T) {
			s := newSpace(t, "eth0", "eth1")
			s.hasty("eth0", "eth1")
			host, by, all, far := "10.1.2.4/28", "10.1.2.2", "0.0.0.0/0", "198.51.100.7"
			if is6 {
				host, by, all, far = "2001:db8:1::4/64", "2001:db8:1::2", "::/0", "2001:db8:ffff::7"
			}
			p := s.peer("eth1", host)
			want := twoLines()
			want.Routes = []Route{{Dst: netip.MustParsePrefix(all), Kind: Prohibit, Table: 82002}}
			want.Rules = []Rule{{Priority: 8202, Is6: is6, Mark: 2 << 16, Mask: 0xff0000, Table: 82002}}
			apply(t, s.owner(), want)
			p.ip("route replace %s via %s", all, by)
			s.nft(`table inet t { chain in { type filter hook prerouting priority mangle
				iifname "eth1" meta mark set 0x20000
			}
			}`)
			to := netip.AddrPortFrom(netip.MustParseAddr(far), 4000)
			if !p.told(to, patience) {
				t.Error("the sender is not told")
			}
			setting := fmt.Sprintf("net/ipv%d/fwmark_reflect", 4+2*bit(is6))
			if err := s.writeSysctl(setting, "1"); err != nil {
				t.Fatal(err)
			}
			if p.told(to, 300*time.Millisecond) {
				t.Errorf("the sender is told in spite of %s", setting)
			}
		})
	}
}

// told sends until an error comes back.
func (s *space) told(to netip.AddrPort, patience time.Duration) bool {
	s.t.Helper()
	var c net.Conn
	if err := s.inside(func() (err error) {
		c, err = net.Dial("udp", to.String())
		return err
	}); err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		_, err := c.Write([]byte("anybody?"))
		if err == nil {
			if err = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
				s.t.Fatal(err)
			}
			_, err = c.Read(make([]byte, 1))
		}
		if errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.EACCES) {
			return true
		}
	}
	return false
}

func markedSpace(t *testing.T, is6 bool) (s, p *space, client, server netip.Addr) {
	t.Helper()
	s = newSpace(t, "eth0", "eth1")
	s.hasty("eth0", "eth1")
	s.ip("link set lo up")
	addresses := []string{"10.1.2.4/28", "198.51.100.9/32"}
	client, server = netip.MustParseAddr("198.51.100.9"), netip.MustParseAddr("10.1.2.2")
	all, first, second := "0.0.0.0/0", "203.0.113.1", "10.1.2.4"
	if is6 {
		addresses = []string{"2001:db8:1::4/64", "2001:db8:ffff::9/128"}
		client, server = netip.MustParseAddr("2001:db8:ffff::9"), netip.MustParseAddr("2001:db8:1::2")
		all, first, second = "::/0", "2001:db8::1", "2001:db8:1::4"
	}
	p = s.peer("eth1", addresses...)
	p.ip("route replace %s/%d dev eth1p src %s", server, server.BitLen(), client)
	want := twoLines()
	want.Routes = []Route{route(all + " " + first + " wan"), route(all + " " + second + " lan")}
	want.Routes[1].Table = 82002
	want.Rules = []Rule{{Priority: 8202, Is6: is6, Mark: 2 << 16, Mask: 0xff0000, Table: 82002}}
	apply(t, s.owner(), want)
	s.nft(`table inet t { chain in { type filter hook prerouting priority mangle
		iifname "eth1" meta mark set 0x20000
	}
	}`)
	return s, p, client, server
}

// dial connects and closes at once.
func (s *space) dial(from netip.Addr, to netip.AddrPort, patience time.Duration) error {
	s.t.Helper()
	return s.inside(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
		c, err := d.DialContext(ctx, "tcp", to.String())
		if err != nil {
			return err
		}
		return c.Close()
	})
}

func (s *space) listen(at netip.AddrPort) net.Listener {
	s.t.Helper()
	var l net.Listener
	err := s.inside(func() (err error) {
		l, err = net.Listen("tcp", at.String())
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return l
}
