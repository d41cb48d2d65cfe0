package main

import (
	"context"
	"fmt"

	"github.com/rempart/rempart/firewall/flows"
	"github.com/rempart/rempart/firewall/report"
	"github.com/spf13/cobra"
)

// flowList is flows and the names of the rules that let them in.
type flowList struct {
	flows []flows.Flow
	rules map[uint16]string
}

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

  rule NAME     host ADDRESS    src ADDRESS|PREFIX    port N|N-M
  state STATE   net PREFIX      dst ADDRESS|PREFIX    proto NAME|NUMBER

A state is one of TCP such as established, a status such as assured or
src-nat, or unreplied. With --end the flows are ended.`,
		Example: `  rempart show flows rule lan-out state established
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
	if p.json {
		return ask(p, cmd, func(ctx context.Context) ([]flows.Flow, error) { return p.daemon().Flows(ctx, words) }, nil)
	}
	list := func(ctx context.Context) (flowList, error) {
		l := flowList{rules: make(map[uint16]string)}
		rules, err := p.daemon().Rules(ctx, true)
		if err != nil {
			return l, err
		}
		for _, r := range rules {
			l.rules[uint16(r.Number)] = r.Name
		}
		l.flows, err = p.daemon().Flows(ctx, words)
		return l, err
	}
	return ask(p, cmd, list, p.showFlows)
}

func (p *program) showFlows(l flowList) error {
	delete(l.rules, 0) // of rules that let no flows in
	t := newTable(left("RULE"), left("FLOW"))
	for _, f := range l.flows {
		rule := text(l.rules[f.Rule()])
		switch {
		case f.Rule() == 0:
			rule = cell{"-", faint}
		case rule.text == "":
			rule = cell{fmt.Sprintf("gone, %d", f.Rule()), odd}
		}
		t.add(rule, text(f.String()))
	}
	return p.print(t, "There are no such flows.")
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
