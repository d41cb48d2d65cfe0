package ha

import (
	"net/netip"
	"sync"
	"time"

	"github.com/rempart/rempart/ha/wire"
)

// drillEar collects the answers that come to this node while a drill runs. Ports fill it.
type drillEar struct {
	mu      sync.Mutex
	id      uint16 // zero: there is no drill
	end     time.Time
	answers map[netip.Addr]*sequence
}

// sequence is a set of sequence numbers, a bit for each.
type sequence [1 << 16 / 8]byte

// collected is what came in of a drill: a sequence by the host that answered.
type collected map[string][]byte

const (
	// mostDrillHosts is how many hosts a drill asks, and mostDrillTime how long it takes at most:
	// whoever ordered one may be gone.
	mostDrillHosts = 32
	mostDrillTime  = time.Minute
)

// begin starts to collect the answers to the questions of an id, unless another drill is under way.
func (e *drillEar) begin(now time.Time, id uint16) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.id != 0 && now.Before(e.end) {
		return false
	}
	e.id, e.end, e.answers = id, now.Add(mostDrillTime), map[netip.Addr]*sequence{}
	return true
}

// collected ends the collecting for an id and returns what came, by host.
func (e *drillEar) collected(id uint16) collected {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := collected{}
	if e.id != id {
		return out
	}
	for host, seen := range e.answers {
		out[host.String()] = seen[:]
	}
	e.id, e.answers = 0, nil
	return out
}

// heard takes an answer, and says whether it is of the drill.
func (e *drillEar) heard(h wire.Heard) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.id == 0 || h.ID != e.id || h.At.After(e.end) {
		return false
	}
	seen := e.answers[h.Src]
	if seen == nil {
		if len(e.answers) >= mostDrillHosts {
			return false
		}
		seen = new(sequence)
		e.answers[h.Src] = seen
	}
	seen[h.Seq/8] |= 1 << (h.Seq % 8)
	return true
}

// has says whether a number is in a sequence, as the peer sent it.
func has(seen []byte, seq int) bool { return seq/8 < len(seen) && seen[seq/8]&(1<<(seq%8)) != 0 }
