package main

import (
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall"
	"github.com/spf13/cobra"
)

// daemonCommands are those that do the gateway's work themselves.
func daemonCommands(p *program) []*cobra.Command {
	return []*cobra.Command{runCommand(p), loadCommand(p), demoCommand(p)}
}

func runCommand(p *program) *cobra.Command {
	var level string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Be the daemon",
		Long: `run makes the last good policy run, owns the kernel's table, the addresses and
the routes of the policy, and answers on the socket. On a gateway that never
had a policy it takes the files of the configuration directory.

When it stops the ruleset stays, and the next start takes over what it finds.`,
		Args: words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if hclog.LevelFromString(level) == hclog.NoLevel {
				return usage(cmd, "no log level %q: trace, debug, info, warn or error", level)
			}
			return serve(cmd.Context(), p.options, hclog.New(&hclog.LoggerOptions{
				Name: "rempart", Level: hclog.LevelFromString(level), Output: p.err, JSONFormat: asJSON,
			}))
		},
	}
	cmd.Flags().StringVar(&level, "log-level", "info", "least `level` that is logged")
	cmd.Flags().BoolVar(&asJSON, "log-json", false, "log as JSON")
	return cmd
}

// compileText is a policy as nft would list it once it runs. Devices that are
// chosen by their MAC address go by the name of their interface.
func compileText(c *config.Config) string {
	return firewall.Compile(firewall.NewWorld(c, firewall.Learned{}, time.Now())).String()
}
