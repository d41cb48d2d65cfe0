package main

import (
	"fmt"
	"strings"

	"github.com/rempart/rempart/ha/view"
)

// showPolicy says how the policies of both nodes stand to each other, and what to type when they are apart.
func (p *program) showPolicy(s view.Status) {
	if s.Policy == nil {
		return
	}
	v, peer := *s.Policy, s.Peer.Node
	if peer == "" {
		peer = "the peer"
	}
	head := text("policy      ")
	beneath := text(strings.Repeat(" ", columnsOf(head.text)))
	p.sentence(head, policyCell(v), p.policyRest(v, peer))
	if v.State == view.PolicyInStep && v.Ruleset == view.RulesetDiffers {
		p.sentence(beneath, cell{"rulesets differ", odd}, ": the nodes run different versions, or learned different names or lists")
	}
	if len(v.Kept) > 0 {
		p.hanging(beneath, listed(v.Kept)+" are each node's own")
	}
	if v.Draft != "" {
		p.sentence(beneath, cell{policyFile, odd}, remark(v.Draft))
	}
	if s.Pairing != nil && s.Pairing.Rotating {
		p.sentence(text("keys        "), cell{"changing", odd}, ": new ones are agreed on, and not yet in use on both nodes")
	}
}

// policyCell is how they stand, in its colour.
func policyCell(v view.Policy) cell {
	switch v.State {
	case view.PolicyInStep:
		return cell{string(v.State), good}
	case view.PolicyConflict:
		return cell{string(v.State), bad}
	}
	return cell{string(v.State), odd}
}

// policyRest is what there is to say of a state.
func (p *program) policyRest(v view.Policy, peer string) string {
	switch v.State {
	case view.PolicyUnpaired:
		return ": each node has its own, until `rempart ha pair`" + remark(v.Why)
	case view.PolicyInStep:
		said := fmt.Sprintf(": %s (%s)", numbers(v), short(v.Own.Hash))
		if v.Ruleset == view.RulesetEqual {
			said += ", rulesets equal"
		}
		return said
	case view.PolicyAway:
		return fmt.Sprintf(": %s here, and %s%s", itsNumber(v.Own), p.lastTold(v, peer), remark(v.Why))
	case view.PolicyChanging:
		if v.Pending.IsZero() {
			return ": an apply is under way" + remark(v.Why)
		}
		return fmt.Sprintf(": both nodes go back at %s unless `rempart confirm` comes%s", p.when(v.Pending), remark(v.Why))
	case view.PolicyConflict:
		return fmt.Sprintf(": both nodes were edited, %s%s; `rempart ha diff` shows how, `rempart ha resolve` decides", numbers(v), remark(v.Why))
	case view.PolicyAhead:
		return lagging(v, "`rempart ha push` does it now")
	case view.PolicyBehind:
		return lagging(v, "`rempart ha pull` does it now")
	}
	return remark(v.Why)
}

// lagging says who is behind, and what is in the way or else what hastens it.
func lagging(v view.Policy, hastens string) string {
	if v.Why != "" {
		return fmt.Sprintf(": %s; %s", numbers(v), v.Why)
	}
	return fmt.Sprintf(": %s; it catches up by itself, %s", numbers(v), hastens)
}

// lastTold is what the peer ran when it last said so.
func (p *program) lastTold(v view.Policy, peer string) string {
	if v.Told.IsZero() {
		return fmt.Sprintf("what %s runs is not known", peer)
	}
	return fmt.Sprintf("%s ran %s at %s", peer, itsNumber(v.Peer), p.when(v.Told))
}

// numbers are the revisions of both nodes, each as its own history counts them.
func numbers(v view.Policy) string {
	there := "none"
	if v.Peer.ID != "" {
		there = fmt.Sprint(v.Peer.Number)
	}
	return fmt.Sprintf("%s here, %s there", itsNumber(v.Own), there)
}

func itsNumber(r view.Revision) string {
	if r.ID == "" {
		return "no revision"
	}
	return fmt.Sprintf("revision %d", r.Number)
}

// policyWord is what the line of the whole gateway says of it: in step or not. That the peer is away
// is said of itself.
func (p *program) policyWord(s view.Status) string {
	switch {
	case s.Policy == nil || s.Policy.State == view.PolicyUnpaired:
		return p.stepWord(s.Peer)
	case s.Policy.State == view.PolicyAway && s.Peer.State != "alive":
		return ""
	case s.Policy.State == view.PolicyInStep:
		return ", in step"
	}
	c := policyCell(*s.Policy)
	words := map[view.PolicyState]string{view.PolicyAhead: "behind there", view.PolicyBehind: "behind here"}
	if word, ok := words[s.Policy.State]; ok {
		c.text = word
	}
	return ", policy " + p.paint(c.ink, c.text)
}

// stepWord is the same of nodes that do not share their policy.
func (p *program) stepWord(peer view.Peer) string {
	switch {
	case peer.Revision == "":
		return ""
	case peer.InStep:
		return ", in step"
	}
	return ", " + p.paint(odd, "not in step")
}

// listed joins words as a sentence has them.
func listed(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
