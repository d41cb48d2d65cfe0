package main

import (
	"context"
	"strings"

	"github.com/rempart/rempart/firewall/report"
	"github.com/spf13/cobra"
)

func showAliasesCommand(p *program) *cobra.Command {
	var refresh, force bool
	cmd := &cobra.Command{
		Use:   "aliases [NAME]",
		Short: "The aliases, or what one of them holds",
		Long: `Lists the aliases, or shows one with its entries and where they come from.

With --refresh the names and lists that it is fed from are fetched anew. A
list that shrank by half is held back, unless --force says that it is right.`,
		Args: words(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case force && !refresh:
				return usage(cmd, "--force goes with --refresh")
			case refresh && len(args) == 0:
				return usage(cmd, "--refresh of which alias?")
			case len(args) == 0:
				return ask(p, cmd, p.daemon().Aliases, p.showAliases)
			}
			one := func(ctx context.Context) (report.Alias, error) {
				if refresh {
					if err := p.daemon().RefreshAlias(ctx, args[0], force); err != nil {
						return report.Alias{}, err
					}
				}
				return p.daemon().Alias(ctx, args[0])
			}
			return ask(p, cmd, one, p.showAlias)
		},
	}
	cmd.Flags().BoolVar(&refresh, "refresh", false, "fetch its names and lists anew")
	cmd.Flags().BoolVar(&force, "force", false, "take a list even if it shrank by half")
	return p.dataFlags(completed(cmd, 1, p.aliasWords))
}

func (p *program) showAliases(aliases []report.Alias) error {
	t := newTable(left("ALIAS"), left("KIND"), right("ENTRIES"), left("STATE"), left("USED BY"))
	for _, a := range aliases {
		t.add(text(a.Name), text(a.Kind), text(count(a.Count)), aliasState(a), text(strings.Join(a.UsedBy, ", ")))
	}
	return p.print(t, "There are no aliases.")
}

// aliasState is the worst that its sources have to say.
func aliasState(a report.Alias) cell {
	state := text("")
	for _, s := range a.Sources {
		switch {
		case s.Held:
			return cell{"held back", bad}
		case s.LastError != "":
			state = cell{"stale", odd}
		case s.LastSuccess.IsZero() && state.text == "":
			state = cell{"not yet fetched", odd}
		}
	}
	return state
}

func (p *program) showAlias(a report.Alias) error {
	p.printf("%s  %s, %s%s\n", p.paint(strong, a.Name), a.Kind, plural(a.Count, "entry"), remark(a.Description))
	if len(a.UsedBy) > 0 {
		p.printf("used by  %s\n", strings.Join(a.UsedBy, ", "))
	}
	if len(a.Sources) > 0 {
		p.printf("\n")
		t := newTable(left("SOURCE"), right("ENTRIES"), left("FETCHED"), left("NEXT"), left("STATE"))
		for _, s := range a.Sources {
			t.add(text(s.Name), text(count(s.Entries)), text(p.ago(s.LastSuccess)), text(p.ago(s.Next)), sourceState(s))
		}
		if err := p.print(t, ""); err != nil {
			return err
		}
	}
	for _, s := range a.Sources {
		if s.Bad == 0 {
			continue
		}
		p.printf("\n%s of %s passed over:\n", plural(s.Bad, "line"), s.Name)
		for _, line := range s.BadLines {
			p.printf("  %s\n", line)
		}
	}
	if len(a.Entries) > 0 {
		p.printf("\n%s\n", strings.Join(a.Entries, "\n"))
	}
	return nil
}

func sourceState(s report.AliasSource) cell {
	switch {
	case s.Held:
		return cell{"held back: it shrank to " + count(s.HeldEntries), bad}
	case s.LastError != "":
		return cell{s.LastError, bad}
	case s.LastSuccess.IsZero():
		return cell{"not yet fetched", odd}
	}
	return cell{"good", good}
}
