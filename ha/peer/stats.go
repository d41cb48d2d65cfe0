package peer

import (
	"errors"
	"sync/atomic"
)

// Stats counts what a Link has met since New.
type Stats struct {
	Up          uint64 // connections that stood
	Strangers   uint64 // callers from an address that is not the peer's
	Refused     uint64 // callers too many at once, sessions that are over, connections beside the one that stands
	Unfinished  uint64 // handshakes that were given up or took too long
	Malformed   uint64 // handshakes that are none of ours: not TLS, or hellos and offers that are none
	Version     uint64 // hellos without a version that this program speaks
	UnknownKey  uint64 // ends that show a key that is not believed
	FormerKey   uint64 // of these those that show the key of an earlier pairing, which UnknownKey does not count
	Unpaired    uint64 // ends that are paired when this node is not, or the other way round
	Disbelieved uint64 // ends that do not believe the key of this node
	WrongSecret uint64 // ends that hold no secret of ours
	Self        uint64 // ends that have the key or the session of this node
	Forged      uint64 // messages with a bad length or form and records that are not by the peer; each ends its connection
	Asked       uint64 // questions of the peer
	Busy        uint64 // of these refused because too many were open
}

type counters struct {
	up, strangers, refused, unfinished, malformed, version, self, forged, asked, busy atomic.Uint64
	unknownKey, formerKey, unpaired, disbelieved, wrongSecret                         atomic.Uint64
}

// Stats returns the counts.
func (l *Link) Stats() Stats {
	c := &l.counters
	return Stats{
		Up: c.up.Load(), Strangers: c.strangers.Load(), Refused: c.refused.Load(),
		Unfinished: c.unfinished.Load(), Malformed: c.malformed.Load(), Version: c.version.Load(),
		UnknownKey: c.unknownKey.Load(), FormerKey: c.formerKey.Load(), Unpaired: c.unpaired.Load(),
		Disbelieved: c.disbelieved.Load(), WrongSecret: c.wrongSecret.Load(),
		Self: c.self.Load(), Forged: c.forged.Load(), Asked: c.asked.Load(), Busy: c.busy.Load(),
	}
}

// causes are why a handshake does not succeed, each with its counter.
func (c *counters) causes() []cause {
	return []cause{
		{errUnknown, &c.unknownKey, true},
		{errFormer, &c.formerKey, true},
		{errRestored, &c.formerKey, true},
		{errUnpaired, &c.unpaired, true},
		{errPaired, &c.unpaired, true},
		{errDisbelieved, &c.disbelieved, true},
		{errSecret, &c.wrongSecret, true},
		{errVersion, &c.version, true},
		{errSelf, &c.self, false},
		{errMagic, &c.malformed, false},
		{errOffer, &c.malformed, false},
		{errLength, &c.forged, false},
		{errFormat, &c.forged, false},
	}
}

// cause is one of them.
type cause struct {
	err     error
	counter *atomic.Uint64
	warns   bool // the administrator should do something
}

// of is the cause of a handshake that did not succeed.
func (c *counters) of(err error) cause {
	for _, k := range c.causes() {
		if errors.Is(err, k.err) {
			return k
		}
	}
	switch {
	case alerted(err):
		return cause{err, &c.forged, false}
	case lost(err):
		return cause{err, &c.unfinished, false}
	}
	return cause{err, &c.refused, false}
}
