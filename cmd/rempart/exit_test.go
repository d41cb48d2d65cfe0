package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rempart/rempart/firewall/report"
	"github.com/spf13/cobra"
)

// askers are command lines that ask the daemon, one for every command that does.
func askers() []string {
	return []string{
		"apply --now", "confirm", "rollback", "rollback 6", "history", "diff", "diff 6", "status", "show nft", "show rules", "show nat",
		"show aliases", "show aliases web", "show aliases web --refresh", "show routes", "show gateways", "show schedules",
		"show flows", "show flows host 10.1.2.9 --end --yes", "show log", "show log -f", "apply --dry-run",
		`explain "lan gre 10.1.2.9 -> 198.51.100.7"`,
		"ha status", "ha release", "ha takeover main", "ha maintenance on", "ha maintenance off", "ha doctor", "ha drill --yes",
		"ha flows diff", "ha resync",
		"ha rotate", "ha unpair --yes", "ha pair", "ha pair 4829-6135@172.16.0.1", "ha diff", "ha diff --merged", "ha resolve merged --yes",
		"ha pull", "ha push", "ha upgrade --yes",
	}
}

// fields is the words of a command line; double quotes keep words together.
func fields(line string) []string {
	var words []string
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		name   string
		refuse error
		want   int
	}{
		{"done", nil, exitDone},
		{"request", fmt.Errorf("%w: there is none", report.ErrRequest), exitWrong},
		{"conflict", fmt.Errorf("%w: another was quicker", report.ErrConflict), exitWrong},
		{"refused", errors.New("no space left on device"), exitRefused},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t)
			s.gateway.pair, s.gateway.paired, s.gateway.apart = samplePair(), samplePairing(), sampleApart()
			s.serve(t)
			for _, line := range askers() {
				s.gateway.refuse, s.gateway.pending, s.gateway.stays = c.refuse, nil, true
				if strings.Contains(line, "confirm") {
					s.gateway.pending = &s.gateway.revisions[1]
				}
				if c.refuse == nil && (strings.Contains(line, "-f") || strings.HasPrefix(line, "ha upgrade")) {
					continue // it goes on; TestFollow, TestUpgrade
				}
				_, stderr, code := s.run(t, fields(line)...)
				if code != c.want {
					t.Errorf("%s: exit %d, want %d: %s", line, code, c.want, stderr)
				}
				if c.refuse != nil && stderr != "rempart: "+c.refuse.Error()+"\n" {
					t.Errorf("%s: says %q", line, stderr)
				}
			}
		})
	}
}

func TestNoDaemon(t *testing.T) {
	s := newStage(t)
	for _, line := range askers() {
		stdout, stderr, code := s.run(t, fields(line)...)
		want := "rempart: no daemon answers at DIR/sock: start it with `rempart run` or `systemctl start rempart`"
		if strings.HasPrefix(line, "explain") {
			want += ", or ask a policy that does not run: --file DIR/etc/rempart.toml"
		}
		want += "\n"
		if code != exitRefused || stderr != want || stdout != "" {
			t.Errorf("%s: exit %d, %q, %q", line, code, stdout, stderr)
		}
	}
}

// TestAskersAreComplete fails when a command is added that no exit code is tested of.
func TestAskersAreComplete(t *testing.T) {
	alone := []string{"rempart", "check", "run", "load", "demo", "schema", "version", "show", "ha flows"}
	for _, c := range family(rootCommand(newProgram(nil, nil, nil))) {
		path := strings.TrimPrefix(c.CommandPath(), "rempart ")
		tested := slices.ContainsFunc(askers(), func(line string) bool { return line == path || strings.HasPrefix(line, path+" ") })
		if !tested && !slices.Contains(alone, path) {
			t.Errorf("%s: no exit code is tested", path)
		}
	}
}

