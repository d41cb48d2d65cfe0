package scenario_test

import (
	"bytes"
	"encoding/binary"
	"net"
	"time"

	"github.com/rempart/rempart/ha/wire"
	"github.com/rempart/rempart/lab"
	"golang.org/x/sys/unix"
)

// Where things are in a frame of IPv4 without options, and in an advertisement.
const (
	atIP      = 14
	atTTL     = atIP + 8
	atIPSum   = atIP + 10
	atPayload = atIP + 20

	atVersion, atVHID, atSkew, atBase, atSum = atPayload, atPayload + 1, atPayload + 2, atPayload + 5, atPayload + 6
	adLen                                    = 36
)

// ofKind is a filter for a capture: IPv4 frames that are of a kind.
func ofKind(k wire.Kind) func(frame []byte) bool {
	return func(frame []byte) bool {
		p, err := wire.Parse(frame)
		return err == nil && p.Kind == k && p.Dst.Is4()
	}
}

// overhear takes down frames that come by a device of a host.
func (b *bed) overhear(h *lab.Host, dev string, keep func(frame []byte) bool, n int) [][]byte {
	b.Helper()
	c := h.Capture(dev, keep)
	b.await("frames to overhear", func() bool { return len(c.Packets()) >= n })
	var all [][]byte
	for _, p := range c.Stop() {
		all = append(all, p.Frame)
	}
	return all
}

// forge is a frame that is changed, sent by another machine. Its checksums are right again; they are unkeyed.
func forge(frame []byte, from *lab.Host, dev string, change func(frame []byte)) []byte {
	out := bytes.Clone(frame)
	copy(out[6:12], from.MAC(dev)) // the switch shall not take it for the node
	if change != nil {
		change(out)
	}
	put(out[atIP:atPayload], atIPSum-atIP)
	if p, err := wire.Parse(out); err == nil && p.Kind == wire.CARP && len(p.Payload) >= adLen {
		put(out[atPayload:atPayload+adLen], atSum-atPayload)
	}
	return out
}

// put writes the checksum of b into it (RFC 1071).
func put(b []byte, at int) {
	b[at], b[at+1] = 0, 0
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(b[at:], ^uint16(sum))
}

// flood sends frames in turn at a rate for some time, and says how many it were. A machine that is too busy
// sends fewer.
func (b *bed) flood(from *lab.Host, dev string, frames [][]byte, rate int, length time.Duration) (sent int) {
	b.Helper()
	fd := -1
	err := from.Do(func() error {
		device, err := net.InterfaceByName(dev)
		if err == nil {
			fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		}
		if err == nil {
			err = unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: device.Index})
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	defer unix.Close(fd) // was only written to
	start := time.Now()
	for elapsed := time.Duration(0); elapsed < length; elapsed = time.Since(start) {
		if float64(sent) >= elapsed.Seconds()*float64(rate) {
			time.Sleep(time.Millisecond)
			continue
		}
		if _, err := unix.Write(fd, frames[sent%len(frames)]); err != nil {
			b.Fatal(err)
		}
		sent++
	}
	return sent
}
