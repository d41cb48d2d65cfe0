package main

import (
	"context"

	"github.com/spf13/cobra"
)

// haCommand is what two nodes that share addresses can be asked and ordered.
func haCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ha",
		Short: "The pair: two gateways that share their addresses",
		Args:  subcommand,
		RunE:  needSubcommand,
	}
	cmd.AddCommand(
		haStatusCommand(p), haReleaseCommand(p), haTakeoverCommand(p), haMaintenanceCommand(p), haDoctorCommand(p), haDrillCommand(p),
		haFlowsCommand(p), haResyncCommand(p), haPairCommand(p), haUnpairCommand(p), haRotateCommand(p), haDiffCommand(p), haResolveCommand(p),
		haPullCommand(p), haPushCommand(p), haUpgradeCommand(p),
	)
	return cmd
}

// groupWords are the groups of virtual addresses with the role of this node.
func (p *program) groupWords(ctx context.Context) ([]string, error) {
	s, err := p.daemon().HAStatus(ctx)
	list := make([]string, 0, len(s.Groups))
	for _, g := range s.Groups {
		list = append(list, cobra.CompletionWithDesc(g.Name, g.Role))
	}
	return list, err
}
