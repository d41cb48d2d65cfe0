package main

import (
	"github.com/rempart/rempart/firewall/report"
)

// mayRunThere says why an apply is not even asked about: the other node does not take it, and nobody said that
// it need not.
func mayRunThere(r *report.PeerReport, alone bool) error {
	switch {
	case r == nil || alone:
		return nil
	case r.State == report.PeerRefuses:
		return &report.PeerRefused{PeerReport: *r}
	case r.State == report.PeerConflict:
		return wrong("%s was edited as well%s: `rempart ha diff` shows both, `rempart ha resolve` decides; --alone applies this here all the same", r.Node, remark(r.Message))
	}
	return nil
}

// showPeerFirst says what becomes of the other node before anything is done.
func (p *program) showPeerFirst(r *report.PeerReport) {
	if r == nil {
		return
	}
	p.printf("\n")
	p.warnOf(r)
	switch r.State {
	case report.PeerReady, report.PeerSwitched:
		p.sentence(text(""), cell{r.Node + " has checked it", good}, " and switches with this node.")
	case report.PeerAway:
		p.sentence(text(""), cell{r.Node + " is away: only this node gets it now,", strong}, " "+r.Node+" catches up when it returns.")
	case report.PeerBehind:
		p.sentence(text(""), cell{r.Node + " is behind: only this node gets it now,", strong}, " "+r.Node+" catches up"+remark(r.Message)+".")
	case report.PeerRefuses:
		p.sentence(text(""), cell{r.Node + " refuses it: only this node gets it now,", strong}, " "+r.Node+" is behind until there is one that it takes"+remark(r.Message)+".")
	case report.PeerConflict:
		p.sentence(text(""), cell{r.Node + " was edited as well: only this node gets it now,", strong}, " and `rempart ha resolve` decides"+remark(r.Message)+".")
	}
}

// showPeerThen says what became of the other node.
func (p *program) showPeerThen(r *report.PeerReport) {
	if r == nil {
		return
	}
	p.warnOf(r)
	switch r.State {
	case report.PeerSwitched:
		p.sentence(text(""), cell{r.Node, strong}, " runs it too.")
	case report.PeerReady:
		p.sentence(text(""), cell{r.Node, strong}, " takes it too.")
	case report.PeerAway:
		p.sentence(text(""), cell{r.Node + " is away", odd}, remark(r.Message)+". It is behind, and catches up when it returns.")
	case report.PeerBehind:
		p.sentence(text(""), cell{r.Node + " is behind", odd}, remark(r.Message)+". It catches up by itself; `rempart ha status` says when it has.")
	case report.PeerRefuses:
		p.sentence(text(""), cell{r.Node + " refused it", bad}, remark(r.Message)+". It is behind until there is one that it takes.")
	case report.PeerConflict:
		p.sentence(text(""), cell{r.Node + " runs another policy", bad}, remark(r.Message)+": `rempart ha diff` shows both, `rempart ha resolve` decides.")
	}
}

// warnOf prints what somebody should look at on the other node.
func (p *program) warnOf(r *report.PeerReport) {
	for _, w := range r.Warnings {
		p.hanging(cell{"warning: ", odd}, r.Node+": "+w)
	}
}
