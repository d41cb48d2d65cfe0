package conntrack

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// dumpBytes is the largest datagram that the kernel fills with a dump.
const dumpBytes = 32 << 10

// dump asks the kernel for all that it has of a kind, one dump at a time, and takes it piece by piece. The kernel
// makes each piece when the one before it is taken, so that one always waits.
type dump struct {
	socket
	protocol int
	running  bool
	room     []byte
}

func openDump(protocol int) (dump, error) {
	s, err := openSocket(protocol)
	return dump{socket: s, protocol: protocol, room: make([]byte, dumpBytes)}, err
}

// start asks; a dump that has not ended is given up.
func (d *dump) start(request []byte) error {
	if err := d.giveUp(); err != nil {
		return err
	}
	if err := d.send(request); err != nil {
		return err
	}
	d.running = true
	return nil
}

// read hands over the messages of one datagram. An error ends the dump, too.
func (d *dump) read(take func(msg []byte)) (done bool, err error) {
	if !d.running {
		return true, nil
	}
	n, err := d.receive(d.room)
	if err != nil {
		return false, err // and running: what the kernel makes of it is unknown
	}
	for rest := d.room[:n]; len(rest) > 0; {
		var one []byte
		if one, rest, err = Split(rest); err != nil {
			return false, err
		}
		if ended, err := endOf(one); ended {
			d.running = false
			return err == nil, err
		}
		take(one)
	}
	return false, nil
}

// endOf says whether a message ends a dump, and with which error. The kernel says so in either way.
func endOf(b []byte) (ended bool, err error) {
	if kind := msg(binary.NativeEndian.Uint16(b[4:])); kind != msgDone && kind != msgError {
		return false, nil
	}
	var m Message
	if err := m.Parse(b); err != nil {
		return true, err
	}
	if m.Errno != 0 {
		return true, unix.Errno(m.Errno)
	}
	return true, nil
}

// giveUp ends a dump. The kernel knows no request for that, but another socket has none; it can only be made by
// a thread that is in the namespace of this one. Any other reads the rest.
func (d *dump) giveUp() error {
	if !d.running {
		return nil
	}
	other, err := openSocket(d.protocol)
	if err != nil {
		return err
	}
	if !other.beside(d.socket) {
		return errors.Join(other.Close(), d.drain())
	}
	err = d.Close()
	d.socket, d.running = other, false
	return err
}

func (d *dump) drain() error {
	for {
		done, err := d.read(func([]byte) {})
		if done || err != nil && !d.running {
			return nil // what it ended with is of no interest any more
		}
		if err != nil {
			return fmt.Errorf("give up: %w", err)
		}
	}
}

// beside says whether both sockets are in the same network namespace. Before Linux 5.14 nobody knows.
func (s socket) beside(other socket) bool {
	a, errA := unix.GetsockoptUint64(s.fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	b, errB := unix.GetsockoptUint64(other.fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	return errA == nil && errB == nil && a == b
}
