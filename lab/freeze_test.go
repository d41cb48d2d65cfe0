package lab

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestFreeze(t *testing.T) {
	n := Test(t)
	a, b := n.Host("a"), n.Host("b")
	a.Plug("eth0", n.Switch("lan"), prefix("10.0.0.1/24"), prefix("fd00::1/64"))
	lan2 := n.Switch("lan2")
	a.Plug("eth1", lan2, prefix("10.0.1.1/24"), prefix("fd01::1/64"))
	b.Plug("eth1", lan2, prefix("10.0.1.2/24"), prefix("fd01::2/64"))
	n.Cable(a, "sync", b, "sync")
	n.Wire(a, "wire", b, "wire")
	for i, h := range []*Host{a, b} {
		last := string(rune('1' + i))
		h.AddAddr("sync", prefix("10.0.2."+last+"/24"), prefix("fd02::"+last+"/64"))
		h.AddAddr("wire", prefix("10.0.3."+last+"/24"), prefix("fd03::"+last+"/64"))
	}
	targets := []string{"10.0.1.1", "fd01::1", "10.0.2.1", "fd02::1", "10.0.3.1", "fd03::1"}
	reach := func(when string, from *Host, want Outcome, within time.Duration) {
		t.Helper()
		for _, dst := range targets {
			if from == a {
				dst = strings.TrimSuffix(dst, "1") + "2"
			}
			if r := from.Ping(t.Context(), addr(dst), Within(within)); r.Outcome != want {
				t.Errorf("%s: %s to %s: %s, want %s", when, from.Name(), dst, r, want)
			}
		}
	}
	reach("before", b, Open, 5*time.Second)
	a.Freeze()
	a.Freeze() // changes nothing
	reach("frozen", a, Timeout, 20*time.Millisecond)
	reach("frozen", b, Timeout, 20*time.Millisecond)
	if out, err := a.Run(t.Context(), "ip", "-o", "link", "show", "up"); err != nil || strings.Count(out, "LOWER_UP") != 5 {
		t.Errorf("frozen: %v, links %s", err, out)
	}
	if r := a.Ping(t.Context(), addr("127.0.0.1")); r.Outcome != Open {
		t.Errorf("frozen: loopback: %s", r)
	}
	a.Thaw()
	a.Thaw() // has nothing to do
	reach("thawed", a, Open, 5*time.Second)
	reach("thawed", b, Open, 5*time.Second)
}

// TestFreezeIsDeaf asks sockets that stand below nft and tc, as those of a program for CARP do.
func TestFreezeIsDeaf(t *testing.T) {
	n := Test(t)
	lan := n.Switch("lan")
	frozen, other, witness := n.Host("frozen"), n.Host("other"), n.Host("witness")
	for _, h := range []*Host{frozen, other, witness} {
		h.Plug("eth0", lan)
	}
	// broadcast sends a frame and says who of the two heard it.
	broadcast := func(from, to *Host) (heard, seen bool) {
		t.Helper()
		frame := append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, from.MAC("eth0")...)
		frame = append(frame, 0x88, 0xb5) // for experiments
		frame = append(frame, make([]byte, 46)...)
		same := func(got []byte) bool { return bytes.Equal(got, frame) }
		captures := []*Capture{to.Capture("eth0", same), witness.Capture("eth0", same)}
		if err := from.SendFrame("eth0", frame); err != nil {
			t.Fatal(err)
		}
		return len(captures[0].Stop()) > 0, len(captures[1].Stop()) > 0
	}
	for _, tt := range []struct {
		name         string
		set          func()
		hears, sends bool
	}{
		{"before", func() {}, true, true},
		{"frozen", frozen.Freeze, false, false},
		{"thawed", frozen.Thaw, true, true},
	} {
		tt.set()
		if heard, seen := broadcast(other, frozen); heard != tt.hears || !seen {
			t.Errorf("%s: to it: heard %t, want %t; seen by the witness %t", tt.name, heard, tt.hears, seen)
		}
		if heard, seen := broadcast(frozen, other); heard != tt.sends || seen != tt.sends {
			t.Errorf("%s: from it: heard %t, seen %t, want %t", tt.name, heard, seen, tt.sends)
		}
	}
}
