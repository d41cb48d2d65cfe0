package links

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// peer is a namespace of its own at the other end of a device of s.
func (s *space) peer(device string, addresses ...string) *space {
	s.t.Helper()
	p := newSpace(s.t)
	end, err := s.handle.LinkByName(device + "p")
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.handle.LinkSetNsFd(end, int(p.ns)); err != nil {
		s.t.Fatal(err)
	}
	p.hasty(device + "p")
	p.ip("link set lo up")
	p.ip("link set %sp up", device)
	for _, a := range addresses {
		p.ip("address add %s dev %sp%s", a, device, map[bool]string{true: " nodad"}[strings.Contains(a, ":")])
	}
	return p
}

// hasty makes IPv6 addresses ready at once: a host without a link-local one that
// is ready speaks to no neighbour.
func (s *space) hasty(devices ...string) {
	s.t.Helper()
	for _, name := range append(devices, "all") {
		if err := s.writeSysctl("net/ipv6/conf/"+name+"/accept_dad", "0"); err != nil {
			s.t.Fatal(err)
		}
	}
}

// foreign adds n routes of a routing daemon.
func (s *space) foreign(n int) {
	s.t.Helper()
	device := mustIndex(s.t, s, "eth0")
	for i := range n {
		dst := netip.PrefixFrom(netip.AddrFrom4([4]byte{100, byte(64 + i>>16), byte(i >> 8), byte(i)}), 32)
		r := &netlink.Route{Dst: toIPNet(dst), LinkIndex: device, Protocol: unix.RTPROT_BGP, Priority: 20, Table: mainTable, Scope: netlink.SCOPE_LINK}
		if err := s.handle.RouteAdd(r); err != nil {
			s.t.Fatal(err)
		}
	}
}

// udp opens a socket inside; an invalid local means any address and port.
func (s *space) udp(local netip.AddrPort) *net.UDPConn {
	s.t.Helper()
	var c *net.UDPConn
	err := s.inside(func() error {
		var laddr *net.UDPAddr
		if local.IsValid() {
			laddr = net.UDPAddrFromAddrPort(local)
		}
		var err error
		c, err = net.ListenUDP("udp", laddr)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return c
}

// send sends text; what the kernel says of it is of no interest.
func send(c *net.UDPConn, to netip.AddrPort, text string) {
	_, _ = c.WriteToUDPAddrPort([]byte(text), to)
}

// receive returns the next datagram and whom it is from.
func receive(t *testing.T, c *net.UDPConn) (string, netip.AddrPort) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1500)
	n, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		t.Fatalf("receive: %v", err)
	}
	return string(b[:n]), netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
}

// patience is how long is waited for what has to come, on a busy machine.
const patience = 5 * time.Second

// echoes pings the addresses in turn, several times, and returns the first that
// answers.
func (s *space) echoes(patience time.Duration, to ...netip.Addr) netip.Addr {
	s.t.Helper()
	network, request, reply := "ip4:icmp", byte(8), byte(0)
	if to[0].Is6() {
		network, request, reply = "ip6:ipv6-icmp", 128, 129
	}
	var c *net.IPConn
	err := s.inside(func() (err error) {
		c, err = net.ListenIP(network, nil)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		for _, a := range to {
			m := []byte{request, 0, 0, 0, 0, 82, 0, 1}
			if a.Is4() { // the kernel fills it in for IPv6
				binary.BigEndian.PutUint16(m[2:], ^(uint16(request)<<8 + 82 + 1))
			}
			_, _ = c.WriteToIP(m, &net.IPAddr{IP: a.AsSlice()})
		}
		if from, ok := s.echoed(c, reply); ok {
			return from
		}
	}
	return netip.Addr{}
}

// echoed waits a moment for an answer.
func (s *space) echoed(c *net.IPConn, reply byte) (netip.Addr, bool) {
	s.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
		s.t.Fatal(err)
	}
	b := make([]byte, 1500)
	for {
		n, from, err := c.ReadFromIP(b)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return netip.Addr{}, false
		}
		if err != nil {
			s.t.Fatal(err)
		}
		if n >= 8 && b[0] == reply && b[5] == 82 {
			a, _ := netip.AddrFromSlice(from.IP)
			return a.Unmap(), true
		}
	}
}

// forwarded is how many packets were forwarded so far.
func (s *space) forwarded(is6 bool) int {
	s.t.Helper()
	var text []byte
	path := map[bool]string{false: "/proc/thread-self/net/snmp", true: "/proc/thread-self/net/snmp6"}[is6]
	err := s.inside(func() (err error) {
		text, err = os.ReadFile(path)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if is6 {
		return field(s.t, string(text), "Ip6OutForwDatagrams", 1)
	}
	lines := strings.Split(string(text), "\n")
	for i, name := range strings.Fields(lines[0]) {
		if name == "ForwDatagrams" {
			return field(s.t, lines[1], "Ip:", i)
		}
	}
	s.t.Fatal("no count of forwarded packets")
	return 0
}

// field is the nth word of the line that begins with name.
func field(t testing.TB, text, name string, n int) int {
	t.Helper()
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) > n && words[0] == name {
			value, err := strconv.Atoi(words[n])
			if err != nil {
				t.Fatal(err)
			}
			return value
		}
	}
	t.Fatal(fmt.Errorf("no %s in %s", name, text))
	return 0
}

// nft loads a ruleset.
func (s *space) nft(ruleset string) {
	s.t.Helper()
	err := s.inside(func() error {
		command := exec.Command("nft", "-f", "-")
		command.Stdin = strings.NewReader(ruleset)
		if out, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}
