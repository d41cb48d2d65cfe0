package main

import (
	"context"

	"github.com/rempart/rempart/ha/view"
	"github.com/spf13/cobra"
)

func haUnpairCommand(p *program) *cobra.Command {
	var force, yes bool
	cmd := &cobra.Command{
		Use:   "unpair",
		Short: "Let two nodes no longer trust each other",
		Long: `Forgets the key of the other node, here and there. Each node keeps the policy
that runs and all revisions, and is edited by itself from then on. CARP,
heartbeats and flow sync go on with the secret that the policy names.

It is refused when the other node cannot be told, unless --force says that this
node shall forget it alone: then say it there too.`,
		Args: words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !yes && p.asks && !p.json && !p.agrees(cmd.Context(), "Each node has a policy of its own from then on. Unpair?") {
				return wrong("nothing was changed")
			}
			unpair := func(ctx context.Context) (view.Pairing, error) { return p.daemon().Unpair(ctx, force, "") }
			return ask(p, cmd, unpair, func(view.Pairing) error {
				p.printf("Not paired any more: what runs goes on, and each node is edited by itself.\n")
				if force {
					p.printf("If the other node was not there to be told, say the same on it.\n")
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "even if the other node cannot be told")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return p.dataFlags(cmd)
}

func haRotateCommand(p *program) *cobra.Command {
	return p.dataFlags(&cobra.Command{
		Use:   "rotate",
		Short: "Give both nodes new keys, without an outage",
		Long: `Makes new keys on both nodes and agrees on a new common secret, over the
connection that the old ones protect. Each node takes both for as long as the
other may still speak with the old ones, so that no heartbeat and no flow is
refused.

It is for when a key may have been seen by others, or a disk has left the
house.`,
		Args: words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			rotate := func(ctx context.Context) (view.Pairing, error) { return p.daemon().RotateKeys(ctx, "") }
			return ask(p, cmd, rotate, func(paired view.Pairing) error {
				if paired.Rotating {
					p.printf("New keys are agreed on; `rempart ha status` says when both nodes use them.\n\n")
				} else {
					p.printf("Both nodes use new keys.\n\n")
				}
				p.showPrints(paired)
				return nil
			})
		},
	})
}
