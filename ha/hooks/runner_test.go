package hooks

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
)

// stage is a Runner without a kernel. It must be made and used under synctest.
type stage struct {
	*Runner
	stop  context.CancelFunc
	ended chan error

	mu    sync.Mutex
	ran   []string
	lasts map[string]time.Duration // of commands, by the name of the program
	fails map[string]bool
	files []file
	none  bool // there is no directory
}

func newStage(hooks ...string) *stage {
	s := &stage{ended: make(chan error, 1), lasts: make(map[string]time.Duration), fails: make(map[string]bool)}
	for _, h := range hooks {
		s.files = append(s.files, file{h, 0o755, 0})
	}
	s.Runner = New("/hooks", func() []string { return nil }, hclog.NewNullLogger())
	s.Runner.list = func(string) (file, []file, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.none {
			return file{}, nil, &fs.PathError{Op: "open", Path: "/hooks", Err: fs.ErrNotExist}
		}
		return file{"hooks", fs.ModeDir | 0o755, 0}, s.files, nil
	}
	s.Runner.find = func(string) string { return "/bin/systemctl" }
	s.Runner.execute = s.execute
	return s
}

// execute takes as long as it was told to, if ctx lets it.
func (s *stage) execute(ctx context.Context, c command) outcome {
	name := filepath.Base(c.argv[0])
	s.mu.Lock()
	s.ran = append(s.ran, strings.Join(append([]string{name}, c.argv[1:]...), " "))
	lasts, fails := s.lasts[name], s.fails[name]
	s.mu.Unlock()
	switch {
	case lasts > 0:
		timer := time.NewTimer(min(lasts, c.limit))
		defer timer.Stop()
		select {
		case <-timer.C:
			if lasts > c.limit {
				return outcome{took: c.limit, why: tooLong(c.limit)}
			}
		case <-ctx.Done():
			return outcome{why: "was stopped"}
		}
	case fails:
		return outcome{why: "exit code 1", output: "no\nsorry"}
	}
	return outcome{took: lasts, why: "exit code 0", ok: true}
}

func (s *stage) run() {
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	go func() { s.ended <- s.Run(ctx) }()
}

// became tells a change of a group.
func (s *stage) became(group, role string) { s.Tell(Change{Group: group, To: role}) }

// has says what ran since it was asked last, once nothing happens any more.
func (s *stage) has(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if diff := cmp.Diff(want, s.ran); diff != "" {
		t.Error(diff)
	}
	s.ran = nil
}

func (s *stage) end(t *testing.T) {
	t.Helper()
	s.stop()
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
}

func TestHooksInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage("20-b", "10-a")
		s.fails["20-b"], s.lasts["10-a"] = true, time.Second
		s.run()
		defer s.end(t)
		began := time.Now()
		s.became("main", master)
		time.Sleep(time.Minute)
		s.has(t, "10-a main MASTER", "20-b main MASTER")
		want := []Result{
			{Name: "10-a", Group: "main", Role: master, When: began, Took: time.Second},
			{Name: "20-b", Group: "main", Role: master, When: began.Add(time.Second), Err: "exit code 1: sorry"},
		}
		if diff := cmp.Diff(want, s.Status()); diff != "" {
			t.Error(diff)
		}
	})
}

// Of the changes that wait the newest is run, and a group never runs twice at a time.
func TestNewestWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage("a", "b")
		s.lasts["a"] = time.Second
		s.run()
		defer s.end(t)
		s.became("main", "BACKUP")
		s.has(t, "a main BACKUP")
		s.became("main", master)
		s.became("main", "BACKUP")
		s.became("main", releasing)
		s.has(t)
		time.Sleep(time.Second)
		s.has(t, "b main BACKUP", "a main RELEASING")
		time.Sleep(time.Minute)
		s.has(t, "b main RELEASING")
	})
}

// A hook that hangs delays its own group for its limit, and no other.
func TestHangingHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage("a")
		s.lasts["a"] = time.Hour
		s.run()
		defer s.end(t)
		s.became("one", master)
		s.has(t, "a one MASTER")
		s.became("one", "BACKUP")
		s.became("two", master)
		s.has(t, "a two MASTER")
		time.Sleep(hookLimit)
		s.has(t, "a one BACKUP")
		time.Sleep(hookLimit)
		s.has(t)
		for _, r := range s.Status() {
			if r.Err != "took longer than 10s" || r.Took != hookLimit {
				t.Errorf("%+v", r)
			}
		}
	})
}

func TestDirectoryComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage("a", "b")
		s.none = true
		s.run()
		defer s.end(t)
		s.became("main", "BACKUP")
		s.has(t)
		s.mu.Lock()
		s.none = false
		s.mu.Unlock()
		s.became("main", master)
		s.has(t, "a main MASTER", "b main MASTER")
		s.mu.Lock()
		s.files = s.files[:1]
		s.mu.Unlock()
		s.became("main", "BACKUP")
		s.has(t, "a main BACKUP")
		if got := s.Status(); len(got) != 1 || got[0].Name != "a" {
			t.Errorf("%+v", got)
		}
		s.mu.Lock()
		s.none = true
		s.mu.Unlock()
		s.became("main", master)
		s.has(t)
		if got := s.Status(); len(got) != 0 {
			t.Errorf("%+v", got)
		}
	})
}

// What was told before the end is done; what hangs is ended.
func TestEndOfRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage("a")
		s.lasts["a"] = time.Second
		s.run()
		s.became("main", master)
		s.has(t, "a main MASTER")
		s.became("main", "INIT")
		began := time.Now()
		s.end(t)
		s.has(t, "a main INIT")
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("the end took %v", took)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := newStage("a", "b")
		s.lasts["a"] = time.Hour
		s.run()
		s.became("main", master)
		time.Sleep(hookLimit / 2)
		s.became("main", "INIT")
		began := time.Now()
		s.end(t)
		s.has(t, "a main MASTER", "b main MASTER", "a main INIT")
		if took := time.Since(began); took != drainLimit {
			t.Errorf("the end took %v", took)
		}
	})
}

func TestServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		names := []string{"dnsmasq.service", "ntp.service"}
		s.services = func() []string { return names }
		s.run()
		defer s.end(t)
		s.became("one", "BACKUP")
		s.has(t, "systemctl stop dnsmasq.service ntp.service")
		began := time.Now()
		s.became("one", master)
		s.has(t, "systemctl start dnsmasq.service ntp.service")
		s.became("two", master)
		s.became("one", releasing)
		s.became("one", "BACKUP")
		s.has(t)
		want := []Result{
			{Name: "dnsmasq.service", Role: "start", When: began},
			{Name: "ntp.service", Role: "start", When: began},
		}
		if diff := cmp.Diff(want, s.Status()); diff != "" {
			t.Error(diff)
		}
		names = names[:1]
		s.fails["systemctl"] = true
		s.became("two", "INIT")
		s.has(t, "systemctl stop dnsmasq.service")
		if got := s.Status(); len(got) != 1 || got[0].Err != "exit code 1: sorry" {
			t.Errorf("%+v", got)
		}
	})
}

func TestNoSystemctl(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.services = func() []string { return []string{"dnsmasq.service"} }
		s.find = func(string) string { return "" }
		s.run()
		defer s.end(t)
		s.became("main", master)
		s.has(t)
		if got := s.Status(); len(got) != 1 || got[0].Err != "systemctl is not on this machine: nobody can start services" {
			t.Errorf("%+v", got)
		}
	})
}

// TestRealHooks runs files of a real directory, which then vanishes.
func TestRealHooks(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hooks")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\necho \"$0 $1 $2 $REMPART_FROM $REMPART_WHY\"; exit 1\n"
	for name, mode := range map[string]os.FileMode{"10-a": 0o755, "20-b": 0o777, "30-c.sh": 0o755, "40-d": 0o644} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(script), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // whatever the umask is
			t.Fatal(err)
		}
	}
	r := New(dir, func() []string { return nil }, hclog.NewNullLogger())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	r.Tell(Change{Group: "main", From: "BACKUP", To: master, Why: "fw1 fell silent"})
	await(t, "a hook ran", func() bool { return len(r.Status()) > 0 })
	got := r.Status()
	want := "exit code 1: " + dir + "/10-a main MASTER BACKUP fw1 fell silent"
	if len(got) != 1 || got[0].Name != "10-a" || got[0].Err != want {
		t.Errorf("%+v, want %s", got, want)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	r.Tell(Change{Group: "main", From: master, To: "BACKUP"})
	await(t, "nothing is left to report", func() bool { return len(r.Status()) == 0 })
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
