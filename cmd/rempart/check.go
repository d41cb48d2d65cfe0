package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/report"
	"github.com/spf13/cobra"
)

// checked is what `check --json` prints.
type checked struct {
	Faults  []report.Fault `json:"faults"`
	Ruleset string         `json:"ruleset,omitempty"`
}

func checkCommand(p *program, compile func(*config.Config) string) *cobra.Command {
	var ruleset bool
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Say everything that is wrong with a policy",
		Long: `Reads rempart.toml and node.toml of the configuration directory, or FILE in
place of rempart.toml ("-" is standard input), and prints every fault as
file:line:column: key: message. No daemon is needed and nothing is changed.
Root is also told what the policy asks of this machine's kernel and cannot have.

node.toml is taken from beside FILE, or else from the configuration directory.`,
		Args: words(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := p.draftOf(args)
			if err != nil {
				return err
			}
			c, err := parse(d)
			if err == nil {
				err = p.machineFaults(cmd.Context(), c)
			}
			if faults, ok := err.(faultsError); ok && p.json {
				if err := p.printJSON(checked{Faults: faults}); err != nil {
					return err
				}
			}
			if err != nil {
				return err
			}
			text := ""
			if ruleset {
				text = compile(c)
			}
			if p.json {
				return p.printJSON(checked{Faults: []report.Fault{}, Ruleset: text})
			}
			if ruleset {
				p.printf("%s", text)
				return nil
			}
			p.printf("%s: %s: nothing is wrong\n", fileNames(d), contents(c))
			return nil
		},
	}
	cmd.Flags().BoolVarP(&ruleset, "ruleset", "n", false, "print the ruleset that it becomes, as nft would list it")
	return p.dataFlags(cmd)
}

// machineFaults is what the policy needs of this kernel and the kernel lacks.
// Who may not ask the kernel is told nothing: the daemon asks again at the apply.
func (p *program) machineFaults(ctx context.Context, c *config.Config) error {
	features, err := p.features(ctx)
	if errors.Is(err, nft.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	if faults := firewall.Lacking(c, features); len(faults) > 0 {
		return faultsError(reportFaults(faults))
	}
	return nil
}

func fileNames(d report.Draft) string {
	if d.NodeName == "" {
		return d.PolicyName
	}
	return d.PolicyName + " and " + d.NodeName
}

// contents says in short what a policy has.
func contents(c *config.Config) string {
	return fmt.Sprintf("%s, %s, %s", plural(len(c.Interfaces), "interface"), plural(len(c.Rules), "rule"), plural(len(c.Aliases), "alias"))
}
