package gateways

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules/steer"
)

// A record is the histories of all gateways: recordMagic, their number, each of
// them, and a CRC-32C of all that, big endian.
//
//	history    = name points points transitions       (fine points, coarse points)
//	points     = count { seconds state loss delay jitter }
//	transition = milliseconds from to reason
//	health     = state warned
//
// Numbers are varints; seconds are since 1970 for the first point and since
// the one before for others. A name or reason is its length and its bytes.
const (
	recordMagic = "rempart gateways 1\n"
	maxName     = 255
	maxReason   = 4096
	maxGateways = 4096
)

const (
	warnedLoss = 1 << iota
	warnedDelay
	warnedJitter
	warnedAll = warnedLoss | warnedDelay | warnedJitter
)

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// appendRecord adds the record of histories.
func appendRecord(b []byte, all map[string]*history) []byte {
	start := len(b)
	b = append(b, recordMagic...)
	b = binary.AppendUvarint(b, uint64(len(all)))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		h := all[name]
		b = appendText(b, name, maxName)
		b = appendPoints(b, h.fine.all())
		b = appendPoints(b, h.coarse.all())
		b = binary.AppendUvarint(b, uint64(len(h.transitions)))
		for _, t := range h.transitions {
			b = binary.AppendVarint(b, t.At.UnixMilli())
			b = appendHealth(b, t.From)
			b = appendHealth(b, t.To)
			b = appendText(b, t.Reason, maxReason)
		}
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli()))
}

func appendText(b []byte, s string, most int) []byte {
	s = s[:min(len(s), most)]
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendPoints(b []byte, points []point) []byte {
	b = binary.AppendUvarint(b, uint64(len(points)))
	var last uint32
	for _, p := range points {
		b = binary.AppendUvarint(b, uint64(p.at-last))
		last = p.at
		b = append(b, p.state, p.loss)
		b = binary.AppendUvarint(b, uint64(p.delay))
		b = binary.AppendUvarint(b, uint64(p.jitter))
	}
	return b
}

func appendHealth(b []byte, h steer.Health) []byte {
	var warned byte
	if h.Warned.Loss {
		warned |= warnedLoss
	}
	if h.Warned.Delay {
		warned |= warnedDelay
	}
	if h.Warned.Jitter {
		warned |= warnedJitter
	}
	return append(b, byte(h.State), warned)
}

var (
	errDamaged = errors.New("the record is damaged")
	errVersion = errors.New("it is no record of this version")
)

// parseRecord reads a record.
func parseRecord(b []byte) (map[string]*history, error) {
	if len(b) < len(recordMagic)+crc32.Size {
		return nil, errDamaged
	}
	if string(b[:len(recordMagic)]) != recordMagic {
		return nil, errVersion
	}
	end := len(b) - crc32.Size
	if crc32.Checksum(b[:end], castagnoli()) != binary.BigEndian.Uint32(b[end:]) {
		return nil, errDamaged
	}
	r := recordReader{b: b[len(recordMagic):end]}
	all := make(map[string]*history)
	for range r.number(maxGateways) {
		name := r.text(maxName)
		h := newHistory()
		h.fine.points = r.points(fineCount)
		h.coarse.points = r.points(coarseCount)
		h.transitions = r.transitions()
		if r.err != nil {
			break
		}
		if all[name] != nil {
			r.fail("%q is there twice", name)
		}
		all[name] = h
	}
	if r.err == nil && len(r.b) > 0 {
		r.fail("%d bytes follow it", len(r.b))
	}
	if r.err != nil {
		return nil, r.err
	}
	return all, nil
}

// recordReader reads from b until something is wrong; then it reads zeros.
type recordReader struct {
	b   []byte
	err error
}

func (r *recordReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", errDamaged, fmt.Sprintf(format, args...))
	}
	r.b = nil
}

// number reads a number of at most most.
func (r *recordReader) number(most uint64) uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 || n > most {
		r.fail("a number is cut off or too large")
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *recordReader) text(most uint64) string {
	n := r.number(most)
	if n > uint64(len(r.b)) {
		r.fail("a text is cut off")
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *recordReader) octet(most uint8) uint8 {
	if len(r.b) == 0 || r.b[0] > most {
		r.fail("a value is cut off or too large")
		return 0
	}
	n := r.b[0]
	r.b = r.b[1:]
	return n
}

func (r *recordReader) points(most uint64) []point {
	var points []point
	var last uint64
	for range r.number(most) {
		step := r.number(math.MaxUint32 - last)
		if step == 0 {
			r.fail("time stands still")
			return nil
		}
		last += step
		points = append(points, point{
			at: uint32(last), state: r.octet(uint8(steer.Forced)), loss: r.octet(100),
			delay: uint32(r.number(math.MaxUint32)), jitter: uint32(r.number(math.MaxUint32)),
		})
	}
	return points
}

func (r *recordReader) transitions() []Transition {
	var all []Transition
	for range r.number(maxTransitions) {
		millis, size := binary.Varint(r.b)
		if size <= 0 {
			r.fail("a time is cut off")
			return nil
		}
		r.b = r.b[size:]
		all = append(all, Transition{
			At: time.UnixMilli(millis), From: r.health(), To: r.health(), Reason: r.text(maxReason),
		})
	}
	return all
}

func (r *recordReader) health() steer.Health {
	state, warned := r.octet(uint8(steer.Forced)), r.octet(warnedAll)
	return steer.Health{State: steer.State(state), Warned: config.Triggers{
		Loss: warned&warnedLoss != 0, Delay: warned&warnedDelay != 0, Jitter: warned&warnedJitter != 0,
	}}
}
