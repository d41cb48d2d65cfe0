package main

import (
	"context"

	"github.com/spf13/cobra"
)

// listing is what `show nft --json` prints.
type listing struct {
	Ruleset string `json:"ruleset"`
}

func showNFTCommand(p *program) *cobra.Command {
	return p.dataFlags(&cobra.Command{
		Use:   "nft",
		Short: "The ruleset in the kernel, as nft lists it",
		Long: `Reads the table "inet rempart" back from the kernel, counters included.
"rempart check --ruleset" prints what a policy would become.`,
		Args: words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			list := func(ctx context.Context) (listing, error) {
				text, err := p.daemon().Ruleset(ctx)
				return listing{text}, err
			}
			return ask(p, cmd, list, func(l listing) error {
				p.printf("%s", l.Ruleset)
				return nil
			})
		},
	})
}
