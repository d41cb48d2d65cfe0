package firewall

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/firewall/flows"
	"github.com/rempart/rempart/rules"
)

// TestEachEventOnce: a line that falls, and a group that goes back, are told once.
func TestEachEventOnce(t *testing.T) {
	var s settled
	up, down, allDown := settlingWorld(t), settlingWorld(t, "fibre"), settlingWorld(t, "fibre", "cable", "lte", "fibre6", "cable6")
	step := func(what string, w *rules.World, fallen, back map[string]bool) {
		t.Helper()
		got := s.newlyFallen(w)
		if diff := cmp.Diff(fallen, got); diff != "" {
			t.Errorf("%s: fallen (-want +got):\n%s", what, diff)
		}
		for g := range got { // as settle does when all went well
			s.fallen[g] = true
		}
		if diff := cmp.Diff(back, s.backIn(w)); diff != "" {
			t.Errorf("%s: back (-want +got):\n%s", what, diff)
		}
	}
	type names = map[string]bool
	gone := names{"gone": true}
	tiered := names{"internet": true, "ending": true, "keeping": true}
	step("begin", up, gone, names{})
	step("nothing new", up, names{}, names{})
	step("fibre falls", down, names{"fibre": true}, names{})
	step("it is down still", down, names{}, names{})
	step("it is back", up, names{}, tiered)
	step("it is up still", up, names{}, names{})
	step("it falls again", down, names{"fibre": true}, names{})
	step("all fall", allDown, names{"cable": true, "lte": true, "fibre6": true, "cable6": true}, names{})
	step("all are back", up, names{}, tiered)
}

// TestAGroupThatWasFoundOnALaterTier has nothing to go back from until that was seen.
func TestAGroupThatWasFoundOnALaterTier(t *testing.T) {
	var s settled
	s.backIn(settlingWorld(t, "fibre"))
	if back := s.backIn(settlingWorld(t)); !back["internet"] {
		t.Errorf("back: %v", back)
	}
}

func TestDrainsComeDue(t *testing.T) {
	a := newAssessment(settlingWorld(t), nil)
	want := []drain{{friday.Add(30 * time.Minute), "internet", ""}, {friday.Add(5 * time.Minute), "internet", "drains-sooner"}}
	got := a.drainsOf("internet", friday)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(drain{})); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	if got := a.drainsOf("ending", friday); got != nil {
		t.Errorf("a group that does not drain: %v", got)
	}
	s := settled{drains: got}
	for _, at := range []struct {
		after time.Duration
		due   int
		next  time.Duration
	}{{0, 0, 5 * time.Minute}, {5 * time.Minute, 1, 30 * time.Minute}, {29 * time.Minute, 0, 30 * time.Minute}, {time.Hour, 1, 0}} {
		if due := s.takeDue(friday.Add(at.after)); len(due) != at.due {
			t.Errorf("after %v due are %v, want %d", at.after, due, at.due)
		}
		if next := s.next(); !next.Equal(friday.Add(at.next)) && at.next != 0 || at.next == 0 && !next.IsZero() {
			t.Errorf("after %v next is %v, want after %v", at.after, next, at.next)
		}
	}
}

// flakyFlows is a table that refuses what it is told to.
type flakyFlows struct {
	*flows.Fake
	list, end, remark error
}

func (f *flakyFlows) List(ctx context.Context, filter flows.Filter) ([]flows.Flow, error) {
	if f.list != nil {
		return nil, f.list
	}
	return f.Fake.List(ctx, filter)
}

func (f *flakyFlows) End(ctx context.Context, all []flows.Flow) (int, error) {
	if f.end != nil {
		return 0, f.end
	}
	return f.Fake.End(ctx, all)
}

func (f *flakyFlows) Remark(ctx context.Context, all []flows.Marked) (int, error) {
	if f.remark != nil {
		return 0, f.remark
	}
	return f.Fake.Remark(ctx, all)
}

// TestSettleTriesAgain: flows that could not be dealt with are so later, and in
// between the drain that is due does not keep the loop busy.
func TestSettleTriesAgain(t *testing.T) {
	refused := errors.New("refused")
	for name, broken := range map[string]flakyFlows{"list": {list: refused}, "end": {end: refused}, "remark": {remark: refused}} {
		t.Run(name, func(t *testing.T) {
			w := settlingWorld(t, "fibre")
			toMove, toEnd := flowOf(w, untranslated, "moves", "fibre"), flowOf(w, untranslated, "ends", "fibre")
			toEnd.Orig.Src = netip.MustParseAddrPort("10.1.2.9:40001")
			broken.Fake = flows.NewFake(toMove, toEnd)
			m := newMachine(t)
			f := New(Parts{Kernel: m.kernel, FlowTable: &broken, Resets: m, Logger: hclog.NewNullLogger()})
			f.memory.Numbers = w.Numbers
			f.running = &running{world: w, ruleset: Compile(w)}
			if err := f.put(t.Context(), f.running.ruleset); err != nil {
				t.Fatal(err)
			}
			f.settled.drains = []drain{{due: friday, group: "internet"}}
			f.settle(t.Context(), friday)
			if want := friday.Add(retryEvery); !f.linesDue().Equal(want) {
				t.Errorf("next try at %v, want %v", f.linesDue(), want)
			}
			broken.list, broken.end, broken.remark = nil, nil, nil
			f.linesAt = time.Time{}
			f.settle(t.Context(), friday.Add(retryEvery))
			left, err := broken.List(t.Context(), nil)
			if err != nil || len(left) != 1 || w.Gateways.Name(uint16(left[0].Gateway())) != "cable" {
				t.Errorf("left: %v, %v", left, err)
			}
			if at := f.linesDue(); !at.IsZero() {
				t.Errorf("still due: %v", at)
			}
		})
	}
}
