package flows

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ResetMark is the packet mark of what a Resetter sends. The ruleset must take packets with it out of connection tracking in
// output, before the kernel looks for their flow: they belong to none, and must not begin one.
const ResetMark uint32 = 0x00005252

const (
	nudgeBurst = 25
	nudgePause = 10 * time.Millisecond // between bursts: 10,000 packets a second, 7 Mbit/s on Ethernet
)

// Resetter tells the ends of TCP flows that have been ended that their connections are gone, although they are idle; see Nudges.
type Resetter struct {
	ipv4, ipv6 rawSocket
}

// OpenResetter returns a Resetter of the network namespace that the calling thread is in. It needs CAP_NET_RAW and CAP_NET_ADMIN.
func OpenResetter() (*Resetter, error) {
	v4, err := openRaw(unix.AF_INET)
	if err != nil {
		return nil, fmt.Errorf("open resetter: %w", err)
	}
	v6, err := openRaw(unix.AF_INET6)
	if err != nil && !errors.Is(err, unix.EAFNOSUPPORT) { // where IPv6 is off there are no flows of it
		v4.close()
		return nil, fmt.Errorf("open resetter: %w", err)
	}
	return &Resetter{v4, v6}, nil
}

// Close gives the sockets back.
func (r *Resetter) Close() error { return errors.Join(r.ipv4.close(), r.ipv6.close()) }

// Send sends the segments and returns how many it sent. Each goes out four times, with arbitrary numbers and those opposite to
// them, in all pairs: both are of the past in one of the pairs. An end cannot accept that one, and a Linux that tracks its
// connections itself and drops what is invalid takes it for a late packet and lets it in; older ones do not, and their ends learn
// of their loss when they next send.
//
// It takes two fifths of a millisecond for each, so as not to flood the networks of the ends, and until ctx ends at most. A
// segment that cannot be sent does not keep the others from being sent; the error tells of the first.
func (r *Resetter) Send(ctx context.Context, segments []Segment) (sent int, err error) {
	tick := time.NewTicker(nudgePause)
	defer tick.Stop()
	var refused error
	for burst := range slices.Chunk(segments, nudgeBurst) {
		if err := ctx.Err(); err != nil {
			return sent, fmt.Errorf("send segments: %w", err)
		}
		for _, s := range burst {
			switch err := r.send(s); {
			case err == nil:
				sent++
			case refused == nil:
				refused = fmt.Errorf("send segments: %v to %v: %w", s.Src, s.Dst, err)
			}
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	return sent, refused
}

func (r *Resetter) send(s Segment) error {
	socket, to := r.ipv6, unix.Sockaddr(&unix.SockaddrInet6{Addr: s.Dst.Addr().As16()})
	if s.Dst.Addr().Is4() {
		socket, to = r.ipv4, &unix.SockaddrInet4{Addr: s.Dst.Addr().As4()}
	}
	s.Seq, s.Ack = rand.Uint32(), rand.Uint32()
	const opposite = 1 << 31 // sequence numbers are compared round a circle, RFC 9293 3.4
	for i := range 4 {
		if err := socket.send(s.Append(nil), to); err != nil {
			return err
		}
		if i%2 == 0 {
			s.Seq ^= opposite
		} else {
			s.Ack ^= opposite
		}
	}
	return nil
}

// rawSocket sends packets with headers of their own: the protocol IPPROTO_RAW means that, and that nothing is received.
type rawSocket struct {
	file *os.File // nil where the kernel does not have the family
	conn syscall.RawConn
}

func openRaw(family int) (rawSocket, error) {
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_RAW)
	if err != nil {
		return rawSocket{}, err
	}
	file := os.NewFile(uintptr(fd), "raw socket")
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, int(ResetMark)); err != nil {
		file.Close()
		return rawSocket{}, err
	}
	conn, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return rawSocket{}, err
	}
	return rawSocket{file, conn}, nil
}

func (r rawSocket) send(packet []byte, to unix.Sockaddr) error {
	if r.file == nil {
		return unix.EAFNOSUPPORT
	}
	var sent error
	err := r.conn.Write(func(fd uintptr) bool {
		sent = unix.Sendto(int(fd), packet, 0, to)
		return sent != unix.EAGAIN
	})
	return errors.Join(err, sent)
}

func (r rawSocket) close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}
