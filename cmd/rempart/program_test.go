package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/firewall/packetlog"
)

func TestEndFlows(t *testing.T) {
	for _, c := range []struct {
		name, typed, line string
		code, left        int
		stdout, asked     string
	}{
		{"agreed", "y\n", "show flows host 10.1.2.9 --end", exitDone, 1, "2 flows ended.\n", "2 flows. End them? [y/N] "},
		{"declined", "\n", "show flows host 10.1.2.9 --end", exitWrong, 3, "", "2 flows. End them? [y/N] rempart: no flow was ended\n"},
		{"no answer", "", "show flows host 10.1.2.9 --end", exitWrong, 3, "", "2 flows. End them? [y/N] \nrempart: no flow was ended\n"},
		{"not asked", "", "show flows host 10.1.2.9 --end -y", exitDone, 1, "2 flows ended.\n", ""},
		{"none", "", "show flows host 10.9.9.9 --end", exitDone, 3, "There are no such flows.\n", ""},
		{"for programs", "", "show flows proto udp --end -y --json", exitDone, 2, "{\n  \"ended\": 1\n}\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t)
			s.tty, s.stdin = true, c.typed
			s.serve(t)
			stdout, stderr, code := s.run(t, strings.Fields(c.line)...)
			if code != c.code || stdout != c.stdout || stderr != c.asked {
				t.Errorf("exit %d, %q, %q", code, stdout, stderr)
			}
			if len(s.gateway.flows) != c.left {
				t.Errorf("%d flows are left, want %d", len(s.gateway.flows), c.left)
			}
		})
	}
}

func TestRefresh(t *testing.T) {
	s := newStage(t)
	s.serve(t)
	s.run(t, "show", "aliases", "web", "--refresh")
	s.run(t, "show", "aliases", "web", "--refresh", "--force")
	if got := strings.Join(s.gateway.asked, "; "); got != "refresh web, force false; refresh web, force true" {
		t.Errorf("asked: %s", got)
	}
}

// TestFollow ends a followed log in both ways that it can end.
func TestFollow(t *testing.T) {
	s := newStage(t)
	s.gateway.coming = append(sampleLog(), packetlog.Entry{Time: now(), Prefix: "mine"})
	s.serve(t)
	stdout, stderr, code := s.run(t, "show", "log", "-f", "-n", "2")
	if lines := strings.Count(stdout, "\n"); lines != 3 || !strings.Contains(stdout, `"mine"`) {
		t.Errorf("%d lines, want two old ones and the new one once each:\n%s", lines, stdout)
	}
	if code != exitRefused || stderr != "rempart: the daemon went away, the log ends here\n" {
		t.Errorf("daemon gone: exit %d, %q", code, stderr)
	}

	s.gateway.stays = true
	ctx, interrupt := context.WithCancel(t.Context())
	var out, err bytes.Buffer
	p := newProgram(strings.NewReader(""), &interrupting{Buffer: &out, after: `"mine"`, stop: interrupt}, &err)
	code = p.run(ctx, []string{"--socket", s.socket(), "show", "log", "-f", "-n", "0"})
	if code != exitDone || err.String() != "" {
		t.Errorf("interrupted: exit %d, %q", code, err.String())
	}
}

// interrupting calls stop once a text was written.
type interrupting struct {
	*bytes.Buffer
	after string
	stop  func()
}

func (i *interrupting) Write(b []byte) (int, error) {
	if strings.Contains(string(b), i.after) {
		i.stop()
	}
	return i.Buffer.Write(b)
}

func TestCheckPrintsRuleset(t *testing.T) {
	s := newStage(t)
	stdout, stderr, code := s.run(t, "check", "-n")
	if code != exitDone || !strings.HasPrefix(stdout, "table inet rempart {") {
		t.Errorf("exit %d, %q, %s", code, stdout, stderr)
	}
}

func TestSchemaIsJSON(t *testing.T) {
	s := newStage(t)
	policy, _, _ := s.run(t, "schema")
	node, _, _ := s.run(t, "schema", "--node")
	if !strings.HasPrefix(policy, "{") || !strings.HasPrefix(node, "{") || policy == node {
		t.Errorf("schemas: %.40s and %.40s", policy, node)
	}
}

