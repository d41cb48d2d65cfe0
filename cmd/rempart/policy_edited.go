package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/disk"
)

// edited is what rempart.toml was edited from, while that is not what runs.
type edited struct {
	From string `json:"from"` // the ID of the revision
}

func (f *policyFiles) editedPath() string { return f.state.Path("edited.json") }

// keeping says that a revision of the other node is about to be kept in place of what runs: should this program
// end before the files have followed, they are of that.
func (f *policyFiles) keeping(runs config.Revision) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.remember(runs); err != nil {
		f.log.Warn("what rempart.toml was edited from is not remembered", "cause", err)
	}
}

// settle ends what was begun before this program was started, or could not be done: a file that nobody edited
// follows what runs.
func (f *policyFiles) settle() {
	f.mu.Lock()
	defer f.mu.Unlock()
	base, running, err := f.behind()
	switch {
	case err != nil:
		f.log.Warn("nobody knows what rempart.toml was edited from", "cause", err)
	case base != nil:
		f.bring(*base, *running)
	default:
		if err := f.forget(); err != nil {
			f.log.Warn("what rempart.toml was edited from is still remembered", "cause", err)
		}
	}
}

// behind is the revision from which the file was edited, when that is not the one that runs; nil: it is.
func (f *policyFiles) behind() (base, running *config.Revision, err error) {
	e, err := f.remembered()
	if err != nil || e == nil {
		return nil, nil, err
	}
	now, err := f.state.Current()
	if err != nil || now.ID == e.From {
		return nil, nil, err
	}
	from, err := f.state.Find(e.From)
	if err != nil {
		return nil, nil, f.lost(err)
	}
	return &from, &now, nil
}

// left says whether a text is what it was edited from: nobody edited it.
func (f *policyFiles) left(text []byte) bool {
	base, _, err := f.behind()
	return err == nil && base != nil && bytes.Equal(text, base.Policy)
}

// remember notes what the file is edited from, unless that is known: it was an earlier one then.
func (f *policyFiles) remember(from config.Revision) error {
	if e, err := f.remembered(); err != nil || e != nil || from.ID == "" {
		return err
	}
	text, err := json.Marshal(edited{From: from.ID})
	if err != nil {
		return err
	}
	return disk.Replace(disk.OS{}, f.editedPath(), disk.Bytes(text))
}

// remembered is what the file was edited from; nil: from what runs.
func (f *policyFiles) remembered() (*edited, error) {
	text, err := disk.Read(f.editedPath(), maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var e edited
	if err == nil {
		err = json.Unmarshal(text, &e)
	}
	if err != nil {
		return nil, f.lost(err)
	}
	return &e, nil
}

// lost is the error of what was remembered and cannot be known any more, with the way out.
func (f *policyFiles) lost(cause error) error {
	return fmt.Errorf("nobody knows what %s was edited from: %w: see in `rempart diff` that it undoes nothing, and remove %s", f.policyPath(), cause, f.editedPath())
}

// forget says that the file is edited from what runs.
func (f *policyFiles) forget() error {
	if err := os.Remove(f.editedPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
