package lab

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestRun(t *testing.T) {
	h := Test(t).Host("a")
	tests := []struct {
		name    string
		args    []string
		want    string
		wantErr string
	}{
		{"both outputs", []string{"sh", "-c", "echo out; echo err >&2"}, "out\nerr\n", ""},
		{"in the namespace", []string{"ip", "netns", "identify"}, h.Namespace() + "\n", ""},
		{"sys of the namespace", []string{"ls", "/sys/class/net"}, "lo\n", ""},
		{"fails", []string{"sh", "-c", "echo why; exit 3"}, "why\n", "host a: run sh: exit status 3: why"},
		{"no such program", []string{"no-such-program"}, "", `host a: start no-such-program: exec: "no-such-program": executable file not found in $PATH`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := h.Run(t.Context(), tt.args[0], tt.args[1:]...)
			if got != tt.want {
				t.Errorf("output %q, want %q", got, tt.want)
			}
			if errText(err) != tt.wantErr {
				t.Errorf("error %q, want %q", errText(err), tt.wantErr)
			}
		})
	}
	if k := len(h.net.procs); k != 0 {
		t.Errorf("%d processes are still remembered", k)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestRunEndsWithContext(t *testing.T) {
	h := Test(t).Host("a")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	// The child holds the output open, so only the end of the group ends the command soon.
	if _, err := h.Run(ctx, "sh", "-c", "sleep 300 & wait"); err == nil {
		t.Error("no error")
	}
	if took := time.Since(start); took > grace {
		t.Errorf("took %s", took)
	}
}

// pidFrom waits for a process to print a number.
func pidFrom(t *testing.T, p *Process) int {
	t.Helper()
	var pid int
	eventually(t, "a number in the output", func() bool {
		n, err := strconv.Atoi(strings.TrimSpace(p.Output()))
		pid = n
		return err == nil
	})
	return pid
}

func TestCloseEndsProcesses(t *testing.T) {
	tests := []struct {
		name   string
		script string // prints the number of a process that has to end
		want   string // how the script itself ends
		wait   bool   // there is something to wait for before SIGKILL
	}{
		{"willing", `echo $$; exec sleep 300`, "signal: terminated", false},
		{"cleans up", `trap "exit 7" TERM; echo $$; while :; do sleep 0.01; done`, "exit status 7", false},
		{"ignores SIGTERM", `trap "" TERM; echo $$; while :; do sleep 1; done`, "signal: killed", true},
		{"child", `sleep 300 & echo $!; wait`, "signal: terminated", false},
		{"daemon", `setsid sleep 300 >/dev/null 2>&1 & echo $!`, "", false},
		{"stubborn daemon", `trap "" TERM; setsid sleep 300 >/dev/null 2>&1 & echo $!`, "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := mustNew(t, "end")
			p := mustStart(t, n.Host("a"), "sh", "-c", tt.script)
			pid := pidFrom(t, p)
			if tt.want == "" {
				<-p.Done() // only what it left is to be ended
			}
			start := time.Now()
			if err := n.Close(); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); tt.wait && took < grace {
				t.Errorf("killed after %s, want %s", took, grace)
			}
			if running(pid) {
				t.Errorf("process %d is left", pid)
			}
			if err := p.Wait(); errText(err) != tt.want {
				t.Errorf("ended with %v, want %s", err, tt.want)
			}
		})
	}
}

func TestCloseThawsFrozen(t *testing.T) {
	n := mustNew(t, "frozen")
	p := mustStart(t, n.Host("a"), "sleep", "300")
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); errText(err) != "signal: terminated" {
		t.Errorf("ended with %v, want SIGTERM to be seen", err)
	}
}

func TestCloseAfterFailedStart(t *testing.T) {
	n := mustNew(t, "failed")
	h := n.Host("a")
	h.Plug("eth0", n.Switch("lan"))
	if _, err := h.Start(h.Command(t.Context(), "/no/such/program")); err == nil {
		t.Fatal("no error")
	}
	file := filepath.Join(t.TempDir(), "no-program")
	if err := os.WriteFile(file, []byte("\x7fELF"), 0o755); err != nil {
		t.Fatal(err)
	}
	// This one fails only after the fork.
	p := mustStart(t, h, file)
	if err := p.Wait(); err == nil {
		t.Error("a file that is no program: no error")
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}

func TestProcessEnds(t *testing.T) {
	h := Test(t).Host("a")
	tests := []struct {
		name string
		end  func(*Process) error
		want string
	}{
		{"stop", (*Process).Stop, "signal: terminated"},
		{"kill", (*Process).Kill, "signal: killed"},
		{"signal", func(p *Process) error {
			if err := p.Signal(syscall.SIGINT); err != nil {
				return err
			}
			return p.Wait()
		}, "signal: interrupt"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := mustStart(t, h, "sleep", "300")
			if err := tt.end(p); errText(err) != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if err := tt.end(p); errText(err) != tt.want {
				t.Errorf("once more: got %v, want %s", err, tt.want)
			}
			if running(p.Pid()) {
				t.Error("still running")
			}
		})
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	var out tail
	chunk := strings.Repeat("x", 1000)
	for range 3 * maxOutput / len(chunk) {
		if _, err := out.Write([]byte(chunk)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := out.Write([]byte("end")); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	if len(got) != maxOutput || !strings.HasSuffix(got, "xend") {
		t.Errorf("%d bytes, ending in %q", len(got), got[len(got)-4:])
	}
	if cap(out.buf) > 4*maxOutput {
		t.Errorf("holds %d bytes", cap(out.buf))
	}
}
