package wire

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// ear collects what a port hears.
type ear struct {
	kinds []Kind
	said  []string
	at    []time.Time
	kept  []byte // of the last frame, against the rules
}

func (e *ear) hear(h Heard) {
	e.kinds = append(e.kinds, h.Kind)
	e.said = append(e.said, string(h.Payload))
	e.at = append(e.at, h.At)
	e.kept = h.Payload
}

// pair is two machines on a segment, each with an ear.
type pair struct {
	ether      *Ether
	a, b       *Machine
	portA      Port
	portB      Port
	heardA     ear
	heardB     ear
	addrA      netip.Prefix
	addrB      netip.Prefix
	vip        netip.Prefix
	start      time.Time
	closePorts func()
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{ether: NewEther(), start: time.Now()}
	p.addrA, p.addrB = netip.MustParsePrefix("10.0.0.1/24"), netip.MustParsePrefix("10.0.0.2/24")
	p.vip = netip.MustParsePrefix("10.0.0.3/24")
	p.a, p.b = p.ether.Machine("a"), p.ether.Machine("b")
	p.a.Plug("lan", "office", macA, p.addrA, netip.MustParsePrefix("fe80::a/64"))
	p.b.Plug("lan", "office", macB, p.addrB, netip.MustParsePrefix("fe80::b/64"))
	var err error
	if p.portA, err = p.a.Open("lan", p.heardA.hear); err != nil {
		t.Fatal(err)
	}
	if p.portB, err = p.b.Open("lan", p.heardB.hear); err != nil {
		t.Fatal(err)
	}
	p.closePorts = func() {
		if err := errors.Join(p.portA.Close(), p.portB.Close(), p.portB.Close()); err != nil {
			t.Error(err)
		}
	}
	return p
}

// inPair runs a test in a bubble.
func inPair(t *testing.T, test func(t *testing.T, p *pair)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		defer p.closePorts()
		test(t, p)
	})
}

func (p *pair) beat(t *testing.T, said string) {
	t.Helper()
	if err := p.portA.Send(AppendBeat(nil, macA, netip.Addr{}, []byte(said))); err != nil {
		t.Error(err)
	}
}

func TestEtherDelivers(t *testing.T) {
	inPair(t, func(t *testing.T, p *pair) {
		p.beat(t, "one")
		if err := p.portA.SendTo(CARP, p.addrB.Addr(), []byte("two")); err != nil {
			t.Error(err)
		}
		if err := p.portA.SendTo(Beat, addr("fe80::b%lan"), []byte("three")); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		// Before each unicast is the question for its hardware address.
		if want := []Kind{Beat, ARP, CARP, Neighbour, Beat}; !slices.Equal(p.heardB.kinds, want) {
			t.Errorf("b heard %v, want %v", p.heardB.kinds, want)
		}
		if want := []Kind{ARP, Neighbour}; !slices.Equal(p.heardA.kinds, want) {
			t.Errorf("a heard %v, want the answers %v", p.heardA.kinds, want)
		}
		if p.heardB.said[4] != "three" {
			t.Errorf("said %q", p.heardB.said)
		}
		if string(p.heardB.kept) == "three" {
			t.Error("what was kept is still there")
		}
		got, err := p.b.Neighbours(1)
		if want := []netip.Addr{p.addrA.Addr(), addr("fe80::a")}; err != nil || !slices.Equal(got, want) {
			t.Errorf("neighbours %v, %v; want %v", got, err, want)
		}
	})
}

func TestEtherImpairs(t *testing.T) {
	inPair(t, func(t *testing.T, p *pair) {
		p.ether.Impair("office", func(from, to string, frame []byte) []time.Duration {
			if from != "a" || to != "b" {
				t.Errorf("from %s to %s", from, to)
			}
			switch got, _ := Parse(frame); string(got.Payload) {
			case "lost":
				return nil
			case "twice":
				return []time.Duration{3 * time.Second, time.Second}
			}
			return []time.Duration{2 * time.Second}
		})
		for _, said := range []string{"lost", "twice", "late"} {
			p.beat(t, said)
		}
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if want := []string{"twice", "late", "twice"}; !slices.Equal(p.heardB.said, want) {
			t.Errorf("heard %q, want %q", p.heardB.said, want)
		}
		for i, at := range p.heardB.at {
			if want := time.Duration(i+1) * time.Second; at.Sub(p.start) != want {
				t.Errorf("frame %d at %v, want %v", i, at.Sub(p.start), want)
			}
		}
		if len(p.heardA.said) != 0 {
			t.Errorf("a heard itself: %q", p.heardA.said)
		}
	})
}

