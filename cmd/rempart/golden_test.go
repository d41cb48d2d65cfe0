package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rempart/rempart/firewall/report"
)

// caseName is the command line as the name of a file.
func caseName(line string) string {
	words := strings.Fields(line)
	for i := range words {
		words[i] = strings.Trim(words[i], "-")
	}
	return strings.Join(words, "-")
}

// TestGoldenShow holds what people see, on a terminal of 80 columns.
func TestGoldenShow(t *testing.T) {
	s := newStage(t)
	s.tty = true
	s.serve(t)
	for _, line := range []string{
		"status", "history", "show nft", "show rules", "show rules --all", "show nat", "show aliases", "show aliases drop_list",
		"show aliases updates", "show aliases shrunk", "show routes", "show routes --all", "show gateways", "show gateways fibre", "show gateways cable --past 30m",
		"show gateways dsl", "show gateways lte", "show gateways none", "show gateways --past 0s", "show schedules", "show flows",
		"show flows rule lan-out", "show flows gateway 0", "show log", "show log -n 1", "show log -n 0", "show log action block", "diff 6 7", "diff 6", "diff 7", "diff",
	} {
		s.golden(t, caseName(line), strings.Fields(line)...)
	}
}

// TestGoldenLines holds the status of a gateway with lines of which some are not well.
func TestGoldenLines(t *testing.T) {
	s := newStage(t)
	s.tty, s.gateway.lines = true, true
	s.serve(t)
	s.golden(t, "lines-status", "status")
	s.colour = true
	s.golden(t, "lines-status-colour", "status")
}

// TestGoldenQuiet holds what people see when there is nothing.
func TestGoldenQuiet(t *testing.T) {
	s := newStage(t)
	s.tty = true
	s.gateway.quiet, s.gateway.flows = true, nil
	s.serve(t)
	for _, line := range []string{
		"status", "history", "show rules", "show nat", "show aliases", "show routes", "show gateways", "show schedules", "show flows",
	} {
		s.golden(t, "quiet-"+caseName(line), strings.Fields(line)...)
	}
}

// TestGoldenColour holds how it looks where colours are taken.
func TestGoldenColour(t *testing.T) {
	s := newStage(t)
	s.tty, s.colour = true, true
	s.serve(t)
	for _, line := range []string{"status", "show rules", "show gateways", "show routes", "show log", "diff 6 7"} {
		s.golden(t, "colour-"+caseName(line), strings.Fields(line)...)
	}
}

// TestGoldenPipe holds what programs read: a line a row, or JSON.
func TestGoldenPipe(t *testing.T) {
	s := newStage(t)
	s.serve(t)
	for _, line := range []string{
		"show rules", "show flows",
		"status --json", "history --json", "show nft --json", "show rules --json", "show nat --json", "show aliases --json",
		"show aliases web --json", "show routes --json", "show gateways --json", "show gateways lte --json --past 3m", "show schedules --json", "show flows --json",
		"show log --json", "diff 6 7 --json", "check --json",
	} {
		s.golden(t, "pipe-"+caseName(line), strings.Fields(line)...)
	}
}

// TestGoldenApply follows a policy through its life, step by step on one gateway.
func TestGoldenApply(t *testing.T) {
	s := newStage(t)
	s.tty = true
	s.serve(t)
	s.golden(t, "life-01-unchanged", "apply")
	s.write(t, "etc/rempart.toml", stagePolicy+"mtu = 1400\n")
	s.golden(t, "life-02-diff", "diff")
	s.golden(t, "life-03-dry-run", "apply", "--dry-run")
	s.stdin = "n\n"
	s.golden(t, "life-04-declined", "apply")
	s.stdin = "y\n"
	s.golden(t, "life-05-applied", "apply", "-m", "jumbo the other way", "--confirm", "90s")
	s.golden(t, "life-06-status", "status")
	s.golden(t, "life-07-again", "apply")
	s.golden(t, "life-08-not-kept", "diff", "6")
	s.golden(t, "life-09-confirm", "confirm")
	s.golden(t, "life-10-nothing-to-confirm", "confirm")
	s.golden(t, "life-11-history", "history")
	s.golden(t, "life-12-rollback", "rollback", "7")
	s.golden(t, "life-13-for-good", "apply", "--now", "-y")
	s.write(t, "etc/rempart.toml", stagePolicy+"mtu = 1300\n")
	s.golden(t, "life-14-pending", "apply", "--confirm", "1500ms", "--yes")
	s.golden(t, "life-15-taken-back", "rollback")
	s.write(t, "etc/rempart.toml", stagePolicy+"mtu = 70000\n\n[[rule]]\nname = \"x\"\nfrom = \"dmx\"\naction = \"pass\"\n")
	s.golden(t, "life-16-faults", "apply")
	s.tty = false
	s.golden(t, "life-17-faults-json", "apply", "--dry-run", "--json")
	s.write(t, "etc/rempart.toml", stagePolicy+"mtu = 1280\n")
	s.golden(t, "life-18-script", "apply", "--json")
	s.golden(t, "life-19-script-confirms", "confirm", "--json")
}

