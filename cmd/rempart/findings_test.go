package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/rempart/rempart/firewall/report"
)

// examined is a policy without faults that says less than its author thinks.
const examined = `schema = 1

[interface.wan]
device = "eth0"
addresses = ["203.0.113.2/29"]
external = true

[interface.lan]
device = "eth1"
addresses = ["10.1.2.1/24"]

[gateway.fibre]
interface = "wan"
address = "203.0.113.1"

[[route]]
destination = "default"
gateway = "fibre"

[alias.printers]
addresses = ["10.1.2.50"]

[[rule]]
name   = "lan-out"
from   = "lan"
to     = "wan"
action = "pass"

[[rule]]
name     = "no-smtp"
from     = "lan"
to       = "wan"
protocol = "tcp"
port     = 25
action   = "reject"
`

// TestGoldenFindings is what check says of it, and what apply and diff say of
// the change that was meant.
func TestGoldenFindings(t *testing.T) {
	s := newStage(t)
	s.tty = true
	s.gateway = newGateway(examined, "")
	s.serve(t)
	s.write(t, "etc/rempart.toml", examined)
	s.golden(t, "findings-check", "check")
	s.golden(t, "findings-strict", "check", "--strict")
	s.golden(t, "findings-json", "check", "--json")
	before, rules, _ := strings.Cut(examined, "[[rule]]\n")
	out, smtp, _ := strings.Cut(rules, "[[rule]]\n")
	s.write(t, "etc/rempart.toml", before+"[[rule]]\n"+smtp+"\n[[rule]]\n"+out)
	s.golden(t, "findings-diff", "diff")
	s.golden(t, "findings-diff-json", "diff", "--json")
	s.golden(t, "findings-dry-run", "apply", "--dry-run")
}

// TestDocsAnalysis keeps what docs/analysis.md shows: its policy runs, and in the
// files the rule "web" is gone and "no-smtp" stands before "out".
func TestDocsAnalysis(t *testing.T) {
	const file = "../../docs/analysis.md"
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	office := regexp.MustCompile("(?s)```toml\n(.*?)```").FindStringSubmatch(string(page))[1]
	rule := func(name string) string {
		return regexp.MustCompile(`(?s)\[\[rule\]\]\nname +?= "` + name + `".*?\n\n`).FindString(office)
	}
	web, out, smtp := rule("web"), rule("out"), rule("no-smtp")
	if web == "" || out == "" || smtp == "" {
		t.Fatalf("%s has not the rules that it speaks of", file)
	}
	s := newStage(t)
	s.write(t, "office.toml", office)
	s.write(t, "etc/rempart.toml", strings.NewReplacer(web, "", out, smtp+out, smtp, "").Replace(office))
	s.serveGateway(t, report.Draft{PolicyName: "rempart.toml", Policy: []byte(office)})
	s.screens(t, file, string(page))
}
