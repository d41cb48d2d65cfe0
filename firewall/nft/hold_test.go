package nft

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// holder is in the environment of a child that holds a table until it is killed.
const holder = "REMPART_TEST_HOLDS"

// TestHoldChild is no test of its own: it is the child of TestHoldEndsWithProcess.
func TestHoldChild(t *testing.T) {
	if os.Getenv(holder) == "" {
		t.Skip("only as a child")
	}
	if _, err := Open("rempart").Hold(t.Context(), marking("rempart_trace")); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("held")
	os.Stdin.Read(make([]byte, 1)) // until the parent is gone as well
}

// A process that is killed takes its table with it.
func TestHoldEndsWithProcess(t *testing.T) {
	namespace(t)
	child := exec.Command(os.Args[0], "-test.run=^TestHoldChild$")
	child.Env = append(os.Environ(), holder+"=1")
	// It is in the namespace of the thread that starts it, and dies with that thread.
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "held\n" {
		t.Fatalf("child says %q, %v", line, err)
	}
	if text := nftCommand(t, "", "list", "tables"); !strings.Contains(text, "rempart_trace") {
		t.Errorf("the child holds nothing:\n%s", text)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil {
		t.Error("the child was not killed")
	}
	text := ""
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if text = nftCommand(t, "", "list", "ruleset"); text == "" {
			return
		}
	}
	t.Errorf("ten seconds after the child was killed there is still\n%s", text)
}

// A held table is nobody else's, and a name that is taken is refused.
func TestHold(t *testing.T) {
	namespace(t)
	k := Open("rempart").In(currentNamespace(t))
	held, err := k.Hold(t.Context(), marking("rempart_trace"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("nft", "delete", "table", "inet", "rempart_trace").CombinedOutput(); err == nil {
		t.Errorf("nft deleted a held table: %s", out)
	}
	if _, err := k.Hold(t.Context(), marking("rempart_trace")); !errors.Is(err, unix.EEXIST) && !errors.Is(err, unix.EPERM) {
		t.Errorf("the same again: %v", err)
	}
	other, err := k.Hold(t.Context(), marking("rempart_trace_2"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []interface{ Close() error }{held, other} {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if text := nftCommand(t, "", "list", "ruleset"); text != "" {
		t.Errorf("something stays:\n%s", text)
	}
}

func TestTooOld(t *testing.T) {
	refused := func(op Op, errno unix.Errno) error { return &CommitError{Op: op, Errno: errno} }
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{refused(addOwned{"t"}, unix.EOPNOTSUPP), true},
		{refused(addOwned{"t"}, unix.EINVAL), true},
		{refused(addOwned{"t"}, unix.EEXIST), false},
		{refused(AddChain{Table: "t"}, unix.EINVAL), false},
		{ErrPermission, false},
	} {
		if got := tooOld(tt.err); errors.Is(got, ErrNoOwner) != tt.want || !tt.want && got != tt.err {
			t.Errorf("%v becomes %v", tt.err, got)
		}
	}
}
