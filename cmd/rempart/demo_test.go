package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// asProgram makes the test binary be the program, so that the demo has a daemon to start.
const asProgram = "REMPART_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// TestDemo runs the whole program as a new user would: two daemons in namespaces that become a pair, real
// packets, a mistake that is taken back, an edit on one node that reaches both, and a master that dies.
func TestDemo(t *testing.T) {
	out, code := runDemoTest(t, "")
	if code != exitDone {
		t.Fatalf("exit code %d:\n%s", code, out)
	}
	for _, want := range []string{
		"Paired with fw1.\n",
		"fw1# ip -4 -brief address show dev wan: 192.0.0.8/32 203.0.113.5/29\n",
		"fw2# ip -4 -brief address show dev wan: 192.0.0.8/32\n",
		"open: internet at 198.51.100.7:443 saw 203.0.113.5:", // translated
		"open: server at 10.1.3.10:8443",                      // forwarded
		"block spoofed",
		"rule no-lateral rejects it",
		"Applied. It is taken back",
		docsOf(t, "rempart demo"), // an edit on the backup
		"fw2        MASTER after",
		"fw1        MASTER after",
		"fw2 is master of main",
		"Traffic begins at 0",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the demo does not show %q:\n%s", want, out)
		}
	}
	// While fw1 has no power nothing comes back by it, so there is a gap; and it ends.
	_, power, _ := strings.Cut(out, "loses its power\n")
	power, _, _ = strings.Cut(power, "The power returns")
	if strings.Count(power, "a gap of ") != 2 {
		t.Errorf("the loss of power costs nothing:\n%s", power)
	}
}

// TestDemoInterrupted ends the demo in the middle: whatever it does then, it leaves nothing behind.
func TestDemoInterrupted(t *testing.T) {
	for _, at := range []string{"This waits for it", "What the policy allows", "The daemon of fw1 is killed at 0"} {
		out, code := runDemoTest(t, at)
		if code != exitRefused || !strings.HasSuffix(out, "rempart: demo: interrupted\n") {
			t.Errorf("interrupted at %q: exit code %d:\n%s", at, code, out)
		}
	}
}

// runDemoTest runs the demo, interrupts it when it has shown a text, and looks for what it left behind.
func runDemoTest(t *testing.T, until string) (out string, code int) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	t.Setenv(asProgram, "1")
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	shown := &interrupter{at: until, stop: cancel}
	code = run(ctx, []string{"demo", "--once"}, strings.NewReader(""), shown, shown)
	out = shown.String()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) > 0 {
		t.Errorf("the demo left files %v behind: %v", files, err)
	}
	prefix := regexp.MustCompile(`rp-demo-\d+-`).FindString(out)
	if spaces, err := filepath.Glob("/run/netns/" + prefix + "*"); prefix == "" || err != nil || len(spaces) > 0 {
		t.Errorf("the demo left namespaces %v behind: %v", spaces, err)
	}
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Error(err)
	}
	for _, l := range lines {
		if b, err := os.ReadFile(l); err == nil && bytes.Contains(b, []byte(dir)) {
			t.Errorf("the demo left a process behind: %s %q", l, b)
		}
	}
	return out, code
}

// interrupter keeps what is written, and stops what writes it when a text has come.
type interrupter struct {
	bytes.Buffer
	at   string
	stop func()
}

func (i *interrupter) Write(b []byte) (int, error) {
	n, err := i.Buffer.Write(b)
	if i.at != "" && strings.Contains(i.String(), i.at) {
		i.stop()
	}
	return n, err
}

func TestDemoNeedsRoot(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("runs as root")
	}
	var out bytes.Buffer
	if code := run(t.Context(), []string{"demo", "--once"}, strings.NewReader(""), &out, &out); code != exitRefused || !strings.Contains(out.String(), "root") {
		t.Errorf("exit code %d: %s", code, &out)
	}
}