// TestGoldenRefused holds what people see who may not apply a policy, and where tests are not decided.
func TestGoldenRefused(t *testing.T) {
	s := newStage(t)
	s.tty = true
	s.serve(t)
	const test = "\n[[test]]\nname = \"%s\"\npacket = \"lan tcp 10.1.2.9 -> 10.1.2.1:ssh\"\nat = \"2026-11-23T12:00:00+01:00\"\nexpect = \"%s\"\n"
	passes, fails := fmt.Sprintf(test, "a", "block"), fmt.Sprintf(test, "b", "pass")
	s.write(t, "etc/rempart.toml", stagePolicy+passes+fails+strings.Replace(fails, `"b"`, `"c"`, 1))
	s.golden(t, "refused-01-check", "check")
	s.golden(t, "refused-02-apply", "apply")
	s.write(t, "etc/rempart.toml", stagePolicy+passes)
	s.golden(t, "refused-03-check-passes", "check")
	s.golden(t, "refused-04-check-json", "check", "--json")

	e, err := s.gateway.Explain(t.Context(), report.Question{Packet: "lan tcp 10.1.2.9:50122 -> 10.1.2.1:22"})
	if err != nil {
		t.Fatal(err)
	}
	s.gateway.lockout = &report.Lockout{Message: "this policy would cut you off: your SSH connection from 10.1.2.9:50122 comes in by lan, and no rule matches", Explanation: e}
	s.golden(t, "refused-05-lockout", "apply")
	s.golden(t, "refused-06-lockout-dry-run", "apply", "--dry-run")
	s.golden(t, "refused-07-lockout-json", "apply", "--json")
	s.stdin = "y\n"
	s.golden(t, "refused-08-forced", "apply", "--force")

	s.write(t, "etc/rempart.toml", stagePolicy+"\n[interface.wan]\ndevice = \"eth0\"\n"+strings.Replace(passes, "-> 10.1.2.1", "-> 10.1.9.1", 1)+
		"rule = \"lan-out\"\n[[rule]]\nname = \"lan-out\"\nfrom = \"lan\"\nto = \"wan\"\naction = \"block\"\n")
	s.golden(t, "refused-09-undecided", "check")
}

// TestGoldenExplain holds what becomes of packets, on a screen and for programs.
func TestGoldenExplain(t *testing.T) {
	s := newStage(t)
	s.tty = true
	s.serve(t)
	const packet = "lan tcp 10.1.2.9 -> 10.1.2.1:ssh"
	s.golden(t, "explain", "explain", packet, "--at", "2026-11-23 03:00")
	s.golden(t, "explain-reply", "explain", "lan icmp 10.1.2.9 -> 10.1.2.1", "--reply")
	s.golden(t, "explain-json", "explain", packet, "--json", "--at", "2026-11-23T03:00:00+01:00")
	s.golden(t, "explain-no-interface", "explain", "lam tcp 10.1.2.9 -> 10.1.2.1:ssh")
	s.stdin = "schema = 1\n[interface.lan]\ndevice = \"eth1\"\n[alias.listed]\nurl = \"file:///list\"\n" +
		"[[rule]]\nname = \"listed\"\nsource = \"@listed\"\naction = \"pass\"\n"
	s.golden(t, "explain-file", "explain", packet, "--file", "-")
	s.golden(t, "explain-wrong-file", "explain", packet, "-f", "DIR/nothing.toml")
	s.stdin = "schema = 1\n["
	s.golden(t, "explain-faulty-file", "explain", packet, "-f", "-")
	s.tty, s.colour = false, false
	s.stdin = ""
	s.golden(t, "explain-pipe", "explain", packet)
}

func TestGoldenHelp(t *testing.T) {
	s := newStage(t)
	s.golden(t, "help", "--help")
	s.golden(t, "help-show", "show", "--help")
	s.golden(t, "help-show-log", "show", "log", "--help")
}

func TestGoldenCheck(t *testing.T) {
	s := newStage(t) // and no daemon
	s.tty = true
	s.golden(t, "check", "check")
	s.golden(t, "check-ruleset-of-nothing", "check", "-n", "DIR/nothing.toml")
	s.write(t, "other/edge.toml", "schema = 1\n\n[interface.lan]\ndescription = \"from stdin\"\n")
	s.golden(t, "check-without-node", "check", "DIR/other/edge.toml")
	s.write(t, "etc/node.toml", "name = \"fw1\"\n\n[interface.lan]\ndevice = \"eth1\"\n")
	s.golden(t, "check-node-of-config", "check", "DIR/other/edge.toml")
	s.write(t, "other/node.toml", "name = \"fw2\"\n\n[interface.lan]\ndevice = \"eth2\"\n")
	s.golden(t, "check-node-beside", "check", "DIR/other/edge.toml")
	s.stdin = "schema = 1\n\n[interface.lan]\ndescription = \"from stdin\"\n"
	s.golden(t, "check-stdin", "check", "-")
	s.stdin = "schema = 1\n["
	s.golden(t, "check-syntax", "check", "-")
	s.golden(t, "check-faults-json", "check", "--json", "-")
}
