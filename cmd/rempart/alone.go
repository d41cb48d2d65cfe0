package main

import (
	"context"

	"github.com/rempart/rempart/ha/view"
)

// alone is the pair of a gateway that has no peer.
type alone struct{}

func (alone) HAStatus(context.Context) (view.Status, error) { return view.Status{}, nil }

func (alone) Release(context.Context, view.Order) (view.Done, error) {
	return view.Done{}, view.ErrNotConfigured
}

func (alone) Takeover(context.Context, view.Order) (view.Done, error) {
	return view.Done{}, view.ErrNotConfigured
}

func (alone) Maintenance(context.Context, bool, string) (view.Status, error) {
	return view.Status{}, view.ErrNotConfigured
}

func (alone) Doctor(context.Context, func(view.Finding) error) error { return view.ErrNotConfigured }

func (alone) Drill(context.Context, view.DrillOrder, func(view.DrillLeg) error) (view.Drill, error) {
	return view.Drill{}, view.ErrNotConfigured
}
