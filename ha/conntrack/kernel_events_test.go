package conntrack

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/rempart/rempart/lab"
)

// tracking makes the kernel track what a host receives.
const tracking = "table inet t { chain c { type filter hook prerouting priority 0; ct state new accept; }; }\n"

// newPair is a host that tracks, and another that it hears of.
func newPair(t *testing.T) (gw stand, client *lab.Host) {
	t.Helper()
	n := lab.Test(t)
	h, client := n.Host("gw"), n.Host("client")
	sw := n.Switch("sw")
	h.Plug("eth0", sw, netip.MustParsePrefix("10.9.0.1/24"))
	client.Plug("eth0", sw, netip.MustParsePrefix("10.9.0.2/24"))
	gw = standAt(t, h)
	gw.runText(tracking, "nft", "-f", "-")
	return gw, client
}

var gwUDP = netip.MustParseAddrPort("10.9.0.1:53")

// udpTo says whether a message is of a flow that answers asked for.
func isUDP(what Event) func(m *Message) bool {
	return func(m *Message) bool { return m.Event == what && m.Flow.Proto == UDP }
}

func TestEventsSayWhoCausedThem(t *testing.T) {
	gw, client := newPair(t)
	gw.host.ServeUDP(gwUDP)
	e := gw.events(1 << 20)
	if err := e.Hear(true); err != nil {
		t.Fatal(err)
	}
	other := openAt(t, gw.host, OpenTable)
	if gw.table.Port() == 0 || gw.table.Port() == other.Port() {
		t.Fatalf("ports are %d and %d", gw.table.Port(), other.Port())
	}
	gw.fill(1, 2)
	if err := other.Do(creates(2, 3), func([]byte) { t.Error("answered") }); err != nil {
		t.Fatal(err)
	}
	gw.do(ends(1, 2))
	wantEvents(t, gw.heard(e), summary{New, 1, gw.table.Port()}, summary{New, 2, other.Port()}, summary{Destroy, 1, gw.table.Port()})

	if r := client.UDP(t.Context(), gwUDP); r.Outcome != lab.Open {
		t.Fatal(r)
	}
	if m := gw.next(e, isUDP(New)); m.Port != 0 {
		t.Errorf("port of a packet is %d", m.Port)
	}
}

func TestIgnore(t *testing.T) {
	gw, client := newPair(t)
	gw.host.ServeUDP(gwUDP)
	e := gw.events(1 << 20)
	if err := e.Hear(true); err != nil {
		t.Fatal(err)
	}
	other := openAt(t, gw.host, OpenTable)
	byOther := func(batch []byte) {
		t.Helper()
		if err := other.Do(batch, func([]byte) { t.Error("answered") }); err != nil {
			t.Fatal(err)
		}
	}
	ignore := func(ports ...uint32) {
		t.Helper()
		if err := e.Ignore(ports...); err != nil {
			t.Fatal(err)
		}
	}
	ignore(gw.table.Port())
	gw.fill(1, 3)
	gw.do(ends(1, 2))
	byOther(creates(3, 4))
	wantEvents(t, gw.heard(e), summary{New, 3, other.Port()})

	ignore(gw.table.Port(), other.Port())
	gw.fill(4, 5)
	byOther(creates(5, 6))
	wantEvents(t, gw.heard(e))
	if r := client.UDP(t.Context(), gwUDP); r.Outcome != lab.Open {
		t.Fatal(r)
	}
	gw.next(e, isUDP(New))
	gw.heard(e)

	ignore()
	gw.fill(6, 7)
	byOther(creates(7, 8))
	wantEvents(t, gw.heard(e), summary{New, 6, gw.table.Port()}, summary{New, 7, other.Port()})
}

func TestHear(t *testing.T) {
	s := newStand(t)
	e := s.events(1 << 20)
	port := s.table.Port()
	hear := func(all bool) {
		t.Helper()
		if err := e.Hear(all); err != nil {
			t.Fatal(err)
		}
	}
	s.fill(1, 3)
	s.do(ends(1, 2))
	wantEvents(t, s.heard(e), summary{Destroy, 1, port})
	for range 2 { // the second time changes nothing
		hear(true)
	}
	s.fill(3, 5)
	wantEvents(t, s.heard(e), summary{New, 3, port}, summary{New, 4, port})
	s.do(AppendUpdate(nil, 0, numbered(3), nil, 99))
	hear(false)
	hear(false)
	if got := s.heard(e); len(got) != 1 || got[0].Event != Update || got[0].Flow.Timeout != 99 {
		t.Errorf("heard %+v", got)
	}
	s.fill(5, 6)
	s.do(ends(2, 6))
	wantEvents(t, s.heard(e), summary{Destroy, 2, port}, summary{Destroy, 3, port}, summary{Destroy, 4, port}, summary{Destroy, 5, port})
}

