package lab

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Main builds the program of a package for its tests, which run it, and leaves nothing.
func TestProgram(t *testing.T) {
	p := NewProgram("cmd/test2json") // of the distribution, and small
	var path string
	code := p.Main(testRun(func() int {
		var err error
		if path, err = p.Path(); err != nil {
			t.Error(err)
			return 1
		}
		if again, err := p.Path(); again != path || err != nil {
			t.Errorf("the second time it is %q, %v; it was %q", again, err, path)
		}
		if out, err := exec.CommandContext(t.Context(), path, "/bin/true").CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return 3
	}))
	if code != 3 {
		t.Errorf("exits with %d", code)
	}
	if _, err := os.Stat(filepath.Dir(path)); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
}

// testRun is what Main runs.
type testRun func() int

func (r testRun) Run() int { return r() }

func TestProgramThatCannotBeBuilt(t *testing.T) {
	p := NewProgram("github.com/rempart/rempart/nothing")
	defer p.Close()
	if path, err := p.Path(); err == nil {
		t.Errorf("nothing was built as %s", path)
	}
}

func TestPoll(t *testing.T) {
	asked := 0
	if !Poll(time.Minute, func() bool { asked++; return asked == 3 }) || asked != 3 {
		t.Errorf("asked %d times", asked)
	}
	if Poll(0, func() bool { return false }) {
		t.Error("no is yes")
	}
	if !Poll(-1, func() bool { return true }) {
		t.Error("it was not asked at all")
	}
}
