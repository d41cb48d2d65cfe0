package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rempart/rempart/ha/view"
	"github.com/rempart/rempart/lab"
	"github.com/rempart/rempart/web"
)

// demoFiles are the policy of the demo and a node.toml for each node.
//
//go:embed demo/*.toml
var demoFiles embed.FS

// demoKeySize is how many characters CARP's secret has at most.
const demoKeySize = 19

// demoNode is one of the two gateways.
type demoNode struct {
	host   *lab.Host
	dir    string // of the demo
	daemon *lab.Process
	// past are the changes of role that were seen, the earliest first. A daemon forgets
	// them when it is killed.
	past []view.Transition
	// marks are what the demo did to the daemon.
	marks []moment
}

func (n *demoNode) name() string   { return n.host.Name() }
func (n *demoNode) config() string { return filepath.Join(n.dir, n.name(), "etc") }
func (n *demoNode) state() string  { return filepath.Join(n.dir, n.name(), "state") }
func (n *demoNode) socket() string { return filepath.Join(n.dir, n.name()+".sock") }

// write gives the node a whole configuration: a policy with its secret, and its node.toml.
func (n *demoNode) write() error {
	policy, err := demoFiles.ReadFile("demo/rempart.toml")
	key := base64.StdEncoding.EncodeToString([]byte(rand.Text()))[:demoKeySize]
	return errors.Join(err, n.writeNode(), n.writeFile(policyFile, policy), n.writeFile("carp.key", []byte(key)))
}

// writeNode gives it what no other node has: its name, its devices and their addresses.
func (n *demoNode) writeNode() error {
	text, err := demoFiles.ReadFile("demo/" + n.name() + ".toml")
	return errors.Join(err, os.MkdirAll(n.config(), 0o700), n.writeFile(nodeFile, text))
}

func (n *demoNode) writeFile(name string, text []byte) error {
	return os.WriteFile(filepath.Join(n.config(), name), text, 0o600)
}

// options are where its files and its daemon are, for a command line.
func (n *demoNode) options() []string {
	return []string{"--config", n.config(), "--state", n.state(), "--socket", n.socket()}
}

// start starts the daemon.
func (n *demoNode) start(ctx context.Context) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	n.daemon, err = n.host.Start(n.host.Command(ctx, program, append([]string{"run"}, n.options()...)...))
	return err
}

// is reports whether the node has a role, and keeps what it tells of earlier ones.
func (n *demoNode) is(ctx context.Context, role string) bool {
	s, err := web.Dial(n.socket()).HAStatus(ctx)
	if err != nil || len(s.Groups) == 0 {
		return false
	}
	n.remember(s.Transitions)
	return s.Groups[0].Role == role
}

// hears reports whether the nodes hear each other on all paths.
func (n *demoNode) hears(ctx context.Context) bool {
	s, err := web.Dial(n.socket()).HAStatus(ctx)
	return err == nil && s.Peer.InStep && !slices.ContainsFunc(s.Paths, func(p view.Path) bool { return !p.PeerHears })
}

// remember adds changes of role that were not seen before, which come newest first.
func (n *demoNode) remember(changes []view.Transition) {
	for i := len(changes) - 1; i >= 0; i-- {
		if last := len(n.past) - 1; last < 0 || changes[i].At.After(n.past[last].At) {
			n.past = append(n.past, changes[i])
		}
	}
}

// note keeps what the demo did to the daemon.
func (n *demoNode) note(at time.Time, what string) { n.marks = append(n.marks, moment{at, what}) }

// roles is what the node was so far, the earliest first.
func (n *demoNode) roles() []moment {
	all := slices.Clone(n.marks)
	for _, t := range n.past {
		all = append(all, moment{t.At, t.To})
	}
	slices.SortStableFunc(all, func(a, b moment) int { return a.at.Compare(b.at) })
	return all
}

// lastWords is how many lines of a daemon's log are shown when something went wrong.
const lastWords = 10

// output is the end of the daemon's log.
func (n *demoNode) output() string {
	if n.daemon == nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(n.daemon.Output()), "\n")
	return fmt.Sprintf("\n%s:\n%s", n.name(), strings.Join(lines[max(0, len(lines)-lastWords):], "\n"))
}

// command runs a command of ours on a node as the user would, and shows it.
func (d *demo) command(ctx context.Context, n *demoNode, args ...string) error {
	var all bytes.Buffer
	err := d.commandTo(ctx, &all, n, args)
	d.printf("%s", strings.ReplaceAll(all.String(), d.dir+"/", ""))
	return err
}

// part runs a command as command does, but shows only the paragraph of its
// output that begins with from.
func (d *demo) part(ctx context.Context, n *demoNode, from string, args ...string) error {
	var all bytes.Buffer
	if err := d.commandTo(ctx, &all, n, args); err != nil {
		return fmt.Errorf("%w\n%s", err, &all)
	}
	d.printf("%s", paragraph(all.String(), from))
	return nil
}

func (d *demo) commandTo(ctx context.Context, out io.Writer, n *demoNode, args []string) error {
	shown := make([]string, len(args))
	for i, a := range args {
		shown[i] = strings.ReplaceAll(a, d.dir+"/", "")
		if strings.Contains(a, " ") {
			shown[i] = `"` + a + `"`
		}
	}
	d.printf("%s# rempart %s\n", n.name(), strings.Join(shown, " "))
	if code := run(ctx, append(args, n.options()...), strings.NewReader(""), out, out); code != exitDone {
		return fmt.Errorf("demo: rempart %s ended with exit code %d%s", strings.Join(shown, " "), code, d.output())
	}
	return nil
}

// paragraph is the lines from the first that begins with from up to an empty
// one; what is left out before and after it shows as dots.
func paragraph(text, from string) string {
	before, rest, found := "", text, strings.HasPrefix(text, from)
	if !found {
		if before, rest, found = strings.Cut(text, "\n"+from); !found {
			return text
		}
		rest = from + rest
	}
	body, after, _ := strings.Cut(strings.TrimRight(rest, "\n"), "\n\n")
	if before != "" {
		body = "...\n" + body
	}
	if after != "" {
		body += "\n..."
	}
	return body + "\n"
}
