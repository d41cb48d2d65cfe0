package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/ha/view"
)

// paperPair is a pair that heeds orders a look later, whose time goes on while one waits, and whose
// programs are replaced when somebody is told to.
type paperPair struct {
	at     time.Time
	pair   view.Status
	begun  time.Time // of the daemon here
	here   string    // its version
	silent int       // looks for which the daemon here does not answer
	said   []string

	lazy    bool            // nobody replaces anything
	stuck   bool            // no role moves
	fails   error           // what replacing ends with
	ends    context.Context // the wait ends with it
	worse   string          // a warning that comes with the new program
	looks   int
	despite func(*paperPair) // runs at every look
}

func newPaperPair() *paperPair {
	p := samplePair()
	p.Peer.Session = "a1"
	policy := policyStates()["instep"]
	p.Policy = &policy
	return &paperPair{at: now(), pair: p, begun: before(40 * time.Hour), here: "v0.1.0"}
}

func (p *paperPair) look(context.Context) (sight, error) {
	p.looks++
	if p.despite != nil {
		p.despite(p)
	}
	if p.silent > 0 {
		p.silent--
		return sight{at: p.at}, errors.New("it went away")
	}
	s := sight{at: p.at, pair: p.pair}
	s.pair.Groups, s.pair.Peer.Groups = slices.Clone(p.pair.Groups), slices.Clone(p.pair.Peer.Groups)
	s.gateway.Started, s.gateway.Version = p.begun, p.here
	return s, nil
}

// move gives the role to this node, or to the other.
func (p *paperPair) move(here bool) {
	roles := map[bool]string{true: "MASTER", false: "BACKUP"}
	if !p.stuck {
		p.pair.Groups[0].Role, p.pair.Peer.Groups[0].Role = roles[here], roles[!here]
	}
}

func (p *paperPair) maintain(_ context.Context, peer, on bool) error {
	p.said = append(p.said, fmt.Sprintf("<maintenance: peer %v, on %v>", peer, on))
	demotion := map[bool]int{true: outOfPair}[on]
	if peer {
		p.pair.Peer.Groups[0].Demotion = demotion
	} else if p.pair.Maintenance = nil; on {
		p.pair.Maintenance = &view.Maintenance{Since: p.at, By: "anna"}
	}
	switch preferred := p.pair.Groups[0].Preferred == p.pair.Node; {
	case on:
		p.move(peer)
	case p.pair.Groups[0].Preempt:
		p.move(preferred)
	}
	return nil
}

func (p *paperPair) replace(context.Context) error {
	p.said = append(p.said, "<command>")
	p.restartHere()
	return p.fails
}

func (p *paperPair) restartHere() {
	p.silent, p.begun, p.here = 2, p.at.Add(time.Second), "v0.2.0"
	if p.worse != "" {
		p.pair.Warnings = append(p.pair.Warnings, p.worse)
	}
}

func (p *paperPair) tell(text string) {
	p.said = append(p.said, text)
	switch {
	case p.lazy:
	case strings.HasPrefix(text, "Now replace the program of this node"):
		p.restartHere()
	case strings.HasPrefix(text, "Now replace the program on fw2"):
		p.pair.Peer.Session, p.pair.Peer.Version = "b2", "v0.2.0"
	}
}

func (p *paperPair) pause(ctx context.Context) error {
	p.at = p.at.Add(time.Second)
	if p.ends != nil {
		return p.ends.Err()
	}
	return ctx.Err()
}

