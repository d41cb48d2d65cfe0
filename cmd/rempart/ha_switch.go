package main

import (
	"context"
	"fmt"

	"github.com/rempart/rempart/ha/view"
	"github.com/rempart/rempart/web"
	"github.com/spf13/cobra"
)

func haReleaseCommand(p *program) *cobra.Command {
	return p.switchCommand((*web.Client).Release, &cobra.Command{
		Use:   "release [GROUP]",
		Short: "Give the role to the peer",
		Long: `Gives the addresses of GROUP, or of all groups, to the peer, and waits until it
has them: the peer makes itself ready, this node says that it goes and keeps the
addresses, the peer takes and announces them, and only then this node lets go.

It is refused when nobody is there to take them, and when the peer is worse than
this node, unless --force says that it shall have them all the same. The peer
keeps them until it is worse, or until the next order.`,
	}, "even if the peer is worse")
}

func haTakeoverCommand(p *program) *cobra.Command {
	return p.switchCommand((*web.Client).Takeover, &cobra.Command{
		Use:   "takeover [GROUP]",
		Short: "Get the role from the peer",
		Long: `Gets the addresses of GROUP, or of all groups, from the peer, and waits until
they are here. It is "ha release" as the other node would say it.

It is refused when this node is worse than the peer, unless --force says that it
shall have them all the same.`,
	}, "even if this node is worse")
}

// switchCommand completes a command that moves the role.
func (p *program) switchCommand(order func(*web.Client, context.Context, view.Order) (view.Done, error), cmd *cobra.Command, force string) *cobra.Command {
	var o view.Order
	cmd.Args = words(0, 1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			o.Group = args[0]
		}
		carryOut := func(ctx context.Context) (view.Done, error) { return order(p.daemon(), ctx, o) }
		return ask(p, cmd, carryOut, p.showDone)
	}
	cmd.Flags().BoolVar(&o.Force, "force", false, force)
	return p.dataFlags(completed(cmd, 1, p.groupWords))
}

// showDone says who is master now, and how long it took.
func (p *program) showDone(d view.Done) error {
	for _, g := range d.Groups {
		switch {
		case g.Master == "": // CARP does not tell names
			p.sentence(text(""), roleCell(g.Role), fmt.Sprintf(" of %s here, after %s", g.Name, brief(g.Took)))
		case g.Moved:
			p.sentence(text(""), cell{g.Master, strong}, fmt.Sprintf(" is master of %s, after %s", g.Name, brief(g.Took)))
		default:
			p.sentence(text(""), cell{g.Master, strong}, fmt.Sprintf(" was master of %s already", g.Name))
		}
	}
	p.warn(d.Warnings)
	return nil
}
