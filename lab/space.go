package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// netnsDir is where ip-netns(8) looks for namespaces.
const netnsDir = "/run/netns"

// space is one named network namespace, held open, with a netlink handle inside.
type space struct {
	name string
	file *os.File
	link *netlink.Handle
}

// setting is one sysctl that a new namespace gets.
type setting struct{ key, value string }

// newSpace makes a namespace with its loopback up.
func newSpace(name string, settings []setting) (*space, error) {
	if err := prepareNetnsDir(); err != nil {
		return nil, fmt.Errorf("prepare %s: %w", netnsDir, err)
	}
	s := &space{name: name}
	err := onThread(func() error { return s.make(settings) })
	if err != nil {
		return nil, fmt.Errorf("make namespace %s: %w", name, errors.Join(err, s.close()))
	}
	return s, nil
}

// make moves the thread into a new namespace and gives that its name.
func (s *space) make(settings []setting) error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	path := filepath.Join(netnsDir, s.name)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDONLY, 0o444)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	if s.file, err = os.Open(path); err != nil {
		return err
	}
	if s.link, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("open netlink: %w", err)
	}
	for _, set := range settings {
		// A kernel without IPv6, or older than a setting, does without.
		if err := writeSysctl(set.key, set.value); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return s.up("lo")
}

// up sets a link up.
func (s *space) up(dev string) error {
	l, err := s.find(dev)
	if err != nil {
		return err
	}
	if err := s.link.LinkSetUp(l); err != nil {
		return fmt.Errorf("set %s up: %w", dev, err)
	}
	return nil
}

// down sets a link down.
func (s *space) down(dev string) error {
	l, err := s.find(dev)
	if err != nil {
		return err
	}
	if err := s.link.LinkSetDown(l); err != nil {
		return fmt.Errorf("set %s down: %w", dev, err)
	}
	return nil
}

func (s *space) find(dev string) (netlink.Link, error) {
	if s == nil {
		return nil, errNotMade
	}
	l, err := s.link.LinkByName(dev)
	if err != nil {
		return nil, fmt.Errorf("find link %q: %w", dev, err)
	}
	return l, nil
}

var errNotMade = errors.New("namespace was not made")

// do runs fn on a thread inside the namespace.
func (s *space) do(fn func() error) error {
	if s == nil {
		return errNotMade
	}
	return onThread(func() error {
		if err := s.withFD(func(fd int) error { return unix.Setns(fd, unix.CLONE_NEWNET) }); err != nil {
			return fmt.Errorf("enter %s: %w", s.name, err)
		}
		return fn()
	})
}

// withFD lends the namespace's descriptor, which cannot be closed and used again meanwhile.
func (s *space) withFD(fn func(fd int) error) error {
	rc, err := s.file.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	err = rc.Control(func(fd uintptr) { inner = fn(int(fd)) })
	return errors.Join(err, inner)
}

// close gives up the namespace and its name; what was not made is passed over.
func (s *space) close() error {
	var err error
	if s.link != nil {
		s.link.Close()
	}
	if s.file != nil {
		err = s.file.Close()
	}
	return errors.Join(err, removeNamespace(s.name))
}

var errGoexit = errors.New("function ended its goroutine (was it t.Fatal?)")

// onThread runs fn on a thread that no other goroutine ever gets: it ends with fn, because fn may
// have changed its namespace.
func onThread(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// Go cannot end the main thread, and /proc/self would tell of its namespace for
			// ever. It is kept busy here while fn runs on another.
			done <- onThread(fn)
			runtime.UnlockOSThread()
			return
		}
		err := errGoexit
		defer func() { done <- err }()
		err = fn()
	}()
	return <-done
}

// prepareNetnsDir does what ip-netns(8) does: mounts made below the directory must reach, and leave,
// every mount namespace, or a namespace would live on in those that `ip netns exec` makes.
func prepareNetnsDir() error {
	if err := os.MkdirAll(netnsDir, 0o755); err != nil {
		return err
	}
	dir, err := os.Open(netnsDir)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	err = unix.Mount("", netnsDir, "none", unix.MS_SHARED|unix.MS_REC, "")
	if !errors.Is(err, unix.EINVAL) {
		return err
	}
	// EINVAL: not a mount yet.
	if err := unix.Mount(netnsDir, netnsDir, "none", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	return unix.Mount("", netnsDir, "none", unix.MS_SHARED|unix.MS_REC, "")
}

// removeNamespace takes a name away; the namespace ends with its last user.
func removeNamespace(name string) error {
	path := filepath.Join(netnsDir, name)
	err := unix.Unmount(path, unix.MNT_DETACH)
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("unmount %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// namespaces lists the named namespaces whose names begin with prefix.
func namespaces(prefix string) ([]string, error) {
	files, err := os.ReadDir(netnsDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, f := range files {
		if strings.HasPrefix(f.Name(), prefix) {
			names = append(names, f.Name())
		}
	}
	return names, nil
}

// writeSysctl writes a key of the thread's own namespace.
func writeSysctl(key, value string) error {
	if !strings.Contains(key, "/") {
		key = strings.ReplaceAll(key, ".", "/")
	}
	if err := os.WriteFile(filepath.Join("/proc/sys", key), []byte(value), 0); err != nil {
		return fmt.Errorf("set sysctl: %w", err)
	}
	return nil
}
