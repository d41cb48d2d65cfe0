package firewall

import (
	"context"
	"errors"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rempart/rempart/firewall/links"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/report"
)

// TestDevicesThatChangedNames swaps the names of two network cards over a
// reboot: what is chosen by MAC address stays on its card, refreshes included.
func TestDevicesThatChangedNames(t *testing.T) {
	wan, lan := net.HardwareAddr{2, 0, 0, 0, 0, 1}, net.HardwareAddr{2, 0, 0, 0, 0, 2}
	m := newMachine(t)
	m.network = links.NewFake(links.Device{Index: 2, Name: "eth0", MAC: wan, MTU: 1500}, links.Device{Index: 3, Name: "eth1", MAC: lan, MTU: 1500})
	m.files = draft(strings.NewReplacer(`device = "eth0"`, `mac = "02:00:00:00:00:01"`, `device = "eth1"`, `mac = "02:00:00:00:00:02"`).Replace(testPolicy))
	_, stop := m.start(t, nil)
	stop()
	m.boot, m.kernel = "boot-2", nft.NewFake(TableName)
	m.network = links.NewFake(links.Device{Index: 2, Name: "eth1", MAC: wan, MTU: 1500}, links.Device{Index: 3, Name: "eth0", MAC: lan, MTU: 1500})
	f, _ := m.start(t, nil)
	_, err := do(t.Context(), f, func(ctx context.Context) (int, error) { f.refreshSets(ctx); return 0, nil })
	if got := m.kernel.String(); err != nil || !strings.Contains(got, `"eth0" : goto forward_lan`) {
		t.Errorf("the kernel has %v\n%s", err, got)
	}
	if got := f.DeviceName("eth1"); got != "wan" {
		t.Errorf("eth1 is called %q", got)
	}
}

func TestFirstPolicyThatWasNotConfirmed(t *testing.T) {
	for name, down := range map[string]bool{"the daemon ran": false, "the daemon was down at the deadline": true} {
		synctest.Test(t, func(t *testing.T) {
			m := newMachine(t)
			m.files = draft("nonsense")
			untouched := m.kernel.String()
			f, stop := m.start(t, nil)
			m.files = draft(testPolicy)
			m.apply(t, f, testPolicy, 60)
			if down {
				stop()
			}
			time.Sleep(2 * time.Minute)
			stop()
			f, _ = m.start(t, nil)
			s, err := f.Status(t.Context())
			if err != nil || s.Revision != 0 || m.kernel.String() != untouched {
				t.Errorf("%s: status %+v, %v; the kernel has\n%s", name, s, err, m.kernel)
			}
		})
	}
}

// flaky is a kernel that refuses for a while.
type flaky struct {
	*nft.Fake
	refuses atomic.Bool
}

func (k *flaky) Commit(ctx context.Context, b nft.Batch, generation uint32) error {
	if k.refuses.Load() {
		return errors.New("no buffer space")
	}
	return k.Fake.Commit(ctx, b, generation)
}

func TestGoingBackIsTriedUntilItIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		f, _ := m.start(t, nil)
		k := &flaky{Fake: m.kernel}
		if _, err := do(t.Context(), f, func(context.Context) (int, error) { f.Kernel = k; return 0, nil }); err != nil {
			t.Fatal(err)
		}
		m.apply(t, f, otherPolicy, 60)
		k.refuses.Store(true)
		time.Sleep(2 * time.Minute)
		if s, err := f.Status(t.Context()); err != nil || len(s.Warnings) == 0 {
			t.Errorf("going back is refused and status says %+v, %v", s, err)
		}
		k.refuses.Store(false)
		time.Sleep(2 * retryEvery)
		synctest.Wait()
		if s, err := f.Status(t.Context()); err != nil || s.Pending != nil || len(s.Warnings) > 0 || m.enforced(t, testPolicy) == "" {
			t.Errorf("status %+v, %v; the kernel has\n%s", s, err, m.kernel)
		}
	})
}

func TestUnconfirmedGoesBackThoughTheClockWasSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		f, stop := m.start(t, nil)
		m.apply(t, f, otherPolicy, 60)
		stop()
		j, err := f.State.Journal()
		if err != nil || j == nil {
			t.Fatal(j, err)
		}
		j.Deadline = j.Deadline.AddDate(1, 0, 0) // the clock was a year ahead then
		if err := f.State.PutJournal(*j); err != nil {
			t.Fatal(err)
		}
		m.start(t, nil)
		time.Sleep(59 * time.Second)
		if m.enforced(t, otherPolicy) == "" {
			t.Error("it went back too early")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if m.enforced(t, testPolicy) == "" {
			t.Error("it did not go back")
		}
	})
}

func TestRollbackPassesOverWhatNeverRan(t *testing.T) {
	m := newMachine(t)
	_, stop := m.start(t, nil)
	stop()
	f, stop := m.start(t, func(step string) {
		if step == "current" {
			runtime.Goexit()
		}
	})
	if _, err := f.Apply(t.Context(), report.Request{Draft: draft(otherPolicy)}, m.caller()); !errors.Is(err, errStopped) {
		t.Fatal(err)
	}
	stop()
	f, _ = m.start(t, nil)
	m.apply(t, f, strings.Replace(testPolicy, `"lan-out"`, `"third"`, 1), 0)
	if _, err := f.Rollback(t.Context(), 0, m.caller()); err != nil || m.enforced(t, testPolicy) == "" {
		t.Errorf("rollback: %v; the kernel has\n%s", err, m.kernel)
	}
}

func TestSchedulesAreRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		f, _ := m.start(t, nil)
		due, err := do(t.Context(), f, func(context.Context) (time.Time, error) {
			f.refreshAt = time.Now()
			return f.refreshAt, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * countersEvery)
		next, err := do(t.Context(), f, func(context.Context) (time.Time, error) { return f.refreshAt, nil })
		if err != nil || next.Sub(due) < renewEvery {
			t.Errorf("due at %v, then at %v: %v", due, next, err)
		}
	})
}

// TestStatusNamesWhatLinksLack starts with a device missing: status says so for
// as long as it is, and no longer.
func TestStatusNamesWhatLinksLack(t *testing.T) {
	m := newMachine(t)
	_, stop := m.start(t, nil)
	stop()
	m.network.Unplug("eth1")
	f, _ := m.start(t, nil)
	s, err := f.Status(t.Context())
	if err != nil || !strings.Contains(strings.Join(s.Warnings, "\n"), `no device "eth1"`) {
		t.Errorf("warnings %q, %v", s.Warnings, err)
	}
	m.network.Plug(links.Device{Index: 3, Name: "eth1", MTU: 1500})
	m.apply(t, f, testPolicy+"# once more\n", 0)
	if s, err = f.Status(t.Context()); err != nil || len(s.Warnings) > 0 {
		t.Errorf("warnings %q, %v", s.Warnings, err)
	}
}
