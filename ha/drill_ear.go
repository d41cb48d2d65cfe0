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
	answers map[answer]time.Time
}

// answer is an echo reply of a drill.
type answer struct {
	from netip.Addr
	seq  uint16
}

// begin starts to collect the answers to the questions of an id.
func (e *drillEar) begin(id uint16) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.id, e.answers = id, map[answer]time.Time{}
}

// end returns what was collected.
func (e *drillEar) end() map[answer]time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := e.answers
	e.id, e.answers = 0, nil
	return all
}

// mostAnswers bounds what a drill collects.
const mostAnswers = 1 << 20

// heard takes an answer, and says whether it is of the drill.
func (e *drillEar) heard(_ string, h wire.Heard) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.id == 0 || h.ID != e.id || len(e.answers) >= mostAnswers {
		return false
	}
	a := answer{h.Src, h.Seq}
	if _, twice := e.answers[a]; !twice {
		e.answers[a] = h.At
	}
	return true
}
