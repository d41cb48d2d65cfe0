package main

import (
	"fmt"
	"time"

	"github.com/rempart/rempart/firewall"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/spf13/cobra"
)

func loadCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "load",
		Short: "Load the last good policy once, for early boot",
		Long: `load puts the rules of the last good policy into the kernel and ends. It is
meant for early boot, before any link is up: it sets no addresses and no
routes, and takes what aliases learned from the disk.

When there is no policy, or it cannot be read, rules are loaded that let
nothing in and nothing through, and load ends with 3.`,
		Args: words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			claim, err := firewall.ClaimTable()
			if err != nil {
				return err
			}
			defer claim.Close()
			revision, err := firewall.Load(cmd.Context(), p.state, nft.Open(firewall.TableName), time.Now())
			if err != nil {
				return err
			}
			fmt.Fprintf(p.out, "revision %d is loaded\n", revision)
			return nil
		},
	}
}
