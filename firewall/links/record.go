package links

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rempart/rempart/disk"
)

// record is the file that holds an Owned. What it holds is kept here as well,
// so that nothing is written when nothing changed.
type record struct {
	path  string
	saved []byte
}

// largestRecord is more than a machine has links.
const largestRecord = 16 << 20

// load reads the file; one that is missing is empty.
func (r *record) load() (Owned, error) {
	text, err := disk.Read(r.path, largestRecord)
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
	err = disk.MakeDir(disk.OS{}, filepath.Dir(r.path))
	if err == nil {
		err = disk.Replace(disk.OS{}, r.path, disk.Bytes(text))
	}
	if err != nil {
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
