package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// The groups of commands in the help.
const (
	groupPolicy = "policy"
	groupShow   = "show"
	groupPair   = "pair"
	groupDaemon = "daemon"
)

// rootCommand is the tree of all subcommands.
func rootCommand(p *program) *cobra.Command {
	root := &cobra.Command{
		Use:   "rempart",
		Short: "A stateful gateway: rules, NAT, routes, and a way back",
		Long: `rempart turns a Linux machine into a stateful gateway. A policy in TOML is
compiled into one nftables table and the addresses and routes around it; it
is checked as a whole, applied in one transaction and taken back by itself
unless it is confirmed.

It ends with 0 when all is done, 1 when the policy or the request is wrong,
2 when the command line is, and 3 when the daemon or the kernel refused.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          subcommand,
		RunE:          needSubcommand,
	}
	// Commands that only have subcommands run nothing, so their help shows no line for that.
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(), "{{if .Runnable}}", "{{if and .Runnable (not .HasAvailableSubCommands)}}", 1))
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usage(cmd, "%v", err) })
	flags := root.PersistentFlags()
	flags.StringVar(&p.config, "config", "/etc/rempart", "`DIR` of rempart.toml and node.toml")
	flags.StringVar(&p.state, "state", "/var/lib/rempart", "`DIR` of the kept revisions")
	flags.StringVar(&p.socket, "socket", "/run/rempart.sock", "`PATH` of the daemon's socket")
	root.AddGroup(
		&cobra.Group{ID: groupPolicy, Title: "The policy:"},
		&cobra.Group{ID: groupShow, Title: "What runs:"},
		&cobra.Group{ID: groupPair, Title: "Two nodes:"},
		&cobra.Group{ID: groupDaemon, Title: "The daemon:"},
	)
	addGroup(root, groupPolicy,
		checkCommand(p, compileText), applyCommand(p), confirmCommand(p), rollbackCommand(p), historyCommand(p), diffCommand(p))
	addGroup(root, groupShow, statusCommand(p), showCommand(p), explainCommand(p))
	addGroup(root, groupPair, haCommand(p))
	addGroup(root, groupDaemon, daemonCommands(p)...)
	root.AddCommand(schemaCommand(p), versionCommand(p), manCommand(p))
	return root
}

func addGroup(root *cobra.Command, group string, cmds ...*cobra.Command) {
	for _, c := range cmds {
		c.GroupID = group
	}
	root.AddCommand(cmds...)
}

// subcommand refuses words that name no subcommand.
func subcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	message := fmt.Sprintf("unknown command %q", args[0])
	cmd.SuggestionsMinimumDistance = 2 // cobra's own default
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		message += ", did you mean " + strings.Join(near, " or ") + "?"
	}
	return usage(cmd, "%s", message)
}

// needSubcommand is what a command does that only has subcommands.
func needSubcommand(cmd *cobra.Command, _ []string) error {
	var names []string
	for _, c := range subcommands(cmd) {
		names = append(names, c.Name())
	}
	return usage(cmd, "say what: %s", strings.Join(names, ", "))
}

// words takes from least to most arguments.
func words(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usage(cmd, "something is missing: %s", cmd.UseLine())
		case len(args) > most:
			return usage(cmd, "%q is too much: %s", args[most], cmd.UseLine())
		}
		return nil
	}
}
