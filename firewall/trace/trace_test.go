package trace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/report"
)

// fake is a kernel that tells what a test sends.
type fake struct {
	events  chan nft.TraceEvent
	handles []nft.RuleHandle
	held    map[string]string // tables that mark
	made    int
	refuse  error // of Hold
	deaf    error // of Trace
}

func newFake() *fake {
	return &fake{events: make(chan nft.TraceEvent), handles: handlesOf(samplePolicy(), 0), held: map[string]string{}}
}

func (f *fake) Hold(_ context.Context, r nft.Ruleset) (io.Closer, error) {
	if f.refuse != nil {
		return nil, f.refuse
	}
	f.held[r.Table.Name] = r.String()
	f.made++
	return release(func() { delete(f.held, r.Table.Name) }), nil
}

type release func()

func (r release) Close() error { r(); return nil }

func (f *fake) Trace(ctx context.Context, ready func(), told func(nft.TraceEvent)) error {
	if f.deaf != nil {
		return f.deaf
	}
	ready()
	for {
		select {
		case e := <-f.events:
			told(e)
		case <-ctx.Done():
			return nil
		}
	}
}

func (f *fake) Handles(context.Context) ([]nft.RuleHandle, error) { return f.handles, nil }

// run follows packets of the sample policy while send tells of them, and returns a line for everything told.
func run(t *testing.T, k *fake, o Options, send func()) []string {
	t.Helper()
	o.Table = TablePrefix + "1"
	if o.Policy == nil {
		o.Policy = func(context.Context) (Policy, error) { return samplePolicy(), nil }
	}
	if o.For == 0 {
		o.For = time.Minute
	}
	var lines []string
	err := Run(t.Context(), k, o, func(l report.LiveLine) error {
		switch {
		case l.Begin != nil:
			lines = append(lines, fmt.Sprintf("begin %s, %d until %s", l.Begin.Flow, l.Begin.Count, time.Until(l.Begin.Until)))
			go send()
		case l.Packet != nil:
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s by %s %s", l.Packet.Verdict, l.Packet.Cause, l.Packet.Rule)))
		case l.End != nil:
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("end %d %v %s", l.End.Packets, l.End.Lost, l.End.Hint)))
		}
		return nil
	})
	if err != nil {
		lines = append(lines, err.Error())
	}
	if len(k.held) > 0 {
		t.Errorf("stays: %v", k.held)
	}
	return lines
}

