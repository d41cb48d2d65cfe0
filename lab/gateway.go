package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// askWithin is how long a daemon may take to answer a question.
const askWithin = 2 * time.Second

// Gateway is the program of this module on a host: its files, its commands, and its daemon, which is started,
// ended and started again. It is for one goroutine at a time, but for what asks the daemon.
type Gateway struct {
	host    *Host
	program *Program
	dir     string
	daemon  *Process // the last one
	said    strings.Builder
}

// Gateway puts a program on the host, with its files below a directory that the caller removes.
func (h *Host) Gateway(p *Program, dir string) *Gateway {
	return &Gateway{host: h, program: p, dir: dir}
}

// Host is where it runs.
func (g *Gateway) Host() *Host { return g.host }

// File is the path of one of its files: those of the configuration are in etc, its memory is in state.
func (g *Gateway) File(name string) string { return filepath.Join(g.dir, name) }

// Write writes one of its files, and the directory that it is in.
func (g *Gateway) Write(name, text string, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(g.File(name)), 0o755); err != nil {
		return g.host.wrap(err)
	}
	if err := os.WriteFile(g.File(name), []byte(text), mode); err != nil {
		return g.host.wrap(err)
	}
	return nil
}

// flags say where the files are.
func (g *Gateway) flags() []string {
	return []string{"--config", g.File("etc"), "--state", g.File("state"), "--socket", g.File("socket")}
}

// Start starts the daemon. The network ends it at the latest.
func (g *Gateway) Start() error {
	path, err := g.program.Path()
	if err != nil {
		return g.host.wrap(err)
	}
	args := append([]string{"run"}, g.flags()...)
	p, err := g.host.Start(g.host.Command(context.Background(), path, args...))
	if err != nil {
		return err
	}
	g.daemon = p
	return nil
}

// Signal sends the daemon a signal.
func (g *Gateway) Signal(sig syscall.Signal) error {
	if g.daemon == nil {
		return g.host.wrap(errors.New("signal the daemon: it was never started"))
	}
	return g.daemon.Signal(sig)
}

// Stop ends the daemon as a service manager does, and waits for its end until ctx ends.
func (g *Gateway) Stop(ctx context.Context) error {
	if err := g.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-g.daemon.Done():
	case <-ctx.Done():
		return g.host.wrap(fmt.Errorf("stop the daemon: still runs: %w", ctx.Err()))
	}
	g.note()
	return nil
}

// Kill ends the daemon, if it runs, without a word, and waits for its end.
func (g *Gateway) Kill() {
	if !g.Running() {
		return
	}
	_ = g.daemon.Kill() // it says how the process ended, and that is known
	g.note()
}

// Running says whether the daemon was started and has not been ended since.
func (g *Gateway) Running() bool { return g.daemon != nil }

// note keeps what the daemon that has ended wrote.
func (g *Gateway) note() {
	fmt.Fprintf(&g.said, "%s\n-- it ended --\n", g.daemon.Output())
	g.host.net.forget(g.daemon)
	g.daemon = nil
}

// Said is what all of its daemons have written, of each the last 256 KiB.
func (g *Gateway) Said() string {
	if g.daemon == nil {
		return g.said.String()
	}
	return g.said.String() + g.daemon.Output()
}

// Do runs a command of the program that asks the daemon, and returns what it wrote to stdout. An error quotes
// all that it wrote.
func (g *Gateway) Do(ctx context.Context, args ...string) (string, error) {
	path, err := g.program.Path()
	if err != nil {
		return "", g.host.wrap(err)
	}
	out, err := exec.CommandContext(ctx, path, append(args, g.flags()...)...).Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("%w\n%s%s", err, out, failed.Stderr)
	}
	if err != nil {
		return string(out), g.host.wrap(fmt.Errorf("rempart %s: %w", strings.Join(args, " "), err))
	}
	return string(out), nil
}

// Ask gets what the daemon shows under a path of its API, as JSON, into a value. It runs no process, so that
// it can be asked many times a second.
func (g *Gateway) Ask(path string, into any) error {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", g.File("socket"))
	}
	c := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}, Timeout: askWithin}
	answer, err := c.Get("http://rempart" + path)
	if err != nil {
		return g.host.wrap(err)
	}
	defer answer.Body.Close() // was only read
	if answer.StatusCode != http.StatusOK {
		return g.host.wrap(fmt.Errorf("ask for %s: %s", path, answer.Status))
	}
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		return g.host.wrap(fmt.Errorf("ask for %s: %w", path, err))
	}
	return nil
}
