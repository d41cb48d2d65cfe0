package main

import (
	"context"
	"net/netip"
	"slices"
	"testing"

	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/ha/view"
)

// TestGoldenPairing holds how two nodes are paired, on either, and what stands in the way.
func TestGoldenPairing(t *testing.T) {
	s := newStage(t)
	s.tty = true
	s.serve(t)
	s.gateway.reached = []netip.Addr{netip.MustParseAddr("172.16.0.1"), netip.MustParseAddr("fe80::5054:ff:fe12:3456%eth3"), netip.MustParseAddr("10.1.2.2")}
	s.golden(t, "pair-01-rotate-alone", "ha", "rotate")
	s.golden(t, "pair-02-unpair-alone", "ha", "unpair", "-y")
	s.golden(t, "pair-03-invite", "ha", "pair")
	s.golden(t, "pair-04-rotate", "ha", "rotate")
	s.stdin = "n\n"
	s.golden(t, "pair-05-unpair-declined", "ha", "unpair")
	s.gateway.ill = true
	s.golden(t, "pair-06-rotating", "ha", "rotate")
	s.stdin = "y\n"
	s.golden(t, "pair-07-unpair-away", "ha", "unpair")
	s.golden(t, "pair-08-unpair-forced", "ha", "unpair", "--force")
	s.golden(t, "pair-09-join-wrong", "ha", "pair", "4829-6136@172.16.0.1")
	s.golden(t, "pair-10-join", "ha", "pair", "4829-6135@fe80::5054:ff:fe12:3456%eth0")
	s.golden(t, "pair-11-join-brackets", "ha", "pair", "4829-6135@[2001:db8::1]")
	s.gateway.quiet, s.gateway.reached = true, nil
	s.golden(t, "pair-12-expired", "ha", "pair")
	s.gateway.quiet, s.tty = false, false
	s.golden(t, "pair-13-json", "ha", "pair", "--json")
	s.golden(t, "pair-14-join-json", "ha", "pair", "4829-6135@172.16.0.1", "--json")
}

// TestInvitationIsWithdrawn: who breaks it off reads what became of the code.
func TestInvitationIsWithdrawn(t *testing.T) {
	s := newStage(t)
	s.serve(t)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	s.gateway.during = func(asked context.Context) {
		interrupt()
		<-asked.Done() // the daemon learns that nobody waits any more
	}
	_, stderr, code := s.runContext(ctx, "ha", "pair")
	if want := "rempart: interrupted: the code is withdrawn, and nothing is paired\n"; code != exitWrong || stderr != want {
		t.Errorf("exit %d, %q", code, stderr)
	}
}

// TestGoldenPolicyDiff holds how policies are compared, and what is said to be done.
func TestGoldenPolicyDiff(t *testing.T) {
	s := newStage(t)
	s.tty = true
	s.serve(t)
	same := view.PolicyDiff{Own: ownRevision(), Peer: ownRevision(), Base: ownRevision()}
	s.gateway.apart = same
	s.golden(t, "apart-01-same", "ha", "diff")
	s.golden(t, "apart-02-same-merged", "ha", "diff", "--merged")
	s.golden(t, "apart-03-same-resolve", "ha", "resolve", "ours")
	lags := view.PolicyDiff{Own: baseRevision(), Peer: peerRevision(), Base: baseRevision(), Objects: sampleApart().Objects[1:3]}
	s.gateway.apart = lags
	s.golden(t, "apart-04-behind", "ha", "diff")
	lags.Own, lags.Peer, lags.Objects = ownRevision(), baseRevision(), sampleApart().Objects[:1]
	s.gateway.apart = lags
	s.golden(t, "apart-05-ahead", "ha", "diff")
	s.golden(t, "apart-06-ahead-resolve", "ha", "resolve", "theirs")
	s.gateway.apart = sampleApart()
	s.golden(t, "apart-07-both", "ha", "diff")
	s.golden(t, "apart-08-both-merged", "ha", "diff", "--merged")
	s.gateway.apart = sampleConflict()
	s.golden(t, "apart-09-conflict", "ha", "diff")
	s.golden(t, "apart-10-conflict-merged", "ha", "diff", "--merged")
	s.colour = true
	s.golden(t, "apart-11-colour", "ha", "diff")
	s.tty, s.colour = false, false
	s.golden(t, "apart-12-json", "ha", "diff", "--json")
	foreign := sampleConflict()
	foreign.Base, foreign.Peer.Number = view.Revision{}, 0
	s.gateway.apart = foreign
	s.golden(t, "apart-13-nothing-in-common", "ha", "diff")
}

