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
	Faults   []report.Fault   `json:"faults"`
	Findings []report.Finding `json:"findings"`
	Tests    []report.Test    `json:"tests"`
	Ruleset  string           `json:"ruleset,omitempty"`
}

func checkCommand(p *program, compile func(*config.Config) string) *cobra.Command {
	var ruleset, strict bool
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Say everything that is wrong with a policy",
		Long: `Reads rempart.toml and node.toml of the configuration directory, or FILE in
place of rempart.toml ("-" is standard input), and prints every fault as
file:line:column: key: message. No daemon is needed and nothing is changed.
Root is also told what the policy asks of this machine's kernel and cannot have.

A policy without faults is examined further. Warnings tell of rules that decide
nothing, that change nothing, or that do not block all they say because another
lets some of it in before, and of what nothing uses; --strict makes them faults.
Then the [[test]]s of the policy are run; below one that fails stands every step
that its packet takes.

node.toml is taken from beside FILE, or else from the configuration directory.`,
		Args: words(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := p.draftOf(args)
			if err != nil {
				return err
			}
			c, found, err := p.examine(cmd.Context(), d)
			if err != nil {
				return err
			}
			if strict {
				found.Faults = append(asFaults(found.Findings), found.Faults...)
			}
			good := len(found.Faults) == 0
			if good && ruleset {
				found.Ruleset = compile(c)
			}
			switch {
			case p.json:
				if err := p.printJSON(found); err != nil {
					return err
				}
			case good && ruleset:
				p.printf("%s", found.Ruleset)
			case good:
				p.printFindings(found.Findings)
				p.printf("%s: %s: %s%s\n", fileNames(d), contents(c), judgement(found.Findings), outcomes(found.Tests))
				p.warn(report.UndecidedTests(found.Tests))
			}
			if !good {
				if !p.json && !strict {
					p.printFindings(found.Findings)
				}
				return faultsError(found.Faults)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "take warnings for faults")
	cmd.Flags().BoolVarP(&ruleset, "ruleset", "n", false, "print the ruleset that it becomes, as nft would list it")
	return p.dataFlags(cmd)
}

// examine finds what is wrong with a draft: in its text, for this kernel, and
// by its own tests, each of which is asked only when there is nothing before it.
func (p *program) examine(ctx context.Context, d report.Draft) (*config.Config, checked, error) {
	found := checked{Faults: []report.Fault{}, Findings: []report.Finding{}, Tests: []report.Test{}}
	c, err := parse(d)
	if err == nil {
		err = p.machineFaults(ctx, c)
	}
	if faults, ok := err.(faultsError); ok {
		found.Faults = faults
		return c, found, nil
	}
	if err != nil {
		return c, found, err
	}
	now := p.now()
	found.Findings = append(found.Findings, firewall.Findings(c, now)...)
	found.Tests = append(found.Tests, firewall.RunTests(firewall.NewWorld(c, firewall.Learned{}, now), now)...)
	found.Faults = append(found.Faults, report.FailedTests(found.Tests)...)
	return c, found, nil
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

// judgement says in short what examining a policy without faults came to.
func judgement(findings []report.Finding) string {
	if len(findings) == 0 {
		return "nothing is wrong"
	}
	return "no fault, " + plural(len(findings), "warning")
}

// outcomes says how many tests passed, and how many are not decided.
func outcomes(tests []report.Test) string {
	s := ""
	if n := passed(tests); n > 0 {
		s = ", " + plural(n, "test") + " passed"
	}
	if n := len(report.UndecidedTests(tests)); n > 0 {
		s += fmt.Sprintf(", %s not decided", plural(n, "test"))
	}
	return s
}

func passed(tests []report.Test) int {
	n := 0
	for _, t := range tests {
		if t.Result == report.TestPassed {
			n++
		}
	}
	return n
}
