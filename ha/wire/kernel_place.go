package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// subnetMetric is that of the routes to the subnets of IPv6 addresses that we place: the
	// kernel's own, 256, come first, and what others set, 1024, later.
	subnetMetric = 257
	// subnetProtocol marks them as ours; it is CARP's number, and of no routing protocol.
	subnetProtocol = 112
)

// tenYears is for ever to a route. One without an end could not be given one again.
const tenYears = 10 * 365 * 24 * time.Hour

// places puts addresses on devices, by one socket that stays open.
//
// Leases are the kernel's, which counts them in seconds and looks for their ends once a second at
// most. Measured on Linux 6.18, over leases of 1 to 6 s of both families, placed and renewed: the
// address goes between 20 ms before the end and 1 s after it, within 10 ms when no other
// address of the machine has been looked at in the second before.
//
// An IPv6 address comes without the route to its subnet that the kernel would add, for when a
// lasting address becomes a leased one the kernel has that route end with the lease, even if
// another address needs it for ever. So each comes with a route of ours instead.
type places struct {
	mu      sync.Mutex
	file    *os.File
	raw     syscall.RawConn
	seq     uint32
	message []byte
	answer  []byte
	// ends are the leases of the addresses of each subnet of IPv6, zero if they last for ever.
	ends map[subnet]map[netip.Addr]time.Time
}

// subnet is one that a device has a route to.
type subnet struct {
	index  int
	prefix netip.Prefix
}

func openPlaces() (*places, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	p := &places{
		file:   os.NewFile(uintptr(fd), "rtnetlink"),
		answer: make([]byte, os.Getpagesize()),
		ends:   make(map[subnet]map[netip.Addr]time.Time),
	}
	// Answers need not quote the question.
	err = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1)
	if err == nil {
		p.raw, err = p.file.SyscallConn()
	}
	if err != nil {
		return nil, errors.Join(err, p.file.Close())
	}
	return p, nil
}

func (p *places) close() error { return p.file.Close() }

// Place gives a device an address. It takes some 20 microseconds. What is sent to a new IPv6 address
// is taken when a worker of the kernel has got to it: that takes 70 microseconds more, and some
// milliseconds on a machine that is busy.
func (n *Netlink) Place(index int, a netip.Prefix, lease time.Duration) error {
	if err := n.places.place(index, a, lease); err != nil {
		if a.Addr().Is6() && errors.Is(err, unix.EACCES) {
			err = fmt.Errorf("the device's disable_ipv6 is set: %w", err)
		}
		return fmt.Errorf("place %s: %w", a, err)
	}
	return nil
}

// Remove takes an address away. If an IPv4 address was the first of its subnet, then the others
// go with it, unless the device's promote_secondaries is set; the same holds when a lease ends.
func (n *Netlink) Remove(index int, a netip.Prefix) error {
	if err := n.places.remove(index, a); err != nil {
		return fmt.Errorf("remove %s: %w", a, err)
	}
	return nil
}

func (p *places) place(index int, a netip.Prefix, lease time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begin()
	p.addAddress(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, index, a, lease)
	if err := p.ask(); err != nil || !hasSubnet(a) {
		return err
	}
	s := subnet{index, a.Masked()}
	if p.ends[s] == nil {
		p.ends[s] = make(map[netip.Addr]time.Time)
	}
	p.ends[s][a.Addr()] = time.Time{}
	if life := leaseSeconds(lease); life != forEver {
		p.ends[s][a.Addr()] = time.Now().Add(time.Duration(life) * time.Second)
	}
	p.begin()
	p.addRoute(unix.RTM_NEWROUTE, unix.NLM_F_CREATE, s, p.routeLife(s))
	return unless(p.ask(), unix.EEXIST) // whose end has been changed all the same
}

func (p *places) remove(index int, a netip.Prefix) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begin()
	p.addAddress(unix.RTM_DELADDR, 0, index, a, 0)
	err := unless(p.ask(), unix.EADDRNOTAVAIL, unix.ENODEV)
	if err != nil || !hasSubnet(a) {
		return err
	}
	s := subnet{index, a.Masked()}
	delete(p.ends[s], a.Addr())
	p.begin()
	if life := p.routeLife(s); life > 0 {
		p.addRoute(unix.RTM_NEWROUTE, unix.NLM_F_CREATE, s, life)
		return unless(p.ask(), unix.EEXIST)
	}
	delete(p.ends, s)
	p.addRoute(unix.RTM_DELROUTE, 0, s, 0)
	return unless(p.ask(), unix.ESRCH, unix.ENODEV)
}

// hasSubnet says whether an address comes with a route of ours.
func hasSubnet(a netip.Prefix) bool { return a.Addr().Is6() && !a.IsSingleIP() }

// routeLife is how long a route to a subnet is needed.
func (p *places) routeLife(s subnet) (life time.Duration) {
	now := time.Now()
	for _, end := range p.ends[s] {
		if end.IsZero() {
			return tenYears
		}
		life = max(life, end.Sub(now))
	}
	return life
}

// begin begins a message.
func (p *places) begin() { p.message = p.message[:0] }

