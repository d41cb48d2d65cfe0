package gateways

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules/steer"
)

// remembered is a few histories, of which one is empty and one has full rings.
func remembered() map[string]*history {
	r := rand.New(rand.NewPCG(1, 0))
	full := newHistory()
	for i := range fineCount + 500 {
		full.add(point{
			at: at(10 * i), state: uint8(r.IntN(4)), loss: uint8(r.IntN(101)), delay: r.Uint32(), jitter: r.Uint32N(1000),
		})
	}
	full.pass(Transition{
		At: seconds(1.5), From: steer.Health{State: steer.Warning, Warned: config.Triggers{Loss: true, Jitter: true}},
		To: steer.Health{State: steer.Down, Warned: config.Triggers{Delay: true}}, Reason: "no answer from 203.0.113.1 for 2s",
	})
	full.pass(Transition{At: seconds(-1e9), To: steer.Health{State: steer.Forced}, Reason: strings.Repeat("x", maxReason)})
	few := newHistory()
	few.add(point{at: at(0)})
	return map[string]*history{"fibre": full, "cable": few, "": newHistory()}
}

// told is all that histories tell.
func told(all map[string]*history) map[string]History {
	out := make(map[string]History)
	for name, h := range all {
		out[name] = h.since(time.Unix(0, 0))
	}
	return out
}

// sealed is a record with a right checksum.
func sealed(body string) []byte {
	b := []byte(recordMagic + body)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli()))
}

func TestRecordRoundTrip(t *testing.T) {
	want := remembered()
	for _, h := range want {
		for i := range h.transitions {
			h.transitions[i].At = h.transitions[i].At.Local()
		}
	}
	b := appendRecord([]byte("before"), want)[len("before"):]
	got, err := parseRecord(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(told(want), told(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got["cable"].add(point{at: at(10)}) // rings go on where they were
	got["fibre"].add(point{at: at(1e6)})
	if n := len(got["fibre"].fine.all()); n != fineCount {
		t.Errorf("%d points in a ring of %d", n, fineCount)
	}
}

func TestRecordCutOff(t *testing.T) {
	all := remembered()
	delete(all, "fibre")
	all["cable"].pass(Transition{At: seconds(1), Reason: "no carrier on wan"})
	b := appendRecord(nil, all)
	for n := range b {
		if got, err := parseRecord(b[:n]); err == nil {
			t.Errorf("the first %d of %d bytes: %v", n, len(b), got)
		}
		// With a checksum that is right, so that the reader itself has to see it.
		if n > len(recordMagic) && n < len(b)-4 {
			if got, err := parseRecord(sealed(string(b[len(recordMagic):n]))); err == nil {
				t.Errorf("the first %d of %d bytes, sealed: %v", n, len(b), got)
			}
		}
	}
}

func TestMalformedRecords(t *testing.T) {
	const none = "\x00" // of points, transitions
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"nothing", nil, errDamaged},
		{"another file", []byte("a text that is long enough to be read"), errVersion},
		{"another version", []byte(strings.Replace(string(sealed("\x00")), "1", "2", 1)), errVersion},
		{"a flipped bit", func() []byte { b := sealed("\x00"); b[len(b)-1] ^= 1; return b }(), errDamaged},
		{"too many gateways", sealed("\xff\xff\x7f"), errDamaged},
		{"a gateway that is not there", sealed("\x01"), errDamaged},
		{"a name that is too long", sealed("\x01\xff\x7f"), errDamaged},
		{"a gateway twice", sealed("\x02\x01a" + none + none + none + "\x01a" + none + none + none), errDamaged},
		{"more points than a ring holds", sealed("\x01\x01a\xff\x7f"), errDamaged},
		{"points at one time", sealed("\x01\x01a\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00" + none + none), errDamaged},
		{"a time beyond 2106", sealed("\x01\x01a\x01\xff\xff\xff\xff\x7f\x00\x00\x00\x00" + none + none), errDamaged},
		{"a state that is none", sealed("\x01\x01a\x01\x01\x04\x00\x00\x00" + none + none), errDamaged},
		{"a loss of 101 percent", sealed("\x01\x01a\x01\x01\x00\x65\x00\x00" + none + none), errDamaged},
		{"an endless number", sealed("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), errDamaged},
		{"a health that warns of more than there is", sealed("\x01\x01a" + none + none + "\x01\x02\x00\x08\x00\x00\x00"), errDamaged},
		{"bytes behind it", sealed("\x00\x00"), errDamaged},
	} {
		if got, err := parseRecord(c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v, want %v", c.name, got, err, c.want)
		}
	}
	if got, err := parseRecord(sealed("\x01\x01a" + none + none + none)); err != nil || len(got) != 1 {
		t.Errorf("what is well formed: %v, %v", got, err)
	}
}

func FuzzRecord(f *testing.F) {
	small := remembered()
	delete(small, "fibre")
	f.Add(string(appendRecord(nil, small)[len(recordMagic):]))
	f.Add("\x01\x01a\x01\x01\x00\x00\x00\x00\x00\x01\x02\x00\x01\x00\x00\x03abc")
	f.Fuzz(func(t *testing.T, body string) {
		first, err := parseRecord(sealed(body))
		if err != nil {
			return
		}
		again, err := parseRecord(appendRecord(nil, first))
		if err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
		if diff := cmp.Diff(told(first), told(again)); diff != "" {
			t.Errorf("(-first +again):\n%s", diff)
		}
	})
}
