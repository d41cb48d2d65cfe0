package main

import (
	"context"

	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/ha"
	"github.com/rempart/rempart/ha/view"
)

// pairBackend is what the two nodes of a pair can be asked and ordered.
type pairBackend struct{ *ha.Node }

// errNoPairing is what all of it is answered with where nodes cannot be paired.
var errNoPairing = view.Statef("this version cannot pair nodes")

func (pairBackend) PeerMaintenance(context.Context, bool, string) error { return errNoPairing }

func (pairBackend) Invite(context.Context, string, func(view.Invitation) error) (view.Pairing, error) {
	return view.Pairing{}, errNoPairing
}

func (pairBackend) Join(context.Context, view.Join, string) (view.Pairing, error) {
	return view.Pairing{}, errNoPairing
}

func (pairBackend) Pairing(context.Context) (view.Pairing, error) {
	return view.Pairing{}, errNoPairing
}

func (pairBackend) Unpair(context.Context, bool, string) (view.Pairing, error) {
	return view.Pairing{}, errNoPairing
}

func (pairBackend) RotateKeys(context.Context, string) (view.Pairing, error) {
	return view.Pairing{}, errNoPairing
}

func (pairBackend) PolicyDiff(context.Context) (view.PolicyDiff, error) {
	return view.PolicyDiff{}, errNoPairing
}

func (pairBackend) Resolve(context.Context, view.Resolution, report.Caller) (report.Applied, error) {
	return report.Applied{}, errNoPairing
}

func (pairBackend) Pull(context.Context, report.Caller) (view.Carried, error) {
	return view.Carried{}, errNoPairing
}

func (pairBackend) Push(context.Context, report.Caller) (view.Carried, error) {
	return view.Carried{}, errNoPairing
}
