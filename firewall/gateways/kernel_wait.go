package gateways

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// wait waits for events without holding a thread.
func wait(epoll syscall.RawConn, events []unix.EpollEvent) (n int, err error) {
	outer := epoll.Read(func(fd uintptr) bool {
		n, err = unix.EpollWait(int(fd), events, 0)
		if errors.Is(err, unix.EINTR) {
			n, err = 0, nil
		}
		return n > 0 || err != nil
	})
	if outer != nil {
		return 0, outer
	}
	return n, err
}
