package links

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// drama runs an Owner that has applied the office on a simulated machine.
func drama(t *testing.T, body func(t *testing.T, f *Fake, o *Owner)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := NewFake(down(1, "eth0"), down(2, "eth1"))
		o, _ := newOwner(t, f)
		apply(t, o, office())
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- o.Run(ctx) }()
		time.Sleep(time.Second)
		body(t, f, o)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

func tamper(t *testing.T, f *Fake, op Op) {
	t.Helper()
	if err := f.Tamper(op); err != nil {
		t.Fatal(err)
	}
}

func TestRunMends(t *testing.T) {
	tests := []struct {
		name string
		ops  []Op
	}{
		{"address", []Op{DeleteAddress{Device: "eth1", Prefix: prefixes("10.1.2.2/28")[0]}}},
		{"route", []Op{DeleteRoute{Route: route("10.8.0.0/16 10.1.2.3 eth1").canonical()}}},
		{"route of our number", []Op{AddRoute{Route: route("10.9.0.0/16 10.1.2.3 eth1").canonical()}}},
		{"flap", []Op{SetUp{Device: "eth0"}, SetUp{Device: "eth0", Up: true}}},
		{"down", []Op{SetUp{Device: "eth0"}}},
		{"MTU", []Op{SetMTU{Device: "eth1", To: 900}}},
		{"setting", []Op{SetSysctl{Path: "net/ipv4/ip_forward", To: "0"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			drama(t, func(t *testing.T, f *Fake, o *Owner) {
				before := f.String()
				for _, op := range tt.ops {
					tamper(t, f, op)
				}
				if f.String() == before {
					t.Fatal("nothing to mend")
				}
				time.Sleep(time.Second)
				if have := sorted(f.String()); have != sorted(before) {
					t.Errorf("after a second (-before +after):\n%s", cmp.Diff(sorted(before), have))
				}
				if o.Stats().Mends.Load() == 0 {
					t.Error("mend not counted")
				}
			})
		})
	}
}

// sorted makes listings comparable: a route that comes back is the last.
func sorted(listing string) string {
	lines := strings.Split(listing, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestRunLeavesForeign(t *testing.T) {
	drama(t, func(t *testing.T, f *Fake, o *Owner) {
		tamper(t, f, AddAddress{Device: "eth1", Prefix: prefixes("10.1.2.9/28")[0]})
		time.Sleep(time.Minute)
		if !strings.Contains(f.String(), "10.1.2.9/28") || o.Stats().Mends.Load() != 0 {
			t.Errorf("%d mends:\n%s", o.Stats().Mends.Load(), f)
		}
	})
}

func TestRunConfiguresLateDevice(t *testing.T) {
	drama(t, func(t *testing.T, f *Fake, o *Owner) {
		before := sorted(f.String())
		f.Unplug("eth1")
		time.Sleep(time.Minute)
		f.Plug(down(9, "eth1"))
		time.Sleep(time.Second)
		if d := cmp.Diff(before, sorted(f.String())); d != "" {
			t.Errorf("plugged in again (-before +after):\n%s", d)
		}
	})
}

func TestRunDoesNotQuarrel(t *testing.T) {
	drama(t, func(t *testing.T, f *Fake, o *Owner) {
		ours := prefixes("10.1.2.2/28")[0]
		for range 60 * 10 {
			tamper(t, f, DeleteAddress{Device: "eth1", Prefix: ours})
			time.Sleep(100 * time.Millisecond)
		}
		if n := o.Stats().Mends.Load(); n < 8 || n > 15 {
			t.Errorf("%d mends in a minute", n)
		}
		time.Sleep(time.Minute)
		tamper(t, f, DeleteAddress{Device: "eth1", Prefix: ours})
		time.Sleep(time.Second)
		if !strings.Contains(f.String(), ours.String()) {
			t.Error("the old quarrel is not forgotten")
		}
	})
}

func TestRunTriesAgainWhatWasRefused(t *testing.T) {
	drama(t, func(t *testing.T, f *Fake, o *Owner) {
		op := "route add 10.8.0.0/16 via 10.1.2.3 dev eth1"
		f.Refuse(op, errors.New("no"))
		tamper(t, f, DeleteRoute{Route: route("10.8.0.0/16 10.1.2.3 eth1").canonical()})
		time.Sleep(2 * time.Second)
		f.Refuse(op, nil)
		time.Sleep(4 * time.Second)
		if !strings.Contains(f.String(), "10.8.0.0/16") || o.Stats().Failures.Load() == 0 {
			t.Errorf("%d failures:\n%s", o.Stats().Failures.Load(), f)
		}
	})
}

// TestRunTriesAtOnceWhenThereIsNews has waited long when the line comes.
func TestRunTriesAtOnceWhenThereIsNews(t *testing.T) {
	drama(t, func(t *testing.T, f *Fake, o *Owner) {
		op := "route add 10.8.0.0/16 via 10.1.2.3 dev eth1"
		f.Refuse(op, errors.New("no"))
		tamper(t, f, DeleteRoute{Route: route("10.8.0.0/16 10.1.2.3 eth1").canonical()})
		time.Sleep(5 * time.Minute)
		if n := o.Stats().Failures.Load(); n < 20 || n > 50 {
			t.Errorf("%d failures in five minutes", n)
		}
		f.Refuse(op, nil)
		f.Plug(eth(7, "eth7"))
		time.Sleep(2 * shortest)
		if !strings.Contains(f.String(), "10.8.0.0/16") {
			t.Errorf("machine:\n%s", f)
		}
	})
}

// TestRunWaitsForADevice has a device that is none of the policy's: it is not
// taken up, and its routes wait without being tried.
func TestRunWaitsForADevice(t *testing.T) {
	drama(t, func(t *testing.T, f *Fake, o *Owner) {
		f.Plug(eth(7, "ppp0"))
		f.Plug(eth(8, "ppp1"))
		want := office()
		want.Routes = append(want.Routes, route("10.9.0.0/16 - ppp0"), multipath("10.7.0.0/16", "192.0.2.1 ppp0 1", "192.0.2.2 ppp1 2"))
		apply(t, o, want)
		before := sorted(f.String())

		tamper(t, f, SetUp{Device: "ppp0"})
		time.Sleep(time.Minute)
		if got, text := f.String(), `device "ppp0" is down: 2 routes by it wait`; strings.Contains(got, "10.9.0.0/16") || o.Trouble() != text {
			t.Errorf("trouble %q, want %q, machine:\n%s", o.Trouble(), text, got)
		}
		tamper(t, f, SetUp{Device: "ppp1"})
		time.Sleep(time.Minute)
		if strings.Contains(f.String(), "10.7.0.0/16") || o.Stats().Failures.Load() != 0 || o.Stats().Mends.Load() != 0 {
			t.Errorf("%d failures, %d mends, machine:\n%s", o.Stats().Failures.Load(), o.Stats().Mends.Load(), f)
		}
		tamper(t, f, SetUp{Device: "ppp1", Up: true})
		time.Sleep(shortest)
		if !strings.Contains(f.String(), "10.7.0.0/16 via 192.0.2.2 dev ppp1\n") {
			t.Errorf("one line is back, machine:\n%s", f)
		}
		time.Sleep(time.Second)
		tamper(t, f, SetUp{Device: "ppp0", Up: true})
		time.Sleep(shortest)
		if d := cmp.Diff(before, sorted(f.String())); d != "" || o.Trouble() != "" {
			t.Errorf("trouble %q, both lines are back (-before +after):\n%s", o.Trouble(), d)
		}
	})
}

func TestRunTriesAgainWhatApplyCouldNot(t *testing.T) {
	drama(t, func(t *testing.T, f *Fake, o *Owner) {
		op := "address add 10.1.2.7/28 dev eth1"
		f.Refuse(op, errors.New("no"))
		want := office()
		want.Links[1].Addresses = append(want.Links[1].Addresses, prefixes("10.1.2.7/28")...)
		if _, err := o.Apply(t.Context(), want); err == nil {
			t.Fatal("not refused")
		}
		f.Refuse(op, nil)
		time.Sleep(time.Second)
		if !strings.Contains(f.String(), "10.1.2.7/28") {
			t.Errorf("machine:\n%s", f)
		}
	})
}

func TestRunAfterReleaseDoesNothing(t *testing.T) {
	drama(t, func(t *testing.T, f *Fake, o *Owner) {
		if err := o.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := f.String()
		tamper(t, f, SetUp{Device: "eth0", Up: true})
		tamper(t, f, SetUp{Device: "eth0"})
		time.Sleep(time.Minute)
		if f.String() != before {
			t.Errorf("machine:\n%s", f)
		}
	})
}

// deaf is a kernel whose news gets lost.
type deaf struct {
	*Fake
	lost chan error
}

func (d deaf) Watch(ctx context.Context, changed func()) error {
	changed()
	select {
	case <-ctx.Done():
		return nil
	case err := <-d.lost:
		return err
	}
}

func TestRunListensAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := deaf{NewFake(down(1, "eth0"), down(2, "eth1")), make(chan error)}
		o, _ := newOwner(t, d)
		apply(t, o, office())
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- o.Run(ctx) }()
		time.Sleep(time.Second)
		tamper(t, d.Fake, DeleteAddress{Device: "eth1", Prefix: prefixes("10.1.2.2/28")[0]})
		d.lost <- errors.New("no buffer space")
		time.Sleep(time.Second)
		if !strings.Contains(d.String(), "10.1.2.2/28") || o.Stats().Resubscribed.Load() != 1 {
			t.Errorf("listened anew %d times:\n%s", o.Stats().Resubscribed.Load(), d)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestTroubleGoesWithItsCause takes a device away and gives it back.
func TestTroubleGoesWithItsCause(t *testing.T) {
	drama(t, func(t *testing.T, f *Fake, o *Owner) {
		if got := o.Trouble(); got != "" {
			t.Errorf("before: %q", got)
		}
		f.Unplug("eth1")
		time.Sleep(time.Minute)
		if got := o.Trouble(); !strings.Contains(got, `no device "eth1"`) {
			t.Errorf("without its device: %q", got)
		}
		f.Plug(down(2, "eth1"))
		time.Sleep(time.Minute)
		if got := o.Trouble(); got != "" {
			t.Errorf("with its device again: %q", got)
		}
	})
}
