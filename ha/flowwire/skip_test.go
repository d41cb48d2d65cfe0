package flowwire

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
)

// part is a section.
func part(kind section, content ...byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{byte(kind)}, uint16(len(content)))
	return append(b, content...)
}

// content is what stands in the one section of a body.
func content(c calls, t *testing.T) []byte { return c.write(t, MaxBody)[sectionHead:] }

// TestSkips reads what a newer version may write.
func TestSkips(t *testing.T) {
	f := web()
	_, x := data()
	end := calls{{Slot: 3, End: true}}
	flow := calls{{Slot: 2, Put: &f}}
	both := slices.Concat(flow, end)
	extra := calls{{Slot: 2, Put: &f, Extra: &x}, {Slot: 3, End: true}}
	ack := calls{{Ack: &Ack{Upto: 5, N: 1, Ranges: [MaxRanges]Range{{7, 8}}}}}
	state := calls{{State: &State{Digest: 5}}}
	put := content(flow, t)
	// A Put with an extension has the bit, and a byte that says so, behind the slot.
	extended := slices.Concat([]byte{put[0] | putRare, put[1], put[2], rareExtension}, put[3:], []byte{0, 3, 'n', 'e', 'w'})
	put = content(extra[:1], t)
	at := len(put) - extraLen(t, put)
	more := append(slices.Clone(put), 200, 2, 'h', 'i', 0, 0)
	binary.BigEndian.PutUint16(more[at-2:], uint16(len(more)-at))
	tail := content(both, t)[len(content(flow, t)):]
	for _, c := range []struct {
		name string
		body []byte
		want calls
	}{
		{"section", slices.Concat(part(99, 1, 2, 3), part(0), part(sectionRecords, content(both, t)...), part(255)), both},
		{"record", part(sectionRecords, slices.Concat(content(flow, t), []byte{opOther | 0xf0, 2, 1, 2, opOther, 0}, tail)...), both},
		{"extension", part(sectionRecords, slices.Concat(extended, tail)...), both},
		{"field", part(sectionRecords, slices.Concat(more, tail)...), extra},
		{"behind an acknowledgment", part(sectionAck, append(content(ack, t), 1, 2)...), ack},
		{"behind a state", part(sectionState, append(content(state, t), 1, 2)...), state},
		{"empty sections", slices.Concat(part(sectionRecords), part(sectionDigests), part(sectionWants)), nil},
		{"nothing", nil, nil},
	} {
		if diff := differ(c.want, read(t, c.body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// extraLen is how long the fields at the end of a record are.
func extraLen(t *testing.T, record []byte) int {
	t.Helper()
	for n := range record {
		if at := len(record) - n; at >= 2 && int(binary.BigEndian.Uint16(record[at-2:])) == n && n > 0 {
			return n
		}
	}
	t.Fatalf("no length in % x", record)
	return 0
}

func TestMalformed(t *testing.T) {
	f := web()
	flow := content(calls{{Slot: 2, Put: &f}}, t)
	// with is a Put with rare fields, and what follows it.
	with := func(rare byte, more ...byte) []byte {
		return part(sectionRecords, slices.Concat([]byte{flow[0] | putRare, flow[1], flow[2], rare}, flow[3:], more)...)
	}
	fields := func(b ...byte) []byte {
		return with(rareExtra, slices.Concat(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b)...)
	}
	many := func(n int) []byte { return make([]byte, n) }
	large := []byte{0xff, 0xff, 0xff, 0xff, 0x7f}
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}
	ack := func(rest ...byte) []byte { return part(sectionAck, append(many(5), rest...)...) }
	for _, c := range []struct {
		name string
		body []byte
		want string
	}{
		{"part of a section head", []byte{1, 0}, "byte 2: ends too early"},
		{"section longer than the body", []byte{1, 0, 2, opEnd}, "byte 4: ends too early"},
		{"unknown section longer than the body", []byte{99, 0, 2, 0}, "byte 4: ends too early"},
		{"record without a flow", part(sectionRecords, opPut), "ends too early"},
		{"slot of more than 32 bits", part(sectionRecords, slices.Concat([]byte{opPut, 0}, large, many(20))...), "slot of more"},
		{"slot without an end", part(sectionRecords, slices.Concat([]byte{opPut, 0}, huge, many(20))...), "slot of more"},
		{"rare fields of no version", with(rareEnd), "rare fields 0x20"},
		{"zone cut", with(rareZone, 1), "ends too early"},
		{"timeout of more than 32 bits", with(rareTimeout, large...), "more than 32 bits"},
		{"timeout of more than 64 bits", with(rareTimeout, huge...), "more than 64 bits"},
		{"extra longer than the section", with(rareExtra, 0, 9, 200, 1), "ends too early"},
		{"extension longer than the section", with(rareExtension, 0, 2, 0), "ends too early"},
		{"field without length", fields(200), "ends too early"},
		{"field longer than the extra", fields(200, 2, 0), "ends too early"},
		{"field twice", fields(byte(fieldHelper), 1, 'a', byte(fieldHelper), 1, 'a'), "field 1 twice"},
		{"long helper", fields(append([]byte{byte(fieldHelper), 17}, many(17)...)...), "text of 17 bytes"},
		{"long labels", fields(append([]byte{byte(fieldLabels), 17}, many(17)...)...), "text of 17 bytes"},
		{"long function", fields(append([]byte{byte(fieldFn), 33}, many(33)...)...), "text of 33 bytes"},
		{"short master", fields(append([]byte{byte(fieldMaster), 16}, many(16)...)...), "ends too early"},
		{"long master", fields(append([]byte{byte(fieldMaster), 18}, many(18)...)...), "field 2 is too long"},
		{"short adjustment", fields(append([]byte{byte(fieldAdjust), 23}, many(23)...)...), "ends too early"},
		{"long tags", fields(append([]byte{byte(fieldVTag), 9}, many(9)...)...), "field 6 is too long"},
		{"mask of IPv6", fields(append([]byte{byte(fieldMask), 36}, many(36)...)...), "field 10 is too long"},
		{"short translation", fields(append([]byte{byte(fieldNAT), 4}, many(4)...)...), "ends too early"},
		{"change of no mode", part(sectionRecords, opChange|3<<changeModeShift, 0, 0, 0), "change of mode 3"},
		{"change of a field that it does not set", part(sectionRecords, opChange|changeSome<<changeModeShift, 0, 0, 0, 0x21, 0), `"status" follows a change of "state"`},
		{"change with the state twice", part(sectionRecords, opChange|changeSome<<changeModeShift, 0, 0, 0, 0x11), `"state" follows a change of "state"`},
		{"change of a state that it does not set", part(sectionRecords, opChange|changeSome<<changeModeShift|7<<stateShift, 0, 0, 0, 4), "state 7"},
		{"change without its tag", part(sectionRecords, opChange, 0, 0), "ends too early"},
		{"end with too much", part(sectionRecords, append([]byte{opEnd | endMore}, large...)...), "more than 32 bits"},
		{"end beyond 32 bits", part(sectionRecords, opEnd|endMore, 0xff, 0xff, 0xff, 0x7f), "slot ends with"},
		{"end with nothing more", part(sectionRecords, opEnd|endMore, 0), "slot ends with 0"},
		{"other record longer than the section", part(sectionRecords, opOther, 2, 0), "ends too early"},
		{"other record of any length", part(sectionRecords, append([]byte{opOther}, large...)...), "more than 32 bits"},
		{"acknowledgment cut", part(sectionAck, 1, 2, 3), "ends too early"},
		{"17 ranges", ack(append([]byte{1, 0, 17}, many(34)...)...), "17 ranges"},
		{"range that does not rise", ack(5, 0, 1, 0, 1), "range 0 does not rise"},
		{"range beyond 64 bits", ack(append([]byte{5, 0, 1, 1}, append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 1)...)...), "range 0 does not rise"},
		{"state cut", part(sectionState, many(10)...), "ends too early"},
		{"digest cut", part(sectionDigests, many(9)...), "ends too early"},
		{"want without an end", part(sectionWants, 0x80), "ends too early"},
	} {
		t.Run(c.name, func(t *testing.T) {
			// What comes before a fault is not told either.
			for _, body := range [][]byte{c.body, slices.Concat(part(sectionRecords, opEnd), c.body)} {
				var got calls
				err := Read(body, &got)
				if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("Read(%s) = %v, want %v with %q", hex.EncodeToString(body), err, ErrMalformed, c.want)
				}
				if len(got) > 0 {
					t.Errorf("told %d things beside %v", len(got), err)
				}
				c.want = c.want[strings.Index(c.want, ":")+1:]
			}
		})
	}
}
