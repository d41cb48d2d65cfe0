package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/web"
	"github.com/spf13/cobra"
)

// difference is what `diff --json` prints.
type difference struct {
	Diff string `json:"diff"`
}

func diffCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diff [A [B]]",
		Short: "Compare policies as text",
		Long: `Without arguments: what "rempart apply" would change in the policy that runs.
With one: from revision A to the current one. With two: from revision A to B.`,
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
				compare = func(ctx context.Context) (difference, error) { return between(ctx, p.daemon(), numbers) }
			}
			return ask(p, cmd, compare, func(d difference) error {
				if d.Diff == "" {
					p.printf("They are the same.\n")
				}
				p.showDiff(d.Diff)
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
	// Faults are for check and apply to tell: texts can be compared all the same.
	return difference{preview.Diff}, nil
}

// between is what leads from the first revision to the second, or to the current one.
func between(ctx context.Context, daemon web.Backend, numbers []int) (difference, error) {
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
	return difference{
		titled(policyFile, r, config.Diff(r[0].Policy, r[1].Policy)) + titled(nodeFile, r, config.Diff(r[0].Node, r[1].Node)),
	}, nil
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
