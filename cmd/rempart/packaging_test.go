package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rempart/rempart/firewall/links"
)

// TestUnits holds the systemd units against the program: they start commands
// that there are and name manual pages that are written.
func TestUnits(t *testing.T) {
	units, err := filepath.Glob("../../packaging/systemd/*.service")
	if err != nil || len(units) == 0 {
		t.Fatalf("no units: %v", err)
	}
	root := rootCommand(newProgram(nil, nil, nil))
	pages := make(map[string]bool)
	for _, c := range family(root) {
		pages[pageName(c)] = true
	}
	for _, unit := range units {
		text, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		starts := regexp.MustCompile(`(?m)^ExecStart=/usr/sbin/rempart (.+)$`).FindSubmatch(text)
		names := regexp.MustCompile(`(?m)^Documentation=man:(.+)\(8\)$`).FindSubmatch(text)
		if starts == nil || names == nil {
			t.Errorf("%s starts %q and names the page %q", unit, starts, names)
			continue
		}
		if c, rest, err := root.Find(strings.Fields(string(starts[1]))); err != nil || c == root || len(rest) > 0 {
			t.Errorf("%s starts %q, which is no command", unit, starts[1])
		}
		if !pages[string(names[1])] {
			t.Errorf("%s names %s(8), which is not written", unit, names[1])
		}
	}
}

// TestRouteOrigin holds the name that ip(8) shows for our routes against their number.
func TestRouteOrigin(t *testing.T) {
	text, err := os.ReadFile("../../packaging/iproute2/rempart.conf")
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("\n%d\trempart\n", links.Protocol); !strings.Contains(string(text), want) {
		t.Errorf("rempart.conf has no line %q:\n%s", want, text)
	}
}
