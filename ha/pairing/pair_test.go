package pairing

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// loopback is an address of this machine that no other run of these tests has at the same time.
func loopback(n byte) netip.Addr {
	pid := os.Getpid()
	return netip.AddrFrom4([4]byte{127, byte(71 + pid>>16&7), byte(pid >> 8), byte(pid)&0xf8 | n&7})
}

func opened(t *testing.T, dir string) *Keeper {
	t.Helper()
	k, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// shown is a code that a keeper shows, and what comes of it.
type shown struct {
	code    string
	expires time.Time
	tries   atomic.Int64
	cancel  context.CancelFunc
	result  chan result
}

type result struct {
	state State
	err   error
}

// show has a keeper show a code until the test is over.
func show(t *testing.T, k *Keeper, i Invite, n network) *shown {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := &shown{result: make(chan result, 1), cancel: cancel}
	ready := make(chan struct{})
	var once sync.Once
	done := make(chan struct{})
	go func() {
		defer close(done)
		state, err := k.invite(ctx, i, n, func(code string, expires time.Time, tries int) {
			s.tries.Store(int64(tries))
			once.Do(func() {
				s.code, s.expires = code, expires
				close(ready)
			})
		})
		s.result <- result{state, err}
	}()
	t.Cleanup(func() { cancel(); <-done })
	select {
	case <-ready:
	case r := <-s.result:
		t.Fatalf("no code: %v", r.err)
	}
	return s
}

func (s *shown) wait(t *testing.T) result {
	t.Helper()
	select {
	case r := <-s.result:
		return r
	case <-time.After(20 * time.Second):
		t.Fatal("the invitation does not end")
		return result{}
	}
}

// paired fails unless two keepers believe each other and have one root.
func paired(t *testing.T, a, b *Keeper) {
	t.Helper()
	for _, x := range [][2]*Keeper{{a, b}, {b, a}} {
		if got := x[0].Peers(); len(got) != 1 || !got[0].Equal(publicOf(x[1].Own())) {
			t.Errorf("%d peers", len(got))
		}
		if !x[0].State().Paired || x[0].State().Rotating {
			t.Errorf("%+v", x[0].State())
		}
	}
	if !slices.EqualFunc(a.Roots(), b.Roots(), slices.Equal) || len(a.Roots()) != 1 || len(a.Roots()[0]) != 32 {
		t.Errorf("roots %d and %d", len(a.Roots()), len(b.Roots()))
	}
}

func TestPairing(t *testing.T) {
	dirs := []string{t.TempDir(), t.TempDir()}
	a, b := opened(t, dirs[0]), opened(t, dirs[1])
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := show(t, a, Invite{Node: "left", Addresses: []netip.Addr{loopback(1)}, Now: func() time.Time { return now }}, sockets{})
	if s.tries.Load() != maxTries || !s.expires.Equal(now.Add(codeLife)) {
		t.Errorf("%d tries until %v", s.tries.Load(), s.expires)
	}
	year := now.AddDate(1, 0, 0)
	got, err := b.Join(t.Context(), Join{Node: "right", Code: s.code, Address: loopback(1), Now: func() time.Time { return year }})
	if err != nil {
		t.Fatal(err)
	}
	r := s.wait(t)
	if r.err != nil {
		t.Fatal(r.err)
	}
	fa, fb := Fingerprint(publicOf(a.Own())), Fingerprint(publicOf(b.Own()))
	want := State{Paired: true, Node: "left", Since: year, Own: fb, Peer: fa, Device: "lo", Local: got.Local, Address: loopback(1)}
	if !got.Local.IsLoopback() || !cmp.Equal(got, want, cmp.Comparer(func(x, y netip.Addr) bool { return x == y })) {
		t.Errorf("dialler: %+v, want %+v", got, want)
	}
	// No device has this address: all of 127.0.0.0/8 is local.
	want = State{Paired: true, Node: "right", Since: now, Own: fa, Peer: fb, Local: loopback(1), Address: got.Local}
	if !cmp.Equal(r.state, want, cmp.Comparer(func(x, y netip.Addr) bool { return x == y })) {
		t.Errorf("host: %+v, want %+v", r.state, want)
	}
	for _, k := range []*Keeper{a, b} {
		select {
		case <-k.Changed():
		default:
			t.Error("nobody was told")
		}
	}
	paired(t, a, b)
	paired(t, opened(t, dirs[0]), opened(t, dirs[1]))
	if got := opened(t, dirs[0]).State(); !cmp.Equal(got, want, cmp.Comparer(func(x, y netip.Addr) bool { return x == y })) {
		t.Errorf("after a restart: %+v, want %+v", got, want)
	}
}

func TestWrongCodes(t *testing.T) {
	a, b := opened(t, t.TempDir()), opened(t, t.TempDir())
	s := show(t, a, Invite{Node: "a", Addresses: []netip.Addr{loopback(2)}}, sockets{})
	right, err := parseCode(s.code)
	if err != nil {
		t.Fatal(err)
	}
	other := []byte(right)
	other[7] = '0' + (other[7]-'0'+1)%10
	refusals := 0
	for range 100 {
		_, err := b.Join(t.Context(), Join{Node: "b", Code: string(other), Address: loopback(2)})
		switch {
		case errors.Is(err, ErrWrong):
			refusals++
		case errors.Is(err, ErrClosed), errors.Is(err, ErrNobody), errors.Is(err, errHungUp):
		default:
			t.Fatal(err)
		}
	}
	if refusals != 10 { // of a hundred million codes
		t.Errorf("%d codes were tried", refusals)
	}
	if r := s.wait(t); !errors.Is(r.err, ErrTries) {
		t.Errorf("%v", r.err)
	}
	if s.tries.Load() != 0 {
		t.Errorf("%d tries are left", s.tries.Load())
	}
	if a.State().Paired || b.State().Paired || len(a.Peers())+len(a.Roots())+len(b.Peers())+len(b.Roots()) > 0 {
		t.Error("something is paired")
	}
}

func TestTriesGoOnAfterASlip(t *testing.T) {
	a, b := opened(t, t.TempDir()), opened(t, t.TempDir())
	s := show(t, a, Invite{Node: "a", Addresses: []netip.Addr{loopback(2)}}, sockets{})
	slip := []byte(s.code)
	slip[0] = '0' + (slip[0]-'0'+1)%10
	if _, err := b.Join(t.Context(), Join{Node: "b", Code: string(slip), Address: loopback(2)}); !errors.Is(err, ErrWrong) {
		t.Fatal(err)
	}
	if _, err := b.Join(t.Context(), Join{Node: "b", Code: s.code, Address: loopback(2)}); err != nil {
		t.Fatal(err)
	}
	if r := s.wait(t); r.err != nil || s.tries.Load() != maxTries-2 {
		t.Errorf("%v, told of %d tries", r.err, s.tries.Load())
	}
	paired(t, a, b)
}

func TestExpired(t *testing.T) {
	a, b := opened(t, t.TempDir()), opened(t, t.TempDir())
	var past atomic.Int64
	start := time.Now()
	now := func() time.Time { return start.Add(time.Duration(past.Load())) }
	s := show(t, a, Invite{Node: "a", Addresses: []netip.Addr{loopback(2)}, Now: now}, sockets{})
	past.Store(int64(codeLife))
	if _, err := b.Join(t.Context(), Join{Node: "b", Code: s.code, Address: loopback(2)}); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
	if r := s.wait(t); !errors.Is(r.err, ErrExpired) {
		t.Errorf("%v", r.err)
	}
	if _, err := b.Join(t.Context(), Join{Node: "b", Code: s.code, Address: loopback(2)}); !errors.Is(err, ErrNobody) {
		t.Errorf("%v", err)
	}
}

func TestItself(t *testing.T) {
	dir := t.TempDir()
	a := opened(t, dir)
	s := show(t, a, Invite{Node: "a", Addresses: []netip.Addr{loopback(2)}}, sockets{})
	if _, err := a.Join(t.Context(), Join{Node: "a", Code: s.code, Address: loopback(2)}); !errors.Is(err, ErrItself) {
		t.Errorf("%v", err)
	}
	if len(a.Peers()) != 0 {
		t.Error("it is its own peer")
	}
	s.cancel()
	if r := s.wait(t); !errors.Is(r.err, context.Canceled) {
		t.Errorf("%v", r.err)
	}
}

func TestBadJoins(t *testing.T) {
	k := opened(t, t.TempDir())
	for _, c := range []struct {
		join Join
		want error
	}{
		{Join{Node: "b", Code: "1234", Address: loopback(3)}, ErrCode},
		{Join{Node: "b", Code: "1234-5678", Address: loopback(3)}, ErrNobody},
	} {
		if _, err := k.Join(t.Context(), c.join); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v, want %v", c.join, err, c.want)
		}
	}
	if _, err := k.Join(t.Context(), Join{Node: "b\x1b[2J", Code: "12345678", Address: loopback(3)}); err == nil {
		t.Error("a name that moves the cursor is taken")
	}
	if _, err := k.Invite(t.Context(), Invite{Node: "a"}, func(string, time.Time, int) {}); !errors.Is(err, errNowhere) {
		t.Errorf("%v", err)
	}
}

