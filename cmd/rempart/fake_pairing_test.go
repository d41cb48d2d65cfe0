package main

import (
	"context"
	"time"

	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/ha/view"
)

// The fingerprints of both nodes, and those of the keys that follow.
const (
	ownPrint      = "V7WG-37XF-B7B6-ZL7P"
	peerPrint     = "X4LB-6HKO-WG3U-DLCA"
	nextPrint     = "HQ6I-BBAD-GJYX-BKEQ"
	peerNextPrint = "KRTB-LX5I-HCZS-VAMS"
)

func (g *gateway) PeerMaintenance(context.Context, bool, string) error {
	switch {
	case g.refuse != nil:
		return g.refuse
	case !g.pair.Configured:
		return view.ErrNotConfigured
	}
	return nil
}

// Invite is a code that is paired with; or one that somebody tries without having it, and that expires.
func (g *gateway) Invite(ctx context.Context, _ string, tell func(view.Invitation) error) (view.Pairing, error) {
	if g.refuse != nil {
		return view.Pairing{}, g.refuse
	}
	i := view.Invitation{Code: "4829-6135", Expires: now().Add(10 * time.Minute), Tries: 10, Addresses: g.reached}
	if err := tell(i); err != nil {
		return view.Pairing{}, err
	}
	if i.Tries--; g.quiet {
		if err := tell(i); err != nil {
			return view.Pairing{}, err
		}
	}
	if g.during != nil {
		g.during(ctx)
		return view.Pairing{}, ctx.Err()
	}
	if g.quiet {
		return view.Pairing{}, view.Statef("nobody came with the code: it has expired, `rempart ha pair` makes a new one")
	}
	g.paired = view.Pairing{Paired: true, Node: "fw2", Since: now(), Own: ownPrint, Peer: peerPrint}
	return g.paired, nil
}

func (g *gateway) Join(_ context.Context, j view.Join, _ string) (view.Pairing, error) {
	switch {
	case g.refuse != nil:
		return view.Pairing{}, g.refuse
	case j.Code != "4829-6135":
		return view.Pairing{}, view.Statef("the code is wrong: 2 tries are left")
	}
	g.paired = view.Pairing{Paired: true, Node: "fw1", Since: now(), Own: peerPrint, Peer: ownPrint}
	return g.paired, nil
}

func (g *gateway) Pairing(context.Context) (view.Pairing, error) { return g.paired, g.refuse }

func (g *gateway) Unpair(_ context.Context, force bool, _ string) (view.Pairing, error) {
	switch {
	case g.refuse != nil:
		return view.Pairing{}, g.refuse
	case !g.paired.Paired:
		return view.Pairing{}, view.Statef("this node is not paired")
	case g.ill && !force:
		return view.Pairing{}, view.Statef("fw2 cannot be told: --force unpairs this node alone")
	}
	g.paired = view.Pairing{Own: ownPrint}
	return g.paired, nil
}

func (g *gateway) RotateKeys(context.Context, string) (view.Pairing, error) {
	switch {
	case g.refuse != nil:
		return view.Pairing{}, g.refuse
	case !g.paired.Paired:
		return view.Pairing{}, view.Statef("this node is not paired")
	}
	p := g.paired
	p.Own, p.Peer, p.Rotating = nextPrint, peerNextPrint, g.ill
	return p, nil
}

func (g *gateway) PolicyDiff(context.Context) (view.PolicyDiff, error) { return g.apart, g.refuse }

func (g *gateway) Resolve(_ context.Context, r view.Resolution, _ report.Caller) (report.Applied, error) {
	switch {
	case g.refuse != nil:
		return report.Applied{}, g.refuse
	case r.Expect != [2]string{g.apart.Own.ID, g.apart.Peer.ID}:
		return report.Applied{}, view.Statef("one of the nodes runs something else by now: look at `rempart ha diff` again")
	case g.lockout != nil && !r.Force:
		return report.Applied{}, g.lockout
	}
	g.asked = append(g.asked, "resolve "+r.Take+string(r.Policy))
	a := report.Applied{Hash: "e2207b", Peer: &report.PeerReport{Node: "fw2", State: report.PeerSwitched}}
	if a.Revision = 13; r.Confirm > 0 {
		a.Revision, a.Deadline = 0, now().Add(time.Duration(r.Confirm)*time.Second)
	}
	return a, nil
}

func (g *gateway) Pull(context.Context, report.Caller) (view.Carried, error) {
	return view.Carried{Revision: g.apart.Peer, Revisions: g.carries, File: "rempart.toml was written anew"}, g.refuse
}

func (g *gateway) Push(context.Context, report.Caller) (view.Carried, error) {
	c := view.Carried{Revision: g.apart.Own, Revisions: g.carries}
	if g.ill {
		c.Warnings = []string{"fw2: interface dmz has no device eth2 yet"}
	}
	return c, g.refuse
}
