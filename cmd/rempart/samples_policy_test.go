package main

import (
	"time"

	"github.com/rempart/rempart/ha/view"
)

// The revisions of a pair: what both ran, and what each made of it.
func baseRevision() view.Revision {
	return view.Revision{ID: "77ab02c4d19e", Number: 11, Hash: "5f0c1e88aa02137d", Author: "anna", Origin: "fw1", Time: before(59 * time.Hour), Message: "guests"}
}

func ownRevision() view.Revision {
	return view.Revision{ID: "3f2a9c17be40", Number: 12, Hash: "9a31b7f0440c8e21", Parents: []string{"77ab02c4d19e"}, Author: "anna", Origin: "fw1", Time: before(14 * time.Minute), Message: "phones"}
}

func peerRevision() view.Revision {
	return view.Revision{ID: "c41d7e02f7aa", Number: 9, Hash: "1f09aa6b37d5524e", Parents: []string{"77ab02c4d19e"}, Author: "root", Origin: "fw2", Time: before(12 * time.Minute)}
}

func samplePairing() view.Pairing {
	return view.Pairing{Paired: true, Node: "fw2", Since: before(59 * time.Hour), Own: ownPrint, Peer: peerPrint}
}

// ranThere is a policy of the pair while there is no connection between the nodes.
func ranThere(own, peer view.Revision, told time.Time) *view.Policy {
	return &view.Policy{State: view.PolicyAway, Why: "there is no connection to it", Own: own, Peer: peer, Told: told}
}

// policyStates are policies of a pair in every state that a screen can tell of.
func policyStates() map[string]view.Policy {
	same, behind := ownRevision(), baseRevision()
	same.Number, behind.Number = 9, 8
	return map[string]view.Policy{
		"unpaired": {State: view.PolicyUnpaired, Own: ownRevision()},
		"instep":   {State: view.PolicyInStep, Own: ownRevision(), Peer: same, Told: before(time.Second), Ruleset: view.RulesetEqual},
		"kept": {
			State: view.PolicyInStep, Own: ownRevision(), Peer: same, Told: before(time.Second), Ruleset: view.RulesetDiffers,
			Sections: []string{"aliases", "schedules", "vips"}, Kept: []string{"rules", "nat", "routes", "shaper"},
			Draft: "it was being edited here when a revision of the other node came: `rempart ha pull` brings that into it",
		},
		"pairaway": *ranThere(ownRevision(), behind, before(3*time.Hour)),
		"unknown":  *ranThere(ownRevision(), view.Revision{}, time.Time{}),
		"peerlags": {State: view.PolicyAhead, Why: "fw2 cannot take it: rempart.toml:27:12: interface.dmz.device: is missing: write which device it is, here or in node.toml, such as device = \"eth0\"", Own: ownRevision(), Peer: behind, Told: before(time.Second)},
		"behind":   {State: view.PolicyBehind, Own: behind, Peer: peerRevision(), Told: before(time.Second)},
		"conflict": {State: view.PolicyConflict, Own: ownRevision(), Peer: peerRevision(), Told: before(time.Second)},
		"changing": {State: view.PolicyChanging, Own: ownRevision(), Peer: same, Told: before(time.Second)},
		"confirms": {State: view.PolicyChanging, Own: ownRevision(), Peer: same, Told: before(time.Second), Pending: now().Add(40 * time.Second)},
		"noneruns": {State: view.PolicyAhead, Own: ownRevision(), Told: before(time.Second)},
	}
}

// samplePolicy is that of the pair, in step.
func samplePolicy() view.Policy { return policyStates()["instep"] }

// sampleApart is a policy that both nodes edited, in different places.
func sampleApart() view.PolicyDiff {
	return view.PolicyDiff{
		Own: ownRevision(), Peer: peerRevision(), Base: baseRevision(), Conflict: true,
		Objects: []view.ObjectChange{
			{
				Object: "rule lan-out", Ours: view.Changed,
				Base:       "[[rule]]\nname = \"lan-out\"\nfrom = \"lan\"\nto = \"wan\"\naction = \"pass\"\n",
				OursText:   "[[rule]]\nname = \"lan-out\"\nfrom = \"lan\"\nto = \"wan\"\nschedule = \"office\"\naction = \"pass\"\n",
				TheirsText: "[[rule]]\nname = \"lan-out\"\nfrom = \"lan\"\nto = \"wan\"\naction = \"pass\"\n",
			},
			{Object: "alias phones", Theirs: view.Added, TheirsText: "[alias.phones]\naddresses = [\"10.1.2.32/28\"]\n"},
			{Object: "rule old", Theirs: view.Removed, Base: "[[rule]]\nname = \"old\"\naction = \"block\"\n", OursText: "[[rule]]\nname = \"old\"\naction = \"block\"\n"},
			{Object: "rule web", Ours: view.Moved, Base: "[[rule]]\nname = \"web\"\n", OursText: "[[rule]]\nname = \"web\"\n", TheirsText: "[[rule]]\nname = \"web\"\n"},
		},
		Merged: []byte("schema = 1\n\n[alias.phones]\naddresses = [\"10.1.2.32/28\"]\n"),
		Notes:  []string{"both nodes added a rule at the end: look at their order"},
	}
}

// sampleConflict is one that both edited in one place.
func sampleConflict() view.PolicyDiff {
	d := sampleApart()
	o := &d.Objects[0]
	o.Theirs, o.Conflict = view.Removed, true
	o.TheirsText = ""
	d.Merged, d.Notes = nil, nil
	d.Draft = []byte("schema = 1\n\n<<<<<<< fw1\n[[rule]]\nname = \"lan-out\"\n=======\n>>>>>>> fw2\n")
	return d
}
