package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall"
	"github.com/rempart/rempart/firewall/report"
	"github.com/spf13/cobra"
)

// difference is what `diff --json` prints.
type difference struct {
	Diff string `json:"diff"`
	// Traffic gets another verdict; Undecided says why nobody can tell which.
	Traffic   []report.TrafficChange `json:"traffic"`
	Undecided string                 `json:"undecided,omitempty"`
	// FlowsLost would end; only of the policy that runs.
	FlowsLost []report.FlowsLost `json:"flows_lost,omitempty"`
}

func diffCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diff [A [B]]",
		Short: "Compare policies, as text and by what becomes of traffic",
		Long: `Without arguments: what "rempart apply" would change in the policy that runs.
With one: from revision A to the current one. With two: from revision A to B.

Below the difference of the texts stands what traffic gets another verdict, with
a packet as an example, and which translations come, go or change. Of the policy
that runs also which flows would end.`,
		Args: words(0, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			compare := p.fromRunning
			if len(args) > 0 {
				numbers := make([]int, len(args))
				for i, a := range args {
					var err error
					if numbers[i], err = revisionNumber(cmd, a); err != nil {
						return err
					}
				}
				compare = func(ctx context.Context) (difference, error) { return p.between(ctx, numbers) }
			}
			return ask(p, cmd, compare, func(d difference) error {
				if d.Diff == "" {
					p.printf("They are the same.\n")
				}
				p.showDiff(d.Diff)
				if d.Undecided != "" {
					p.printf("\nTraffic cannot be compared: %s.\n", d.Undecided)
					return nil
				}
				p.showTraffic(d.Diff, d.Traffic)
				p.showFlowsLost(d.FlowsLost)
				return nil
			})
		},
	}
	return p.dataFlags(completed(cmd, 2, p.revisionWords))
}

// fromRunning is what leads from the policy that runs to the files.
func (p *program) fromRunning(ctx context.Context) (difference, error) {
	d, err := p.draft()
	if err != nil {
		return difference{}, err
	}
	preview, err := p.daemon().Check(ctx, d, report.Caller{})
	if err != nil {
		return difference{}, err
	}
	out := difference{Diff: preview.Diff, Traffic: preview.Traffic, FlowsLost: preview.FlowsLost}
	if out.Traffic == nil {
		out.Traffic = []report.TrafficChange{}
	}
	// Faults are for check and apply to tell: texts can be compared all the same.
	if len(preview.Faults) > 0 {
		out.Undecided = "the policy has faults, which `rempart check` tells"
	}
	return out, nil
}

// between is what leads from the first revision to the second, or to the current one.
func (p *program) between(ctx context.Context, numbers []int) (difference, error) {
	daemon := p.daemon()
	if len(numbers) == 1 {
		s, err := daemon.Status(ctx)
		if err != nil {
			return difference{}, err
		}
		if s.Revision == 0 {
			return difference{}, wrong("what runs is not kept yet, compare two revisions by their numbers")
		}
		numbers = append(numbers, s.Revision)
	}
	var r [2]report.Revision
	for i, n := range numbers {
		var err error
		if r[i], err = daemon.Revision(ctx, n); err != nil {
			return difference{}, err
		}
	}
	out := difference{
		Diff:    titled(policyFile, r, config.Diff(r[0].Policy, r[1].Policy)) + titled(nodeFile, r, config.Diff(r[0].Node, r[1].Node)),
		Traffic: []report.TrafficChange{},
	}
	var c [2]*config.Config
	for i := range r {
		var err error
		if c[i], err = parse(draftOfRevision(r[i])); err != nil {
			out.Undecided = fmt.Sprintf("revision %d has faults for this version", r[i].Number)
			return out, nil
		}
	}
	out.Traffic = append(out.Traffic, firewall.TrafficChanges(c[0], c[1], p.now())...)
	return out, nil
}

// draftOfRevision is what was applied then.
func draftOfRevision(r report.Revision) report.Draft {
	d := report.Draft{PolicyName: policyFile, Policy: r.Policy, Node: r.Node}
	if len(r.Node) > 0 {
		d.NodeName = nodeFile
	}
	return d
}

// titled puts the names of what was compared before a difference.
func titled(file string, r [2]report.Revision, diff string) string {
	if diff == "" {
		return ""
	}
	return fmt.Sprintf("--- %s of revision %d\n+++ %s of revision %d\n%s", file, r[0].Number, file, r[1].Number, diff)
}

// showDiff prints unified text.
func (p *program) showDiff(diff string) {
	for line := range strings.Lines(diff) {
		body := strings.TrimSuffix(line, "\n")
		p.printf("%s\n", p.paint(diffInk(body), body))
	}
}

func diffInk(line string) ink {
	switch {
	case strings.HasPrefix(line, "---"), strings.HasPrefix(line, "+++"):
		return strong
	case strings.HasPrefix(line, "@@"):
		return mark
	case strings.HasPrefix(line, "-"):
		return bad
	case strings.HasPrefix(line, "+"):
		return good
	}
	return plain
}
