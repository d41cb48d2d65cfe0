package pairing

import (
	"errors"

	"github.com/rempart/rempart/disk"
)

// hasty is the machine's disk without the waiting for it.
type hasty struct{ disk.OS }

func (hasty) SyncDir(string) error { return nil }

func (h hasty) Create(path string) (disk.File, error) {
	f, err := h.OS.Create(path)
	return hastyFile{f}, err
}

type hastyFile struct{ disk.File }

func (hastyFile) Sync() error { return nil }

// fragile is a disk that goes away before one of its steps.
type fragile struct {
	hasty
	left *int // how many steps are done before that
}

var errPower = errors.New("the power is gone")

func (f fragile) step() error {
	if *f.left--; *f.left < 0 {
		return errPower
	}
	return nil
}

func (f fragile) Create(path string) (disk.File, error) {
	if err := f.step(); err != nil {
		return nil, err
	}
	return f.hasty.Create(path)
}

func (f fragile) Rename(from, to string) error {
	if err := f.step(); err != nil {
		return err
	}
	return f.hasty.Rename(from, to)
}

func (f fragile) Remove(path string) error {
	if err := f.step(); err != nil {
		return err
	}
	return f.hasty.Remove(path)
}

func (f fragile) SyncDir(path string) error {
	if err := f.step(); err != nil {
		return err
	}
	return f.hasty.SyncDir(path)
}
