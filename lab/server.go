package lab

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
)

// Server answers probes until Close, at the latest that of its network.
type Server struct {
	host *Host
	addr netip.AddrPort
	conn io.Closer
	work sync.WaitGroup

	mu     sync.Mutex
	closed bool
	peers  map[net.Conn]bool
}

// Addr is the address that the server listens on.
func (s *Server) Addr() netip.AddrPort { return s.addr }

// Close stops the server and ends its connections.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	err := s.conn.Close()
	for c := range s.peers {
		err = errors.Join(err, c.Close())
	}
	s.mu.Unlock()
	s.work.Wait()
	return err
}

// ServeTCP starts a server that tells each client who it is and whom it sees, and then echoes. An
// unspecified address stands for all of its own family; port 0 for a free one.
func (h *Host) ServeTCP(addr netip.AddrPort) *Server {
	h.net.t.Helper()
	s := &Server{host: h, addr: addr, peers: make(map[net.Conn]bool)}
	l, err := h.Listen(familyOf("tcp", addr), addr)
	if err != nil {
		s.closed = true
		h.net.check(fmt.Errorf("serve tcp: %w", err))
		return s
	}
	s.addr, s.conn = netip.AddrPortFrom(addr.Addr(), addrPortOf(l.Addr()).Port()), l
	s.work.Go(func() { s.accept(l) })
	if err := h.net.own(s); err != nil {
		h.check(fmt.Errorf("serve tcp: %w", err))
	}
	return s
}

// familyOf is the network name of exactly one address family.
func familyOf(network string, a netip.AddrPort) string {
	if a.Addr().Is4() {
		return network + "4"
	}
	return network + "6"
}

func (s *Server) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return // closed
		}
		if !s.admit(c) {
			continue
		}
		s.work.Go(func() {
			defer s.dismiss(c)
			greeting := banner{s.host.name, addrPortOf(c.LocalAddr()), addrPortOf(c.RemoteAddr())}
			if _, err := c.Write(greeting.append(nil)); err != nil {
				return
			}
			_, _ = io.Copy(c, c) // an echo ends as its client likes
		})
	}
}

// admit notes a connection for Close, or closes it if that came first.
func (s *Server) admit(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = c.Close()
		return false
	}
	s.peers[c] = true
	return true
}

func (s *Server) dismiss(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.peers, c)
	_ = c.Close() // Close may have been quicker
}

// addrPortOf is the address of one end of a connection, without the zone.
func addrPortOf(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.TCPAddr:
		ap = a.AddrPort()
	case *net.UDPAddr:
		ap = a.AddrPort()
	}
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}
