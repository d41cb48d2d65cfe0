package hooks

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
)

// bench is Checks without a kernel, under synctest. A command is the name of what it finds.
type bench struct {
	*Checks
	stop  context.CancelFunc
	ended chan error

	mu    sync.Mutex
	bad   map[string]bool
	lasts time.Duration
	runs  map[string]int
	busy  map[string]int
	told  []string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{ended: make(chan error, 1), bad: make(map[string]bool), runs: make(map[string]int), busy: make(map[string]int)}
	b.Checks = NewChecks(func(name string, ok bool, why string) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.told = append(b.told, fmt.Sprintf("%s %v: %s", name, ok, why))
	}, hclog.NewNullLogger())
	b.Checks.execute = func(ctx context.Context, c command) outcome {
		name := c.argv[0]
		b.mu.Lock()
		b.runs[name]++
		b.busy[name]++
		if b.busy[name] > 1 {
			t.Errorf("%s runs twice at a time", name)
		}
		bad, lasts := b.bad[name], b.lasts
		b.mu.Unlock()
		defer func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.busy[name]--
		}()
		if lasts > 0 {
			select {
			case <-time.After(lasts):
			case <-ctx.Done():
				return outcome{why: "was stopped"}
			}
		}
		if bad {
			return outcome{why: "exit code 1", output: "no answer"}
		}
		return outcome{why: "exit code 0", ok: true}
	}
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	go func() { b.ended <- b.Run(ctx) }()
	return b
}

func (b *bench) end(t *testing.T) {
	t.Helper()
	b.stop()
	if err := <-b.ended; err != nil {
		t.Error(err)
	}
}

func (b *bench) is(name string, bad bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bad[name] = bad
}

// after lets time go by and says what was told in it.
func (b *bench) after(t *testing.T, d time.Duration, want ...string) {
	t.Helper()
	time.Sleep(d)
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	if diff := cmp.Diff(want, b.told); diff != "" {
		t.Error(diff)
	}
	b.told = nil
}

func (b *bench) ran(t *testing.T, name string, want int) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if got := b.runs[name]; got != want {
		t.Errorf("%s ran %d times, want %d", name, got, want)
	}
}

func check(name, command string) Check {
	return Check{Name: name, Command: []string{command}, Interval: 5 * time.Second, Timeout: 2 * time.Second, Fall: 3, Rise: 2, Weight: 1}
}

func TestChecksFallAndRise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.end(t)
		b.is("dns-ok", true)
		b.Set([]Check{check("dns", "dns-ok"), check("web", "web-ok")})
		b.after(t, 9*time.Second)
		b.after(t, 2*time.Second, "dns false: exit code 1: no answer")
		b.is("dns-ok", false)
		b.after(t, 5*time.Second)
		b.after(t, 5*time.Second, "dns true: exit code 0")
		b.ran(t, "dns-ok", 5)
		b.ran(t, "web-ok", 5)
	})
}

func TestChecksSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.end(t)
		b.is("dns-ok", true)
		dns := check("dns", "dns-ok")
		b.Set([]Check{dns})
		b.after(t, 11*time.Second, "dns false: exit code 1: no answer")
		b.ran(t, "dns-ok", 3)
		// One beside it changes nothing: not its state, not its rhythm.
		b.Set([]Check{check("web", "web-ok"), dns})
		b.after(t, 3*time.Second)
		b.ran(t, "dns-ok", 3)
		// With other settings it is still bad, and starts anew.
		dns.Interval, dns.Rise = time.Second, 3
		b.Set([]Check{dns})
		b.after(t, 2*time.Second+time.Second/2)
		b.ran(t, "dns-ok", 6)
		b.is("dns-ok", false)
		b.after(t, 3*time.Second, "dns true: exit code 0")
		b.ran(t, "web-ok", 1)
		// One that went is good when it comes again.
		b.is("dns-ok", true)
		b.after(t, 3*time.Second, "dns false: exit code 1: no answer")
		b.Set(nil)
		b.after(t, time.Minute)
		b.is("dns-ok", false)
		b.Set([]Check{dns})
		b.after(t, time.Minute)
	})
}

// A check never runs beside itself, and Set does not wait for it.
func TestChecksThatTakeLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.lasts = 7 * time.Second
		b.Set([]Check{check("dns", "dns-ok")})
		b.after(t, 20*time.Second)
		b.ran(t, "dns-ok", 3)
		b.Set([]Check{check("dns", "other-ok")})
		b.after(t, time.Second)
		b.ran(t, "other-ok", 1)
		began := time.Now()
		b.end(t)
		if took := time.Since(began); took != 0 {
			t.Errorf("the end took %v", took)
		}
	})
}

// TestRealCheck has a real command time out.
func TestRealCheck(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	whys := make(chan string, 1)
	c := NewChecks(func(name string, ok bool, why string) {
		if !ok && name == "slow" {
			whys <- why
		}
	}, hclog.NewNullLogger())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	c.Set([]Check{{
		Name: "slow", Command: []string{"/bin/sh", "-c", "echo $$ >$1; echo asking; sleep 1000", "sh", file},
		Interval: time.Hour, Timeout: 2 * time.Second, Fall: 1, Rise: 1,
	}})
	if got, want := <-whys, "took longer than 2s: asking"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	pidIn(t, file)
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
