package peer

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
)

// Stats counts what a Link has met since New.
type Stats struct {
	Up         uint64 // connections that stood
	Strangers  uint64 // callers from an address that is not the peer's
	Refused    uint64 // callers too many at once, sessions that are over, connections beside the one that stands
	Unfinished uint64 // handshakes that were given up or took too long
	Malformed  uint64 // hellos and offers that are none
	Version    uint64 // hellos of another version
	WrongKey   uint64 // ends that do not hold a key of ours
	Self       uint64 // ends that have the session of this node
	Forged     uint64 // messages with a bad length, form, number or HMAC; each ends its connection
	Asked      uint64 // questions of the peer
	Busy       uint64 // of these refused because too many were open
}

type counters struct {
	up, strangers, refused, unfinished, malformed, version, wrongKey, self, forged, asked, busy atomic.Uint64
}

// Stats returns the counts.
func (l *Link) Stats() Stats {
	c := &l.counters
	return Stats{
		Up: c.up.Load(), Strangers: c.strangers.Load(), Refused: c.refused.Load(),
		Unfinished: c.unfinished.Load(), Malformed: c.malformed.Load(), Version: c.version.Load(),
		WrongKey: c.wrongKey.Load(), Self: c.self.Load(), Forged: c.forged.Load(),
		Asked: c.asked.Load(), Busy: c.busy.Load(),
	}
}

// of is the counter that a handshake which did not succeed belongs to.
func (c *counters) of(err error) *atomic.Uint64 {
	var network net.Error
	switch {
	case errors.Is(err, errSecret):
		return &c.wrongKey
	case errors.Is(err, errVersion):
		return &c.version
	case errors.Is(err, errSelf):
		return &c.self
	case errors.Is(err, errMagic), errors.Is(err, errOffer):
		return &c.malformed
	case forged(err):
		return &c.forged
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &c.unfinished
	}
	return &c.refused
}

func forged(err error) bool {
	return errors.Is(err, errLength) || errors.Is(err, errForged) || errors.Is(err, errNumber) || errors.Is(err, errFormat)
}
