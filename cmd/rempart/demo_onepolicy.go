package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rempart/rempart/ha/view"
	"github.com/rempart/rempart/web"
)

// begin shows the picture and starts both nodes.
func (d *demo) begin(ctx context.Context) error {
	d.printf(demoPicture, d.net.Prefix())
	for _, n := range d.nodes() {
		if err := n.start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// joined makes a pair of the nodes: one shows a code, the other is given it, and gets the policy.
func (d *demo) joined(ctx context.Context) error {
	d.heading("Two machines become a pair. fw1 has a policy, fw2 a node.toml and no more")
	if err := d.await(ctx, "fw1 to run its policy", func() bool {
		s, err := web.Dial(d.fw1.socket()).HAStatus(ctx)
		return err == nil && s.Configured
	}); err != nil {
		return err
	}
	if err := d.await(ctx, "fw2 to be there", func() bool {
		_, err := web.Dial(d.fw2.socket()).Status(ctx)
		return err == nil
	}); err != nil {
		return err
	}
	ctx, withdraw := context.WithCancel(ctx)
	defer withdraw()
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := d.commandTo(ctx, in, d.fw1, []string{"ha", "pair"})
		ended <- errors.Join(err, in.Close())
	}()
	said := bufio.NewReader(out)
	code, err := d.invitation(said)
	if err == nil {
		err = d.command(ctx, d.fw2, "ha", "pair", code)
	}
	if err != nil {
		withdraw()
	}
	_, fault := io.Copy(io.Discard, said) // the same two fingerprints
	return errors.Join(err, fault, <-ended)
}

// joinLine is what the other node is told to say, with an address that a device has before any policy.
var joinLine = regexp.MustCompile(`rempart ha pair (\S+)%DEVICE`)

// invitation shows what a node says that waits for another, and returns what to say there.
func (d *demo) invitation(said *bufio.Reader) (code string, err error) {
	const last = "This waits"
	for {
		line, err := said.ReadString('\n')
		d.printf("%s", line)
		if m := joinLine.FindStringSubmatch(line); m != nil {
			code = m[1] + "%sync"
		}
		switch {
		case err != nil:
			return "", fmt.Errorf("demo: no code is shown: %w", err)
		case strings.HasPrefix(line, last) && code == "":
			return "", errors.New("demo: the cable has no link-local address")
		case strings.HasPrefix(line, last):
			d.printf("\n")
			return code, nil
		}
	}
}

// Before and after an edit of the policy on the node that is backup.
const (
	demoAdmins  = `addresses = ["10.1.2.10"]`
	demoHelpers = `addresses = ["10.1.2.10", "10.1.2.11"]`
)

// onePolicy edits the policy on the backup, and shows that it runs on both nodes.
func (d *demo) onePolicy(ctx context.Context) error {
	d.heading("One policy: edited on fw2, the backup, it runs on both")
	if err := d.inStep(ctx); err != nil {
		return err
	}
	file := filepath.Join(d.fw2.config(), policyFile)
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	edited := bytes.Replace(text, []byte(demoAdmins), []byte(demoHelpers), 1)
	if err := os.WriteFile(file, edited, 0o600); err != nil {
		return err
	}
	if err := d.command(ctx, d.fw2, "apply", "--now", "-m", "a second administrator"); err != nil {
		return err
	}
	if err := d.inStep(ctx); err != nil {
		return err
	}
	d.printf("\n")
	return errors.Join(d.lines(ctx, d.fw1, "policy ", "ha", "status"), d.lines(ctx, d.fw2, "policy ", "ha", "status"))
}

// inStep waits until both nodes run one policy, and know that they compiled it alike.
func (d *demo) inStep(ctx context.Context) error {
	for _, n := range d.nodes() {
		if err := d.await(ctx, n.name()+" to be in step", func() bool {
			s, err := web.Dial(n.socket()).HAStatus(ctx)
			return err == nil && s.Policy != nil && s.Policy.State == view.PolicyInStep && s.Policy.Ruleset == view.RulesetEqual
		}); err != nil {
			return err
		}
	}
	return nil
}

// lines runs a command as command does, but shows only the lines that begin with from.
func (d *demo) lines(ctx context.Context, n *demoNode, from string, args ...string) error {
	var all bytes.Buffer
	if err := d.commandTo(ctx, &all, n, args); err != nil {
		return fmt.Errorf("%w\n%s", err, &all)
	}
	for line := range strings.Lines(all.String()) {
		if strings.HasPrefix(line, from) {
			d.printf("%s", line)
		}
	}
	return nil
}