// addAddress writes a message about an address, rtnetlink(7).
func (p *places) addAddress(kind, flags uint16, index int, a netip.Prefix, lease time.Duration) {
	family := uint8(unix.AF_INET)
	if a.Addr().Is6() {
		family = unix.AF_INET6
	}
	p.addHeader(kind, flags)
	p.message = append(p.message, family, uint8(a.Bits()), 0, 0)
	p.message = binary.NativeEndian.AppendUint32(p.message, uint32(index))
	p.addAttribute(unix.IFA_LOCAL, a.Addr().AsSlice()...)
	p.addAttribute(unix.IFA_ADDRESS, a.Addr().AsSlice()...)
	if kind == unix.RTM_NEWADDR {
		if b, ok := broadcastOf(a); ok {
			p.addAttribute(unix.IFA_BROADCAST, b.AsSlice()...)
		}
		life := leaseSeconds(lease)
		preferred := life
		if a.Addr().Is6() {
			p.addNumbers(unix.IFA_FLAGS, unix.IFA_F_NODAD|unix.IFA_F_NOPREFIXROUTE)
			preferred = 0 // what the machine says by itself does not come from an address that moves (RFC 6724 rule 3)
		}
		p.addNumbers(unix.IFA_CACHEINFO, preferred, life, 0, 0)
	}
	p.endHeader()
}

// addRoute writes a message about our route to a subnet.
func (p *places) addRoute(kind, flags uint16, s subnet, life time.Duration) {
	p.addHeader(kind, flags)
	p.message = append(p.message, unix.AF_INET6, uint8(s.prefix.Bits()), 0, 0,
		unix.RT_TABLE_MAIN, subnetProtocol, unix.RT_SCOPE_UNIVERSE, unix.RTN_UNICAST, 0, 0, 0, 0)
	p.addAttribute(unix.RTA_DST, s.prefix.Addr().AsSlice()...)
	p.addNumbers(unix.RTA_OIF, uint32(s.index))
	p.addNumbers(unix.RTA_PRIORITY, subnetMetric)
	if kind == unix.RTM_NEWROUTE {
		p.addNumbers(unix.RTA_EXPIRES, leaseSeconds(life))
	}
	p.endHeader()
}

func (p *places) addHeader(kind, flags uint16) {
	p.seq++
	p.message = append(p.message, 0, 0, 0, 0) // the length
	p.message = binary.NativeEndian.AppendUint16(p.message, kind)
	p.message = binary.NativeEndian.AppendUint16(p.message, flags|unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	p.message = binary.NativeEndian.AppendUint32(p.message, p.seq)
	p.message = append(p.message, 0, 0, 0, 0) // to the kernel
}

func (p *places) endHeader() {
	binary.NativeEndian.PutUint32(p.message, uint32(len(p.message)))
}

// addAttribute adds an attribute whose value is a multiple of 4 bytes long.
func (p *places) addAttribute(kind uint16, value ...byte) {
	p.message = binary.NativeEndian.AppendUint16(p.message, uint16(unix.SizeofRtAttr+len(value)))
	p.message = binary.NativeEndian.AppendUint16(p.message, kind)
	p.message = append(p.message, value...)
}

func (p *places) addNumbers(kind uint16, values ...uint32) {
	p.message = binary.NativeEndian.AppendUint16(p.message, uint16(unix.SizeofRtAttr+4*len(values)))
	p.message = binary.NativeEndian.AppendUint16(p.message, kind)
	for _, v := range values {
		p.message = binary.NativeEndian.AppendUint32(p.message, v)
	}
}

// ask sends the message and returns the kernel's answer.
func (p *places) ask() error {
	if err := p.file.SetDeadline(time.Now().Add(replyTimeout)); err != nil {
		return err
	}
	var inner error
	kernel := &unix.SockaddrNetlink{Family: unix.AF_NETLINK}
	err := p.raw.Write(func(fd uintptr) bool {
		inner = unix.Sendto(int(fd), p.message, 0, kernel)
		return !waits(inner)
	})
	if err := errors.Join(err, inner); err != nil {
		return err
	}
	for {
		var n int
		err := p.raw.Read(func(fd uintptr) bool {
			n, inner = unix.Read(int(fd), p.answer)
			return !waits(inner)
		})
		if err := errors.Join(err, inner); err != nil {
			return err
		}
		if answered, err := p.verdict(p.answer[:n]); answered {
			return err
		}
	}
}

// waits says whether a call is to be made again, now or when there is something to be had.
func waits(err error) bool { return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) }

// verdict reads an answer; those to questions that nobody waited for are passed over.
func (p *places) verdict(b []byte) (answered bool, err error) {
	const whole = unix.SizeofNlMsghdr + 4
	if len(b) < whole || binary.NativeEndian.Uint16(b[4:]) != unix.NLMSG_ERROR || binary.NativeEndian.Uint32(b[8:]) != p.seq {
		return false, nil
	}
	switch errno := -int32(binary.NativeEndian.Uint32(b[unix.SizeofNlMsghdr:])); unix.Errno(errno) {
	case 0:
		return true, nil
	case unix.ENODEV:
		return true, fmt.Errorf("%w: %w", ErrNoDevice, unix.ENODEV)
	default:
		return true, unix.Errno(errno)
	}
}

// unless is err but nil if it is one of those.
func unless(err error, those ...error) error {
	for _, e := range those {
		if errors.Is(err, e) {
			return nil
		}
	}
	return err
}
