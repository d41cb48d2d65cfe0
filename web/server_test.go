package web

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"
)

func TestGate(t *testing.T) {
	for _, c := range []struct {
		name  string
		gate  gate
		who   credentials
		enter bool
	}{
		{"root", gate{}, credentials{}, true},
		{"root of another group", gate{gid: 900, hasGroup: true}, credentials{gid: 5}, true},
		{"primary group", gate{gid: 900, hasGroup: true}, credentials{uid: 1000, gid: 900}, true},
		{"supplementary group", gate{gid: 900, hasGroup: true}, credentials{uid: 1000, gid: 1000, groups: []uint32{4, 900}}, true},
		{"stranger", gate{gid: 900, hasGroup: true}, credentials{uid: 1000, gid: 1000, groups: []uint32{4}}, false},
		{"there is no group", gate{}, credentials{uid: 1000, gid: 0, groups: []uint32{0}}, false},
	} {
		if err := c.gate.admit(c.who); (err == nil) != c.enter {
			t.Errorf("%s: %v, want to enter %v", c.name, err, c.enter)
		}
	}
}

func TestListenRefusesAnotherDaemon(t *testing.T) {
	socket := serving(t, new(fake))
	s, err := Listen(socket, hclog.NewNullLogger())
	if err == nil {
		s.Close()
		t.Fatal("two daemons on one socket")
	}
	if want := "socket " + socket + ": another daemon answers there"; err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if _, err := Dial(socket).Status(t.Context()); err != nil {
		t.Errorf("the first daemon no longer answers: %v", err)
	}
}

func TestListenTakesOverStaleSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "rempart.sock")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(socket).Status(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "no daemon answers") {
		t.Errorf("at a stale socket: %v", err)
	}
	s, err := Listen(socket, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	info, err := os.Stat(socket)
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestListenLeavesOtherFilesAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path, hclog.NewNullLogger()); err == nil {
		t.Error("listens on a file that is no socket")
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "mine" {
		t.Errorf("the file is %q, %v", b, err)
	}
	long := filepath.Join(t.TempDir(), strings.Repeat("x", maxPath))
	if _, err := Listen(long, hclog.NewNullLogger()); err == nil || !strings.Contains(err.Error(), "longer than 107 bytes") {
		t.Errorf("long path: %v", err)
	}
}

func TestRunEndsFollowersAndRemovesSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "rempart.sock")
	s, err := Listen(socket, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, Handler(new(fake), new(fake), hclog.NewNullLogger())) }()
	entries, err := Dial(socket).Follow(t.Context(), []string{"action", "block"})
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if _, more := <-entries; more {
		t.Error("entry after the end")
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(stopTime):
		t.Error("Run waits for a followed log")
	}
	if _, err := os.Stat(socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("socket is still there: %v", err)
	}
}

// TestStrangerIsDenied connects with the credentials of a thread that gave up
// root, over a socket file that is open to all.
func TestStrangerIsDenied(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	socket := serving(t, new(fake))
	for _, c := range []struct {
		name string
		open bool
		want string
	}{
		{"by the file", false, "no permission to speak to the daemon at " + socket + ": be root or a member of group rempart"},
		{"by the gate", true, "user nobody may not speak to rempart: want root or a member of group rempart"},
	} {
		if c.open {
			for dir := socket; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
				if err := os.Chmod(dir, 0o777); err != nil {
					t.Fatal(err)
				}
			}
		}
		answered := make(chan error)
		go func() {
			// The thread is never unlocked and so ends with the goroutine.
			runtime.LockOSThread()
			if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); errno != 0 {
				answered <- errno
				return
			}
			const nobody = 65534
			if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, nobody, nobody, nobody); errno != 0 {
				answered <- errno
				return
			}
			conn, err := net.Dial("unix", socket)
			_, err = newClient(socket, func(context.Context, string, string) (net.Conn, error) { return conn, err }).Status(t.Context())
			answered <- err
		}()
		if err := <-answered; err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}
