package pairing

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"
)

// network opens what a pairing goes over.
type network interface {
	listen(at netip.Addr) (net.Listener, error)
	// dial returns ErrNobody where nobody listens.
	dial(ctx context.Context, to netip.Addr) (net.Conn, error)
	// device is the one that has an address of this node; empty: none has.
	device(local netip.Addr) string
}

// sockets is the network of the kernel.
type sockets struct {
	within func(open func() error) error
}

func (s sockets) do(open func() error) error {
	if s.within == nil {
		return open()
	}
	return s.within(open)
}

func (s sockets) listen(at netip.Addr) (net.Listener, error) {
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	var l net.Listener
	err := s.do(func() (err error) {
		l, err = config.Listen(context.Background(), "tcp", netip.AddrPortFrom(at, Port).String())
		return err
	})
	return l, err
}

func (s sockets) dial(ctx context.Context, to netip.Addr) (net.Conn, error) {
	var c net.Conn
	err := s.do(func() (err error) {
		c, err = new(net.Dialer).DialContext(ctx, "tcp", netip.AddrPortFrom(to, Port).String())
		return err
	})
	if errors.Is(err, syscall.ECONNREFUSED) {
		err = ErrNobody
	}
	return c, err
}

func (s sockets) device(local netip.Addr) string {
	if local.Zone() != "" {
		return local.Zone()
	}
	name := ""
	// Without the device a pairing is still one: the daemons find each other by the policy.
	_ = s.do(func() error {
		all, err := net.Interfaces()
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(d net.Interface) bool { return hasAddress(d, local) })
		if i >= 0 {
			name = all[i].Name
		}
		return nil
	})
	return name
}

func hasAddress(d net.Interface, a netip.Addr) bool {
	all, err := d.Addrs()
	return err == nil && slices.ContainsFunc(all, func(x net.Addr) bool {
		p, err := netip.ParsePrefix(x.String())
		return err == nil && p.Addr() == a
	})
}

// ends are the addresses of a connection.
func ends(c net.Conn) (local, remote netip.Addr) {
	of := func(a net.Addr) netip.Addr {
		p, err := netip.ParseAddrPort(a.String())
		if err != nil {
			return netip.Addr{}
		}
		return p.Addr().Unmap()
	}
	return of(c.LocalAddr()), of(c.RemoteAddr())
}
