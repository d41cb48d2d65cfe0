package main

import (
	"context"

	"github.com/rempart/rempart/ha/view"
	"github.com/spf13/cobra"
)

func haMaintenanceCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "maintenance on|off",
		Short: "Leave the role to the peer while this node is worked on",
		Long: `With "on" this node counts as worse than any healthy peer: it gives the role
away and does not take it back, over restarts of the daemon and of the machine,
until "off". It still takes the addresses when the peer dies, since a gateway
in maintenance is better than none.`,
		Args: words(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] != "on" && args[0] != "off" {
				return usage(cmd, "maintenance %q: want on or off", args[0])
			}
			on := args[0] == "on"
			turn := func(ctx context.Context) (view.Status, error) { return p.daemon().Maintenance(ctx, on, "") }
			return ask(p, cmd, turn, func(s view.Status) error {
				p.showMaintenance(s)
				return nil
			})
		},
	}
	cmd.ValidArgs = []cobra.Completion{
		cobra.CompletionWithDesc("on", "give the role away and keep away from it"),
		cobra.CompletionWithDesc("off", "be as good as it is"),
	}
	return p.dataFlags(cmd)
}

// showMaintenance says what the pair is like now.
func (p *program) showMaintenance(s view.Status) {
	if s.Maintenance != nil {
		p.printf("%s is in maintenance, until `rempart ha maintenance off`.\n", p.paint(strong, s.Node))
	} else {
		p.printf("%s is not in maintenance.\n", p.paint(strong, s.Node))
	}
	p.showRoles(view.Status{Node: s.Node, Groups: s.Groups})
	p.warn(s.Warnings)
}
