package onepolicy_test

import (
	"bufio"
	"context"
	"encoding/json"
	"os/exec"
	"syscall"

	"github.com/rempart/rempart/ha/view"
)

// pairLine is a line of `rempart ha pair --json`.
type pairLine struct {
	Invitation *view.Invitation `json:"invitation"`
	Pairing    *view.Pairing    `json:"pairing"`
}

// invitation is a `rempart ha pair` that waits.
type invitation struct {
	*node
	cmd   *exec.Cmd
	lines *json.Decoder
	view.Invitation
}

// invite has a node show a code. The end of the test withdraws it.
func (n *node) invite() *invitation {
	n.Helper()
	path, err := program.Path()
	if err != nil {
		n.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), waitAtMost)
	n.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, path, "ha", "pair", "--json", "--config", n.File("etc"), "--state", n.File("state"), "--socket", n.File("socket"))
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		n.Fatal(err)
	}
	i := &invitation{node: n, cmd: cmd, lines: json.NewDecoder(bufio.NewReader(out))}
	l := i.line()
	if l.Invitation == nil || l.Invitation.Code == "" {
		n.Fatalf("%s invites with %+v", n, l)
	}
	i.Invitation = *l.Invitation
	return i
}

// line is what the command says next.
func (i *invitation) line() (l pairLine) {
	i.Helper()
	if err := i.lines.Decode(&l); err != nil {
		i.Fatalf("%s: ha pair: %v, %v", i.node, err, i.cmd.Wait())
	}
	return l
}

// paired waits until the command ends with a pairing.
func (i *invitation) paired() view.Pairing {
	i.Helper()
	for {
		l := i.line()
		if l.Pairing == nil {
			continue // somebody tried
		}
		if err := i.cmd.Wait(); err != nil {
			i.Fatalf("%s: ha pair: %v", i.node, err)
		}
		return *l.Pairing
	}
}

// withdraw interrupts the command.
func (i *invitation) withdraw() {
	i.Helper()
	if err := i.cmd.Process.Signal(syscall.SIGINT); err != nil {
		i.Fatal(err)
	}
	_ = i.cmd.Wait() // interrupted is no success
}

// pair pairs two nodes by a code.
func (b *bed) pair(one, two *node) {
	b.Helper()
	i := one.invite()
	var theirs pairLine
	two.answer(&theirs, "ha", "pair", i.Code+"@"+one.cable().String())
	ours := i.paired()
	if p := theirs.Pairing; p == nil || !p.Paired || !ours.Paired || p.Own != ours.Peer || p.Peer != ours.Own || p.Node != one.String() || ours.Node != two.String() {
		b.Fatalf("%s is paired as %+v and %s as %+v", one, ours, two, theirs.Pairing)
	}
	b.await("the link of the pair", func() bool {
		for _, n := range b.nodes {
			p, err := n.policy()
			if err != nil || p.State == view.PolicyUnpaired || p.State == view.PolicyAway {
				return false
			}
		}
		return true
	})
}
