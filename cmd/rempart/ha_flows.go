package main

import (
	"context"
	"fmt"

	"github.com/rempart/rempart/ha/view"
	"github.com/spf13/cobra"
)

// haFlowsCommand is what can be asked of the flows that both nodes have.
func haFlowsCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "flows",
		Short: "The flows that both nodes have",
		Args:  subcommand,
		RunE:  needSubcommand,
	}
	cmd.AddCommand(haFlowsDiffCommand(p))
	return cmd
}

// namedFlows is how many flows that differ are named when nothing is said, and mostNamedFlows how many ever.
const (
	namedFlows     = 100
	mostNamedFlows = 10_000
)

func haFlowsDiffCommand(p *program) *cobra.Command {
	limit := namedFlows
	cmd := &cobra.Command{
		Use:   "diff",
		Short: "Name what differs between the flows of both nodes",
		Long: `Compares the flows that the kernels of both nodes share, by digests, and looks
twice, 300 ms apart, at what seems to differ: a flow that is named differed both
times. Below it stands what each node has of it; of one that both have, what is
not the same. Timeouts are not compared, nor what a node can know only of
packets that it saw itself.

It ends with 1 when something differs.`,
		Args: words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 || limit > mostNamedFlows {
				return usage(cmd, "-n %d: want a number from 1 to %d", limit, mostNamedFlows)
			}
			return p.flowsDiff(cmd, limit)
		},
	}
	cmd.Flags().IntVarP(&limit, "limit", "n", namedFlows, "name `N` flows at most")
	return p.dataFlags(cmd)
}

func (p *program) flowsDiff(cmd *cobra.Command, limit int) error {
	var d view.FlowsDiff
	compare := func(ctx context.Context) (found view.FlowsDiff, err error) {
		d, err = p.daemon().FlowsDiff(ctx, limit)
		return d, err
	}
	if err := ask(p, cmd, compare, p.showFlowsDiff); err != nil {
		return err
	}
	switch {
	case len(d.Flows) > 0 && d.More:
		return wrong("%s, and there are more", differ(len(d.Flows)))
	case len(d.Flows) > 0:
		return wrong("%s", differ(len(d.Flows)))
	case d.More:
		return wrong("not all flows could be compared: there are too many that change")
	}
	return nil
}

func differ(n int) string {
	if n == 1 {
		return "1 flow differs"
	}
	return plural(n, "flow") + " differ"
}

// showFlowsDiff names each flow, with what either node has of it below.
func (p *program) showFlowsDiff(d view.FlowsDiff) error {
	for _, f := range d.Flows {
		p.hanging(text(""), f.Flow)
		p.showHas("  here   ", f.Here)
		p.showHas("  there  ", f.There)
	}
	if len(d.Flows) > 0 {
		p.printf("\n")
	}
	said := fmt.Sprintf("%s shared flows here, %s there", grouped(uint64(d.Here)), grouped(uint64(d.There)))
	if len(d.Flows) == 0 && !d.More {
		p.printf("No difference: %s.\n", said)
		return nil
	}
	p.printf("%s.\n", said)
	return nil
}

func (p *program) showHas(head, has string) {
	if has == "" {
		p.sentence(text(head), cell{"nothing", bad}, "")
		return
	}
	p.hanging(text(head), has)
}

func haResyncCommand(p *program) *cobra.Command {
	return p.dataFlags(&cobra.Command{
		Use:   "resync",
		Short: "Send all flows to the other node anew",
		Long: `Makes the master send all its flows again, as to a node that has just come. It
can be said on either node. Nothing is interrupted: flows that the other node
has stay, and what is wrong with them is put right.

Flow sync finds and repairs differences by itself. This is for who does not want
to wait for it, or trusts it no more.`,
		Args: words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			again := func(ctx context.Context) (view.Sync, error) { return p.daemon().Resync(ctx, "") }
			return ask(p, cmd, again, func(view.Sync) error {
				p.printf("All flows are sent anew; `rempart ha status` says when both nodes have them.\n")
				return nil
			})
		},
	})
}
