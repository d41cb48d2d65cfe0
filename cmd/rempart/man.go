package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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
		var list []described
		for _, c := range subs {
			list = append(list, described{c.Name(), c.Short})
		}
		terms(&b, "COMMANDS", list)
	}
	flagList(&b, "OPTIONS", cmd.NonInheritedFlags())
	flagList(&b, "OPTIONS OF ALL COMMANDS", cmd.InheritedFlags())
	if cmd.Example != "" {
		b.WriteString(".SH EXAMPLES\n")
		paragraphs(&b, cmd.Example)
	}
	if !cmd.HasParent() {
		terms(&b, "FILES", files(cmd))
		terms(&b, "EXIT STATUS", exitStatus())
	}
	fmt.Fprintf(&b, ".SH SEE ALSO\n%s\n", strings.Join(relatives(cmd), ", "))
	return b.String()
}

// described is a thing with what it is.
type described struct{ name, meaning string }

// files are the files of the program, where they are by default.
func files(root *cobra.Command) []described {
	at := func(flag string) string { return root.PersistentFlags().Lookup(flag).DefValue }
	return []described{
		{filepath.Join(at("config"), policyFile), "The policy."},
		{filepath.Join(at("config"), nodeFile), "What belongs to this machine alone: its name, devices and addresses. It need not be there."},
		{at("state"), "The kept revisions, the journal of an apply under way, and what aliases have learned."},
		{at("socket"), "Where the daemon listens."},
		{"/usr/share/doc/rempart/examples", "A policy to begin with."},
		{"/usr/share/rempart", "The JSON Schemas of both files, for editors."},
	}
}

func exitStatus() []described {
	return []described{
		{strconv.Itoa(exitDone), "All is done."},
		{strconv.Itoa(exitWrong), "The policy or the request is wrong."},
		{strconv.Itoa(exitUsage), "The command line is wrong."},
		{strconv.Itoa(exitRefused), "The daemon or the kernel refused, or there is no daemon."},
	}
}

// terms writes a section that explains one thing after the other.
func terms(b *strings.Builder, title string, list []described) {
	fmt.Fprintf(b, ".SH %s\n", title)
	for _, t := range list {
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(t.name), roff(t.meaning))
	}
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
	var list []described
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		names, text := flagText(f)
		list = append(list, described{names, text})
	})
	terms(b, title, list)
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
	if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" {
		text += fmt.Sprintf(" (default %s)", f.DefValue)
	}
	return names, text
}

// relatives are the pages above and below a command, and of the first page those
// of what it works with.
func relatives(cmd *cobra.Command) []string {
	var list []string
	if cmd.HasParent() {
		list = append(list, roff(pageName(cmd.Parent()))+"(8)")
	}
	for _, c := range subcommands(cmd) {
		list = append(list, roff(pageName(c))+"(8)")
	}
	if !cmd.HasParent() {
		list = append(list, "nft(8)", "conntrack(8)", roff("ip-route(8)"), "systemctl(1)")
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
