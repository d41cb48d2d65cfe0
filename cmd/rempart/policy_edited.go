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
	// Shown is the revision that was laid beside the file, and Was the hash of the file then: a file that is another
	// one since is what somebody made of both.
	Shown string `json:"shown,omitempty"`
	Was   string `json:"was,omitempty"`
}

// of is the ID of the revision from which a text was edited.
func (e *edited) of(text []byte) string {
	if e.Shown != "" && config.Hash(text) != e.Was {
		return e.Shown
	}
	return e.From
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
	base, running, err := f.behind(f.text())
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

// text is that of the file; none: it cannot be read.
func (f *policyFiles) text() []byte {
	text, _ := disk.Read(f.policyPath(), maxFile)
	return text
}

// behind is the revision from which the file was edited, which holds a text now, when that is not the one that
// runs; nil: it is.
func (f *policyFiles) behind(text []byte) (base, running *config.Revision, err error) {
	e, err := f.remembered()
	if err != nil || e == nil {
		return nil, nil, err
	}
	now, err := f.state.Current()
	if err != nil || now.ID == e.of(text) {
		return nil, nil, err
	}
	from, err := f.state.Find(e.of(text))
	if err != nil {
		return nil, nil, f.lost(err)
	}
	return &from, &now, nil
}

// left says whether a text is what it was edited from: nobody edited it.
func (f *policyFiles) left(text []byte) bool {
	base, _, err := f.behind(text)
	return err == nil && base != nil && bytes.Equal(text, base.Policy)
}

// remember notes what the file is edited from, unless that is known: it was an earlier one then.
func (f *policyFiles) remember(from config.Revision) error {
	if e, err := f.remembered(); err != nil || e != nil || from.ID == "" {
		return err
	}
	return f.note(edited{From: from.ID})
}

// shown notes that what runs was laid beside the file.
func (f *policyFiles) shown(running *config.Revision, file []byte) error {
	e, err := f.remembered()
	if err != nil {
		return err
	}
	return f.note(edited{From: e.of(file), Shown: running.ID, Was: config.Hash(file)})
}

func (f *policyFiles) note(e edited) error {
	text, err := json.Marshal(e)
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
