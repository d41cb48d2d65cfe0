package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
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

// follow brings the files to a revision that came from the other node, from what ran before.
func (f *policyFiles) follow(before, now config.Revision) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bring(before, now)
}

// bring is follow for who has the lock. What could not be brought is as it was before now, and remembered as that.
func (f *policyFiles) bring(before, now config.Revision) {
	err := f.bringSecrets(before, now)
	edited := false
	if err == nil {
		edited, err = f.bringPolicy(before, now)
	}
	if err != nil {
		f.log.Warn("the files do not follow the revision of the other node", "cause", err)
	}
	if err != nil || edited {
		err = f.remember(before)
	} else {
		err = f.forget()
	}
	if err != nil {
		f.log.Warn("what rempart.toml was edited from is not remembered rightly", "cause", err)
	}
}

func (f *policyFiles) bringSecrets(before, now config.Revision) error {
	var faults []error
	for name, content := range now.Secrets {
		path := filepath.Join(f.config, name)
		have, err := disk.Read(path, maxFile)
		switch {
		case err == nil && bytes.Equal(have, content):
			continue
		case err == nil && !bytes.Equal(have, before.Secrets[name]):
			f.log.Warn("a secret was changed here and not applied: the file stays, the secret of the other node is in use", "file", path)
			continue
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			faults = append(faults, err)
			continue
		}
		if err := disk.Replace(disk.OS{}, path, disk.Bytes(content)); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// bringPolicy replaces rempart.toml, unless somebody edited it.
func (f *policyFiles) bringPolicy(before, now config.Revision) (edited bool, err error) {
	have, err := disk.Read(f.policyPath(), maxFile)
	switch {
	case err == nil && bytes.Equal(have, now.Policy):
		return false, nil
	case errors.Is(err, fs.ErrNotExist), err == nil && (bytes.Equal(have, before.Policy) || f.left(have)):
		return false, disk.Replace(disk.OS{}, f.policyPath(), disk.Bytes(now.Policy))
	}
	return err == nil, err
}

func (f *policyFiles) policyPath() string { return filepath.Join(f.config, policyFile) }

// is says whether a draft is the file, whatever whoever sent it calls it.
func (f *policyFiles) is(d report.Draft) bool {
	return d.PolicyName == f.policyPath() || len(d.Policy) > 0 && bytes.Equal(d.Policy, f.text())
}

// applied notes that a draft runs.
func (f *policyFiles) applied(d report.Draft) {
	if !f.is(d) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.forget(); err != nil {
		f.log.Warn("what rempart.toml was edited from is still remembered", "cause", err)
	}
}

// mayApply refuses the file of the configuration directory when it, or a secret beside it, would undo what the
// other node changed since it was edited.
func (f *policyFiles) mayApply(d report.Draft) error {
	if !f.is(d) {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	base, running, err := f.behind(d.Policy)
	if err != nil || base == nil {
		return err
	}
	for name, content := range running.Secrets {
		path := filepath.Join(f.config, name)
		if have, err := disk.Read(path, maxFile); err == nil && !bytes.Equal(have, content) && bytes.Equal(have, base.Secrets[name]) {
			return report.Conflictf("%s is from before revision %d of %s, and would undo what it changed: `rempart ha pull` brings that into the file",
				path, running.Number, running.Origin)
		}
	}
	c, err := pieces.Compare(base.Policy, d.Policy, running.Policy)
	if err != nil || bytes.Equal(c.Merged, d.Policy) {
		return err
	}
	return report.Conflictf("%s was edited before revision %d of %s came, and would undo what it changed: `rempart ha pull` brings that into the file",
		f.policyPath(), running.Number, running.Origin)
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
	base, running, err := f.behind(have)
	if err != nil || base == nil {
		return "", err
	}
	if err := f.bringSecrets(*base, *running); err != nil {
		return "", err
	}
	c, err := pieces.Compare(base.Policy, have, running.Policy)
	if err != nil {
		return "", err
	}
	if c.Merged == nil {
		aside := f.policyPath() + ".conflict"
		if err := disk.Replace(disk.OS{}, aside, disk.Bytes(c.Draft)); err != nil {
			return "", err
		}
		return fmt.Sprintf("%s and revision %d changed the same objects: %s has both, marked; edit it, put it in place of the file and apply", f.policyPath(), running.Number, aside), f.shown(running, have)
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
	base, _, err := f.behind(f.text())
	switch {
	case err != nil:
		return err.Error()
	case base == nil:
		return ""
	}
	return "it was edited here, or could not be written, when a revision of the other node came: `rempart ha pull` brings that into it"
}
