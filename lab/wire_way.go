package lab

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// way forwards the frames of one direction.
type way struct {
	from, to *wireEnd

	mu   sync.Mutex
	lane *lane
}

func (w *way) set(i Impairment) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lane.set(i)
}

// cut has nothing pass, or ends that.
func (w *way) cut(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lane.cut = on
	w.lane.clear()
}

func (w *way) frames() Frames {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lane.count
}

// wayBatch is how many frames are read before those that are due have their turn.
const wayBatch = 64

// run forwards frames until the devices are closed.
func (w *way) run() {
	frame := make([]byte, maxFrame)
	for {
		read := 0
		fill := func(fd uintptr) bool {
			read = w.fill(int(fd), frame)
			return read > 0
		}
		// It does not wait, and is not held up by a deadline.
		if err := w.from.rc.Control(func(fd uintptr) { fill(fd) }); err != nil {
			return
		}
		next := w.deliver()
		if read > 0 {
			continue
		}
		if err := w.from.file.SetReadDeadline(next); err != nil {
			return
		}
		if err := w.from.rc.Read(fill); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
	}
}

// fill reads frames that wait, and sends on at once those that are through.
func (w *way) fill(fd int, frame []byte) (read int) {
	for read < wayBatch {
		n, err := unix.Read(fd, frame)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			break
		}
		read++
		w.mu.Lock()
		if w.lane.admit(time.Now(), frame[:n]) {
			w.sendLocked(frame[:n])
		}
		w.mu.Unlock()
	}
	return read
}

// deliver sends the frames that are due, and says when the next one will be.
func (w *way) deliver() (next time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		frame := w.lane.take(time.Now())
		if frame == nil {
			return w.lane.next()
		}
		w.sendLocked(frame)
	}
}

// sendLocked hands a frame to the host that it goes to. When it returns the host is done with it.
func (w *way) sendLocked(frame []byte) {
	var inner error
	err := w.to.rc.Control(func(fd uintptr) { _, inner = unix.Write(int(fd), frame) })
	if errors.Join(err, inner) != nil {
		w.lane.count.Lost++ // the device is down
		return
	}
	w.lane.count.Passed++
}
