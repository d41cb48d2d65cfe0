package pulse

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"
)

// malformed is ErrMalformed with what is wrong.
func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
}

// parse is the heartbeat that the fields make.
func parse(fields []byte) (Beat, error) {
	var b Beat
	var seen uint64
	for len(fields) > 0 {
		if len(fields) < fieldHead {
			return Beat{}, malformed("%d bytes after the last field", len(fields))
		}
		f, n := field(binary.BigEndian.Uint16(fields)), int(binary.BigEndian.Uint16(fields[2:]))
		if fields = fields[fieldHead:]; n > len(fields) {
			return Beat{}, malformed("field %d of %d bytes has %d", f, n, len(fields))
		}
		value := fields[:n]
		fields = fields[n:]
		if f == 0 || f >= fieldEnd {
			continue
		}
		if seen&(1<<f) != 0 && !f.list() {
			return Beat{}, malformed("field %d twice", f)
		}
		seen |= 1 << f
		if !b.set(f, value) {
			return Beat{}, malformed("field %d is % x", f, value)
		}
	}
	// A heartbeat is of somebody, for somewhere, and says when to expect the next.
	for _, f := range [...]field{fieldSession, fieldSeq, fieldNode, fieldPath, fieldInterval} {
		if seen&(1<<f) == 0 {
			return Beat{}, malformed("field %d is missing", f)
		}
	}
	return b, nil
}

// list says that a field may stand more than once.
func (f field) list() bool { return f == fieldGroup || f == fieldHeard || f == fieldAddress }

// set takes a field in and says whether its value is one that it can have.
func (b *Beat) set(f field, v []byte) bool {
	switch f {
	case fieldSession:
		return number(&b.Session, v) && b.Session != 0
	case fieldEcho:
		return number(&b.Echo, v)
	case fieldSeq:
		return number(&b.Seq, v)
	case fieldContext:
		return number(&b.Context, v)
	case fieldTurn:
		return number32(&b.Turn, v)
	case fieldEchoTurn:
		return number32(&b.EchoTurn, v)
	case fieldAdEpoch:
		return number32(&b.AdEpoch, v)
	case fieldFeatures:
		return number32(&b.Features, v)
	case fieldInterval:
		return duration(&b.Interval, v, minInterval, maxInterval)
	case fieldHold:
		return duration(&b.Hold, v, 0, maxHold)
	case fieldNode:
		return text(&b.Node, v)
	case fieldPath:
		return text(&b.Path, v)
	case fieldVersion:
		return text(&b.Version, v)
	case fieldRevision:
		return text(&b.Revision, v)
	case fieldLeaving:
		b.Leaving = true
		return len(v) == 0
	case fieldAccepts:
		return b.accepts(v)
	case fieldGroup:
		return b.group(v)
	case fieldHeard:
		return b.path(v)
	case fieldAddress:
		return b.address(v)
	}
	return false
}

func (b *Beat) group(v []byte) bool {
	if len(v) < groupHead || len(b.Groups) == maxGroups {
		return false
	}
	g := Group{
		Role:     Role(v[0]),
		Want:     v[1]&flagWant != 0,
		Forced:   v[1]&flagForced != 0,
		Skew:     v[2],
		Demotion: binary.BigEndian.Uint16(v[3:]),
	}
	if g.Role > Releasing || !text(&g.Name, v[groupHead:]) {
		return false
	}
	b.Groups = append(b.Groups, g)
	return true
}

func (b *Beat) path(v []byte) bool {
	if len(v) < pathHead || len(b.Paths) == maxPaths {
		return false
	}
	p := Path{Carrier: v[0]&flagCarrier != 0, Heard: v[0]&flagHeard != 0, Others: v[0]&flagOthers != 0}
	if !text(&p.Name, v[pathHead:]) {
		return false
	}
	b.Paths = append(b.Paths, p)
	return true
}

func (b *Beat) address(v []byte) bool {
	a, ok := netip.AddrFromSlice(v)
	if !ok || len(b.Addresses) == maxAddresses {
		return false
	}
	b.Addresses = append(b.Addresses, a)
	return true
}

func (b *Beat) accepts(v []byte) bool {
	if len(v) == 0 || len(v)%8 != 0 || len(v)/8 > maxAccepts {
		return false
	}
	b.Accepts = make([]uint64, len(v)/8)
	for i := range b.Accepts {
		b.Accepts[i] = binary.BigEndian.Uint64(v[8*i:])
	}
	return true
}

func number(to *uint64, v []byte) bool {
	if len(v) != 8 {
		return false
	}
	*to = binary.BigEndian.Uint64(v)
	return true
}

func number32(to *uint32, v []byte) bool {
	if len(v) != 4 {
		return false
	}
	*to = binary.BigEndian.Uint32(v)
	return true
}

func duration(to *time.Duration, v []byte, least, most time.Duration) bool {
	var n uint64
	if !number(&n, v) || n < uint64(least) || n > uint64(most) {
		return false
	}
	*to = time.Duration(n)
	return true
}

func text(to *string, v []byte) bool {
	*to = string(v)
	return len(v) > 0 && len(v) <= maxText && printable(*to)
}
