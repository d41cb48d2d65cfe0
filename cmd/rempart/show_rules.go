package main

import (
	"context"
	"slices"
	"strings"

	"github.com/rempart/rempart/firewall/report"
	"github.com/spf13/cobra"
)

func showRulesCommand(p *program) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "The rules in their order, with what they decided",
		Long: `Lists the rules in the order in which they are tried. Counters count the first
packet of each flow that a rule let in, and every packet that it blocked.`,
		Args: words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(p, cmd, p.rulesBut(all, isTranslation), p.showRules)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also the automatic rules, with the setting that makes each")
	return p.dataFlags(cmd)
}

func showNATCommand(p *program) *cobra.Command {
	return p.dataFlags(&cobra.Command{
		Use:   "nat",
		Short: "The translations in their order, with what they translated",
		Long: `Lists the translations in the order in which they are tried, the automatic ones
with the setting that makes each, and the targets that do not answer. Counters
count the first packet of each flow that was translated.`,
		Args: words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			filter := func(r report.Rule) bool { return r.Action != "translate" }
			return ask(p, cmd, p.rulesBut(true, filter), p.showNAT)
		},
	})
}

// isTranslation tells the policy's translations from its rules and from what is automatic.
func isTranslation(r report.Rule) bool {
	return slices.Contains([]string{"port_forward", "one_to_one", "outbound", "prefix"}, r.Kind)
}

// rulesBut asks for the rules save some.
func (p *program) rulesBut(all bool, without func(report.Rule) bool) func(context.Context) ([]report.Rule, error) {
	return func(ctx context.Context) ([]report.Rule, error) {
		rules, err := p.daemon().Rules(ctx, all)
		return slices.DeleteFunc(rules, without), err
	}
}

func (p *program) showRules(rules []report.Rule) error {
	t := newTable(left("RULE"), left("ACTION"), right("PACKETS"), right("BYTES"), left("LAST"), left("MATCHES"))
	for _, r := range rules {
		t.add(ruleName(r), action(r), text(count(r.Packets)), text(size(r.Bytes)), cell{p.ago(r.LastHit), faint}, cell{ruleText(r), ruleInk(r)})
	}
	return p.print(t, "There are no rules: everything new is blocked.")
}

func (p *program) showNAT(rules []report.Rule) error {
	t := newTable(left("NAME"), left("KIND"), right("PACKETS"), right("BYTES"), left("LAST"), left("TRANSLATES"))
	for _, r := range rules {
		t.add(ruleName(r), text(r.Kind), text(count(r.Packets)), text(size(r.Bytes)), cell{p.ago(r.LastHit), faint}, cell{ruleText(r), natInk(r)})
	}
	return p.print(t, "Nothing is translated.")
}

func ruleName(r report.Rule) cell {
	if r.Kind == "automatic" {
		return cell{r.Name, faint}
	}
	return cell{r.Name, ruleInk(r)}
}

// ruleInk shows rules that are not in force as if they were far away.
func ruleInk(r report.Rule) ink {
	if !r.Active {
		return faint
	}
	return plain
}

// natInk points at translations of which some target is silent.
func natInk(r report.Rule) ink {
	if silent(r.Targets) != "" {
		return odd
	}
	return ruleInk(r)
}

func action(r report.Rule) cell {
	word := r.Action
	if r.Kind == "limit" {
		word = "limit"
	}
	switch {
	case !r.Active && r.Kind == "rule":
		return cell{word, faint}
	case word == "pass":
		return cell{word, good}
	case word == "block", word == "reject":
		return cell{word, bad}
	}
	return cell{word, odd}
}

// ruleText is what a rule matches and why it may not be in force.
func ruleText(r report.Rule) string {
	s := r.Text
	if s == "" {
		s = "everything"
	}
	switch {
	case r.Disabled:
		s += " [disabled]"
	case r.Schedule != "" && !r.Active:
		s += " [off by " + r.Schedule + "]"
	case r.Schedule != "":
		s += " [on by " + r.Schedule + "]"
	case r.Setting != "":
		s += " [" + r.Setting + "]"
	}
	return s + silent(r.Targets)
}

// silent names the targets of a port forward that do not answer.
func silent(targets []report.Target) string {
	var list []string
	for _, t := range targets {
		if t.Silent {
			list = append(list, t.Address.String())
		}
	}
	switch len(list) {
	case 0:
		return ""
	case len(targets):
		return " [no target answers, all are kept]"
	}
	return " [" + strings.Join(list, ", ") + " silent]"
}