// TestGoldenResolve holds how a conflict is decided.
func TestGoldenResolve(t *testing.T) {
	s := newStage(t)
	s.tty = true
	s.serve(t)
	s.gateway.apart, s.stdin = sampleApart(), "n\n"
	s.golden(t, "resolve-01-declined", "ha", "resolve", "ours")
	s.stdin = "y\n"
	s.golden(t, "resolve-02-merged", "ha", "resolve", "merged", "-m", "both")
	s.golden(t, "resolve-03-now", "ha", "resolve", "theirs", "--now")
	s.gateway.apart = sampleConflict()
	s.golden(t, "resolve-04-cannot-merge", "ha", "resolve", "merged")
	s.write(t, "both.toml", string(s.gateway.apart.Draft))
	s.golden(t, "resolve-05-marks", "ha", "resolve", "DIR/both.toml")
	s.golden(t, "resolve-06-no-file", "ha", "resolve", "DIR/nothing.toml")
	s.write(t, "both.toml", "")
	s.golden(t, "resolve-07-empty", "ha", "resolve", "DIR/both.toml")
	s.write(t, "both.toml", "schema = 1\n")
	s.golden(t, "resolve-08-file", "ha", "resolve", "DIR/both.toml", "--confirm", "90s", "-y")
	s.tty, s.stdin = false, "schema = 1 # both\n"
	s.golden(t, "resolve-09-stdin-json", "ha", "resolve", "-", "--json")
	e, err := s.gateway.Explain(t.Context(), report.Question{Packet: "lan tcp 10.1.2.9:50122 -> 10.1.2.1:22"})
	if err != nil {
		t.Fatal(err)
	}
	s.gateway.lockout = &report.Lockout{Message: "this policy would cut you off", Explanation: e}
	s.golden(t, "resolve-10-lockout", "ha", "resolve", "ours")
	s.golden(t, "resolve-11-forced", "ha", "resolve", "ours", "--force")
	want := []string{"resolve merged", "resolve theirs", "resolve schema = 1\n", "resolve schema = 1 # both\n", "resolve ours"}
	if !slices.Equal(s.gateway.asked, want) {
		t.Errorf("decided %q, want %q", s.gateway.asked, want)
	}
}

// TestGoldenCarry holds what is said of revisions that go over.
func TestGoldenCarry(t *testing.T) {
	s := newStage(t)
	s.tty = true
	s.serve(t)
	s.gateway.apart, s.gateway.carries = sampleApart(), 2
	s.golden(t, "carry-01-pull", "ha", "pull")
	s.gateway.carries, s.gateway.ill = 1, true
	s.golden(t, "carry-02-push", "ha", "push")
	s.gateway.carries, s.gateway.ill = 0, false
	s.golden(t, "carry-03-nothing", "ha", "push")
	s.tty = false
	s.golden(t, "carry-04-json", "ha", "pull", "--json")
}

// TestGoldenUpgrade holds an upgrade that is declined, one that the pair is not ready for, and one whose command fails.
func TestGoldenUpgrade(t *testing.T) {
	s := newStage(t)
	s.tty, s.stdin = true, "n\n"
	s.serve(t)
	s.golden(t, "upgrade-01-alone", "ha", "upgrade", "-y")
	s.gateway.pair = pairStates()["conflict"]
	s.golden(t, "upgrade-02-conflict", "ha", "upgrade", "-y")
	s.gateway.pair = samplePair()
	s.golden(t, "upgrade-03-declined", "ha", "upgrade")
	s.golden(t, "upgrade-04-command", "ha", "upgrade", "-y", "--command", "echo replacing; exit 3")
}

