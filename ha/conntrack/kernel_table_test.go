package conntrack

import (
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// wantRefusals are the answers to requests, by their sequence numbers.
func wantRefusals(t *testing.T, answers []Message, want map[uint32]unix.Errno) {
	t.Helper()
	if len(answers) != len(want) {
		t.Errorf("%d answers, want %d", len(answers), len(want))
	}
	for _, m := range answers {
		if errno, ok := want[m.Seq]; !ok || m.Event != Refused || unix.Errno(m.Errno) != errno {
			t.Errorf("answered %d with event %d and %v, want %v", m.Seq, m.Event, unix.Errno(m.Errno), errno)
		}
		delete(want, m.Seq)
	}
}

func TestDoAnswersByRequest(t *testing.T) {
	s := newStand(t)
	s.fill(0, 3)
	b := creates(1, 5)                                   // 1 and 2 are there
	b = AppendEnd(b, 100, &numbered(77).Key)             // is not
	b = AppendEnd(b, 101, &numbered(0).Key)              // is
	b = AppendUpdate(b, 102, numbered(78), nil, hour)    // is not
	b = AppendAsk(b, 103, &numbered(4).Key)              // is, by now
	b = AppendTimeout(b, 104, &numbered(4).Key, hour-10) // is
	acked := len(b)
	b = AppendTimeout(b, 105, &numbered(3).Key, hour-10)
	binary.NativeEndian.PutUint16(b[acked+6:], unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	var refused []Message
	for _, m := range s.do(b) {
		switch {
		case m.Event == Update:
			if m.Seq != 103 || numberOf(&m.Flow) != 4 || m.Port != s.table.Port() {
				t.Errorf("answered %+v", m)
			}
		default:
			refused = append(refused, m)
		}
	}
	wantRefusals(t, refused, map[uint32]unix.Errno{1: unix.EEXIST, 2: unix.EEXIST, 100: unix.ENOENT, 102: unix.ENOENT, 105: 0})
	if a := s.do(AppendAsk(nil, 1, &numbered(3).Key)); len(a) != 1 || a[0].Event != Update || a[0].Flow.Orig != numbered(3).Orig {
		t.Errorf("the next request was answered with %+v", a)
	}
}

func TestDoLosesNoAnswer(t *testing.T) {
	s := newStand(t)
	const flows = 256
	s.fill(0, flows)
	want := map[uint32]unix.Errno{}
	for i := range uint32(flows) {
		want[i] = unix.EEXIST
	}
	wantRefusals(t, s.do(creates(0, flows)), want)

	// The most answers that a batch can have, and the longest.
	for name, append := range map[string]func([]byte, uint32) []byte{
		"refusals": func(b []byte, seq uint32) []byte { return AppendEnd(b, seq, &numbered(flows).Key) },
		"flows":    func(b []byte, seq uint32) []byte { return AppendAsk(b, seq, &numbered(1).Key) },
	} {
		var b []byte
		seq := uint32(0)
		for next := append(nil, 0); len(b)+len(next) <= BatchBytes; next = append(nil, seq) {
			b = append(b, seq)
			seq++
		}
		answers := s.do(b)
		if len(answers) != int(seq) {
			t.Errorf("%d %s, want %d", len(answers), name, seq)
		}
		for i, m := range answers {
			if m.Seq != uint32(i) {
				t.Fatalf("answer %d is to %d", i, m.Seq)
			}
		}
	}
}

func TestDoRefusesWhatIsTooLong(t *testing.T) {
	s := newStand(t)
	for _, tt := range []struct {
		bytes int
		want  error
	}{{0, nil}, {BatchBytes, nil}, {8 * BatchBytes, unix.EMSGSIZE}} {
		b := make([]byte, tt.bytes)
		for at := 0; at < len(b); at += 64 { // NLMSG_NOOP
			binary.NativeEndian.PutUint32(b[at:], 64)
			binary.NativeEndian.PutUint16(b[at+4:], unix.NLMSG_NOOP)
		}
		if err := s.table.Do(b, func([]byte) { t.Error("answered") }); !errors.Is(err, tt.want) {
			t.Errorf("%d bytes: %v, want %v", tt.bytes, err, tt.want)
		}
	}
}

func TestTableCloses(t *testing.T) {
	s := newStand(t)
	other := openAt(t, s.host, OpenTable)
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if err := other.Do(creates(0, 1), func([]byte) {}); !errors.Is(err, unix.EBADF) {
		t.Errorf("after close: %v", err)
	}
	s.fill(0, 1) // its number was not given away
}
