// Package disk keeps files whole: whatever replaces one leaves the old or the
// new content after a power cut, and never waits for ever to read one.
package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// What is on disk is the administrator's alone.
const (
	fileMode = 0o600
	dirMode  = 0o700
)

// Disk is what is done to a file system, step by step: each of them may be the
// last one before the power goes.
type Disk interface {
	// Create makes a file that is not there yet.
	Create(path string) (File, error)
	Rename(from, to string) error
	Remove(path string) error
	// SyncDir waits until the names in a directory are on the disk.
	SyncDir(path string) error
}

// File is a file that is being written.
type File interface {
	io.WriteCloser
	Sync() error
}

// OS is the machine's own file system.
type OS struct{}

// Create makes a file for root alone. A name that is taken, were it by a link
// to somewhere else, is an error.
func (OS) Create(path string) (File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
}

// Rename is os.Rename.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove is os.Remove.
func (OS) Remove(path string) error { return os.Remove(path) }

// SyncDir is fsync(2) of a directory.
func (OS) SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// MakeDir makes dir if it is not there. What is put into it later would be lost
// with it, so it is on the disk when MakeDir returns.
func MakeDir(d Disk, dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return err
	}
	return d.SyncDir(filepath.Dir(dir))
}

// Temporary ends the name of a file that is not whole yet.
const Temporary = ".tmp"

// Replace gives path the content that fill writes, so that after a crash at any
// point it has either the old or the new content, and keeps it once Replace returned.
func Replace(d Disk, path string, fill func(io.Writer) error) error {
	unfinished := path + "." + strconv.FormatUint(rand.Uint64(), 36) + Temporary
	err := write(d, unfinished, fill)
	if err == nil {
		err = d.Rename(unfinished, path)
	}
	if err != nil {
		if gone := d.Remove(unfinished); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
		return err
	}
	return d.SyncDir(filepath.Dir(path))
}

// Bytes fills a file with data.
func Bytes(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

// write makes a file and waits until its content is on the disk.
func write(d Disk, path string, fill func(io.Writer) error) error {
	f, err := d.Create(path)
	if err != nil {
		return err
	}
	if err := fill(f); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

// Probe finds out whether a directory takes size bytes and keeps them.
func Probe(d Disk, dir string, size int) error {
	path := filepath.Join(dir, "probe."+strconv.FormatUint(rand.Uint64(), 36)+Temporary)
	err := write(d, path, Bytes(make([]byte, size)))
	if gone := d.Remove(path); err == nil {
		err = gone
	}
	return err
}

// Clear removes what a crash left unfinished in a directory. What cannot be
// removed is not in the way: no name is used twice, and a disk that takes no
// writes can still be read from.
func Clear(d Disk, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), Temporary) {
			_ = d.Remove(filepath.Join(dir, e.Name()))
		}
	}
	return nil
}

// Read reads a regular file of at most so many bytes. What stands in its place,
// a pipe that nobody writes to or a device without end, is an error.
func Read(path string, most int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	data, err := ReadAll(f, most)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return data, nil
}

// ReadAll reads at most so many bytes, and fails when there are more.
func ReadAll(r io.Reader, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("it is larger than %s", size(most))
	}
	return data, err
}

// size is a number of bytes for people; a limit is a round one.
func size(n int64) string {
	for _, unit := range []string{"B", "KiB"} {
		if n < 1<<10 || n%(1<<10) != 0 {
			return fmt.Sprintf("%d %s", n, unit)
		}
		n >>= 10
	}
	return fmt.Sprintf("%d MiB", n)
}