func TestEtherReflects(t *testing.T) {
	inPair(t, func(t *testing.T, p *pair) {
		p.ether.Reflect("office", true)
		p.beat(t, "echo")
		synctest.Wait()
		if !slices.Equal(p.heardA.said, []string{"echo"}) {
			t.Errorf("a heard %q", p.heardA.said)
		}
	})
}

// TestStopped says what machines do that are cut off in one way or another.
func TestStopped(t *testing.T) {
	for _, c := range []struct {
		name                  string
		stop, start           func(m *Machine)
		answers, hears, later bool
	}{
		{"running", func(*Machine) {}, func(*Machine) {}, true, true, true},
		{"frozen", func(m *Machine) { m.Freeze(true) }, func(m *Machine) { m.Freeze(false) }, false, false, false},
		{"stunned", func(m *Machine) { m.Stun(true) }, func(m *Machine) { m.Stun(false) }, true, false, true},
		{"without carrier", func(m *Machine) { m.Carrier("lan", false) }, func(m *Machine) { m.Carrier("lan", true) }, false, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			inPair(t, func(t *testing.T, p *pair) {
				c.stop(p.b)
				p.beat(t, "hello")
				if err := p.portA.Send(AppendKnock(nil, macA, p.addrA.Addr(), p.addrB.Addr())); err != nil {
					t.Error(err)
				}
				synctest.Wait()
				if answers := len(p.heardA.kinds) == 1; answers != c.answers {
					t.Errorf("answers: %v", p.heardA.kinds)
				}
				if hears := len(p.heardB.kinds) > 0; hears != c.hears {
					t.Errorf("hears: %v", p.heardB.kinds)
				}
				time.Sleep(time.Second)
				c.start(p.b)
				synctest.Wait()
				if later := len(p.heardB.kinds) > 0; later != c.later {
					t.Errorf("hears later: %v", p.heardB.kinds)
				}
				for _, at := range p.heardB.at {
					if at != p.start {
						t.Errorf("heard at %v, want when it came", at)
					}
				}
			})
		})
	}
}

// TestStoppedProgram has no effect, but for a machine whose link alone is cut.
func TestStoppedProgram(t *testing.T) {
	inPair(t, func(t *testing.T, p *pair) {
		for _, stop := range []func(bool){p.a.Freeze, p.a.Stun} {
			stop(true)
			p.beat(t, "unheard")
			err := errors.Join(p.a.Place(1, p.vip, 0), p.a.Remove(1, p.addrA), p.portA.SendTo(Beat, p.addrB.Addr(), nil))
			if err != nil {
				t.Error(err)
			}
			stop(false)
		}
		synctest.Wait()
		if len(p.heardB.said) != 0 || len(p.a.Addresses("lan")) != 2 {
			t.Errorf("heard %q, addresses %v", p.heardB.said, p.a.Addresses("lan"))
		}
	})
}

func TestLeases(t *testing.T) {
	inPair(t, func(t *testing.T, p *pair) {
		holds := func(want bool) {
			t.Helper()
			if got := slices.Contains(p.a.Addresses("lan"), p.vip); got != want {
				t.Errorf("after %v: held is %v", time.Since(p.start), got)
			}
		}
		place := func(lease time.Duration) {
			t.Helper()
			if err := p.a.Place(1, p.vip, lease); err != nil {
				t.Error(err)
			}
		}
		place(1500 * time.Millisecond)
		time.Sleep(1999 * time.Millisecond)
		holds(true)
		place(2 * time.Second)
		time.Sleep(1999 * time.Millisecond)
		holds(true)
		time.Sleep(time.Millisecond)
		synctest.Wait()
		holds(false)
		place(time.Second)
		place(0)
		time.Sleep(time.Hour)
		holds(true)
		if err := errors.Join(p.a.Remove(1, p.vip), p.a.Remove(1, p.vip)); err != nil {
			t.Error(err)
		}
		holds(false)
	})
}

