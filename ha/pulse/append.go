package pulse

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// field is the type of a field on the wire: type and length, two bytes each, and the value. Numbers are
// big endian; one that is zero is left out.
type field uint16

// The fields. A number, once given, keeps its meaning; what is new gets a new one, and older
// programs skip it.
const (
	fieldSession  field = iota + 1 // 8 bytes
	fieldEcho                      // 8 bytes
	fieldSeq                       // 8 bytes
	fieldNode                      // text
	fieldPath                      // text
	fieldVersion                   // text
	fieldInterval                  // 8 bytes, nanoseconds
	fieldHold                      // 8 bytes, nanoseconds
	fieldGroup                     // one each: role, flags, skew, demotion, term, name
	fieldHeard                     // one each: flags, name
	fieldAddress                   // one each: 4 or 16 bytes
	fieldContext                   // 8 bytes
	fieldAccepts                   // 8 bytes each
	fieldAdEpoch                   // 4 bytes
	fieldRevision                  // text
	fieldLeaving                   // empty
	fieldFeatures                  // 4 bytes
	fieldTurn                      // 4 bytes
	fieldEchoTurn                  // 4 bytes
	fieldEnd
)

// What a heartbeat holds at most.
const (
	maxText      = 64 // bytes
	maxGroups    = 64
	maxPaths     = 64
	maxAddresses = 16
	maxAccepts   = 16
	minInterval  = 10 * time.Millisecond
	maxInterval  = time.Minute
	maxHold      = time.Minute
)

const (
	fieldHead = 4
	groupHead = 5 // bytes before the name
	pathHead  = 1
)

const (
	flagWant = 1 << iota
	flagForced
)

const (
	flagCarrier = 1 << iota
	flagHeard
	flagOthers
)

// writer appends fields as long as they end before limit.
type writer struct {
	b     []byte
	limit int
}

// append appends the fields of a heartbeat, which are to end before limit. What matters most stands
// first: it is the last that is left out.
func (b *Beat) append(to []byte, limit int) []byte {
	w := writer{to, limit}
	w.uint64(fieldSession, b.Session)
	w.uint64(fieldEcho, b.Echo)
	w.uint32(fieldTurn, b.Turn)
	w.uint32(fieldEchoTurn, b.EchoTurn)
	w.uint64(fieldSeq, b.Seq)
	w.text(fieldNode, b.Node)
	w.text(fieldPath, b.Path)
	w.uint64(fieldInterval, uint64(min(max(b.Interval, minInterval), maxInterval)))
	w.uint64(fieldHold, uint64(min(max(b.Hold, 0), maxHold)))
	if b.Leaving {
		w.head(fieldLeaving, 0)
	}
	w.uint32(fieldAdEpoch, b.AdEpoch)
	w.uint64(fieldContext, b.Context)
	w.uint32(fieldFeatures, b.Features)
	w.text(fieldRevision, b.Revision)
	w.text(fieldVersion, b.Version)
	for i := range min(len(b.Groups), maxGroups) {
		w.group(&b.Groups[i])
	}
	for _, a := range b.Addresses[:min(len(b.Addresses), maxAddresses)] {
		w.address(a)
	}
	w.accepts(b.Accepts[:min(len(b.Accepts), maxAccepts)])
	for i := range min(len(b.Paths), maxPaths) {
		w.path(&b.Paths[i])
	}
	return w.b
}

// head begins a field of n bytes, if there is room for them.
func (w *writer) head(f field, n int) bool {
	if len(w.b)+fieldHead+n > w.limit {
		return false
	}
	w.b = binary.BigEndian.AppendUint16(w.b, uint16(f))
	w.b = binary.BigEndian.AppendUint16(w.b, uint16(n))
	return true
}

func (w *writer) uint64(f field, v uint64) {
	if v != 0 && w.head(f, 8) {
		w.b = binary.BigEndian.AppendUint64(w.b, v)
	}
}

func (w *writer) uint32(f field, v uint32) {
	if v != 0 && w.head(f, 4) {
		w.b = binary.BigEndian.AppendUint32(w.b, v)
	}
}

func (w *writer) text(f field, s string) {
	s = fit(s)
	if s != "" && w.head(f, len(s)) {
		w.b = append(w.b, s...)
	}
}

func (w *writer) group(g *Group) {
	name := fit(g.Name)
	if name == "" || !w.head(fieldGroup, groupHead+len(name)) {
		return
	}
	w.b = append(w.b, byte(g.Role), flags(g.Want, g.Forced), g.Skew)
	w.b = binary.BigEndian.AppendUint16(w.b, g.Demotion)
	w.b = append(w.b, name...)
}

func (w *writer) path(p *Path) {
	name := fit(p.Name)
	if name == "" || !w.head(fieldHeard, pathHead+len(name)) {
		return
	}
	w.b = append(w.b, flags(p.Carrier, p.Heard, p.Others))
	w.b = append(w.b, name...)
}

func (w *writer) address(a netip.Addr) {
	switch {
	case !a.IsValid():
	case a.Is4():
		if v := a.As4(); w.head(fieldAddress, len(v)) {
			w.b = append(w.b, v[:]...)
		}
	default:
		if v := a.As16(); w.head(fieldAddress, len(v)) {
			w.b = append(w.b, v[:]...)
		}
	}
}

func (w *writer) accepts(list []uint64) {
	if len(list) == 0 || !w.head(fieldAccepts, 8*len(list)) {
		return
	}
	for _, v := range list {
		w.b = binary.BigEndian.AppendUint64(w.b, v)
	}
}

// flags puts bits into a byte, the first lowest.
func flags(bits ...bool) byte {
	var b byte
	for i, on := range bits {
		if on {
			b |= 1 << i
		}
	}
	return b
}

// fit makes of a name what a heartbeat holds: short enough, cut between two characters, and
// printable.
func fit(s string) string {
	if len(s) > maxText {
		n := maxText
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	if printable(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// printable says that a terminal and a log show s as it is.
func printable(s string) bool {
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