// overrun makes flows until events are dropped, and returns how many flows.
func (s stand) overrun(e *Events, from, n int) {
	s.Helper()
	if err := e.Hear(true); err != nil {
		s.Fatal(err)
	}
	s.fill(from, from+n)
}

func TestOverrunIsToldWhereTheGapIs(t *testing.T) {
	s := newStand(t)
	const flows = 600
	e := s.events(64 << 10)
	s.overrun(e, 0, flows)
	var before []Message
	calls := 0
	for ; ; calls++ {
		n, err := e.Read(keep(t, &before))
		if errors.Is(err, ErrOverrun) {
			break
		}
		if err != nil || n != inboxDatagrams {
			t.Fatalf("read %d: %v", n, err)
		}
		// The kernel drops until all has been read: a walk that began now would miss this one.
		s.fill(flows+calls, flows+calls+1)
	}
	if calls == 0 || len(before) >= flows {
		t.Fatalf("heard %d of %d in %d calls before the overrun", len(before), flows, calls)
	}
	for i, m := range before {
		if numberOf(&m.Flow) != i {
			t.Fatalf("event %d is of flow %d", i, numberOf(&m.Flow))
		}
	}
	s.fill(1000, 1010)
	after := s.heard(e)
	if len(after) != 10 || numberOf(&after[0].Flow) != 1000 {
		t.Errorf("after the overrun heard %v", summaries(after))
	}
}

// TestOverrunIsToldAtOnce if the last read took just what was waiting: poll would not wake for it.
func TestOverrunIsToldAtOnce(t *testing.T) {
	s := newStand(t)
	held := func(buffer, from int) (e *Events, n int) {
		t.Helper()
		e = s.events(buffer)
		s.overrun(e, from, 300)
		for {
			got, err := e.Read(func([]byte) {})
			n += got
			if errors.Is(err, ErrOverrun) {
				return e, n
			}
			if err != nil || got == 0 {
				t.Fatalf("read %d: %v", got, err)
			}
		}
	}
	const buffer = 64 << 10
	_, n := held(buffer, 0)
	exact := buffer * (2*inboxDatagrams - 1) / (2*n - 1) // takes one more as long as it is not full
	e := s.events(exact)
	s.overrun(e, 1000, 300)
	got, err := e.Read(func([]byte) {})
	if got != inboxDatagrams || !errors.Is(err, ErrOverrun) {
		t.Errorf("read %d: %v, and then poll says %t", got, err, waiting(t, e.FD()))
	}
	if got, err := e.Read(func([]byte) {}); got != 0 || err != nil {
		t.Errorf("then read %d: %v", got, err)
	}
}

func TestOverrunTwice(t *testing.T) {
	s := newStand(t)
	e := s.events(16 << 10)
	for round := range 3 {
		s.overrun(e, round*200, 200)
		if n, err := e.Read(func([]byte) {}); n == 0 || !errors.Is(err, ErrOverrun) {
			t.Errorf("round %d read %d: %v", round, n, err)
		}
		if n, err := e.Read(func([]byte) {}); n != 0 || err != nil {
			t.Errorf("round %d then read %d: %v", round, n, err)
		}
	}
}

func TestEventsWithoutGarbage(t *testing.T) {
	s := newStand(t)
	e := s.events(1 << 20)
	if err := e.Hear(true); err != nil {
		t.Fatal(err)
	}
	var m Message
	take := func(b []byte) {
		if err := m.Parse(b); err != nil {
			t.Error(err)
		}
	}
	update := AppendUpdate(nil, 0, numbered(0), nil, hour)
	s.fill(0, 1)
	read := 0
	if n := testing.AllocsPerRun(100, func() {
		if err := s.table.Do(update, take); err != nil {
			t.Error(err)
		}
		for {
			n, err := e.Read(take)
			if err != nil {
				t.Error(err)
			}
			if read += n; n == 0 {
				return
			}
		}
	}); n != 0 || read < 100 {
		t.Errorf("%v allocations for each of %d events", n, read)
	}
}
