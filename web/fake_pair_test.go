package web

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/rempart/rempart/ha/view"
)

func (f *fake) HAStatus(context.Context) (view.Status, error) {
	return view.Status{
		Node: "fw1", Configured: true,
		Groups: some(f, view.Group{Name: "main", Role: "MASTER", Since: moment(), Why: "the peer is dead"}),
		Peer:   view.Peer{State: "dead", Node: "fw2", Heard: moment()},
		Paths:  some(f, view.Path{Interface: "sync", Cable: true, Lost: 0.5}),
		Sync:   f.sync,
	}, f.err
}

func (f *fake) Release(_ context.Context, o view.Order) (view.Done, error) {
	return view.Done{Groups: []view.Switched{{Name: o.Group, Master: o.By, Moved: o.Force}}, Took: 42 * time.Millisecond}, f.err
}

func (f *fake) Takeover(_ context.Context, o view.Order) (view.Done, error) {
	return view.Done{Groups: []view.Switched{{Name: "to " + o.Group, Master: o.By, Moved: o.Force}}}, f.err
}

func (f *fake) Maintenance(_ context.Context, on bool, by string) (view.Status, error) {
	s := view.Status{Configured: true}
	if on {
		s.Maintenance = &view.Maintenance{Since: moment(), By: by}
	}
	return s, f.err
}

func (f *fake) Resync(_ context.Context, by string) (view.Sync, error) {
	return view.Sync{State: view.SyncIncomplete, Why: "begun anew by " + by}, f.err
}

func (f *fake) FlowsDiff(_ context.Context, limit int) (view.FlowsDiff, error) {
	return view.FlowsDiff{Here: limit, There: 2, Flows: some(f, view.FlowDiff{Flow: "udp", Here: "mark 0x1"}), More: true}, f.err
}

func (f *fake) Doctor(ctx context.Context, tell func(view.Finding) error) error {
	if f.err != nil {
		return f.err
	}
	for _, r := range []view.Result{view.Good, view.Bad} {
		if err := tell(view.Finding{Check: "multicast", On: "lan", Result: r, Text: "heard", Remedy: "none"}); err != nil {
			return err
		}
	}
	if f.during != nil {
		f.during(ctx)
	}
	return f.late
}

func (f *fake) Drill(ctx context.Context, o view.DrillOrder, tell func(view.DrillLeg) error) (view.Drill, error) {
	if f.err != nil {
		return view.Drill{}, f.err
	}
	d := view.Drill{From: o.By, To: fmt.Sprint(o.Rate), Legs: []view.DrillLeg{{Master: "fw2", Took: time.Second}, {Master: "fw1", Failed: "it does not answer"}}}
	for _, l := range d.Legs {
		if err := tell(l); err != nil {
			return view.Drill{}, err
		}
	}
	if f.during != nil {
		f.during(ctx)
	}
	for _, h := range o.Hosts {
		d.Hosts = append(d.Hosts, view.DrillHost{Address: h.Address, Interface: h.Interface, VIP: netip.MustParseAddr("10.1.2.1"), Sent: o.Rate, Gap: time.Millisecond})
	}
	return d, f.late
}
