package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// ICMP is an ICMP or ICMPv6 error: type and code as on the wire, and who sent it. From tells which
// of the two protocols it is.
type ICMP struct {
	Type, Code uint8
	From       netip.Addr
}

// String names the error as its RFC does, and its sender: "port unreachable from 10.0.0.1".
func (m ICMP) String() string {
	name, ok := icmpNames()[[3]uint8{m.family(), m.Type, m.Code}]
	if !ok {
		name = fmt.Sprintf("type %d code %d", m.Type, m.Code)
	}
	return fmt.Sprintf("%s from %s", name, m.From)
}

func (m ICMP) family() uint8 {
	if m.From.Is4() {
		return 4
	}
	return 6
}

// icmpNames maps family, type and code to the names of RFC 792, RFC 1812 and RFC 4443.
func icmpNames() map[[3]uint8]string {
	return map[[3]uint8]string{
		{4, 3, 0}:  "net unreachable",
		{4, 3, 1}:  "host unreachable",
		{4, 3, 2}:  "protocol unreachable",
		{4, 3, 3}:  "port unreachable",
		{4, 3, 4}:  "fragmentation needed",
		{4, 3, 9}:  "net prohibited",
		{4, 3, 10}: "host prohibited",
		{4, 3, 13}: "admin prohibited",
		{4, 11, 0}: "time exceeded",
		{6, 1, 0}:  "no route",
		{6, 1, 1}:  "admin prohibited",
		{6, 1, 3}:  "address unreachable",
		{6, 1, 4}:  "port unreachable",
		{6, 1, 5}:  "policy fail",
		{6, 1, 6}:  "reject route",
		{6, 2, 0}:  "packet too big",
		{6, 3, 0}:  "time exceeded",
	}
}

// wantICMP has ICMP errors queued for takeICMP, the passing ones too, and reported at once. Without,
// TCP cannot tell a port unreachable from a reset.
func (s *socket) wantICMP(v6 bool) error {
	if v6 {
		return s.option(unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
	}
	return s.option(unix.IPPROTO_IP, unix.IP_RECVERR, 1)
}

// takeICMP returns the ICMP error that made the last call fail, if one did.
func (s *socket) takeICMP() (ICMP, bool) {
	var m ICMP
	var found bool
	oob := make([]byte, 512)
	_ = s.control(func(fd int) error { // an empty queue says that it was no ICMP error
		for !found {
			_, n, _, _, err := unix.Recvmsg(fd, nil, oob, unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
			if err != nil {
				return err
			}
			m, found = parseErrorQueue(oob[:n])
		}
		return nil
	})
	return m, found
}

// parseErrorQueue finds the ICMP error among the control messages of an error queue, recvmsg(2).
func parseErrorQueue(oob []byte) (ICMP, bool) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return ICMP{}, false
	}
	for _, c := range msgs {
		v4 := c.Header.Level == unix.IPPROTO_IP && c.Header.Type == unix.IP_RECVERR
		v6 := c.Header.Level == unix.IPPROTO_IPV6 && c.Header.Type == unix.IPV6_RECVERR
		if v4 || v6 {
			if m, err := parseExtendedErr(c.Data); err == nil {
				return m, true
			}
		}
	}
	return ICMP{}, false
}

var errNotICMP = errors.New("not an ICMP error")

// parseExtendedErr reads a struct sock_extended_err and the sockaddr of the sender behind it, ip(7).
func parseExtendedErr(b []byte) (ICMP, error) {
	const (
		origin, kind, code = 4, 5, 6
		size               = 16
		addr4, addr6       = size + 4, size + 8
	)
	if len(b) < size+2 {
		return ICMP{}, errNotICMP
	}
	if b[origin] != unix.SO_EE_ORIGIN_ICMP && b[origin] != unix.SO_EE_ORIGIN_ICMP6 {
		return ICMP{}, errNotICMP
	}
	m := ICMP{Type: b[kind], Code: b[code]}
	switch family := binary.NativeEndian.Uint16(b[size:]); {
	case family == unix.AF_INET && len(b) >= addr4+4:
		m.From = netip.AddrFrom4([4]byte(b[addr4:]))
	case family == unix.AF_INET6 && len(b) >= addr6+16:
		m.From = netip.AddrFrom16([16]byte(b[addr6:])).Unmap()
	default:
		return ICMP{}, errNotICMP
	}
	return m, nil
}
