package flowwire

import "math/bits"

// WindowSize is how far behind the highest a frame may come.
const WindowSize = 4096

// Window knows which frames of an epoch came, so that none is taken twice. The zero value has
// taken none.
type Window struct {
	highest, contiguous uint64
	floor               uint64
	seen                [WindowSize / 64]uint64 // a bit for each, by its number modulo WindowSize
}

// Highest is the highest number taken, zero when none was.
func (w *Window) Highest() uint64 { return w.highest }

// Contiguous is the highest number up to which all were taken, or skipped. It stays where it is when the window leaves a gap
// behind, until Skip.
func (w *Window) Contiguous() uint64 { return w.contiguous }

// Take takes a number, once: ErrReplay for one that was taken before, ErrOld for one that is behind the
// window or was skipped. Numbers begin with 1. Only of an authentic frame it may be called.
func (w *Window) Take(seq uint64) error {
	if seq <= w.floor || seq+WindowSize <= w.highest {
		return ErrOld
	}
	if seq > w.highest {
		w.advance(seq)
	} else if w.has(seq) {
		return ErrReplay
	}
	w.set(seq)
	w.join()
	return nil
}

// Skip says that nobody waits any more for frames up to seq: what of them is missing is never taken, and counts
// as if it had been.
func (w *Window) Skip(seq uint64) {
	if seq <= w.floor {
		return
	}
	w.floor = seq
	if seq > w.highest {
		w.advance(seq)
		w.set(seq)
	}
	w.contiguous = max(w.contiguous, seq)
	w.join()
}

// Fill writes into an acknowledgment what was taken. Where there are more ranges than it holds, the lowest
// are in it.
func (w *Window) Fill(a *Ack) {
	a.Upto, a.N = w.contiguous, 0
	for seq := w.next(w.bottom(), true); seq <= w.highest && a.N < MaxRanges; {
		end := w.next(seq, false)
		a.Ranges[a.N] = Range{First: seq, Last: end - 1}
		a.N++
		seq = w.next(end, true)
	}
}

// bottom is the lowest number above Contiguous that the window reaches.
func (w *Window) bottom() uint64 {
	if w.highest < WindowSize {
		return w.contiguous + 1
	}
	return max(w.contiguous, w.highest-WindowSize) + 1
}

// advance moves the window up to seq. What it then reaches was not taken.
func (w *Window) advance(seq uint64) {
	if seq-w.highest >= WindowSize {
		w.seen = [WindowSize / 64]uint64{}
	} else {
		for n := w.highest + 1; n <= seq; {
			if n%64 == 0 && n+63 <= seq {
				w.seen[n%WindowSize/64] = 0
				n += 64
				continue
			}
			w.seen[n%WindowSize/64] &^= 1 << (n % 64)
			n++
		}
	}
	w.highest = seq
}

// join takes Contiguous as far as it goes.
func (w *Window) join() {
	if w.contiguous < w.highest && w.contiguous+WindowSize >= w.highest && w.has(w.contiguous+1) {
		w.contiguous = w.next(w.contiguous+1, false) - 1
	}
}

// next is the lowest number from seq on that was taken, or that was not. There is none above Highest: it is
// the one after it.
func (w *Window) next(seq uint64, taken bool) uint64 {
	for seq <= w.highest {
		word := w.seen[seq%WindowSize/64]
		if !taken {
			word = ^word
		}
		word >>= seq % 64
		if word != 0 {
			return min(seq+uint64(bits.TrailingZeros64(word)), w.highest+1)
		}
		seq += 64 - seq%64
	}
	return w.highest + 1
}

func (w *Window) has(seq uint64) bool { return w.seen[seq%WindowSize/64]&(1<<(seq%64)) != 0 }
func (w *Window) set(seq uint64)      { w.seen[seq%WindowSize/64] |= 1 << (seq % 64) }
