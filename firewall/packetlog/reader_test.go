package packetlog

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// script is a source that plays its steps and then ends the context.
type script struct {
	steps []step
	end   context.CancelFunc
}

type step struct {
	messages []message
	err      error
}

func (s *script) receive() ([]message, error) {
	if len(s.steps) == 0 {
		s.end()
		return nil, errors.New("interrupted")
	}
	next := s.steps[0]
	s.steps = s.steps[1:]
	return next.messages, next.err
}

func (s *script) device(index uint32) string {
	if index == 0 {
		return ""
	}
	return fmt.Sprintf("eth%d", index)
}

// play runs a reader over the steps and returns it with what it put into its ring.
func play(t *testing.T, steps ...step) (*Reader, []Entry, error) {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	ring := NewRing(100)
	r := NewReader(Config{Ring: ring, Name: func(device string) string { return map[string]string{"eth1": "lan"}[device] }})
	err := r.read(ctx, &script{steps, end})
	return r, ring.Tail(100, nil), err
}

func TestReaderMakesEntries(t *testing.T) {
	at := time.Date(2026, 11, 23, 14, 2, 11, 0, time.UTC)
	want := syn(t)
	want.Time, want.In, want.Out, want.InName, want.OutName, want.Mark = at, "eth1", "eth2", "lan", "", 17
	payload := unhex(t, "4500 003c 0001 4000 40 06 0000"+v4To+tcpSYN)

	_, got, err := play(t, step{messages: []message{
		{seq: 0, prefix: "rempart block default", in: 1, out: 2, mark: 17, mac: want.SrcMAC, time: at, payload: payload},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Entry{want}, got, equalAddrs()); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func TestReaderShowsWhatItCannotRead(t *testing.T) {
	before := time.Now()
	r, got, err := play(t, step{messages: []message{
		{malformed: true},
		{seq: 0, prefix: "DROP ", in: 1, payload: []byte{0x45}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Prefix != "DROP " || got[0].InName != "lan" || got[0].Time.Before(before) || got[0].Src.IsValid() {
		t.Errorf("entries %+v", got)
	}
	if diff := cmp.Diff(Stats{Entries: 1, Malformed: 2}, r.Stats()); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
}

func TestReaderCountsLosses(t *testing.T) {
	r, got, err := play(t,
		step{messages: []message{{seq: 2}, {seq: 3}}},
		step{err: fmt.Errorf("receive: %w", errOverrun)},
		step{err: errOverrun},
		step{messages: []message{{seq: 10}, {seq: 11}}},
	)
	if err != nil {
		t.Fatal(err)
	}
	var lost []uint64
	for _, e := range got {
		lost = append(lost, e.Lost)
	}
	if diff := cmp.Diff([]uint64{2, 0, 6, 0}, lost); diff != "" {
		t.Errorf("lost before each entry (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Stats{Entries: 4, Lost: 8, Overruns: 2, Malformed: 4}, r.Stats()); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
}

// TestReaderNumbersWrap passes the point where the kernel's numbers begin again.
func TestReaderNumbersWrap(t *testing.T) {
	const last = 1<<32 - 1
	r, _, err := play(t, step{messages: []message{{seq: last}}}, step{messages: []message{{seq: 0}, {seq: 2}}})
	if s := r.Stats(); err != nil || s.Lost != last+1 {
		t.Errorf("lost %d, %v, want %d before the first and 1 at the end", s.Lost, err, last)
	}
}

func TestReaderGivesUpOnOtherErrors(t *testing.T) {
	broken := errors.New("broken")
	if _, _, err := play(t, step{err: broken}, step{messages: []message{{}}}); !errors.Is(err, broken) {
		t.Errorf("read on after %v, ended with %v", broken, err)
	}
}
