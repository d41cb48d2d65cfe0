package main

import (
	"context"

	"github.com/rempart/rempart/firewall/report"
	"github.com/spf13/cobra"
)

func confirmCommand(p *program) *cobra.Command {
	return p.dataFlags(&cobra.Command{
		Use:   "confirm",
		Short: "Keep the policy that waits for it",
		Long: `Keeps the policy that was applied with --confirm, as a new revision.

It must come from a login that is newer than the apply, since only that proves
that the way in still works.`,
		Args: words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			confirm := func(ctx context.Context) (report.Applied, error) { return p.daemon().Confirm(ctx, report.Caller{}) }
			return ask(p, cmd, confirm, func(a report.Applied) error {
				p.warn(a.Warnings)
				p.showPeerThen(a.Peer)
				p.printf("Kept as revision %d.\n", a.Revision)
				return nil
			})
		},
	})
}
