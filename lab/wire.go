package lab

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Wire is a cable between two hosts that can go bad while it is in use: it loses frames, takes its
// time, sends them twice or in another order, falls silent, or is pulled out. Each frame goes through this process, for not every kernel
// has netem. Both ends are TAP devices without offloads, so that frames are never longer than the
// MTU and have their checksums.
type Wire struct {
	net  *Net
	ends [2]*wireEnd
	ways [2]*way // ways[i] leads to ends[i]
	once sync.Once
	work sync.WaitGroup
}

// wireEnd is the device of one host.
type wireEnd struct {
	end
	host *Host
	file *os.File
	rc   syscall.RawConn
}

// Wire puts a wire between new devices of two different hosts, sets both up and gives them no
// addresses. It returns when frames can pass, and is closed with the network.
func (n *Net) Wire(a *Host, adev string, b *Host, bdev string) *Wire {
	n.t.Helper()
	w := &Wire{net: n}
	if err := w.make(n.nextLink(), end{a.space, adev}, end{b.space, bdev}); err != nil {
		n.check(fmt.Errorf("wire %s:%s to %s:%s: %w", a.name, adev, b.name, bdev, errors.Join(err, w.Close())))
		return w
	}
	w.ends[0].host, w.ends[1].host = a, b
	return w
}

func (w *Wire) make(number int, ends ...end) error {
	if ends[0].space == nil || ends[1].space == nil {
		return errNotMade
	}
	for i, e := range ends {
		w.ends[i] = &wireEnd{end: e}
		if err := e.space.do(w.ends[i].open); err != nil {
			return fmt.Errorf("add tap %s: %w", e.dev, err)
		}
	}
	for i, e := range w.ends {
		w.ways[i] = &way{from: w.ends[1-i], to: e, lane: newLane(uint64(2*number + i))}
	}
	if err := w.net.own(w); err != nil {
		return err
	}
	for _, way := range w.ways {
		w.work.Go(way.run)
	}
	for _, e := range w.ends {
		l, err := e.space.find(e.dev)
		if err != nil {
			return err
		}
		if err := e.space.link.LinkSetTxQLen(l, tunQueue); err != nil {
			return fmt.Errorf("set queue: %w", err)
		}
		if err := e.space.up(e.dev); err != nil {
			return err
		}
	}
	return w.carrier(true)
}

// open makes the device in the namespace of the calling thread, without carrier.
func (e *wireEnd) open() error {
	file, err := openTun(e.dev, unix.IFF_TAP)
	if err != nil {
		return err
	}
	e.file = file
	if e.rc, err = file.SyscallConn(); err != nil {
		return err
	}
	// The kernel says of a device that never was without a carrier that it does not know.
	return e.setCarrier(false)
}

// setCarrier gives the device a carrier or takes it away.
func (e *wireEnd) setCarrier(on bool) error {
	value := 0
	if on {
		value = 1
	}
	var inner error
	err := e.rc.Control(func(fd uintptr) { inner = unix.IoctlSetPointerInt(int(fd), unix.TUNSETCARRIER, value) })
	if err := errors.Join(err, inner); err != nil {
		return fmt.Errorf("set carrier of %s: %w", e.dev, err)
	}
	return nil
}

// Set changes what the wire does to frames in both directions.
func (w *Wire) Set(i Impairment) {
	for _, way := range w.ways {
		way.set(i)
	}
}

// SetTo changes what the wire does to frames that go to a host, which must be at one of its ends.
func (w *Wire) SetTo(h *Host, i Impairment) {
	w.net.t.Helper()
	if way := w.wayTo(h); way != nil {
		way.set(i)
	}
}

// To counts the frames that go to a host, which must be at one of the wire's ends.
func (w *Wire) To(h *Host) Frames {
	w.net.t.Helper()
	if way := w.wayTo(h); way != nil {
		return way.frames()
	}
	return Frames{}
}

func (w *Wire) wayTo(h *Host) *way {
	w.net.t.Helper()
	for i, e := range w.ends {
		if e != nil && e.host == h {
			return w.ways[i]
		}
	}
	w.net.check(h.wrap(errNoCable))
	return nil
}

// Pull pulls the wire out: both devices stay up and keep all, but have no carrier. It returns when
// the kernel has told everyone.
func (w *Wire) Pull() {
	w.net.t.Helper()
	if err := w.carrier(false); err != nil {
		w.net.check(fmt.Errorf("pull wire: %w", err))
	}
}

// Push puts the wire back that Pull has pulled out, with the impairment that it had.
func (w *Wire) Push() {
	w.net.t.Helper()
	if err := w.carrier(true); err != nil {
		w.net.check(fmt.Errorf("push wire: %w", err))
	}
}

func (w *Wire) carrier(on bool) error {
	for i, way := range w.ways {
		if way == nil {
			return errNotMade
		}
		way.cut(!on)
		if err := w.ends[i].setCarrier(on); err != nil {
			return err
		}
	}
	for _, e := range w.ends {
		l, err := e.space.find(e.dev)
		if err != nil {
			return err
		}
		if l.Attrs().Flags&net.FlagUp == 0 {
			continue // who has set it down will see
		}
		// To ask for the device makes the kernel tell at once, not up to a second later.
		if err := errors.Join(e.await(on), e.settle()); err != nil {
			return err
		}
	}
	return nil
}

// Close removes both devices.
func (w *Wire) Close() error {
	var errs []error
	w.once.Do(func() {
		for _, e := range w.ends {
			if e != nil && e.file != nil {
				errs = append(errs, e.file.Close())
			}
		}
	})
	w.work.Wait()
	return errors.Join(errs...)
}
