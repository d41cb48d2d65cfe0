package hooks

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a busy machine may take for what needs no time.
const patience = 20 * time.Second

// await polls until something holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("not in %v: %s", patience, what)
		}
		runtime.Gosched()
	}
}

// gone says whether a process ended; a zombie has.
func gone(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(b), ") Z ")
}

// pidIn is the process whose number a command has written to a file.
func pidIn(t *testing.T, name string) int {
	t.Helper()
	var pid int
	await(t, name+" holds a number", func() bool {
		b, err := os.ReadFile(name)
		if err != nil || !strings.HasSuffix(string(b), "\n") {
			return false
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(b)))
		return err == nil
	})
	t.Cleanup(func() {
		// Who was killed is gone a moment later.
		for end := time.Now().Add(patience); !gone(pid) && time.Now().Before(end); {
			runtime.Gosched()
		}
		if !gone(pid) {
			t.Errorf("process %d is left behind", pid)
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	return pid
}

// shell is a command that runs a script with one argument, $1.
func shell(script, argument string) command {
	return command{
		argv: []string{"/bin/sh", "-c", script, "sh", argument}, env: []string{"PATH=" + searchPath},
		limit: patience, grace: patience,
	}
}

func TestExecute(t *testing.T) {
	for _, c := range []struct {
		name, script string
		ok           bool
		why, output  string
	}{
		{"success", "echo one; echo two >&2", true, "exit code 0", "one\ntwo"},
		{"failure", "echo sorry; exit 3", false, "exit code 3", "sorry"},
		{"a signal", "kill -USR1 $$", false, "killed by signal 10 (user defined signal 1)", ""},
		{"no input", "cat; echo end", true, "exit code 0", "end"},
		{"environment and directory", "env | grep -v -e ^_ -e ^SHLVL -e ^PWD; pwd", true, "exit code 0", "PATH=" + searchPath + "\n/"},
	} {
		o := execute(t.Context(), shell(c.script, ""))
		if o.ok != c.ok || o.why != c.why || o.output != c.output || o.took <= 0 {
			t.Errorf("%s: %+v", c.name, o)
		}
	}
}

func TestExecuteWhatIsNone(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("no program\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		filepath.Join(dir, "missing"): "cannot be run: no such file or directory",
		"rempart-no-such-program":     "cannot be run: there is no such program",
		dir:                           "cannot be run: permission denied",
		text:                          "cannot be run: exec format error",
	} {
		if o := execute(t.Context(), command{argv: []string{name}, limit: patience}); o.ok || o.why != want {
			t.Errorf("%s: %+v, want %q", name, o, want)
		}
	}
}

func TestExecuteHangs(t *testing.T) {
	limit := 100 * time.Millisecond
	for _, c := range []struct {
		name, script string
		grace        time.Duration
	}{
		{"heeds SIGTERM", "echo $$ >$1; echo begun; exec sleep 1000", patience},
		{"ignores SIGTERM", "trap '' TERM; echo $$ >$1; echo begun; while :; do sleep 1000; done", limit},
		{"without grace", "trap '' TERM; echo $$ >$1; echo begun; sleep 1000", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "pid")
			run := shell(c.script, file)
			run.limit, run.grace = limit, c.grace
			o := execute(t.Context(), run)
			if o.ok || o.why != "took longer than 100ms" || o.took < limit || o.took > patience {
				t.Errorf("%+v", o)
			}
			if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
				t.Skip("the machine was too busy to start it")
			}
			if o.output != "begun" {
				t.Errorf("output %q", o.output)
			}
			pidIn(t, file)
		})
	}
}

// A child that keeps the pipe does not keep us, and does not stay.
func TestExecuteForks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	o := execute(t.Context(), shell("sleep 1000 & echo $! >$1; echo done", file))
	if !o.ok || o.output != "done" || o.took > patience {
		t.Errorf("%+v", o)
	}
	pidIn(t, file)
}

// A child that left the process group, as daemons do, does not keep us either.
func TestExecuteForksADaemon(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	o := execute(t.Context(), shell("setsid sh -c 'echo $$ >\"$1\"; exec sleep 1000' sh $1 & while ! [ -s $1 ]; do :; done; echo done", file))
	if !o.ok || o.output != "done" || o.took > patience {
		t.Errorf("%+v", o)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	if gone(pid) {
		t.Error("what left the group was killed with it")
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(t, "it is gone", func() bool { return gone(pid) })
}

func TestExecuteFloods(t *testing.T) {
	o := execute(t.Context(), shell("yes 0123456789 | head -c 20000000; echo; echo end", ""))
	if !o.ok || len(o.output) > keptOutput || !strings.HasSuffix(o.output, "\nend") {
		t.Errorf("ok %v, %s, %d bytes of output", o.ok, o.why, len(o.output))
	}
	run := shell("echo $$ >$1; while :; do echo 0123456789; done", filepath.Join(t.TempDir(), "pid"))
	run.limit, run.grace = 200*time.Millisecond, 0
	if o := execute(t.Context(), run); o.ok || o.why != "took longer than 200ms" || len(o.output) > keptOutput {
		t.Errorf("ok %v, %s, %d bytes of output", o.ok, o.why, len(o.output))
	}
}

func TestExecuteIsStopped(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	ctx, stop := context.WithCancel(t.Context())
	outcomes := make(chan outcome)
	go func() { outcomes <- execute(ctx, shell("echo $$ >$1; exec sleep 1000", file)) }()
	pidIn(t, file)
	stop()
	if o := <-outcomes; o.ok || o.why != "was stopped" {
		t.Errorf("%+v", o)
	}
}

// TestExecuteLeavesNothing counts goroutines and files after many runs.
func TestExecuteLeavesNothing(t *testing.T) {
	files := func() int {
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	execute(t.Context(), shell("exit 0", "")) // what the first of all leaves is the runtime's
	goroutines, open := runtime.NumGoroutine(), files()
	for range 20 {
		execute(t.Context(), shell("sleep 1000 & exit 0", ""))
	}
	await(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= goroutines })
	if now := files(); now > open {
		t.Errorf("%d files are open, %d were", now, open)
	}
}

func TestList(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b", "a"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("a", filepath.Join(dir, "c")); err != nil {
		t.Fatal(err)
	}
	itself, files, err := list(dir)
	if err != nil || !itself.mode.IsDir() || itself.owner != user() {
		t.Errorf("%+v, %v", itself, err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.name+" "+f.mode.String())
	}
	if got, want := strings.Join(names, ", "), "a -rwx------, b -rwx------, c Lrwxrwxrwx"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if _, _, err := list(filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestFind(t *testing.T) {
	if got := find("sh"); !filepath.IsAbs(got) {
		t.Errorf("sh is %q", got)
	}
	if got := find("rempart-no-such-program"); got != "" {
		t.Errorf("%q", got)
	}
}