// TestRun shows what ends following, and whom a step belongs to.
func TestRun(t *testing.T) {
	flow, err := ParseFlow("lan tcp -> any:443")
	if err != nil {
		t.Fatal(err)
	}
	marked := func(n uint32) nft.TraceEvent { return event(n, "inet "+TablePrefix+"1 came rule 2 continue", syn) }
	blocked := func(n uint32) nft.TraceEvent { return event(n, "inet rempart forward rule 13 drop", syn) }
	left := func(n uint32) nft.TraceEvent {
		return event(n, "inet "+TablePrefix+"1 left policy 0 accept", syn)
	}
	passed := func(n uint32) nft.TraceEvent { return event(n, "inet rempart forward rule 12 accept", syn) }
	const begin = "begin lan tcp any -> any:443, "
	for _, tt := range []struct {
		name  string
		count int
		send  func(k *fake, tell func(...nft.TraceEvent))
		want  []string
	}{
		{"enough packets", 2, func(_ *fake, tell func(...nft.TraceEvent)) {
			tell(marked(1), marked(2), passed(2), blocked(1), left(2))
		}, []string{begin + "2 until 1m0s", "block by rule no-ssh", "pass by rule web", "end 2 false"}},
		{"more than asked for", 1, func(_ *fake, tell func(...nft.TraceEvent)) {
			tell(marked(1), marked(2), blocked(2), passed(1), left(1))
		}, []string{begin + "1 until 1m0s", "pass by rule web", "end 1 false"}},
		{"no packet", 1, func(*fake, func(...nft.TraceEvent)) {},
			[]string{begin + "1 until 1m0s", "end 0 false no such packet arrived at lan (lan0): does its sender have a route to this gateway, and is it plugged in there?"}},
		{"packets of others", 1, func(_ *fake, tell func(...nft.TraceEvent)) {
			tell(blocked(1), event(2, "inet "+TablePrefix+"2 came rule 2 continue", syn), blocked(2), event(3, "inet "+TablePrefix+"1 came policy 0 accept", syn), blocked(3))
		}, []string{begin + "1 until 1m0s", "end 0 false no such packet arrived at lan (lan0): does its sender have a route to this gateway, and is it plugged in there?"}},
		{"a number used again", 3, func(_ *fake, tell func(...nft.TraceEvent)) {
			tell(marked(1), marked(1), blocked(1), marked(1), passed(1), left(1))
		}, []string{begin + "3 until 1m0s", "gone by", "block by rule no-ssh", "pass by rule web", "end 3 false"}},
		{"one that does not move any more", 1, func(_ *fake, tell func(...nft.TraceEvent)) { tell(marked(1), passed(1)) },
			[]string{begin + "1 until 1m0s", "gone by", "end 1 false"}},
		{"steps that were lost", 1, func(_ *fake, tell func(...nft.TraceEvent)) { tell(marked(1), nft.TraceEvent{Lost: true}) },
			[]string{begin + "1 until 1m0s", "unknown by", "end 1 true"}},
		{"on the way when the time is up", 1, func(_ *fake, tell func(...nft.TraceEvent)) {
			time.Sleep(time.Minute - quiet/2)
			tell(marked(1), event(1, "inet q post rule 2 queue", syn))
		}, []string{begin + "1 until 1m0s", "queue by foreign", "end 1 false"}},
		{"rules that came since", 1, func(k *fake, tell func(...nft.TraceEvent)) {
			k.handles = handlesOf(samplePolicy(), 100)
			tell(marked(1), event(1, "inet rempart forward rule 113 drop", syn))
		}, []string{begin + "1 until 1m0s", "block by rule no-ssh", "end 1 false"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newFake()
				tell := func(events ...nft.TraceEvent) {
					for _, e := range events {
						k.events <- e
					}
				}
				got := run(t, k, Options{Flow: flow, Count: tt.count}, func() { tt.send(k, tell) })
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestRunFails shows that nothing is begun, and nothing stays, when something cannot be done.
func TestRunFails(t *testing.T) {
	fault := errors.New("no")
	for _, tt := range []struct {
		name  string
		spoil func(*fake, *Options)
		want  string
	}{
		{"no policy", func(_ *fake, o *Options) {
			o.Policy = func(context.Context) (Policy, error) { return Policy{}, fault }
		}, "no"},
		{"no trace", func(k *fake, _ *Options) { k.deaf = fault }, "no"},
		{"an old kernel", func(k *fake, _ *Options) { k.refuse = nft.ErrNoOwner }, nft.ErrNoOwner.Error()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k, o := newFake(), Options{Count: 1}
				tt.spoil(k, &o)
				if diff := cmp.Diff([]string{tt.want}, run(t, k, o, nil)); diff != "" || k.made > 0 {
					t.Errorf("made %d (-want +got):\n%s", k.made, diff)
				}
			})
		})
	}
}

// TestHints has a hint for every question that no packet answers.
func TestHints(t *testing.T) {
	for _, tt := range []struct {
		flow  string
		reply bool
		want  string
	}{
		{"->", false, "no such packet arrived or was sent"},
		{"self ->", false, "the gateway itself sent"},
		{"wan ->", false, "arrived at wan (wan0)"},
		{"wan ->", true, "no answer came"},
	} {
		flow, err := ParseFlow(tt.flow)
		if err != nil {
			t.Fatal(err)
		}
		f := follower{options: Options{Flow: flow, Reply: tt.reply}, policy: samplePolicy()}
		if got := f.hint(); !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.flow, got, tt.want)
		}
	}
}
