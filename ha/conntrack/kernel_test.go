package conntrack

import (
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rempart/rempart/lab"
)

// patience bounds what a busy machine may take.
const patience = 10 * time.Second

// stand is a host, and what tells its kernel about flows.
type stand struct {
	testing.TB
	host  *lab.Host
	table *Table
}

func newStand(t testing.TB) stand {
	t.Helper()
	return standAt(t, lab.Test(t).Host("gw"))
}

func standAt(t testing.TB, h *lab.Host) stand {
	t.Helper()
	return stand{t, h, openAt(t, h, OpenTable)}
}

// openAt opens something on a host.
func openAt[T io.Closer](t testing.TB, h *lab.Host, open func() (T, error)) T {
	t.Helper()
	var opened T
	err := h.Do(func() (err error) {
		opened, err = open()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	return opened
}

func (s stand) events(buffer int) *Events {
	s.Helper()
	return openAt(s, s.host, func() (*Events, error) { return OpenEvents(buffer) })
}

func (s stand) walk() *Walk {
	s.Helper()
	return openAt(s, s.host, OpenWalk)
}

// numbered is the flow of a number: answered TCP, its source translated.
func numbered(i int) *Flow {
	f := &Flow{
		Key:    Key{Family: IPv4, Proto: TCP},
		State:  Established,
		Status: SeenReply | Assured | Confirmed | SrcNAT | SrcNATDone | DstNATDone,
		Flags:  [2]TCPFlags{WindowScale | SACK | Liberal, WindowScale | SACK | Liberal},
		Scale:  [2]uint8{7, 7},
	}
	port := uint16(1024 + i%50_000)
	f.Orig = Tuple{Src: [16]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}, Dst: [16]byte{192, 0, 2, 1}, SrcPort: port, DstPort: 443}
	f.Reply = Tuple{Src: f.Orig.Dst, Dst: [16]byte{198, 51, 100, byte(1 + i/50_000)}, SrcPort: 443, DstPort: port}
	return f
}

// numberOf is the number that numbered made it of.
func numberOf(f *Flow) int {
	return int(binary.BigEndian.Uint32(f.Orig.Src[:4])) & 0xffffff
}

// hour is a timeout that no test lives to see.
const hour = 3600

// creates are the requests for the flows from..to, with their numbers as sequence numbers.
func creates(from, to int) (b []byte) {
	for i := from; i < to; i++ {
		b = AppendCreate(b, uint32(i), numbered(i), nil, hour)
	}
	return b
}

func ends(from, to int) (b []byte) {
	for i := from; i < to; i++ {
		b = AppendEnd(b, uint32(i), &numbered(i).Key)
	}
	return b
}

// do returns the answers.
func (s stand) do(batch []byte) (answers []Message) {
	s.Helper()
	if err := s.table.Do(batch, keep(s, &answers)); err != nil {
		s.Fatal(err)
	}
	return answers
}

// fill creates the flows from..to.
func (s stand) fill(from, to int) {
	s.Helper()
	for ; from < to; from += 100 {
		if a := s.do(creates(from, min(to, from+100))); len(a) != 0 {
			s.Fatalf("creating was answered %d times, first with %+v", len(a), a[0])
		}
	}
}

// keep parses messages into a slice.
func keep(t testing.TB, into *[]Message) func([]byte) {
	return func(b []byte) {
		var m Message
		if err := m.Parse(b); err != nil {
			t.Errorf("%x: %v", b, err)
		}
		*into = append(*into, m)
	}
}

// heard is what waits, none of it after an overrun. What a request causes waits when Do returns.
func (s stand) heard(e *Events) (all []Message) {
	s.Helper()
	for {
		n, err := e.Read(keep(s, &all))
		if err != nil {
			s.Fatalf("read %d: %v", n, err)
		}
		if n == 0 {
			return all
		}
	}
}

// next waits for an event that a packet, or time, causes.
func (s stand) next(e *Events, holds func(*Message) bool) *Message {
	s.Helper()
	var found *Message
	late := time.Now().Add(patience)
	for found == nil {
		readable(s, e.FD(), late)
		for _, m := range s.heard(e) {
			if holds(&m) {
				found = &m
			}
		}
	}
	return found
}

// readable waits until there is something to read.
func readable(t testing.TB, fd int, late time.Time) {
	t.Helper()
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(time.Until(late).Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			t.Fatal(err)
		case n == 0:
			t.Fatalf("nothing to read within %v", patience)
		default:
			return
		}
	}
}

// waiting says whether poll would wake its caller.
func waiting(t testing.TB, fd int) bool {
	t.Helper()
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return n > 0
}

// summary is what an event says of which flow, and who caused it.
type summary struct {
	event  Event
	number int
	port   uint32
}

func summaries(all []Message) (short []summary) {
	for _, m := range all {
		short = append(short, summary{m.Event, numberOf(&m.Flow), m.Port})
	}
	return short
}

func wantEvents(t testing.TB, got []Message, want ...summary) {
	t.Helper()
	if s := summaries(got); !slices.Equal(s, want) {
		t.Errorf("heard %v, want %v", s, want)
	}
}

// runText runs a command on a host that reads text.
func (s stand) runText(text, name string, args ...string) {
	s.Helper()
	cmd := s.host.Command(s.Context(), name, args...)
	cmd.Stdin = strings.NewReader(text)
	p, err := s.host.Start(cmd)
	if err == nil {
		err = p.Wait()
	}
	if err != nil {
		s.Fatal(name, err)
	}
}
