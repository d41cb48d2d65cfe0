package main

import (
	"context"
	"fmt"

	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/ha/view"
	"github.com/spf13/cobra"
)

func haPullCommand(p *program) *cobra.Command {
	return p.dataFlags(&cobra.Command{
		Use:   "pull",
		Short: "Get what the other node is ahead by",
		Long: `Gets the revisions of the other node that follow what runs here, and makes the
newest run. Nodes that hear each other do so by themselves; this is for who
does not want to wait, or wants to read why it does not come.

Where both nodes were edited it is refused: "rempart ha resolve" decides.`,
		Args: words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			pull := func(ctx context.Context) (view.Carried, error) { return p.daemon().Pull(ctx, report.Caller{}) }
			return ask(p, cmd, pull, func(c view.Carried) error { return p.showCarried(c, "came over") })
		},
	})
}

func haPushCommand(p *program) *cobra.Command {
	return p.dataFlags(&cobra.Command{
		Use:   "push",
		Short: "Give the other node what this one is ahead by",
		Long: `Gives the other node the revisions of this one that follow what runs there, and
makes the newest run there. It is "ha pull" as the other node would say it.

Where both nodes were edited it is refused: "rempart ha resolve" decides.`,
		Args: words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			push := func(ctx context.Context) (view.Carried, error) { return p.daemon().Push(ctx, report.Caller{}) }
			return ask(p, cmd, push, func(c view.Carried) error { return p.showCarried(c, "went over") })
		},
	})
}

// showCarried says what both nodes run now.
func (p *program) showCarried(c view.Carried, went string) error {
	p.warn(c.Warnings)
	switch {
	case c.Revisions == 0:
		p.hanging(text(""), fmt.Sprintf("Nothing was to be done: both nodes run %s.", p.describeRevision(c.Revision)))
	default:
		p.hanging(text(""), fmt.Sprintf("%s %s; both nodes run %s.", plural(c.Revisions, "revision"), went, p.describeRevision(c.Revision)))
	}
	if c.File != "" {
		p.hanging(text(""), c.File+".")
	}
	return nil
}
