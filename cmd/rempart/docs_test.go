package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestDocs holds docs/commands.md against the commands that there are; -update writes it anew.
func TestDocs(t *testing.T) {
	const file = "../../docs/commands.md"
	var b strings.Builder
	root := rootCommand(newProgram(nil, nil, nil))
	fmt.Fprintf(&b, "# The commands\n\nThis page is written by `make docs`; the manual pages say the same.\n\n%s\n\n", root.Long)
	describeFlags(&b, "Flags of all commands", root.PersistentFlags())
	for _, c := range family(root)[1:] {
		describe(&b, c)
	}
	got := b.String()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s, -want +got:\n%s", file, diff)
	}
}

// TestDocsReasons: docs/policy.md explains every word that the packet log has for a reason.
func TestDocsReasons(t *testing.T) {
	text, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	known := 0
	for cause := packetlog.Cause(1); ; cause++ {
		if _, err := packetlog.ParseCause(cause.String()); err != nil {
			break // the last one was before
		}
		known++
		if !strings.Contains(string(text), "`block "+cause.String()) && !strings.Contains(string(text), "`"+cause.String()+"` (") {
			t.Errorf("docs/policy.md does not explain %q", cause)
		}
	}
	if known < 11 {
		t.Errorf("%d reasons are known", known)
	}
}

func describe(b *strings.Builder, c *cobra.Command) {
	fmt.Fprintf(b, "## rempart %s\n\n%s.\n\n", strings.TrimPrefix(c.CommandPath(), "rempart "), c.Short)
	if len(subcommands(c)) > 0 {
		return
	}
	fmt.Fprintf(b, "    %s\n\n", c.UseLine())
	for part := range strings.SplitSeq(c.Long, "\n\n") {
		if strings.HasPrefix(part, " ") {
			part = "```\n" + part + "\n```"
		}
		if part != "" {
			fmt.Fprintf(b, "%s\n\n", part)
		}
	}
	describeFlags(b, "Flags", c.LocalNonPersistentFlags())
	if c.Example != "" {
		fmt.Fprintf(b, "```\n%s\n```\n\n", strings.ReplaceAll(strings.TrimPrefix(c.Example, "  "), "\n  ", "\n"))
	}
}

func describeFlags(b *strings.Builder, title string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	fmt.Fprintf(b, "| %s | |\n|---|---|\n", title)
	flags.VisitAll(func(f *pflag.Flag) {
		names, text := flagText(f)
		fmt.Fprintf(b, "| `%s` | %s |\n", names, strings.ReplaceAll(text, "|", `\|`))
	})
	b.WriteString("\n")
}
