package lab

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Tun is a device of a host with nobody at its far end but the one who holds it: what is injected
// comes in by the device, and what the host sends by it is kept to be read. Packets begin with their
// IP header. There are no neighbours to be asked for, and the host says nothing there by itself but
// which multicast groups it listens to.
type Tun struct {
	host *Host
	dev  string
	file *os.File
	rc   syscall.RawConn
}

// tunQueue is how many packets wait in a device until they are read; more are lost.
const tunQueue = 8192

// Tun adds a device and sets it up. It is closed with the network at the latest, and goes when it
// is closed.
func (h *Host) Tun(dev string) *Tun {
	h.net.t.Helper()
	t := &Tun{host: h, dev: dev}
	if err := t.make(); err != nil {
		h.check(fmt.Errorf("add tun %s: %w", dev, err))
	}
	return t
}

func (t *Tun) make() error {
	if err := t.host.space.do(t.open); err != nil {
		return err
	}
	if err := t.host.net.own(t); err != nil {
		return err
	}
	l, err := t.host.space.find(t.dev)
	if err != nil {
		return err
	}
	if err := t.host.space.link.LinkSetTxQLen(l, tunQueue); err != nil {
		return fmt.Errorf("set queue: %w", err)
	}
	// Without it the kernel makes an address of its own, and looks for routers.
	quiet := func() error { return writeSysctl("net/ipv6/conf/"+t.dev+"/addr_gen_mode", "1") }
	if err := t.host.space.do(quiet); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return t.host.space.up(t.dev)
}

// open makes the device in the namespace of the calling thread.
func (t *Tun) open() (err error) {
	if t.file, err = openTun(t.dev, unix.IFF_TUN); err != nil {
		return err
	}
	t.rc, err = t.file.SyscallConn()
	return err
}

// openTun makes a device of a kind, IFF_TUN or IFF_TAP, in the namespace of the calling thread.
func openTun(dev string, kind uint16) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	r, err := unix.NewIfreq(dev)
	if err == nil {
		r.SetUint16(kind | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, r)
	}
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), dev), nil
}

// Inject has the host receive a packet by the device. When it returns the host is done with it: what
// it sends on waits in the devices that it leaves by.
func (t *Tun) Inject(packet []byte) error {
	err := t.control(func(fd int) error {
		_, err := unix.Write(fd, packet)
		return err
	})
	if err != nil {
		return t.host.wrap(fmt.Errorf("inject into %s: %w", t.dev, err))
	}
	return nil
}

// Left returns the packets that have left by the device and were not returned before. It does not wait.
func (t *Tun) Left() ([][]byte, error) {
	var out [][]byte
	buf := make([]byte, 1<<16)
	err := t.control(func(fd int) error {
		for {
			n, err := unix.Read(fd, buf)
			switch {
			case errors.Is(err, unix.EAGAIN):
				return nil
			case errors.Is(err, unix.EINTR):
				continue
			case err != nil:
				return err
			}
			out = append(out, append([]byte(nil), buf[:n]...))
		}
	})
	if err != nil {
		return out, t.host.wrap(fmt.Errorf("read %s: %w", t.dev, err))
	}
	return out, nil
}

// control runs fn with the descriptor.
func (t *Tun) control(fn func(fd int) error) error {
	if t.rc == nil {
		return errNotMade
	}
	var inner error
	err := t.rc.Control(func(fd uintptr) { inner = fn(int(fd)) })
	return errors.Join(err, inner)
}

// Close removes the device.
func (t *Tun) Close() error {
	if t.file == nil {
		return nil
	}
	return t.file.Close()
}
