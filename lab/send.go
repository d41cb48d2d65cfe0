package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Send sends an IPv4 or IPv6 packet, from its IP header on, by the host's routes and through its
// output rules, whatever its source and its contents are. Of IPv4 the kernel sets the length and the
// header's checksum; [Host.SendFrame] leaves everything as it is.
func (h *Host) Send(packet []byte) error {
	if err := h.send(packet); err != nil {
		return h.wrap(fmt.Errorf("send packet: %w", err))
	}
	return nil
}

func (h *Host) send(packet []byte) error {
	dst, err := destination(packet)
	if err != nil {
		return err
	}
	domain := unix.AF_INET
	if dst.Is6() {
		domain = unix.AF_INET6
	}
	s, err := h.rawSocket(domain, unix.IPPROTO_RAW)
	if err != nil {
		return err
	}
	return s.control(func(fd int) error {
		return unix.Sendto(fd, packet, 0, sockaddr(netip.AddrPortFrom(dst, 0)))
	})
}

// destination reads the destination out of an IP header.
func destination(packet []byte) (netip.Addr, error) {
	switch {
	case len(packet) >= ipv4Header && packet[0]>>4 == 4:
		return netip.AddrFrom4([4]byte(packet[16:])), nil
	case len(packet) >= ipv6Header && packet[0]>>4 == 6:
		return netip.AddrFrom16([16]byte(packet[24:])), nil
	}
	return netip.Addr{}, errors.New("neither IPv4 nor IPv6")
}

// SendFrame sends an Ethernet frame, from its header on, out of a device just as it is.
func (h *Host) SendFrame(dev string, frame []byte) error {
	if err := h.sendFrame(dev, frame); err != nil {
		return h.wrap(fmt.Errorf("send frame on %s: %w", dev, err))
	}
	return nil
}

func (h *Host) sendFrame(dev string, frame []byte) error {
	if len(frame) < etherHeader {
		return errShort
	}
	l, err := h.space.find(dev)
	if err != nil {
		return err
	}
	s, err := h.rawSocket(unix.AF_PACKET, 0)
	if err != nil {
		return err
	}
	to := &unix.SockaddrLinklayer{
		Ifindex:  l.Attrs().Index,
		Protocol: networkOrder(binary.BigEndian.Uint16(frame[etherHeader-2:])),
	}
	return s.control(func(fd int) error { return unix.Sendto(fd, frame, 0, to) })
}

// rawSocket is a raw socket that is opened once and closed with the network: the kernel takes some
// ten milliseconds to close one of AF_PACKET.
func (h *Host) rawSocket(domain, proto int) (*socket, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.raw[domain]; s != nil {
		return s, nil
	}
	s, err := h.socket(context.Background(), domain, unix.SOCK_RAW, proto)
	if err != nil {
		return nil, err
	}
	if err := s.option(unix.SOL_SOCKET, unix.SO_BROADCAST, 1); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := h.net.own(s); err != nil {
		return nil, err
	}
	h.raw[domain] = s
	return s, nil
}
