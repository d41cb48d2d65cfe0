package onepolicy_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestUpgrade is led through an upgrade whose new program is the old one.
func TestUpgrade(t *testing.T) {
	b := newPair(t)
	one, two := b.nodes[0], b.nodes[1]
	b.await("the flows to be complete", func() bool {
		s, err := one.pair()
		o, fault := two.pair()
		return err == nil && fault == nil && s.Sync != nil && s.Sync.Whole() && o.Sync != nil && o.Sync.Whole()
	})
	path, err := program.Path()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*waitAtMost)
	defer cancel()
	// The command of the upgrade has the test restart the daemon: only its network may start one.
	flag := t.TempDir() + "/replace"
	wait := "echo now; touch " + flag + "; while [ -e " + flag + " ]; do sleep .1; done"
	cmd := exec.CommandContext(ctx, path, "ha", "upgrade", "--yes", "--command", wait, "--wait", waitAtMost.String(),
		"--config", one.File("etc"), "--state", one.File("state"), "--socket", one.File("socket"))
	out, err := cmd.StdoutPipe()
	if err == nil {
		cmd.Stderr = cmd.Stdout
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		all = append(all, lines.Text())
		switch {
		case lines.Text() == "now":
			b.await("the command to wait", func() bool { _, err := os.Stat(flag); return err == nil })
			one.restart()
			if err := os.Remove(flag); err != nil {
				t.Fatal(err)
			}
		case strings.HasPrefix(lines.Text(), "Now replace the program on fw2"):
			two.restart()
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("ha upgrade: %v: %s", err, strings.Join(all, "\n"))
	}
	one.wantWords(strings.Join(all, " "), "fw1 is done", "Both nodes run version")
	b.runBoth(b.last)
	for _, n := range b.nodes {
		if s, err := n.pair(); err != nil || s.Maintenance != nil {
			t.Errorf("%s is in maintenance: %+v, %v", n, s.Maintenance, err)
		}
	}
}

// restart ends the daemon as a service manager does, and starts it again.
func (n *node) restart() {
	n.Helper()
	n.stop()
	n.start()
}
