package main

import (
	"strings"
	"testing"
	"unicode"
)

// TestEveryCommandExplainsItself: the help, the manual and docs/commands.md are
// made of what a command says of itself.
func TestEveryCommandExplainsItself(t *testing.T) {
	for _, c := range family(rootCommand(newProgram(nil, nil, nil))) {
		name := c.CommandPath()
		if c.Short == "" || !unicode.IsUpper(rune(c.Short[0])) || strings.HasSuffix(c.Short, ".") || len(c.Short) > 70 {
			t.Errorf("%s says %q in short: one line, in upper case, without a full stop", name, c.Short)
		}
		if len(subcommands(c)) == 0 && c.Long == "" && c.Example == "" {
			t.Errorf("%s says no more than its one line and has no example", name)
		}
	}
}

// TestFirstManualPage: the page of rempart itself tells what no command tells.
func TestFirstManualPage(t *testing.T) {
	text := page(rootCommand(newProgram(nil, nil, nil)))
	for _, want := range []string{
		".SH FILES\n", "/etc/rempart/rempart.toml", "/etc/rempart/node.toml", "/run/rempart.sock",
		".SH EXIT STATUS\n.TP\n.B 0\n", ".B 3\n", ".SH SEE ALSO\n", "nft(8)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("rempart(8) has no %q:\n%s", want, text)
		}
	}
}
