package main

import "github.com/spf13/cobra"

func showCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show one thing that runs now, with its counters",
		Args:  subcommand,
		RunE:  needSubcommand,
	}
	cmd.AddCommand(
		showNFTCommand(p), showRulesCommand(p), showNATCommand(p), showAliasesCommand(p), showRoutesCommand(p),
		showGatewaysCommand(p), showSchedulesCommand(p), showFlowsCommand(p), showLogCommand(p),
	)
	return cmd
}
