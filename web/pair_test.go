package web

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/user"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/ha/view"
)

// pairQuestions leave out who asks: the daemon sees for itself (TestOrdersAreOfWhoAsks).
func pairQuestions() []question {
	order := view.Order{Group: "main", Force: true}
	drill := view.DrillOrder{Rate: 200, Hosts: []view.DrillTarget{{Interface: "lan", Address: netip.MustParseAddr("10.1.2.9")}}}
	forget := func(d view.Done, err error) (view.Done, error) {
		for i := range d.Groups {
			d.Groups[i].Master = ""
		}
		return d, err
	}
	return append(pairingQuestions(), []question{
		{"HAStatus", func(ctx context.Context, b backends) (any, error) { return b.HAStatus(ctx) }},
		{"Release", func(ctx context.Context, b backends) (any, error) { return forget(b.Release(ctx, order)) }},
		{"Takeover", func(ctx context.Context, b backends) (any, error) { return forget(b.Takeover(ctx, order)) }},
		{"Maintenance off", func(ctx context.Context, b backends) (any, error) { return b.Maintenance(ctx, false, "") }},
		{"Resync", func(ctx context.Context, b backends) (any, error) {
			s, err := b.Resync(ctx, "")
			s.Why = ""
			return s, err
		}},
		{"FlowsDiff", func(ctx context.Context, b backends) (any, error) { return b.FlowsDiff(ctx, 100) }},
		{"Doctor", func(ctx context.Context, b backends) (any, error) {
			var all []view.Finding
			err := b.Doctor(ctx, func(f view.Finding) error {
				all = append(all, f)
				return nil
			})
			return all, err
		}},
		{"Drill", func(ctx context.Context, b backends) (any, error) {
			var legs []view.DrillLeg
			d, err := b.Drill(ctx, drill, func(l view.DrillLeg) error {
				legs = append(legs, l)
				return nil
			})
			d.From = ""
			return []any{legs, d}, err
		}},
	}...)
}

func TestOrdersAreOfWhoAsks(t *testing.T) {
	client := Dial(serving(t, new(fake)))
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	released, err1 := client.Release(t.Context(), view.Order{By: "somebody else"})
	taken, err2 := client.Takeover(t.Context(), view.Order{By: "somebody else"})
	left, err3 := client.Maintenance(t.Context(), true, "somebody else")
	drilled, err4 := client.Drill(t.Context(), view.DrillOrder{Rate: 1, By: "somebody else"}, func(view.DrillLeg) error { return nil })
	again, err5 := client.Resync(t.Context(), "somebody else")
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		t.Fatal(err)
	}
	got := []string{released.Groups[0].Master, taken.Groups[0].Master, left.Maintenance.By, drilled.From, again.Why}
	if diff := cmp.Diff([]string{me.Username, me.Username, me.Username, me.Username, "begun anew by " + me.Username}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestPairErrors: why an order is refused arrives as what it is, also in the middle of a stream.
func TestPairErrors(t *testing.T) {
	for _, c := range []struct {
		name            string
		err             error
		order, conflict bool
	}{
		{"order", view.Orderf("no group %q", "guests"), true, false},
		{"state", view.Statef("fw2 is dead"), false, true},
		{"alone", fmt.Errorf("release: %w", view.ErrNotConfigured), false, true},
		{"refused", errors.New("place address: no such device"), false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			soon, late := Dial(serving(t, &fake{err: c.err})), Dial(serving(t, &fake{late: c.err}))
			check := func(name string, err error) {
				t.Helper()
				if err == nil || err.Error() != c.err.Error() {
					t.Errorf("%s: %v, want %v", name, err, c.err)
				}
				if errors.Is(err, view.ErrOrder) != c.order || errors.Is(err, report.ErrRequest) != c.order {
					t.Errorf("%s: %v, a wrong order: want %v", name, err, c.order)
				}
				if errors.Is(err, view.ErrState) != c.conflict || errors.Is(err, report.ErrConflict) != c.conflict {
					t.Errorf("%s: %v, does not fit the pair: want %v", name, err, c.conflict)
				}
			}
			for _, q := range pairQuestions() {
				_, err := q.ask(t.Context(), soon)
				check(q.name, err)
			}
			findings, legs := 0, 0
			check("Doctor, late", late.Doctor(t.Context(), func(view.Finding) error { findings++; return nil }))
			_, err := late.Drill(t.Context(), view.DrillOrder{Rate: 1}, func(view.DrillLeg) error { legs++; return nil })
			check("Drill, late", err)
			if findings != 2 || legs != 2 {
				t.Errorf("%d findings and %d legs were told before, want 2 of each", findings, legs)
			}
		})
	}
}

// TestStreamsThatEnd hears of a doctor and a drill that are broken off, by either side.
func TestStreamsThatEnd(t *testing.T) {
	broken := Dial(serving(t, &fake{during: func(context.Context) { panic("no end") }}))
	heard := 0
	if err := broken.Doctor(t.Context(), func(view.Finding) error { heard++; return nil }); err == nil || heard != 2 {
		t.Errorf("broken off after %d findings: %v", heard, err)
	}
	if _, err := broken.Drill(t.Context(), view.DrillOrder{Rate: 1}, func(view.DrillLeg) error { return nil }); err == nil {
		t.Error("a drill without an end is no drill")
	}

	gone := make(chan struct{})
	waits := Dial(serving(t, &fake{during: func(ctx context.Context) { <-ctx.Done(); close(gone) }}))
	ctx, leave := context.WithCancel(t.Context())
	told := 0
	err := waits.Doctor(ctx, func(view.Finding) error {
		if told++; told == 2 { // the pair has said all that it says before it waits
			leave()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("who goes away hears %v", err)
	}
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Error("the pair does not learn that its client left")
	}

	deaf := errors.New("deaf")
	if err := Dial(serving(t, new(fake))).Doctor(t.Context(), func(view.Finding) error { return deaf }); !errors.Is(err, deaf) {
		t.Errorf("who cannot be told: %v", err)
	}
}