// TestGoldenApplyPair holds what is said of the other node before and after an apply.
func TestGoldenApplyPair(t *testing.T) {
	s := newStage(t)
	s.tty, s.stdin = true, "y\n"
	s.serve(t)
	edit := func(mtu string) { s.write(t, "etc/rempart.toml", stagePolicy+"mtu = "+mtu+"\n") }
	edit("1400")
	s.gateway.peer = &report.PeerReport{Node: "fw2", State: report.PeerReady, Warnings: []string{"interface dmz has no device eth2 yet"}}
	s.golden(t, "both-01-ready", "apply")
	s.golden(t, "both-02-confirm", "confirm")
	s.golden(t, "both-03-rollback", "rollback")
	edit("1401")
	s.gateway.peer = &report.PeerReport{Node: "fw2", State: report.PeerAway}
	s.golden(t, "both-04-away", "apply", "--now")
	edit("1402")
	s.gateway.peer = &report.PeerReport{Node: "fw2", State: report.PeerBehind, Message: "it still gets revision 8"}
	s.golden(t, "both-05-behind", "apply", "--now")
	edit("1403")
	s.gateway.peer = &report.PeerReport{Node: "fw2", State: report.PeerRefuses, Faults: []report.Fault{
		{File: "rempart.toml", Line: 17, Col: 8, Key: "rule[1].from", Message: `no interface or zone "dmx"`},
		{File: "node.toml", Line: 3, Col: 1, Key: "interface.dmz", Message: "no such interface"},
	}}
	s.golden(t, "both-06-refuses", "apply", "--now")
	s.golden(t, "both-07-alone", "apply", "--now", "--alone")
	edit("1404")
	s.gateway.peer = &report.PeerReport{Node: "fw2", State: report.PeerRefuses, Message: "its disk is full"}
	s.golden(t, "both-08-full", "apply", "--now")
	s.gateway.peer = &report.PeerReport{Node: "fw2", State: report.PeerConflict}
	s.golden(t, "both-09-conflict", "apply", "--now")
	s.golden(t, "both-10-conflict-alone", "apply", "--now", "--alone")
	s.colour = true
	edit("1405")
	s.gateway.peer = &report.PeerReport{Node: "fw2", State: report.PeerAway}
	s.golden(t, "both-11-colour", "apply", "--dry-run")
	s.tty, s.colour = false, false
	s.golden(t, "both-12-script", "apply", "--json")
}

// TestPeerRefusesLate: a node that refuses only when all is at stake is told of as one that did at once.
func TestPeerRefusesLate(t *testing.T) {
	s := newStage(t)
	s.serve(t)
	s.gateway.refuse = &report.PeerRefused{PeerReport: report.PeerReport{Node: "fw2", State: report.PeerRefuses, Faults: []report.Fault{{File: "node.toml", Line: 3, Col: 1, Message: "no"}}}}
	_, stderr, code := s.run(t, "rollback")
	if want := "fw2 refuses this policy:\nfw2: node.toml:3:1: no\n"; code != exitWrong || stderr != want {
		t.Errorf("exit %d, %q", code, stderr)
	}
}

// TestGoldenHistoryPair holds a history of which some was made elsewhere.
func TestGoldenHistoryPair(t *testing.T) {
	s := newStage(t)
	s.tty = true
	s.serve(t)
	s.gateway.revisions[0].Origin = "fw1"
	s.golden(t, "origins-01-own", "history")
	s.gateway.revisions[1].Origin, s.gateway.revisions[1].Parents = "fw2", []string{"a", "b"}
	s.golden(t, "origins-02-both", "history")
	s.gateway.revisions[1].Message = ""
	s.golden(t, "origins-03-merge", "history")
}
