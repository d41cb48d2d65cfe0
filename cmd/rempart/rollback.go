package main

import (
	"context"
	"strconv"

	"github.com/rempart/rempart/firewall/report"
	"github.com/spf13/cobra"
)

func rollbackCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rollback [REVISION]",
		Short: "Go back to the policy before, or to an older revision",
		Long: `Takes back the policy that waits for its confirm. When none waits, makes the
revision before the current one run, or the one that is named, for good: as a
new revision, so that it can be undone as well.`,
		Args: words(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			number := 0
			if len(args) == 1 {
				var err error
				if number, err = revisionNumber(cmd, args[0]); err != nil {
					return err
				}
			}
			rollback := func(ctx context.Context) (report.Applied, error) {
				return p.daemon().Rollback(ctx, number, report.Caller{})
			}
			return ask(p, cmd, rollback, func(a report.Applied) error {
				p.showApplied(a)
				return nil
			})
		},
	}
	return p.dataFlags(completed(cmd, 1, p.revisionWords))
}

func revisionNumber(cmd *cobra.Command, s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, usage(cmd, "revision %q: want a number from 1 on, `rempart history` lists them", s)
	}
	return n, nil
}