func TestManualPages(t *testing.T) {
	s := newStage(t)
	if _, stderr, code := s.run(t, "man", "DIR/man8"); code != exitDone {
		t.Fatalf("exit %d, %s", code, stderr)
	}
	walk := family(rootCommand(newProgram(nil, nil, nil)))
	for _, c := range walk {
		b, err := os.ReadFile(filepath.Join(s.dir, "man8", pageName(c)+".8"))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			if strings.HasPrefix(line, ".") && !strings.Contains(".TH .SH .TP .B .PP .nf .fi", strings.Fields(line)[0]) {
				t.Errorf("%s: a line of text that is taken for a request: %s", pageName(c), line)
			}
		}
	}
	files, err := os.ReadDir(filepath.Join(s.dir, "man8"))
	if err != nil || len(files) != len(walk) {
		t.Errorf("%d pages for %d commands, %v", len(files), len(walk), err)
	}
}

func TestRoff(t *testing.T) {
	if got, want := roff(".so it's\n'quoted' \\ and --flag"), "\\&.so it's\n\\&'quoted' \\e and \\-\\-flag"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestHuman(t *testing.T) {
	s := newScreen(nil, nil, nil)
	s.now, s.location = now, time.UTC
	for got, want := range map[string]string{
		count(0): "0", count(999): "999", count(1000): "1.0k", count(12345): "12.3k", count(999949): "999.9k", count(999950): "1.0M",
		count(uint64(18446744073709551615)): "18.4E", size(0): "0 B", size(1500): "1.5 kB",
		span(59 * time.Second): "59s", span(time.Minute): "1m", span(90 * time.Second): "1m 30s", span(10*time.Minute + time.Second): "10m",
		span(75 * time.Minute): "1h 15m", span(49 * time.Hour): "2d 1h", span(1000 * time.Hour): "41d",
		s.ago(time.Time{}): "never", s.ago(before(time.Minute)): "1m ago", s.ago(before(-time.Minute)): "in 1m", s.ago(now()): "0s ago",
		s.clock(now()): "20:15:00", s.clock(before(24 * time.Hour)): "2026-11-21 20:15",
		plural(1, "alias"): "1 alias", plural(2, "alias"): "2 aliases", plural(0, "entry"): "0 entries", plural(2000, "flow"): "2.0k flows",
		short("0123456789abcdef"): "0123456789ab", short(""): "",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"", 10, ""},
		{"one two three", 20, "one two three"},
		{"one two three", 7, "one two|three"},
		{"averylongword and", 5, "averylongword|and"},
		{"ä ö ü", 3, "ä ö|ü"},
	} {
		if got := strings.Join(wrap(c.text, c.width), "|"); got != c.want {
			t.Errorf("%q at %d: %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

func TestCompletion(t *testing.T) {
	s := newStage(t)
	if stdout, _, _ := s.run(t, "__complete", "rollback", ""); stdout != ":4\n" {
		t.Errorf("without a daemon: %q", stdout)
	}
	s.gateway.pair = pairStates()["groups"]
	s.serve(t)
	for _, c := range []struct{ line, want string }{
		{"ha takeover", "main\tBACKUP\nguests\tMASTER\n:4\n"},
		{"ha release main", ":4\n"},
		{"ha resolve", "ours\tthe policy of this node\ntheirs\tthe policy of the other node\nmerged\tthe changes of both, when they are apart\n:0\n"},
		{"ha resolve ours", ":4\n"},
		{"ha pair", ":4\n"},
		{"rollback", "7\troot: let the guests out\n6\tanna\n5\tanna\n:4\n"},
		{"rollback 7", ":4\n"},
		{"explain", "wan\teth0\nlan\teth1\ndmz\teth2\n:4\n"},
		{"diff 6", "7\troot: let the guests out\n6\tanna\n5\tanna\n:4\n"},
		{"show aliases", "web\taddresses\ndrop_list\tlist: who behaves badly\nshrunk\tlist\nupdates\taddresses\nbruteforce\tdynamic\n:4\n"},
	} {
		args := append(append([]string{"__complete"}, strings.Fields(c.line)...), "")
		if stdout, stderr, _ := s.run(t, args...); stdout != c.want {
			t.Errorf("%s: %q, want %q (%s)", c.line, stdout, c.want, stderr)
		}
	}
}

// TestScreenOfFiles makes sure that nothing but a terminal is taken for one.
func TestScreenOfFiles(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if s := newScreen(f, f, f); s.asks || s.watched || s.colour || s.width != 0 {
		t.Errorf("a file is taken for a terminal: %+v", s)
	}
}
