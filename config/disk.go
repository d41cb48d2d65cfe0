package config

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// What is on disk is the administrator's alone.
const (
	fileMode = 0o600
	dirMode  = 0o700
)

// disk is what a Store does to the file system, step by step: each of them may
// be the last one before the power goes.
type disk interface {
	create(path string) (diskFile, error)
	rename(from, to string) error
	remove(path string) error
	syncDir(path string) error
}

type diskFile interface {
	io.WriteCloser
	Sync() error
}

// osDisk is the machine's own file system.
type osDisk struct{}

func (osDisk) create(path string) (diskFile, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
}

func (osDisk) rename(from, to string) error { return os.Rename(from, to) }

func (osDisk) remove(path string) error { return os.Remove(path) }

func (osDisk) syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// makeDir makes dir if it is not there. What is put into it later would be lost
// with it, so it is on the disk when makeDir returns.
func makeDir(d disk, dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return err
	}
	return d.syncDir(filepath.Dir(dir))
}

// temporary ends the name of a file that is not whole yet.
const temporary = ".tmp"

// replace gives path the content data, so that after a crash at any point it
// has either the old or the new content, and keeps it once replace returned.
func replace(d disk, path string, data []byte) error {
	if err := write(d, path+temporary, data); err != nil {
		return err
	}
	if err := d.rename(path+temporary, path); err != nil {
		return err
	}
	return d.syncDir(filepath.Dir(path))
}

// write makes a file and waits until its content is on the disk.
func write(d disk, path string, data []byte) error {
	f, err := d.create(path)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

// isReadOnly says whether the file system refused a change because it takes none.
func isReadOnly(err error) bool { return errors.Is(err, syscall.EROFS) }
