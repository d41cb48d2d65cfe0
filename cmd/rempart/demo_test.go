package main

import (
	"bytes"
	"context"
	"os"
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

// TestDemo runs the whole program as a new user would: a daemon in a
// namespace, real packets, an apply that is taken back.
func TestDemo(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	t.Setenv(asProgram, "1")
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	if code := run(ctx, []string{"demo", "--once"}, strings.NewReader(""), &out, &out); code != exitDone {
		t.Fatalf("exit code %d:\n%s", code, &out)
	}
	for _, want := range []string{
		"open: internet at 198.51.100.7:443 saw 203.0.113.2:", // translated
		"open: server at 10.1.3.10:8080",                      // forwarded
		"block spoofed",
		"reject rule no-lateral",
		"rule no-lateral rejects it",
		"Applied. It is taken back",
		"revision 1",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the demo does not show %q:\n%s", want, &out)
		}
	}
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil || len(left) > 0 {
		t.Errorf("the demo left %v behind: %v", left, err)
	}
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
