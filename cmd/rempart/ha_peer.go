package main

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/rempart/rempart/ha/view"
)

// showPeer says how the other node is. What it enforces is told only where the nodes do not share their policy.
func (p *program) showPeer(s view.Status) {
	peer := s.Peer
	head := text("peer        ")
	beneath := text(strings.Repeat(" ", columnsOf(head.text)))
	beginning, rest := p.peerState(peer)
	p.sentence(head, beginning, rest)
	if alone := s.Policy == nil || s.Policy.State == view.PolicyUnpaired; alone && peer.Revision != "" {
		step := cell{"in step", good}
		says := fmt.Sprintf(": both enforce the policy %s", short(peer.Revision))
		if !peer.InStep {
			step, says = cell{"not in step", odd}, fmt.Sprintf(": it enforces another policy, %s", short(peer.Revision))
		}
		p.sentence(beneath, step, says)
	}
	if peer.State == "alive" && !peer.Connected {
		p.sentence(beneath, cell{"no connection", odd}, " between the daemons: only silence tells that its program died")
	}
	if peer.State != "foreign" && len(peer.Foreign) > 0 {
		p.sentence(beneath, cell{"also there", odd}, fmt.Sprintf(": %s, CARP of something else than rempart", addressList(peer.Foreign)))
	}
}

// peerState is a word about the peer, and what goes on from there.
func (p *program) peerState(peer view.Peer) (beginning cell, rest string) {
	since := " since " + p.when(peer.Since)
	heard := ", last heard at " + p.when(peer.Heard)
	switch peer.State {
	case "alive":
		return cell{peer.Node + " is alive", good}, since + ", rempart " + peer.Version
	case "doubtful":
		return cell{peer.Node + " is silent", odd}, heard[1:] + ", not for long enough to be dead"
	case "stunned":
		return cell{peer.Node + " is stunned", odd}, since + ": its program is silent and its kernel answers"
	case "dead":
		return cell{peer.Node + " is dead", bad}, since + heard
	case "left":
		return cell{peer.Node + " has left", odd}, since + ": it was stopped"
	case "foreign":
		return cell{"the peer is not rempart", odd}, fmt.Sprintf(": CARP is spoken by %s, and its election decides at its pace", addressList(peer.Foreign))
	}
	return cell{"no peer was heard yet", odd}, ""
}

// showPairLine is the pair in one line, for the screen of the whole gateway.
func (p *program) showPairLine(s view.Status) {
	var roles []string
	for _, g := range s.Groups {
		roles = append(roles, p.paint(roleCell(g.Role).ink, g.Role)+" of "+g.Name)
	}
	line := strings.Join(roles, ", ")
	peer, _ := p.peerState(s.Peer)
	line += "; " + p.paint(peer.ink, peer.text)
	line += p.policyWord(s) + p.syncWord(s)
	if s.Maintenance != nil {
		line += "; " + p.paint(odd, "maintenance")
	}
	p.printf("pair        %s\n", line)
}

func addressList(list []netip.Addr) string {
	words := make([]string, len(list))
	for i, a := range list {
		words[i] = a.String()
	}
	return strings.Join(words, ", ")
}
