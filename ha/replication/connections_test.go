package replication_test

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// dialers is how many threads open connections side by side.
const dialers = 8

// serveConnections has the server read a message on each connection, send it back, and follow the client in
// closing it.
func serveConnections(tb testing.TB, b *bed) {
	tb.Helper()
	b.client.Sysctl("net.ipv4.ip_local_port_range", "1024 65535")
	b.client.Sysctl("net.ipv4.tcp_tw_reuse", "1")
	for i := range portsCount {
		l, err := b.server.Listen("tcp4", port(serverAddress, firstPort+uint16(i)))
		if err != nil {
			tb.Fatal(err)
		}
		go func() { // it ends with the network, which closes the listener
			for {
				c, err := l.Accept()
				if errors.Is(err, net.ErrClosed) {
					return
				}
				if err == nil {
					go func() {
						_, _ = io.Copy(c, c) // as long as the client likes
						_ = c.Close()
					}()
				}
			}
		}()
	}
}

// connect opens, uses and closes connections through the gateway, rate a second for some time. It returns how many
// there were.
func connect(tb testing.TB, b *bed, rate int, during time.Duration) int {
	tb.Helper()
	var next, done atomic.Int64
	var failed error
	var once sync.Once
	var work sync.WaitGroup
	p := pacer{time.Now(), rate}
	for range dialers {
		work.Go(func() {
			err := b.client.Do(func() error {
				for {
					i := int(next.Add(1)) - 1
					if float64(i) >= float64(rate)*during.Seconds() {
						return nil
					}
					p.wait(i)
					if err := exchange(port(serverAddress, uint16(firstPort+i%portsCount))); err != nil {
						return err
					}
					done.Add(1)
				}
			})
			if err != nil {
				once.Do(func() { failed = err })
			}
		})
	}
	work.Wait()
	if failed != nil {
		tb.Fatalf("connect through the gateway: %v", failed)
	}
	return int(done.Load())
}

// exchange is one short connection of the calling thread's namespace.
func exchange(dst netip.AddrPort) (err error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	limit := unix.Timeval{Sec: int64(waitAtMost / time.Second)}
	err = errors.Join(
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit),
	)
	if err != nil {
		return err
	}
	if err := retry(func() error {
		return unix.Connect(fd, &unix.SockaddrInet4{Port: int(dst.Port()), Addr: dst.Addr().As4()})
	}); err != nil {
		return err
	}
	message := make([]byte, 256)
	if err := retry(func() error { _, err := unix.Write(fd, message); return err }); err != nil {
		return err
	}
	for left := len(message); left > 0; {
		var n int
		if err := retry(func() (err error) { n, err = unix.Read(fd, message); return err }); err != nil {
			return err
		}
		if n == 0 {
			return io.ErrUnexpectedEOF
		}
		left -= n
	}
	return nil
}

// retry calls a system call again that a signal broke off.
func retry(call func() error) error {
	for {
		err := call()
		if !errors.Is(err, unix.EINTR) {
			if errors.Is(err, unix.EISCONN) {
				return nil // the connect that was broken off went on
			}
			return err
		}
	}
}
