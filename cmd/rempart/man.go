package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func manCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write the manual pages into a directory",
		Hidden: true,
		Args:   words(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return wrong("write manual pages: %w", err)
			}
			for _, c := range family(cmd.Root()) {
				if err := os.WriteFile(filepath.Join(args[0], pageName(c)+".8"), []byte(page(c)), 0o644); err != nil {
					return wrong("write manual pages: %w", err)
				}
			}
			return nil
		},
	}
}

// family is a command and all below it.
func family(cmd *cobra.Command) []*cobra.Command {
	list := []*cobra.Command{cmd}
	for _, c := range subcommands(cmd) {
		list = append(list, family(c)...)
	}
	return list
}

// subcommands are those that people are meant to see, but for what cobra adds.
func subcommands(cmd *cobra.Command) []*cobra.Command {
	return slices.DeleteFunc(slices.Clone(cmd.Commands()), func(c *cobra.Command) bool {
		return !c.IsAvailableCommand() || c.Name() == "completion"
	})
}

func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// page is the manual page of a command, as man(7) wants it.
func page(cmd *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %q 8 \"\" %q \"System administration\"\n", strings.ToUpper(pageName(cmd)), roff("rempart "+version))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(pageName(cmd)), roff(cmd.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", roff(synopsis(cmd)))
	if cmd.Long != "" {
		b.WriteString(".SH DESCRIPTION\n")
		paragraphs(&b, cmd.Long)
	}
	if subs := subcommands(cmd); len(subs) > 0 {
		b.WriteString(".SH COMMANDS\n")
		for _, c := range subs {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(c.Name()), roff(c.Short))
		}
	}
	flagList(&b, "OPTIONS", cmd.NonInheritedFlags())
	flagList(&b, "OPTIONS OF ALL COMMANDS", cmd.InheritedFlags())
	if cmd.Example != "" {
		b.WriteString(".SH EXAMPLES\n")
		paragraphs(&b, cmd.Example)
	}
	if related := relatives(cmd); len(related) > 0 {
		fmt.Fprintf(&b, ".SH SEE ALSO\n%s\n", strings.Join(related, ", "))
	}
	return b.String()
}

// synopsis is what to type.
func synopsis(cmd *cobra.Command) string {
	if len(subcommands(cmd)) > 0 {
		return cmd.CommandPath() + " COMMAND"
	}
	return cmd.UseLine()
}

// paragraphs fills text, but for paragraphs that are indented, which stay as they are.
func paragraphs(b *strings.Builder, text string) {
	for part := range strings.SplitSeq(text, "\n\n") {
		if !strings.HasPrefix(part, " ") {
			fmt.Fprintf(b, ".PP\n%s\n", roff(part))
			continue
		}
		fmt.Fprintf(b, ".PP\n.nf\n%s\n.fi\n", roff(part))
	}
}

func flagList(b *strings.Builder, title string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	fmt.Fprintf(b, ".SH %s\n", title)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		names, text := flagText(f)
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(names), roff(text))
	})
}

// flagText is how a flag is written and what it does.
func flagText(f *pflag.Flag) (names, text string) {
	value, text := pflag.UnquoteUsage(f)
	names = "--" + f.Name
	if f.Shorthand != "" {
		names = "-" + f.Shorthand + ", " + names
	}
	if value != "" {
		names += " " + value
	}
	if f.DefValue != "" && f.DefValue != "false" {
		text += fmt.Sprintf(" (default %s)", f.DefValue)
	}
	return names, text
}

// relatives are the pages above and below a command.
func relatives(cmd *cobra.Command) []string {
	var list []string
	if cmd.HasParent() {
		list = append(list, roff(pageName(cmd.Parent()))+"(8)")
	}
	for _, c := range subcommands(cmd) {
		list = append(list, roff(pageName(c))+"(8)")
	}
	return list
}

// roff writes text so that troff prints it as it is (groff_char(7)).
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}
