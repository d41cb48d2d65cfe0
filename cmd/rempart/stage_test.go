package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/web"
)

var update = flag.Bool("update", false, "write the golden files anew")

// stage is a machine with files and a daemon, in front of which somebody sits.
type stage struct {
	dir     string // holds etc, and the socket
	gateway *gateway
	tty     bool   // there is a terminal of 80 columns
	colour  bool   //
	stdin   string // what is typed
	// kernel is why the kernel cannot be asked what it can do; nil: it can do features.
	kernel   error
	features nft.Features
}

const stagePolicy = `schema = 1

[interface.lan]
device = "eth1"
addresses = ["10.1.2.1/24"]
`

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{dir: t.TempDir(), gateway: newGateway(stagePolicy, ""), kernel: nft.ErrPermission}
	s.write(t, "etc/rempart.toml", stagePolicy)
	return s
}

func (s *stage) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// serve runs the daemon until the test ends.
func (s *stage) serve(t *testing.T) {
	t.Helper()
	server, err := web.Listen(s.socket(), hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, web.Handler(s.gateway, s.gateway, hclog.NewNullLogger())) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("daemon: %v", err)
		}
	})
}

func (s *stage) socket() string { return filepath.Join(s.dir, "sock") }

// run executes one command line and returns what was seen, paths of the stage as DIR.
func (s *stage) run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return s.runContext(t.Context(), args...)
}

// runContext is run by somebody who may break it off.
func (s *stage) runContext(ctx context.Context, args ...string) (stdout, stderr string, code int) {
	var out, err bytes.Buffer
	p := newProgram(strings.NewReader(s.stdin), &out, &err)
	p.features = func(context.Context) (nft.Features, error) { return s.features, s.kernel }
	p.now, p.location = now, time.FixedZone("CET", 3600)
	p.asks, p.colour = s.tty, s.colour
	if s.tty {
		p.width = 80
	}
	all := make([]string, 0, len(args)+6)
	for _, a := range args {
		all = append(all, strings.ReplaceAll(a, "DIR", s.dir))
	}
	all = append([]string{"--config", filepath.Join(s.dir, "etc"), "--socket", s.socket()}, all...)
	code = p.run(ctx, all)
	show := func(b *bytes.Buffer) string { return strings.ReplaceAll(b.String(), s.dir, "DIR") }
	return show(&out), show(&err), code
}

// wide lines are no tables: packets, JSON, and names of files that were long already.
func wide(line string) bool {
	return strings.Contains(line, " len ") || strings.HasPrefix(line, "  ") || strings.HasPrefix(line, "DIR/")
}

// golden compares what a command line shows with testdata/name.txt.
func (s *stage) golden(t *testing.T, name string, args ...string) {
	t.Helper()
	stdout, stderr, code := s.run(t, args...)
	typed := make([]string, len(args))
	for i, a := range args {
		typed[i] = a
		if strings.Contains(a, " ") {
			typed[i] = `"` + a + `"`
		}
	}
	got := fmt.Sprintf("$ rempart %s\n%s", strings.Join(typed, " "), stdout)
	if stderr != "" {
		got += "--- stderr\n" + stderr
	}
	if code != exitDone {
		got += fmt.Sprintf("--- exit %d\n", code)
	}
	if s.tty && !s.colour {
		for line := range strings.Lines(stdout) {
			if columnsOf(strings.TrimSuffix(line, "\n")) > 80 && !wide(line) {
				t.Errorf("%s: wider than a terminal: %s", name, line)
			}
		}
	}
	file := filepath.Join("testdata", name+".txt")
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
