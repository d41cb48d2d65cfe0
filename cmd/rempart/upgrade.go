package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/ha/view"
)

// How long the steps of an upgrade may take; the person who replaces the program says how long he needs.
const (
	drainTime  = 2 * time.Minute
	fitTime    = 5 * time.Minute
	settleTime = 2 * time.Minute
)

// sight is what is known of both nodes at one moment.
type sight struct {
	at      time.Time
	gone    bool // the daemon of this node does not answer
	gateway report.Status
	pair    view.Status
}

// upgradeStage is how far a node is. They follow each other.
type upgradeStage int

const (
	stageBegin   upgradeStage = iota
	stageDrain                // it gives its role away
	stageReplace              // a person, or a command, replaces the program
	stageFit                  // it comes back, and is as it was
	stageSettle               // it is taken back into the pair
	stageDone
)

// upgradeAct is what is to be done next.
type upgradeAct struct {
	tell     string // say it
	maintain bool   // switch maintenance of the node at hand to on
	on       bool
	replace  bool // run the command
}

// upgrade takes the nodes of a pair out of it one after the other, and back in. It is a machine that
// sees and says what to do: nothing in it waits or asks. What was done before an interruption it
// finds in the pair itself.
type upgrade struct {
	order upgradeOrder

	peer   bool // the node at hand is the other one
	resume bool // a node was out of the pair already, so that nobody knows how it was before
	stage  upgradeStage
	until  time.Time // the stage has then lasted too long
	before sight     // when the node at hand was begun with
	first  sight     // when all began
	waived []string  // what is missing from the beginning, and is not asked for
}

// upgradeOrder is what a person wants.
type upgradeOrder struct {
	this, other bool // one node alone; neither: both, this one first
	force       bool // although something is missing
	command     bool // a command replaces the program here
	patience    time.Duration
}

// node is the name of the node at hand, and rest that of the other.
func (u *upgrade) node() string { return u.name(u.peer) }
func (u *upgrade) rest() string { return u.name(!u.peer) }

func (u *upgrade) name(peer bool) string {
	switch {
	case !peer:
		return u.first.pair.Node
	case u.first.pair.Peer.Node == "":
		return "the other node"
	}
	return u.first.pair.Peer.Node
}

// step goes on as far as it can by what is seen. Done, or with an error, it is not called again.
func (u *upgrade) step(s sight) (acts []upgradeAct, err error) {
	for {
		from, wasPeer := u.stage, u.peer
		var next []upgradeAct
		if next, err = u.once(s); err != nil {
			return append(acts, next...), err
		}
		acts = append(acts, next...)
		if ordered := slices.ContainsFunc(next, func(a upgradeAct) bool { return a.maintain || a.replace }); ordered || u.stage == stageDone {
			return acts, nil // what is ordered has to be seen first
		}
		if u.stage == from && u.peer == wasPeer {
			return acts, u.late(s)
		}
	}
}

// once makes one step, or none when something has to be waited for.
func (u *upgrade) once(s sight) ([]upgradeAct, error) {
	switch u.stage {
	case stageBegin:
		return u.begin(s)
	case stageDrain:
		if u.drained(s) == "" {
			return u.toReplace(s), nil
		}
	case stageReplace:
		if u.restarted(s) {
			return u.to(s, stageFit, fitTime, fmt.Sprintf("%s was restarted, as version %s. Waiting until all is as before.", u.node(), u.version(s))), nil
		}
	case stageFit:
		if len(u.unfit(s)) == 0 {
			return u.toSettle(s), nil
		}
	case stageSettle:
		if u.unsettled(s) == "" {
			return u.next(s), nil
		}
	}
	return nil, nil
}

// to goes on to a stage, which may take so long.
func (u *upgrade) to(s sight, next upgradeStage, most time.Duration, said ...string) []upgradeAct {
	u.stage, u.until = next, s.at.Add(most)
	acts := make([]upgradeAct, len(said))
	for i, text := range said {
		acts[i].tell = text
	}
	return acts
}

// begin examines the pair, or finds where it was left.
func (u *upgrade) begin(s sight) ([]upgradeAct, error) {
	u.first, u.before, u.peer = s, s, u.order.other
	if !s.pair.Configured {
		return nil, wrong("%w", view.ErrNotConfigured)
	}
	if acts := u.found(s); acts != nil {
		return acts, nil
	}
	missing := shortcomings(s)
	if len(missing) > 0 && !u.order.force {
		return nil, wrong("the pair is not ready for it, and nothing was changed: %s; --force goes on all the same", strings.Join(texts(missing), "; "))
	}
	u.waive(missing)
	return u.drain(s), nil
}

// waive does without what is missing.
func (u *upgrade) waive(missing []shortcoming) {
	for _, m := range missing {
		u.waived = append(u.waived, m.name)
	}
}