// TestAnnouncementsMove has a client follow an address from one machine to the other.
func TestAnnouncementsMove(t *testing.T) {
	for _, vip := range []string{"10.0.0.3/24", "2001:db8::3/64"} {
		inPair(t, func(t *testing.T, p *pair) {
			vip := netip.MustParsePrefix(vip)
			client := p.ether.Machine("client")
			client.Plug("eth0", "office", MAC{2, 0, 0, 0, 0, 0xc}, netip.MustParsePrefix("10.0.0.9/24"), netip.MustParsePrefix("2001:db8::9/64"))
			believes := func(want MAC, wantOK bool) {
				t.Helper()
				synctest.Wait()
				if got, ok := client.Believes("eth0", vip.Addr()); got != want || ok != wantOK {
					t.Errorf("%s is at %s, %v; want %s", vip.Addr(), got, ok, want)
				}
			}
			for _, frame := range Announcements(macA, vip.Addr()) {
				if err := p.portA.Send(frame); err != nil {
					t.Error(err)
				}
			}
			believes(MAC{}, false) // nobody learns of whom he does not ask
			if err := p.a.Place(1, vip, 0); err != nil {
				t.Error(err)
			}
			client.Resolve("eth0", vip.Addr())
			believes(macA, true)
			if err := p.portB.Send(Announcements(macB, vip.Addr())[0]); err != nil {
				t.Error(err)
			}
			believes(macB, true)
			said := p.ether.Announced()
			last := said[len(said)-1]
			last.At = time.Time{}
			if want := (Announcement{Machine: "b", Device: "lan", Addr: vip.Addr(), MAC: macB, Reply: vip.Addr().Is6()}); last != want {
				t.Errorf("announced %+v, want %+v", last, want)
			}
		})
	}
}

func TestEtherEcho(t *testing.T) {
	inPair(t, func(t *testing.T, p *pair) {
		for _, pair := range [][2]string{{"10.0.0.1", "10.0.0.2"}, {"fe80::a", "fe80::b"}, {"10.0.0.1", "10.0.0.77"}} {
			if err := p.portA.Send(AppendEchoRequest(nil, macA, macB, addr(pair[0]), addr(pair[1]), 1, 2)); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		if want := []Kind{Echo, Echo}; !slices.Equal(p.heardA.kinds, want) || len(p.heardB.kinds) != 0 {
			t.Errorf("a heard %v, b %v", p.heardA.kinds, p.heardB.kinds)
		}
	})
}

func TestEtherWatch(t *testing.T) {
	inPair(t, func(t *testing.T, p *pair) {
		ctx, cancel := context.WithCancel(t.Context())
		var told atomic.Int32
		done := make(chan error)
		go func() { done <- p.a.Watch(ctx, func() { told.Add(1) }) }()
		expect := func(want int32) {
			t.Helper()
			synctest.Wait()
			if got := told.Load(); got != want {
				t.Errorf("told %d times, want %d", got, want)
			}
		}
		expect(1)
		p.a.Carrier("lan", true) // it is
		expect(1)
		p.a.Carrier("lan", false)
		expect(2)
		if err := p.a.Place(1, p.vip, time.Second); err != nil {
			t.Error(err)
		}
		expect(3)
		time.Sleep(time.Second)
		expect(4)
		p.a.Unplug("lan")
		expect(5)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestEtherWithoutDevice(t *testing.T) {
	inPair(t, func(t *testing.T, p *pair) {
		p.a.Unplug("lan")
		_, opened := p.a.Open("lan", func(Heard) {})
		_, read := p.a.Device("lan")
		_, listed := p.a.Neighbours(1)
		for name, err := range map[string]error{
			"open": opened, "device": read, "neighbours": listed, "place": p.a.Place(1, p.vip, 0),
			"send": p.portA.Send(AppendCARP(nil, macA, netip.Addr{}, nil)), "send to": p.portA.SendTo(CARP, p.addrB.Addr(), nil),
		} {
			if !errors.Is(err, ErrNoDevice) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := p.a.Remove(1, p.addrA); err != nil {
			t.Errorf("remove: %v", err)
		}
		for _, to := range []netip.Addr{{}, addr("224.0.0.18"), netip.IPv6Unspecified()} {
			if err := p.portB.SendTo(Beat, to, nil); err == nil {
				t.Errorf("sent to %s", to)
			}
		}
		if err := p.portB.SendTo(Echo, p.addrA.Addr(), nil); err == nil {
			t.Error("sent an echo")
		}
	})
}

func TestEtherDevice(t *testing.T) {
	inPair(t, func(t *testing.T, p *pair) {
		p.b.Plug("cable", "between", MAC{2, 1})
		p.beat(t, "counted")
		got, err := p.b.Device("lan")
		if err != nil {
			t.Fatal(err)
		}
		if got.Index != 1 || got.Name != "lan" || got.MAC != macB || got.MTU != 1500 || !got.Up || !got.Carrier || got.Received != 1 || len(got.Addresses) != 2 {
			t.Errorf("device is %+v", got)
		}
		if got, err := p.b.Device("cable"); err != nil || got.Index != 2 || got.Received != 0 {
			t.Errorf("device is %+v, %v", got, err)
		}
	})
}