// TestSilentCallers has callers who say nothing proper hear nothing, and use no try.
func TestSilentCallers(t *testing.T) {
	a, b := opened(t, t.TempDir()), opened(t, t.TempDir())
	s := show(t, a, Invite{Node: "a", Addresses: []netip.Addr{loopback(4)}}, sockets{})
	for _, said := range []string{
		"GET / HTTP/1.1\r\nHost: firewall\r\n\r\n",
		string(newMessage(hello, nil)),
		string(newMessage(hello, appendField(appendField(nil, tagSID, make([]byte, sidLen)), tagShare, make([]byte, pointLen)))),
		string(newMessage(done, nil)),
		string(newRefusal(wrong)),
	} {
		c, err := net.Dial("tcp", netip.AddrPortFrom(loopback(4), Port).String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte(said)); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if n, err := c.Read(make([]byte, 1)); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%.20q is answered: %d bytes, %v", said, n, err)
		}
		_ = c.Close()
	}
	if s.tries.Load() != maxTries {
		t.Errorf("%d tries are left", s.tries.Load())
	}
	if _, err := b.Join(t.Context(), Join{Node: "b", Code: s.code, Address: loopback(4)}); err != nil {
		t.Error(err)
	}
	s.wait(t)
	paired(t, a, b)
}

// TestManyCallers has callers who say nothing take all there is room for: one more is not heard, and the code lives.
func TestManyCallers(t *testing.T) {
	a, b := opened(t, t.TempDir()), opened(t, t.TempDir())
	s := show(t, a, Invite{Node: "a", Addresses: []netip.Addr{loopback(4)}}, sockets{})
	call := func() net.Conn {
		c, err := net.Dial("tcp", netip.AddrPortFrom(loopback(4), Port).String())
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
		return c
	}
	var silent []net.Conn
	for range maxAtOnce {
		silent = append(silent, call())
	}
	if _, err := b.Join(t.Context(), Join{Node: "b", Code: s.code, Address: loopback(4)}); !errors.Is(err, errHungUp) {
		t.Errorf("one too many: %v", err)
	}
	for _, c := range silent {
		if n, err := c.Read(make([]byte, 1)); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("who says nothing is kept: %d bytes, %v", n, err)
		}
		_ = c.Close()
	}
	var err error
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); { // the host may not have counted the last of them yet
		if _, err = b.Join(t.Context(), Join{Node: "b", Code: s.code, Address: loopback(4)}); err == nil {
			break
		}
	}
	if r := s.wait(t); err != nil || r.err != nil {
		t.Fatal(err, r.err)
	}
	paired(t, a, b)
}

