package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"github.com/rempart/rempart/ha/view"
	"github.com/spf13/cobra"
)

func haPairCommand(p *program) *cobra.Command {
	return p.dataFlags(&cobra.Command{
		Use:   "pair [CODE@ADDRESS]",
		Short: "Let two nodes trust each other, by a short code",
		Long: `Without an argument it prints a code, and waits until the other node comes with
it; Ctrl-C withdraws the code. On the other node it is said with that code and
an address of this one, best that of the cable between them.

The code is good for some minutes and a few tries. Who listens on the way
learns nothing from it, and who guesses has these few tries. When both have it,
each node has a key of its own and knows that of the other: from then on they
prove themselves by these, heartbeats and flows are protected by keys of their
own, and both run one policy. Both show the same two fingerprints: compare them
when others can send on the cable.

A node can be paired before it has a policy. With --json every change is one
line.`,
		Example: `  rempart ha pair
  rempart ha pair 4829-6135@172.16.0.1
  rempart ha pair 4829-6135@fe80::5054:ff:fe12:3456%eth3`,
		Args: words(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return p.invite(cmd)
			}
			j, err := parseJoin(args[0])
			if err != nil {
				return usage(cmd, "%v", err)
			}
			return p.join(cmd, j)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	})
}

// parseJoin reads CODE@ADDRESS.
func parseJoin(s string) (view.Join, error) {
	code, at, ok := strings.Cut(s, "@")
	if !ok || code == "" || at == "" {
		return view.Join{}, fmt.Errorf("%q: want CODE@ADDRESS, as the other node shows it", s)
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(at, "["), "]"))
	switch {
	case err != nil:
		return view.Join{}, fmt.Errorf("%q is no address: want one of the other node, such as %s@172.16.0.1", at, code)
	case a.Is6() && a.IsLinkLocalUnicast() && a.Zone() == "":
		return view.Join{}, fmt.Errorf("%s is link-local: say behind which device of this node it is, such as %s@%s%%eth3", a, code, a)
	}
	return view.Join{Code: code, Address: a}, nil
}

// pairLine is one of the lines that `rempart ha pair --json` prints.
type pairLine struct {
	Invitation *view.Invitation `json:"invitation,omitempty"`
	Pairing    *view.Pairing    `json:"pairing,omitempty"`
}

func (p *program) invite(cmd *cobra.Command) error {
	done := func() {}
	defer func() { done() }()
	var before view.Invitation
	paired, err := p.daemon().Invite(cmd.Context(), "", func(i view.Invitation) error {
		done()
		defer func() { done = p.busy("waiting for the other node") }()
		if p.json {
			return p.pairLine(pairLine{Invitation: &i})
		}
		p.showInvitation(before, i)
		before = i
		return nil
	})
	done()
	done = func() {}
	switch {
	case err != nil && cmd.Context().Err() != nil:
		return wrong("interrupted: the code is withdrawn, and nothing is paired")
	case err != nil:
		return err
	case p.json:
		return p.pairLine(pairLine{Pairing: &paired})
	}
	p.showPaired(paired)
	return nil
}

func (p *program) pairLine(l pairLine) error {
	e := json.NewEncoder(p.out)
	e.SetEscapeHTML(false)
	return e.Encode(l)
}

// showInvitation says what to do on the other node, or what changed since it was last said.
func (p *program) showInvitation(before, i view.Invitation) {
	if before.Code == i.Code {
		if i.Tries < before.Tries {
			p.warn([]string{fmt.Sprintf("somebody came with a wrong code: %s left", tries(i.Tries))})
		}
		return
	}
	p.printf("The code for the other node, until %s and for %s:\n\n", p.when(i.Expires), tries(i.Tries))
	p.printf("    %s\n\n", p.paint(strong, i.Code))
	p.printf("On the other node say, with the first of these addresses that it reaches:\n\n")
	p.showJoins(i)
	p.printf("\nThis waits for it; Ctrl-C withdraws the code.\n")
}

// showJoins prints the command for the other node, for each address. The zone of a link-local one is
// the name of a device here, and means nothing there.
func (p *program) showJoins(i view.Invitation) {
	scoped := false
	for _, a := range i.Addresses {
		at := a.String()
		if a.Zone() != "" {
			at, scoped = a.WithZone("").String()+"%DEVICE", true
		}
		p.printf("    %s\n", p.paint(strong, fmt.Sprintf("rempart ha pair %s@%s", i.Code, at)))
	}
	if len(i.Addresses) == 0 {
		p.printf("    %s\n", p.paint(strong, fmt.Sprintf("rempart ha pair %s@ADDRESS", i.Code)))
		p.printf("\nADDRESS is one of this node: none is known yet.\n")
	}
	if scoped {
		p.printf("\nDEVICE is the other node's own device of that network.\n")
	}
}

// tries is how often a code may still be wrong.
func tries(n int) string {
	if n == 1 {
		return "1 try"
	}
	return fmt.Sprintf("%d tries", n)
}

func (p *program) join(cmd *cobra.Command, j view.Join) error {
	done := p.busy("pairing")
	paired, err := p.daemon().Join(cmd.Context(), j, "")
	done()
	switch {
	case err != nil:
		return err
	case p.json:
		return p.pairLine(pairLine{Pairing: &paired})
	}
	p.showPaired(paired)
	return nil
}

// showPaired says with whom a node is paired, and how a person can make sure of it.
func (p *program) showPaired(paired view.Pairing) {
	if p.printf("Paired with %s.\n\n", p.paint(strong, paired.Node)); paired.Own != "" {
		p.showPrints(paired)
		p.printf("\n")
		p.hanging(text(""), fmt.Sprintf("%s shows the same two: compare them if the cable is not yours alone.", paired.Node))
	}
}

// showPrints prints the fingerprints of both nodes.
func (p *program) showPrints(paired view.Pairing) {
	const here = "here"
	width := max(len(here), columnsOf(paired.Node))
	p.printf("    %-*s  %s\n", width, here, paired.Own)
	p.printf("    %-*s  %s\n", width, paired.Node, paired.Peer)
}
