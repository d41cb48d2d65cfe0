package nft

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Without the capability every call says what is missing.
func TestWithoutCapability(t *testing.T) {
	namespace(t)
	home := currentNamespace(t)
	faults := make(chan error, 10)
	go func() {
		// The thread has given up its capabilities and ends with the goroutine.
		runtime.LockOSThread()
		defer close(faults)
		if err := unix.Setns(home, unix.CLONE_NEWNET); err != nil {
			faults <- err
			return
		}
		if err := dropCapabilities(); err != nil {
			faults <- err
			return
		}
		k := Open("rempart")
		ctx := context.Background()
		_, err := k.State(ctx)
		faults <- err
		faults <- k.Commit(ctx, Batch{AddTable{"rempart"}}, 0)
		faults <- k.Delete(ctx)
		_, err = k.Counters(ctx)
		faults <- err
		_, err = k.Features(ctx)
		faults <- err
		faults <- k.Watch(ctx, func(Event) {})
	}()
	n := 0
	for err := range faults {
		n++
		if !errors.Is(err, ErrPermission) || !strings.Contains(err.Error(), "CAP_NET_ADMIN") {
			t.Errorf("call %d: got %v", n, err)
		}
	}
	if n != 6 {
		t.Errorf("%d calls were made", n)
	}
}

// dropCapabilities takes all capabilities from the calling thread.
func dropCapabilities() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	return unix.Capset(&header, &none[0])
}
