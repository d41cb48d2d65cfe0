package hooks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// drainTime is for how long output is read after all of a process group has ended. Only who
// left the group can still hold the pipe.
const drainTime = 50 * time.Millisecond

// execute runs a command to its end. When ctx ends before, it is ended like one that took too long.
func execute(ctx context.Context, c command) outcome {
	began := time.Now()
	done := func(why string, output string, ok bool) outcome {
		return outcome{took: time.Since(began), why: why, output: output, ok: ok}
	}
	r, w, err := os.Pipe()
	if err != nil {
		return done(err.Error(), "", false)
	}
	defer r.Close() // was only read
	cmd := exec.Command(c.argv[0], c.argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = "/", c.env, w, w
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Start()
	_ = w.Close() // the process has its own
	if err != nil {
		return done(startFault(err), "", false)
	}
	var output tail
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&output, r) // its only errors are the end and the deadline
	}()
	why := watch(ctx, cmd.Process.Pid, c)
	err = cmd.Wait()
	_ = r.SetReadDeadline(time.Now().Add(drainTime)) // of a pipe it works
	<-read
	ended, ok := exitText(err)
	if why != "" {
		ended, ok = why, false
	}
	return done(ended, output.String(), ok)
}

// watch returns when the process has ended and its group is killed, and says why it had
// to be ended, if it had. The number of the group means nothing else until the process is waited for.
func watch(ctx context.Context, pid int, c command) (why string) {
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		for errors.Is(unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
		}
	}()
	limit := time.NewTimer(c.limit)
	defer limit.Stop()
	select {
	case <-exited:
	case <-limit.C:
		why = tooLong(c.limit)
	case <-ctx.Done():
		why = "was stopped"
	}
	if why != "" && c.grace > 0 {
		_ = syscall.Kill(-pid, syscall.SIGTERM)
		grace := time.NewTimer(c.grace)
		defer grace.Stop()
		select {
		case <-exited:
		case <-grace.C:
		}
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL) // there may be nobody left
	<-exited
	return why
}

func startFault(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return "cannot be run: " + path.Err.Error()
	}
	if errors.Is(err, exec.ErrNotFound) {
		return "cannot be run: there is no such program"
	}
	return "cannot be run: " + err.Error()
}

// exitText says how a process ended, by what exec.Cmd.Wait says.
func exitText(err error) (why string, ok bool) {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		if err != nil {
			return err.Error(), false
		}
		return "exit code 0", true
	}
	if s, ok := exit.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return fmt.Sprintf("killed by signal %d (%v)", int(s.Signal()), s.Signal()), false
	}
	return fmt.Sprintf("exit code %d", exit.ExitCode()), false
}

// list is what a directory holds, in name order, and the directory itself.
func list(dir string) (itself file, files []file, err error) {
	d, err := os.Stat(dir)
	if err != nil {
		return file{}, nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return file{}, nil, err
	}
	for _, e := range entries {
		i, err := e.Info()
		if errors.Is(err, os.ErrNotExist) {
			continue // it went away meanwhile
		}
		if err != nil {
			return file{}, nil, err
		}
		files = append(files, fileOf(i))
	}
	return fileOf(d), files, nil
}

func fileOf(i os.FileInfo) file {
	f := file{name: i.Name(), mode: i.Mode(), owner: ^uint32(0)}
	if s, ok := i.Sys().(*syscall.Stat_t); ok {
		f.owner = s.Uid
	}
	return f
}

func user() uint32 { return uint32(os.Geteuid()) }

// find is the path of a program; empty: the machine has none.
func find(program string) string {
	path, err := exec.LookPath(program)
	if err != nil {
		return ""
	}
	return path
}