// found says where an upgrade that was interrupted goes on: with the node that is out of the pair.
func (u *upgrade) found(s sight) []upgradeAct {
	m := s.pair.Maintenance
	switch {
	case m != nil && !u.order.other && s.gateway.Started.After(m.Since):
		u.resume = true
		return u.to(s, stageFit, fitTime, fmt.Sprintf("%s is in maintenance, and its daemon was restarted since then: it is taken for replaced, by version %s.", u.node(), u.version(s)))
	case m != nil && !u.order.other:
		u.resume = true
		return u.to(s, stageDrain, drainTime, fmt.Sprintf("%s is in maintenance already.", u.node()))
	case !u.order.this && isOut(s.pair) && s.pair.Peer.Version == s.gateway.Version:
		u.resume, u.peer = true, true
		return u.to(s, stageFit, fitTime, fmt.Sprintf("%s is in maintenance, and runs the version of this node: it is taken for replaced.", u.node()))
	case !u.order.this && isOut(s.pair):
		u.resume, u.peer = true, true
		return u.to(s, stageDrain, drainTime, fmt.Sprintf("%s is in maintenance already.", u.node()))
	}
	return nil
}

// drain takes the node at hand out of the pair.
func (u *upgrade) drain(s sight) []upgradeAct {
	u.before = s
	acts := u.to(s, stageDrain, drainTime, fmt.Sprintf("%s goes into maintenance: its role goes to %s.", u.node(), u.rest()))
	return append(acts, upgradeAct{maintain: true, on: true})
}

// toReplace says what is to be done on a node that has nothing to do any more.
func (u *upgrade) toReplace(s sight) []upgradeAct {
	acts := u.to(s, stageReplace, u.order.patience, fmt.Sprintf("%s has the role of all groups, and all flows.", u.rest()))
	switch {
	case !u.peer && u.order.command:
		return append(acts, upgradeAct{replace: true})
	case !u.peer:
		return append(acts, upgradeAct{tell: fmt.Sprintf("Now replace the program of this node and restart its daemon (`systemctl restart rempart`). This waits for it, %s at most.", span(u.order.patience))})
	}
	return append(acts, upgradeAct{tell: fmt.Sprintf("Now replace the program on %s and restart its daemon (there: `systemctl restart rempart`). This waits for it, %s at most.", u.node(), span(u.order.patience))})
}

// toSettle takes the node at hand back into the pair.
func (u *upgrade) toSettle(s sight) []upgradeAct {
	acts := u.to(s, stageSettle, settleTime, fmt.Sprintf("%s is well: its maintenance ends.", u.node()))
	if fresh := u.newWarnings(s); len(fresh) > 0 { // forced
		acts = append(acts, upgradeAct{tell: "New warnings: " + strings.Join(fresh, "; ")})
	}
	return append(acts, upgradeAct{maintain: true})
}

// next goes on with the other node, or ends.
func (u *upgrade) next(s sight) []upgradeAct {
	if !u.peer && !u.order.this {
		u.peer = true
		return append([]upgradeAct{{tell: fmt.Sprintf("%s is done.", u.name(false))}}, u.drain(s)...)
	}
	u.stage = stageDone
	acts := []upgradeAct{{tell: u.outcome(s)}}
	if moved := u.moved(s); moved != "" {
		acts = append(acts, upgradeAct{tell: moved})
	}
	return acts
}

// outcome says what runs now.
func (u *upgrade) outcome(s sight) string {
	here, there := s.gateway.Version, s.pair.Peer.Version
	if here == there {
		return fmt.Sprintf("Both nodes run version %s.", here)
	}
	return fmt.Sprintf("%s runs version %s, %s version %s.", u.name(false), here, u.name(true), there)
}

// moved names the groups whose role stays where it went, since nobody takes it back by himself.
func (u *upgrade) moved(s sight) string {
	if u.resume {
		return ""
	}
	var groups []string
	for _, g := range s.pair.Groups {
		if was, is := masterOf(u.first.pair, g.Name), masterOf(s.pair, g.Name); was != "" && was != is {
			groups = append(groups, g.Name)
		}
	}
	if len(groups) == 0 {
		return ""
	}
	return fmt.Sprintf("The role of %s is at the other node than before: `rempart ha release` or `rempart ha takeover` moves it.", listed(groups))
}

// late is why a stage does not end, when it has lasted too long.
func (u *upgrade) late(s sight) error {
	if s.at.Before(u.until) {
		return nil
	}
	why, what := "", ""
	switch u.stage {
	case stageDrain:
		what, why = fmt.Sprintf("%s did not give its role away in time", u.node()), u.drained(s)
	case stageReplace:
		what = fmt.Sprintf("the daemon of %s was not restarted in time", u.node())
	case stageFit:
		what, why = fmt.Sprintf("%s is not as it was", u.node()), strings.Join(u.unfit(s), "; ")
	case stageSettle:
		what, why = "the roles are not as before", u.unsettled(s)
	}
	if s.gone && u.stage != stageReplace {
		why = "the daemon of this node does not answer"
	}
	return wrong("%s%s. %s", what, remark(why), u.left())
}

// left says how things were left, and what to type.
func (u *upgrade) left() string {
	command, there := "rempart ha upgrade", ""
	if u.order.this {
		command += " --this"
	}
	if u.peer {
		command, there = "rempart ha upgrade --other", " there"
	}
	switch u.stage {
	case stageBegin, stageDone:
		return "Nothing was changed"
	case stageSettle:
		return fmt.Sprintf("%s is not in maintenance any more; `rempart ha status` tells more", u.node())
	}
	return fmt.Sprintf("%s is in maintenance still: `%s` goes on, `rempart ha maintenance off`%s gives it up", u.node(), command, there)
}
