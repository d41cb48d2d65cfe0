package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// claims holds one locked file for each network that lives. The kernel drops the lock with the
// process, however that dies, so a file without a lock is a network without an owner. A process id
// would not do: they are used again, and other containers count their own.
const claims = "/run/rempart-lab"

// maxNets bounds the networks of one name at a time.
const maxNets = 10_000

// claim is the right to a name, held by a lock.
type claim struct {
	name string
	file *os.File
}

// newClaim takes the lowest free number for label.
func newClaim(label string) (*claim, error) {
	if !wellNamed(label, "") {
		return nil, fmt.Errorf("name %q: want lower case letters and digits", label)
	}
	if err := os.MkdirAll(claims, 0o755); err != nil {
		return nil, err
	}
	for i := 1; i <= maxNets; i++ {
		c, err := tryClaim(fmt.Sprintf("rp-%s-%d", label, i))
		if c != nil || err != nil {
			return c, err
		}
	}
	return nil, fmt.Errorf("name %q: %d networks already", label, maxNets)
}

// tryClaim returns nil without an error when the name is taken.
func tryClaim(name string) (*claim, error) {
	f, err := os.OpenFile(filepath.Join(claims, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !lock(f) {
		return nil, f.Close() // a reaper was quicker, and will remove it
	}
	if _, err := fmt.Fprintln(f, os.Getpid()); err != nil { // for a person who looks
		return nil, errors.Join(err, (&claim{name, f}).release())
	}
	return &claim{name, f}, nil
}

// lock takes the lock of a claim file, unless another holds it or the file is no longer there.
func lock(f *os.File) bool {
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return false
	}
	here, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(f.Name())
	return err == nil && os.SameFile(here, there)
}

func (c *claim) prefix() string { return c.name + "-" }

// release gives the name back. If a namespace of that name is still there it fails, and leaves the
// file for the next reaper to find.
func (c *claim) release() error {
	left, err := namespaces(c.prefix())
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("left behind: %s", strings.Join(left, ", "))
	}
	if err == nil {
		err = os.Remove(c.file.Name())
	}
	return errors.Join(err, c.file.Close())
}

// reap removes what networks without an owner have left.
func reap() error {
	files, err := os.ReadDir(claims)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, f := range files {
		errs = append(errs, reapOne(f.Name()))
	}
	return errors.Join(errs...)
}

// reapOne removes what is left of one network, unless it has an owner.
func reapOne(name string) error {
	f, err := os.OpenFile(filepath.Join(claims, name), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // its owner or another reaper has just removed it
	}
	if err != nil {
		return err
	}
	if !lock(f) {
		return f.Close()
	}
	c := &claim{name, f}
	left, err := namespaces(c.prefix())
	if err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(demolish(left), c.release())
}

// demolish removes namespaces by name, and the processes in them.
func demolish(names []string) error {
	var files []*os.File
	var errs []error
	for _, name := range names {
		f, err := os.Open(filepath.Join(netnsDir, name))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		defer f.Close()
		files = append(files, f)
	}
	errs = append(errs, evict(files))
	for _, name := range names {
		errs = append(errs, removeNamespace(name))
	}
	return errors.Join(errs...)
}

// wellNamed reports whether a name is not empty and made of lower case letters, digits and extra.
func wellNamed(name, extra string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	return name != "" && strings.Trim(name, letters+extra) == ""
}
