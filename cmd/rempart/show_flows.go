package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/rempart/rempart/firewall/flows"
	"github.com/rempart/rempart/firewall/report"
	"github.com/spf13/cobra"
)

// ended is what `show flows --end --json` prints.
type ended struct {
	Ended int `json:"ended"`
}

func showFlowsCommand(p *program) *cobra.Command {
	var end, yes bool
	cmd := &cobra.Command{
		Use:   "flows [WORD...]",
		Short: "The flows that pass, and the rule that let each in; or end them",
		Long: `Lists the flows that the words select, all of them without a word. Words come
in pairs of which every one must hold; a value may list several with commas:

  rule NAME             host ADDRESS   src ADDRESS|PREFIX   port N|N-M
  gateway NAME|NUMBER   net PREFIX     dst ADDRESS|PREFIX   proto NAME|NUMBER
  mark VALUE[/MASK]     state STATE

A state is one of TCP such as established, a status such as assured or
src-nat, or unreplied. Gateway 0 is the routing table. With --end the flows
are ended.`,
		Example: `  rempart show flows rule lan-out state established
  rempart show flows gateway cable mark 0x1000000/0xff000000
  rempart show flows host 10.1.2.9 --end`,
		RunE: func(cmd *cobra.Command, words []string) error {
			if !end {
				return p.listFlows(cmd, words)
			}
			if len(words) == 0 {
				return usage(cmd, "--end of which flows? Say for example: host 10.1.2.9")
			}
			if !yes && !p.asks {
				return usage(cmd, "--end asks first; where nobody can answer it wants --yes")
			}
			return p.endFlows(cmd, words, yes)
		},
	}
	cmd.Flags().BoolVar(&end, "end", false, "end them")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return p.dataFlags(cmd)
}

func (p *program) listFlows(cmd *cobra.Command, words []string) error {
	return ask(p, cmd, func(ctx context.Context) ([]flows.Flow, error) { return p.daemon().Flows(ctx, words) }, p.showFlows)
}

func (p *program) showFlows(list []flows.Flow) error {
	columns := []column{left("RULE"), left("GATEWAY"), left("FLOW")}
	steered := slices.ContainsFunc(list, func(f flows.Flow) bool { return f.Gateway() != 0 })
	if !steered {
		columns = slices.Delete(columns, 1, 2)
	}
	t := newTable(columns...)
	for _, f := range list {
		row := []cell{numbered(f.RuleName, int(f.Rule())), numbered(f.GatewayName, int(f.Gateway())), text(f.String())}
		if !steered {
			row = slices.Delete(row, 1, 2)
		}
		t.add(row...)
	}
	return p.print(t, "There are no such flows.")
}

// numbered is the name behind a number in a flow's mark; 0 stands for nothing.
func numbered(name string, number int) cell {
	switch {
	case number == 0:
		return cell{"-", faint}
	case name == "":
		return cell{fmt.Sprintf("gone, %d", number), odd}
	}
	return text(name)
}

func (p *program) endFlows(cmd *cobra.Command, words []string, yes bool) error {
	ctx, daemon := cmd.Context(), p.daemon()
	if !yes {
		list, err := daemon.Flows(ctx, words)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			p.printf("There are no such flows.\n")
			return nil
		}
		if !p.agrees(ctx, "%s. End them?", plural(len(list), "flow")) {
			return wrong("no flow was ended")
		}
	}
	end := func(ctx context.Context) (ended, error) {
		n, err := daemon.EndFlows(ctx, words, report.Caller{})
		return ended{n}, err
	}
	return ask(p, cmd, end, func(e ended) error {
		p.printf("%s ended.\n", plural(e.Ended, "flow"))
		return nil
	})
}
