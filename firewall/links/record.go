package links

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// record is the file that holds an Owned. What it holds is kept here as well,
// so that nothing is written when nothing changed.
type record struct {
	path  string
	saved []byte
}

// load reads the file; one that is missing is empty.
func (r *record) load() (Owned, error) {
	text, err := os.ReadFile(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return Owned{}, nil
	}
	if err != nil {
		return Owned{}, fmt.Errorf("read record of links: %w", err)
	}
	var o Owned
	if err := json.Unmarshal(text, &o); err != nil {
		return Owned{}, fmt.Errorf("read record of links %s: %w", r.path, err)
	}
	r.saved = text
	return o, nil
}

// save replaces the file, whole or not at all, also when the power goes.
func (r *record) save(o Owned) error {
	text, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		return fmt.Errorf("write record of links: %w", err)
	}
	text = append(text, '\n')
	if bytes.Equal(text, r.saved) {
		return nil
	}
	if err := replaceFile(r.path, text); err != nil {
		return fmt.Errorf("write record of links: %w", err)
	}
	r.saved = text
	return nil
}

// remove is save of nothing.
func (r *record) remove() error {
	r.saved = nil
	if err := os.Remove(r.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove record of links: %w", err)
	}
	return nil
}

func replaceFile(path string, text []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(dir)
}

// syncDir makes a rename in dir last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
