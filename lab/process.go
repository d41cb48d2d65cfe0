package lab

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxOutput bounds what is kept of a process's output, in bytes.
const maxOutput = 256 << 10

// Process is a process of a host that its network ends at Close.
type Process struct {
	cmd    *exec.Cmd
	name   string
	output *tail
	done   chan struct{}
	err    error // valid once done is closed

	mu    sync.Mutex
	ended bool
}

// Command prepares a command that runs in the host's namespace, with a /sys of that namespace, as
// the leader of a process group; the end of ctx kills the group. The caller may set all else.
func (h *Host) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	path, err := exec.LookPath(name)
	if err != nil {
		path = name
	}
	// ip-netns(8) becomes the command, so its process is the command's.
	cmd := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", h.Namespace(), path}, args...)...)
	cmd.Err = errors.Join(cmd.Err, err)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = grace
	return cmd
}

// Run runs a command in the host's namespace to its end and returns what it wrote to stdout and
// stderr. An error quotes the output.
func (h *Host) Run(ctx context.Context, name string, args ...string) (string, error) {
	p, err := h.Start(h.Command(ctx, name, args...))
	if err != nil {
		return "", err
	}
	err = p.Wait()
	out := p.Output()
	h.net.forget(p)
	if err != nil {
		return out, h.wrap(fmt.Errorf("run %s: %w: %s", name, err, strings.TrimSpace(out)))
	}
	return out, nil
}

// Start starts a command made by Command, and has the network end it at Close. It is killed as well
// when this process dies. Where Stdout and Stderr are unset, the end of both is kept for Output.
func (h *Host) Start(cmd *exec.Cmd) (*Process, error) {
	p := &Process{cmd: cmd, name: programOf(cmd), output: &tail{}, done: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = p.output
	}
	if cmd.Stderr == nil {
		cmd.Stderr = p.output
	}
	if cmd.Cancel != nil {
		cmd.Cancel = func() error { return p.Signal(syscall.SIGKILL) }
	}
	if err := h.net.start(p); err != nil {
		return nil, h.wrap(fmt.Errorf("start %s: %w", p.name, err))
	}
	go p.reap()
	return p, nil
}

// programOf is the name of the program that Command was asked for.
func programOf(cmd *exec.Cmd) string {
	const before = 4 // ip netns exec NAMESPACE
	if len(cmd.Args) > before {
		return cmd.Args[before]
	}
	return cmd.Path
}

// start starts a process unless the network is closed; none can slip in while it closes.
func (n *Net) start(p *Process) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return errClosed
	}
	if err := n.launcher.start(p.cmd); err != nil {
		return err
	}
	n.procs = append(n.procs, p)
	return nil
}

// forget drops a process that has ended.
func (n *Net) forget(p *Process) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, q := range n.procs {
		if q == p {
			n.procs = append(n.procs[:i:i], n.procs[i+1:]...)
			return
		}
	}
}

// reap waits for the end of the process. Its number, and its group's, mean nothing else until Wait
// has collected it, so that is done under the lock that signal takes.
func (p *Process) reap() {
	for {
		err := unix.Waitid(unix.P_PID, p.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.err = p.cmd.Wait()
	close(p.done)
}

// Pid is the number of the process, and of its group.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits until the process has ended and says how, as exec.Cmd.Wait does.
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// Output is the last 256 KiB that the process has written so far.
func (p *Process) Output() string { return p.output.String() }

// Signal sends a signal to the process's whole group, or does nothing if the process has ended.
func (p *Process) Signal(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return nil
	}
	err := syscall.Kill(-p.Pid(), sig)
	if errors.Is(err, syscall.ESRCH) {
		err = syscall.Kill(p.Pid(), sig) // it has gone to another group
	}
	if err != nil {
		return fmt.Errorf("signal %s: %w", p.name, err)
	}
	return nil
}

// Stop ends the process's group with SIGTERM, after two seconds with SIGKILL, and returns what Wait
// returns.
func (p *Process) Stop() error {
	// A frozen process must thaw to see the signal.
	if err := errors.Join(p.Signal(syscall.SIGTERM), p.Signal(syscall.SIGCONT)); err != nil {
		return err
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		return p.Kill()
	}
	return p.err
}

// Kill ends the process's group with SIGKILL and returns what Wait returns.
func (p *Process) Kill() error {
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	return p.Wait()
}

// launcher starts processes from one thread that lives as long as the network. The kernel kills a
// child by Pdeathsig when the thread that started it ends, and Go's threads end when they please.
type launcher struct {
	once sync.Once
	jobs chan func()
}

// start starts a command whose process must not outlive this one.
func (l *launcher) start(cmd *exec.Cmd) error {
	l.once.Do(func() {
		l.jobs = make(chan func())
		go func() {
			runtime.LockOSThread() // its namespace is never changed, so it may be given back
			defer runtime.UnlockOSThread()
			for job := range l.jobs {
				job()
			}
		}()
	})
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started := make(chan error)
	l.jobs <- func() { started <- cmd.Start() }
	return <-started
}

// close ends the thread. Nothing is started after it.
func (l *launcher) close() {
	if l.jobs != nil {
		close(l.jobs)
	}
}

// tail keeps the last maxOutput bytes that were written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	if over := len(t.buf) - maxOutput; over > maxOutput {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf[max(0, len(t.buf)-maxOutput):])
}