func TestUpgrade(t *testing.T) {
	const (
		toFW2    = "fw1 goes into maintenance: its role goes to fw2."
		toFW1    = "fw2 goes into maintenance: its role goes to fw1."
		atFW2    = "fw2 has the role of all groups, and all flows."
		atFW1    = "fw1 has the role of all groups, and all flows."
		here     = "Now replace the program of this node and restart its daemon (`systemctl restart rempart`). This waits for it, 1h at most."
		there    = "Now replace the program on fw2 and restart its daemon (there: `systemctl restart rempart`). This waits for it, 1h at most."
		fw1Back  = "fw1 was restarted, as version v0.2.0. Waiting until all is as before."
		fw2Back  = "fw2 was restarted, as version v0.2.0. Waiting until all is as before."
		fw1Well  = "fw1 is well: its maintenance ends."
		fw2Well  = "fw2 is well: its maintenance ends."
		hereOn   = "<maintenance: peer false, on true>"
		hereOff  = "<maintenance: peer false, on false>"
		thereOn  = "<maintenance: peer true, on true>"
		thereOff = "<maintenance: peer true, on false>"
		both     = "Both nodes run version v0.2.0."
	)
	first := []string{toFW2, hereOn, atFW2, here, fw1Back, fw1Well, hereOff}
	second := []string{toFW1, thereOn, atFW1, there, fw2Back, fw2Well, thereOff}
	inMaintenance := "fw1 is in maintenance still: `rempart ha upgrade` goes on, `rempart ha maintenance off` gives it up"
	cut, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name  string
		order upgradeOrder
		pair  func(*paperPair)
		said  []string
		fails string
	}{
		{"both", upgradeOrder{}, nil, slices.Concat(first, []string{"fw1 is done."}, second, []string{both}), ""},
		{"by command", upgradeOrder{command: true, this: true}, nil,
			[]string{toFW2, hereOn, atFW2, "<command>", fw1Back, fw1Well, hereOff, "fw1 runs version v0.2.0, fw2 version v0.1.0."}, ""},
		{"other alone", upgradeOrder{other: true}, func(p *paperPair) { p.here = "v0.2.0" }, slices.Concat(second, []string{both}), ""},
		{"nobody takes it back", upgradeOrder{this: true}, func(p *paperPair) { p.pair.Groups[0].Preempt = false },
			slices.Concat(first, []string{"fw1 runs version v0.2.0, fw2 version v0.1.0.", "The role of main is at the other node than before: `rempart ha release` or `rempart ha takeover` moves it."}), ""},
		{"a peer that does not tell its number", upgradeOrder{other: true}, func(p *paperPair) {
			p.pair.Peer.Session, p.here = "", "v0.2.0"
		}, slices.Concat(second, []string{both}), ""},

		{"alone", upgradeOrder{}, func(p *paperPair) { p.pair.Configured = false }, nil, view.ErrNotConfigured.Error()},
		{"peer dead", upgradeOrder{}, func(p *paperPair) { p.pair.Peer.State = "dead" }, nil,
			"the pair is not ready for it, and nothing was changed: the other node is not alive (dead); --force goes on all the same"},
		{"much is missing", upgradeOrder{}, func(p *paperPair) {
			p.pair.Peer.Connected, p.pair.Policy.State, p.pair.Sync.Why = false, view.PolicyConflict, "the peer does not answer"
		}, nil, "the pair is not ready for it, and nothing was changed: there is no connection between the daemons; the policy is not in step (conflict); " +
			"the flows are not complete on both nodes: the peer does not answer; --force goes on all the same"},
		{"not paired, not in step, no flows", upgradeOrder{}, func(p *paperPair) {
			p.pair.Policy, p.pair.Peer.InStep, p.pair.Sync = nil, false, nil
		}, nil, "the pair is not ready for it, and nothing was changed: fw2 enforces another policy; flow sync does not run, so that no connection would survive; --force goes on all the same"},
		{"forced", upgradeOrder{force: true, this: true}, func(p *paperPair) { p.pair.Sync, p.worse = nil, "a thing" },
			slices.Concat(first[:6], []string{"New warnings: a thing", hereOff, "fw1 runs version v0.2.0, fw2 version v0.1.0."}), ""},

		{"no role moves", upgradeOrder{}, func(p *paperPair) { p.stuck = true }, first[:2], "fw1 did not give its role away in time: group main is MASTER here and BACKUP there. " + inMaintenance},
		{"nobody replaces it", upgradeOrder{}, func(p *paperPair) { p.lazy = true }, first[:4], "the daemon of fw1 was not restarted in time. " + inMaintenance},
		{"nobody replaces the other", upgradeOrder{other: true}, func(p *paperPair) { p.lazy = true }, second[:4],
			"the daemon of fw2 was not restarted in time. fw2 is in maintenance still: `rempart ha upgrade --other` goes on, `rempart ha maintenance off` there gives it up"},
		{"it does not come back", upgradeOrder{}, func(p *paperPair) {
			p.despite = func(p *paperPair) {
				if p.here == "v0.2.0" {
					p.silent = 1
				}
			}
		}, first[:4], "the daemon of fw1 was not restarted in time. " + inMaintenance},
		{"it comes back worse", upgradeOrder{}, func(p *paperPair) { p.worse = "eth3 is slow for 3m" }, first[:5], "fw1 is not as it was: new warnings: eth3 is slow for 3m. " + inMaintenance},
		{"its old warning counts on", upgradeOrder{this: true}, func(p *paperPair) {
			p.pair.Warnings, p.worse = []string{"eth3 is slow for 3m"}, "eth3 is slow for 4m"
		}, slices.Concat(first, []string{"fw1 runs version v0.2.0, fw2 version v0.1.0."}), ""},
		{"the command fails", upgradeOrder{command: true}, func(p *paperPair) { p.fails = errors.New("exit status 1") },
			[]string{toFW2, hereOn, atFW2, "<command>"}, "the command for fw1: exit status 1. " + inMaintenance},
		{"nobody takes the role back", upgradeOrder{}, func(p *paperPair) {
			p.despite = func(p *paperPair) { p.stuck = p.here == "v0.2.0" }
		}, first, "the roles are not as before: fw2 has main and not fw1. fw1 is not in maintenance any more; `rempart ha status` tells more"},
		{"broken off", upgradeOrder{}, func(p *paperPair) { p.ends = cut }, first[:2], "interrupted. " + inMaintenance},

		{"goes on before the restart", upgradeOrder{this: true}, func(p *paperPair) {
			p.pair.Maintenance = &view.Maintenance{Since: before(time.Hour)}
			p.move(false)
		}, slices.Concat([]string{"fw1 is in maintenance already."}, first[2:], []string{"fw1 runs version v0.2.0, fw2 version v0.1.0."}), ""},
		{"goes on after the restart", upgradeOrder{this: true}, func(p *paperPair) {
			p.pair.Maintenance = &view.Maintenance{Since: before(time.Hour)}
			p.begun, p.here = before(time.Minute), "v0.2.0"
			p.move(false)
		}, slices.Concat([]string{"fw1 is in maintenance, and its daemon was restarted since then: it is taken for replaced, by version v0.2.0."}, first[5:], []string{"fw1 runs version v0.2.0, fw2 version v0.1.0."}), ""},
		{"goes on with the other", upgradeOrder{}, func(p *paperPair) {
			p.pair.Peer.Groups[0].Demotion, p.here = outOfPair, "v0.2.0"
		}, slices.Concat([]string{"fw2 is in maintenance already."}, second[2:], []string{both}), ""},
		{"goes on with the other, which is replaced", upgradeOrder{}, func(p *paperPair) {
			p.pair.Peer.Groups[0].Demotion, p.here, p.pair.Peer.Version = outOfPair, "v0.2.0", "v0.2.0"
		}, slices.Concat([]string{"fw2 is in maintenance, and runs the version of this node: it is taken for replaced."}, second[5:], []string{both}), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPaperPair()
			if c.pair != nil {
				c.pair(p)
			}
			c.order.patience = time.Hour
			err := lead(t.Context(), &upgrade{order: c.order}, p)
			if diff := cmp.Diff(c.said, p.said); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if (err == nil) != (c.fails == "") || err != nil && err.Error() != c.fails {
				t.Errorf("ends with %v, want %q", err, c.fails)
			}
			if p.looks > 5000 {
				t.Errorf("%d looks", p.looks)
			}
		})
	}
}
