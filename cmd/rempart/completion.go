package main

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// completionTime is how long a shell waits for words from the daemon.
const completionTime = time.Second

// completed offers words that the daemon knows for the first most arguments of
// cmd. Without a daemon there are none.
func completed(cmd *cobra.Command, most int, words func(context.Context) ([]string, error)) *cobra.Command {
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
		defer cancel()
		list, err := words(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return list, cobra.ShellCompDirectiveNoFileComp
	}
	return cmd
}

// revisionWords are the revisions with who made them and why.
func (p *program) revisionWords(ctx context.Context) ([]string, error) {
	revisions, err := p.daemon().History(ctx)
	list := make([]string, 0, len(revisions))
	for _, r := range revisions {
		list = append(list, cobra.CompletionWithDesc(strconv.Itoa(r.Number), r.Author+remark(r.Message)))
	}
	return list, err
}

// aliasWords are the aliases with what they are for.
func (p *program) aliasWords(ctx context.Context) ([]string, error) {
	aliases, err := p.daemon().Aliases(ctx)
	list := make([]string, 0, len(aliases))
	for _, a := range aliases {
		list = append(list, cobra.CompletionWithDesc(a.Name, a.Kind+remark(a.Description)))
	}
	return list, err
}