// TestOneOfTwo: of two exchanges that prove the code at once, one makes the pair.
func TestOneOfTwo(t *testing.T) {
	k := opened(t, t.TempDir())
	r := &reception{keeper: k, network: sockets{}, now: time.Now, finishing: make(chan struct{}, 1), paired: true}
	here, there := net.Pipe()
	_ = there.SetDeadline(time.Now().Add(10 * time.Second))
	done := make(chan ended, 1)
	go func() {
		defer here.Close()
		done <- r.finish(t.Context(), here, &host{}, met{id: "late"}, nil)
	}()
	b, err := readMessage(there)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parseMessage(b, answer); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
	_ = there.Close()
	if e := <-done; e != (ended{}) || len(k.Peers()) > 0 {
		t.Errorf("%+v", e)
	}
}

// onEth0 is a network in which every address is of one device.
type onEth0 struct{ sockets }

func (onEth0) device(netip.Addr) string { return "eth0" }

// TestPlace: where a pairing ran is known when both ends call the host by one address.
func TestPlace(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	for theirs, want := range map[string]string{"10.0.0.1": "eth0", "::ffff:10.0.0.1": "eth0", "10.0.0.2": "", "fe80::1%eth1": ""} {
		if got := placeOf(onEth0{}, here, netip.MustParseAddr(theirs), netip.MustParseAddr("10.0.0.1")); got.device != want {
			t.Errorf("%s: %+v, want %q", theirs, got, want)
		}
	}
	if got := placeOf(onEth0{}, here, netip.MustParseAddr("fe80::1"), netip.MustParseAddr("fe80::1%eth1")); got.device != "eth0" {
		t.Errorf("a link-local one: %+v", got)
	}
}
