package web

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/ha/view"
)

func (f *fake) PeerMaintenance(_ context.Context, on bool, by string) error {
	if f.err == nil {
		return view.Statef("on %v by %s", on, by)
	}
	return f.err
}

func (f *fake) Invite(ctx context.Context, by string, tell func(view.Invitation) error) (view.Pairing, error) {
	if f.err != nil {
		return view.Pairing{}, f.err
	}
	for tries := 3; tries > 1; tries-- {
		i := view.Invitation{Code: "4829-6135", Expires: moment(), Tries: tries, Addresses: some(f, netip.MustParseAddr("fe80::1%eth3"))}
		if err := tell(i); err != nil {
			return view.Pairing{}, err
		}
	}
	if f.during != nil {
		f.during(ctx)
	}
	return view.Pairing{Paired: true, Node: by, Since: moment()}, f.late
}

func (f *fake) Join(_ context.Context, j view.Join, by string) (view.Pairing, error) {
	return view.Pairing{Paired: true, Node: by, Own: j.Code, Peer: j.Address.String()}, f.err
}

func (f *fake) Pairing(context.Context) (view.Pairing, error) {
	return view.Pairing{Own: "a", Peer: "b", Rotating: true}, f.err
}

func (f *fake) Unpair(_ context.Context, force bool, by string) (view.Pairing, error) {
	return view.Pairing{Node: by, Own: fmt.Sprint(force)}, f.err
}

func (f *fake) RotateKeys(_ context.Context, by string) (view.Pairing, error) {
	return view.Pairing{Node: by, Rotating: true}, f.err
}

func (f *fake) PolicyDiff(context.Context) (view.PolicyDiff, error) {
	return view.PolicyDiff{
		Own: view.Revision{ID: "a", Time: moment()}, Conflict: true, Objects: some(f, view.ObjectChange{Object: "rule lan-out", Ours: view.Added, Conflict: true}),
		Draft: []byte("<<<<<<< \x00\xff\n"),
	}, f.err
}

func (f *fake) Resolve(_ context.Context, r view.Resolution, by report.Caller) (report.Applied, error) {
	return report.Applied{
		Hash: fmt.Sprintf("%s%x", r.Take, r.Policy), Revision: r.Confirm, Unchanged: r.Force, Changes: append(r.Expect[:], r.Message), Warnings: []string{by.Name},
		Peer: &report.PeerReport{Node: "fw2", State: report.PeerSwitched},
	}, f.err
}

func (f *fake) Pull(_ context.Context, by report.Caller) (view.Carried, error) {
	return view.Carried{Revisions: 3, File: by.Name}, f.err
}

func (f *fake) Push(_ context.Context, by report.Caller) (view.Carried, error) {
	return view.Carried{Revisions: 4, File: by.Name}, f.err
}
