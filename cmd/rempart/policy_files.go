package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/config/pieces"
	"github.com/rempart/rempart/disk"
	"github.com/rempart/rempart/firewall"
	"github.com/rempart/rempart/firewall/report"
)

// policyFiles are the files of the configuration directory, which follow the revisions that come from the
// other node. A file that somebody is editing is left alone; what it was edited from is remembered, so that
// an apply of it cannot undo what came meanwhile.
type policyFiles struct {
	options
	state *firewall.State
	log   hclog.Logger

	mu sync.Mutex // one change of the files at a time
}

// edited is what rempart.toml was edited from, while that is not what runs.
type edited struct {
	From string `json:"from"` // the ID of the revision
}

// follow brings the files to a revision that came from the other node, from what ran before.
func (f *policyFiles) follow(before, now config.Revision) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.followPolicy(before, now); err != nil {
		f.log.Warn("rempart.toml does not follow the revision of the other node", "cause", err)
	}
	for name, content := range now.Secrets {
		path := filepath.Join(f.config, name)
		have, err := disk.Read(path, maxFile)
		switch {
		case err == nil && bytes.Equal(have, content):
			continue
		case err == nil && !bytes.Equal(have, before.Secrets[name]):
			f.log.Warn("a secret was changed here and not applied: the file stays, the secret of the other node is in use", "file", path)
			continue
		}
		if err := disk.Replace(disk.OS{}, path, disk.Bytes(content)); err != nil {
			f.log.Warn("a secret of the other node could not be written", "file", path, "cause", err)
		}
	}
}

func (f *policyFiles) followPolicy(before, now config.Revision) error {
	have, err := disk.Read(f.policyPath(), maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && (bytes.Equal(have, before.Policy) || bytes.Equal(have, now.Policy)):
		if err := disk.Replace(disk.OS{}, f.policyPath(), disk.Bytes(now.Policy)); err != nil {
			return err
		}
		return f.forget()
	case err != nil:
		return err
	}
	if e, err := f.remembered(); err != nil || e != nil || before.ID == "" {
		return err // it was edited from an earlier one still
	}
	text, err := json.Marshal(edited{From: before.ID})
	if err != nil {
		return err
	}
	return disk.Replace(disk.OS{}, f.editedPath(), disk.Bytes(text))
}

func (f *policyFiles) policyPath() string { return filepath.Join(f.config, policyFile) }

func (f *policyFiles) editedPath() string { return f.state.Path("edited.json") }

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
		return nil, fmt.Errorf("read %s: %w", f.editedPath(), err)
	}
	return &e, nil
}

// forget says that the file is edited from what runs.
func (f *policyFiles) forget() error {
	if err := os.Remove(f.editedPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// applied notes that a draft runs.
func (f *policyFiles) applied(d report.Draft) {
	if d.PolicyName != f.policyPath() {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.forget(); err != nil {
		f.log.Warn("what rempart.toml was edited from is still remembered", "cause", err)
	}
}

// mayApply refuses the file of the configuration directory when it would undo what the other node changed since
// it was edited.
func (f *policyFiles) mayApply(d report.Draft) error {
	if d.PolicyName != f.policyPath() {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c, running, err := f.compare(d.Policy)
	if err != nil || running == nil || bytes.Equal(c.Merged, d.Policy) {
		return err
	}
	return report.Conflictf("%s was edited before revision %d of %s came, and would undo what it changed: `rempart ha pull` brings that into the file",
		f.policyPath(), running.Number, running.Origin)
}

// compare is what a text and what runs made of that from which the text was edited; without a revision: it was
// edited from what runs.
func (f *policyFiles) compare(text []byte) (pieces.Comparison, *config.Revision, error) {
	e, err := f.remembered()
	if err != nil || e == nil {
		return pieces.Comparison{}, nil, err
	}
	base, err := f.state.Find(e.From)
	if err != nil {
		return pieces.Comparison{}, nil, err
	}
	running, err := f.state.Current()
	if err != nil {
		return pieces.Comparison{}, nil, err
	}
	c, err := pieces.Compare(base.Policy, text, running.Policy)
	return c, &running, err
}

// merge brings into rempart.toml what came from the other node while it was edited. It says what it did;
// nothing when nothing was to be done.
func (f *policyFiles) merge() (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	have, err := disk.Read(f.policyPath(), maxFile)
	if err != nil {
		return "", err
	}
	c, running, err := f.compare(have)
	if err != nil || running == nil {
		return "", err
	}
	if c.Merged == nil {
		aside := f.policyPath() + ".conflict"
		if err := disk.Replace(disk.OS{}, aside, disk.Bytes(c.Draft)); err != nil {
			return "", err
		}
		return fmt.Sprintf("%s and revision %d changed the same objects: %s has both, marked; edit it, put it in place of the file and apply", f.policyPath(), running.Number, aside), nil
	}
	if err := disk.Replace(disk.OS{}, f.policyPath()+".before", disk.Bytes(have)); err != nil {
		return "", err
	}
	if err := disk.Replace(disk.OS{}, f.policyPath(), disk.Bytes(c.Merged)); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s has the changes of revision %d as well now (as it was: %s.before); `rempart diff` shows what is yours", f.policyPath(), running.Number, f.policyPath()), f.forget()
}

// edits says in words why the file is not what runs, when a revision came while it was edited; empty otherwise.
func (f *policyFiles) edits() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, err := f.remembered()
	switch {
	case err != nil:
		return err.Error()
	case e == nil:
		return ""
	}
	return "it was being edited here when a revision of the other node came: `rempart ha pull` brings that into it"
}
