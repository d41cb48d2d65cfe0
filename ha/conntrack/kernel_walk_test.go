package conntrack

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// rest reads a walk to its end, and returns how many pieces it took.
func (s stand) rest(w *Walk, take func(m *Message)) (pieces int) {
	s.Helper()
	var m Message
	for {
		done, err := w.Read(func(b []byte) {
			if err := m.Parse(b); err != nil {
				s.Fatal(err)
			}
			take(&m)
		})
		if err != nil {
			s.Fatal(err)
		}
		if done {
			return pieces
		}
		pieces++
	}
}

// wantWalk walks through the flows 0..n, once each. It walks again if the kernel resized its table, which is that of
// the whole machine, on the way.
func (s stand) wantWalk(w *Walk, n int) (pieces int) {
	s.Helper()
	for {
		buckets := s.buckets()
		seen := make([]int, n)
		pieces = s.rest(w, func(m *Message) {
			i := numberOf(&m.Flow)
			if m.Event != Update || i >= n || m.Flow.Orig != numbered(i).Orig || m.Flow.Reply != numbered(i).Reply {
				s.Fatalf("walked to %+v", m)
			}
			seen[i]++
		})
		wrong := slices.IndexFunc(seen, func(times int) bool { return times != 1 })
		switch {
		case wrong < 0:
			return pieces
		case s.buckets() == buckets:
			s.Fatalf("flow %d of %d was seen %d times", wrong, n, seen[wrong])
		}
		s.start(w, KindFlow, 0)
	}
}

func (s stand) buckets() (n uint32) {
	s.Helper()
	n, err := readSetting("buckets")
	if err != nil {
		s.Fatal(err)
	}
	return n
}

func (s stand) start(w *Walk, kind Kind, family uint8) {
	s.Helper()
	if err := w.Start(kind, family); err != nil {
		s.Fatal(err)
	}
}

func TestWalkIsWholeAndInPieces(t *testing.T) {
	s := newStand(t)
	const flows = 50_000
	s.fill(0, flows)
	w := s.walk()
	s.start(w, KindFlow, 0)
	// The kernel gives some 200 bytes for each of them.
	if pieces := s.wantWalk(w, flows); pieces < flows*100/dumpBytes || pieces > flows*400/dumpBytes {
		t.Errorf("%d flows came in %d pieces", flows, pieces)
	}
	if done, err := w.Read(func([]byte) { t.Error("more after the end") }); !done || err != nil {
		t.Errorf("after the end: %t, %v", done, err)
	}
}

func TestWalkOfFamilyAndKind(t *testing.T) {
	s := newStand(t)
	f6 := Flow{Key: Key{Family: IPv6, Proto: UDP, Orig: Tuple{Src: [16]byte{0x20, 1}, Dst: [16]byte{0x20, 2}, SrcPort: 1, DstPort: 2}}}
	f6.Reply = f6.Orig.Inverse(UDP)
	f6.Status = SeenReply | Confirmed
	s.fill(0, 2)
	if a := s.do(AppendCreate(nil, 0, &f6, nil, hour)); len(a) != 0 {
		t.Fatal(a)
	}
	w := s.walk()
	for _, tt := range []struct {
		name   string
		kind   Kind
		family uint8
		want   int
	}{
		{"flows", KindFlow, 0, 3},
		{"flows of IPv4", KindFlow, IPv4, 2},
		{"flows of IPv6", KindFlow, IPv6, 1},
		{"expectations", KindExpect, 0, 0},
	} {
		s.start(w, tt.kind, tt.family)
		n := 0
		s.rest(w, func(*Message) { n++ })
		if n != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, n, tt.want)
		}
	}
}

// TestWalkIsGivenUp by a thread in the namespace, and by one that is not.
func TestWalkIsGivenUp(t *testing.T) {
	s := newStand(t)
	const flows = 3000
	s.fill(0, flows)
	w := s.walk()
	again := func() error { return w.Start(KindFlow, 0) }
	before := w.dump.port
	for _, tt := range []struct {
		name   string
		again  func() error
		socket bool // another one
	}{
		{"inside", func() error { return s.host.Do(again) }, true},
		{"outside", again, false},
	} {
		for pieces := range 3 {
			s.start(w, KindFlow, 0)
			for range pieces {
				if done, err := w.Read(func([]byte) {}); done || err != nil {
					t.Fatalf("%s: %t, %v", tt.name, done, err)
				}
			}
			if err := tt.again(); err != nil {
				t.Fatalf("%s after %d pieces: %v", tt.name, pieces, err)
			}
			s.wantWalk(w, flows)
		}
		if other := w.dump.port != before; other != tt.socket {
			t.Errorf("%s: another socket: %t", tt.name, other)
		}
		before = w.dump.port
	}
}

func TestEndOfWalk(t *testing.T) {
	ending := func(kind msg, errno int32) []byte {
		b := binary.NativeEndian.AppendUint32(nil, headerLen+4)
		b = binary.NativeEndian.AppendUint16(b, uint16(kind))
		b = append(b, make([]byte, headerLen-len(b))...)
		return binary.NativeEndian.AppendUint32(b, uint32(errno))
	}
	for _, tt := range []struct {
		name  string
		b     []byte
		ended bool
		want  error
	}{
		{"an entry", ending(msgFlow|msgNew, 0), false, nil},
		{"done", ending(msgDone, 0), true, nil},
		{"failed half-way", ending(msgDone, -int32(unix.ENOMEM)), true, unix.ENOMEM},
		{"refused", ending(msgError, -int32(unix.EBUSY)), true, unix.EBUSY},
		{"no error number", ending(msgError, 1), true, BadErrno},
	} {
		if ended, err := endOf(tt.b); ended != tt.ended || !errors.Is(err, tt.want) {
			t.Errorf("%s: %t, %v", tt.name, ended, err)
		}
	}
}

func TestWalkWithoutGarbage(t *testing.T) {
	s := newStand(t)
	const flows = 1000
	s.fill(0, flows)
	w := s.walk()
	var m Message
	seen := 0
	take := func(b []byte) {
		if err := m.Parse(b); err != nil {
			t.Error(err)
		}
		seen++
	}
	if n := testing.AllocsPerRun(2, func() {
		if err := w.Start(KindFlow, IPv4); err != nil {
			t.Error(err)
		}
		for done := false; !done; {
			var err error
			if done, err = w.Read(take); err != nil {
				t.Fatal(err)
			}
		}
	}); n > 1 || seen != 3*flows {
		t.Errorf("%v allocations for each walk, %d flows", n, seen)
	}
}
