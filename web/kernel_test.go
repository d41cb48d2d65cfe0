package web

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestPeerGroups connects from a thread with more groups than peerGroups first makes room for.
func TestPeerGroups(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "sock")})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, n := range []int{1, 32, 33, 500} {
		groups := make([]uint32, n)
		for i := range groups {
			groups[i] = uint32(70_000 + i)
		}
		dialed := make(chan error, 1)
		go func() {
			// The thread is never unlocked and so ends with the goroutine.
			runtime.LockOSThread()
			if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(n), uintptr(unsafe.Pointer(&groups[0])), 0); errno != 0 {
				dialed <- errno
				return
			}
			c, err := net.Dial("unix", l.Addr().String())
			if err == nil {
				err = c.Close()
			}
			dialed <- err
		}()
		if err := <-dialed; err != nil {
			t.Fatal(err)
		}
		c, err := l.AcceptUnix()
		if err != nil {
			t.Fatal(err)
		}
		cred, err := peerOf(c)
		c.Close()
		if err != nil || !slices.Equal(cred.groups, groups) || cred.uid != 0 || cred.pid != int32(os.Getpid()) {
			t.Errorf("%d groups: %d of user %d, process %d, %v", n, len(cred.groups), cred.uid, cred.pid, err)
		}
	}
}

func TestLoginName(t *testing.T) {
	if got := loginName(0); got != "root" {
		t.Errorf("user 0 is %q", got)
	}
	if got := loginName(4_000_000_000); got != "4000000000" {
		t.Errorf("a user without a name is %q", got)
	}
}

func TestGroupNumber(t *testing.T) {
	if gid, ok, err := groupNumber("root"); gid != 0 || !ok || err != nil {
		t.Errorf("group root: %d, %v, %v", gid, ok, err)
	}
	if _, ok, err := groupNumber("no-such-group"); ok || err != nil {
		t.Errorf("a group that there is none of: %v, %v", ok, err)
	}
}