func TestUsage(t *testing.T) {
	s := newStage(t)
	for _, c := range []struct{ line, message string }{
		{"", "say what: apply, check, confirm, demo, diff, explain, ha, history, load, rollback, run, schema, show, status, version"},
		{"stauts", `unknown command "stauts", did you mean status?`},
		{"--nonsense", "unknown flag: --nonsense"},
		{"show", "say what: aliases, flows, gateways, log, nat, nft, routes, rules, schedules"},
		{"show rule", `unknown command "rule", did you mean rules?`},
		{"check a b", `"b" is too much: rempart check [FILE] [flags]`},
		{"apply a b", `"b" is too much: rempart apply [FILE] [flags]`},
		{"apply --now --confirm 60s", "--now and --confirm do not go together"},
		{"apply --confirm 0s", "--confirm 0s: want at least 1s, or --now"},
		{"apply --confirm soon", `invalid argument "soon" for "--confirm" flag: time: invalid duration "soon"`},
		{"confirm now", `"now" is too much: rempart confirm [flags]`},
		{"rollback one", "revision \"one\": want a number from 1 on, `rempart history` lists them"},
		{"rollback 0", "revision \"0\": want a number from 1 on, `rempart history` lists them"},
		{"diff 1 2 3", `"3" is too much: rempart diff [A [B]] [flags]`},
		{"diff 1 x", "revision \"x\": want a number from 1 on, `rempart history` lists them"},
		{"status now", `"now" is too much: rempart status [flags]`},
		{"show aliases --refresh", "--refresh of which alias?"},
		{"show aliases web --force", "--force goes with --refresh"},
		{"show flows --end", "--end of which flows? Say for example: host 10.1.2.9"},
		{"show flows host 10.1.2.9 --end", "--end asks first; where nobody can answer it wants --yes"},
		{"show log -n -1", "-n -1: want a number from 0 to 100000"},
		{"show log -n many", `invalid argument "many" for "-n, --lines" flag: strconv.ParseInt: parsing "many": invalid syntax`},
		{"explain", "something is missing: rempart explain PACKET [flags]"},
		{"explain lan tcp 10.1.2.9 -", "put the packet into quotes, for it is one word: rempart explain PACKET [flags]"},
		{`explain "lan tcp 10.1.2.9 -> 198.51.100.7"`, "the destination lacks its port: write 198.51.100.7:443"},
		{`explain "lan gre 10.1.2.9 -> 198.51.100.7" --at soon`, `--at "soon": want a time such as "2026-11-23 03:00" or "2026-11-23T03:00:00+01:00"`},
		{`explain "lan ->" --count 2`, "--count goes with --live"},
		{`explain "lan ->" --live --at 12:00`, "--live and --at do not go together: what is followed runs now"},
		{`explain "lan ->" --live --file x`, "--live and --file do not go together: what is followed runs now"},
		{`explain "lan ->" --live --for 20ms`, "--for 20ms: want at least 1s"},
		{`explain "lan ->" --live --count 0`, "--count 0: want at least 1"},
		{"ha", "say what: diff, doctor, drill, flows, maintenance, pair, pull, push, release, resolve, resync, rotate, status, takeover, unpair, upgrade"},
		{"ha flows", "say what: diff"},
		{"ha flows diff -n 0", "-n 0: want a number from 1 to 10000"},
		{"ha release main guests", `"guests" is too much: rempart ha release [GROUP] [flags]`},
		{"ha maintenance", "something is missing: rempart ha maintenance on|off [flags]"},
		{"ha maintenance of", `maintenance "of": want on or off`},
		{"ha drill", "a drill asks first; where nobody can answer it wants --yes"},
		{"ha drill -y --host 10.1.2.9", `--host "10.1.2.9": want IFACE=ADDRESS, such as lan=10.1.2.9`},
		{"ha pair 4829-6135", `"4829-6135": want CODE@ADDRESS, as the other node shows it`},
		{"ha pair @172.16.0.1", `"@172.16.0.1": want CODE@ADDRESS, as the other node shows it`},
		{"ha pair 4829-6135@fw1", `"fw1" is no address: want one of the other node, such as 4829-6135@172.16.0.1`},
		{"ha pair 4829-6135@fe80::1", "fe80::1 is link-local: say behind which device of this node it is, such as 4829-6135@fe80::1%eth3"},
		{"ha diff --merged --json", "--merged and --json do not go together"},
		{"ha resolve", "something is missing: rempart ha resolve ours|theirs|merged|FILE [flags]"},
		{"ha resolve ours --now --confirm 60s", "--now and --confirm do not go together"},
		{"ha resolve ours --confirm 0s", "--confirm 0s: want at least 1s, or --now"},
		{"ha upgrade --this --other", "--this and --other do not go together: without them it is both"},
		{"ha upgrade --other --command reboot", "--command is for this node, and --other is not about it"},
		{"ha upgrade --wait 1ms", "--wait 1ms: want at least 1s"},
		{"man", "something is missing: rempart man DIR [flags]"},
	} {
		stdout, stderr, code := s.run(t, fields(c.line)...)
		first, rest, _ := strings.Cut(stderr, "\n")
		if code != exitUsage || stdout != "" || first != "rempart: "+c.message || !strings.HasSuffix(rest, " --help` tells more\n") {
			t.Errorf("rempart %s: exit %d, %q, %q", c.line, code, stdout, stderr)
		}
	}
}

func TestHelpIsNoFault(t *testing.T) {
	s := newStage(t)
	walk(rootCommand(newProgram(nil, nil, nil)), func(c *cobra.Command) {
		args := append(strings.Fields(c.CommandPath())[1:], "--help")
		stdout, stderr, code := s.run(t, args...)
		if code != exitDone || stderr != "" || !strings.Contains(stdout, "Usage:") {
			t.Errorf("%s: exit %d, %s", c.CommandPath(), code, stderr)
		}
		for line := range strings.Lines(stdout) {
			if columnsOf(strings.TrimSuffix(line, "\n")) > 80 {
				t.Errorf("%s: help is wider than a terminal: %s", c.CommandPath(), line)
			}
		}
	})
}

func walk(c *cobra.Command, visit func(*cobra.Command)) {
	for _, c := range family(c) {
		visit(c)
	}
}
