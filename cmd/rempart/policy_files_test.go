package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall"
	"github.com/rempart/rempart/firewall/report"
)

// desk is a node whose files somebody edits, while revisions come from the other node.
type desk struct {
	*testing.T
	files *policyFiles
	runs  config.Revision
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	state, err := firewall.OpenState(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := state.Close(); err != nil {
			t.Error(err)
		}
	})
	d := &desk{T: t, files: &policyFiles{options: options{config: t.TempDir()}, state: state, log: hclog.NewNullLogger()}}
	d.run("a = 1\nb = 1\n", "one")
	d.write(policyFile, "a = 1\nb = 1\n")
	d.write("carp.key", "one")
	return d
}

// run makes a revision the current one, as the firewall does.
func (d *desk) run(policy, secret string) (before config.Revision) {
	d.Helper()
	r := config.Revision{Policy: []byte(policy), Secrets: map[string][]byte{"carp.key": []byte(secret)}, Origin: "fw2"}
	if d.runs.ID != "" {
		r.Parents = []string{d.runs.ID}
	}
	r.Hash = config.Hash(r.Policy)
	kept, err := d.files.state.Add(r)
	if err == nil {
		err = d.files.state.SetCurrent(kept.Number)
	}
	if err != nil {
		d.Fatal(err)
	}
	before, d.runs = d.runs, kept
	return before
}

func (d *desk) path(name string) string { return filepath.Join(d.files.config, name) }

func (d *desk) write(name, text string) {
	d.Helper()
	if err := os.WriteFile(d.path(name), []byte(text), 0o600); err != nil {
		d.Fatal(err)
	}
}

func (d *desk) read(name string) string {
	d.Helper()
	b, err := os.ReadFile(d.path(name))
	if err != nil {
		d.Fatal(err)
	}
	return string(b)
}

// blocked does something while a file cannot be replaced, since a folder stands in its place.
func (d *desk) blocked(name string, do func()) {
	d.Helper()
	text := d.read(name)
	if err := os.Remove(d.path(name)); err != nil {
		d.Fatal(err)
	}
	if err := os.Mkdir(d.path(name), 0o700); err != nil {
		d.Fatal(err)
	}
	do()
	if err := os.Remove(d.path(name)); err != nil {
		d.Fatal(err)
	}
	d.write(name, text)
}

// applies says what comes of an apply of the file.
func (d *desk) applies() error {
	return d.files.mayApply(report.Draft{PolicyName: d.path(policyFile), Policy: []byte(d.read(policyFile))})
}

func (d *desk) want(policy, secret string) {
	d.Helper()
	if p, s := d.read(policyFile), d.read("carp.key"); p != policy || s != secret {
		d.Errorf("the files have %q and %q, want %q and %q", p, s, policy, secret)
	}
	if err := d.applies(); err != nil {
		d.Error(err)
	}
	if e := d.files.edits(); e != "" {
		d.Error(e)
	}
}

func TestFilesFollow(t *testing.T) {
	d := newDesk(t)
	before := d.run("a = 1\nb = 2\n", "two")
	d.files.keeping(before)
	d.files.follow(before, d.runs)
	d.want("a = 1\nb = 2\n", "two")
}

func TestFilesThatCouldNotFollowUndoNothing(t *testing.T) {
	for _, name := range []string{policyFile, "carp.key"} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.blocked(name, func() {
				for _, text := range []string{"2", "3"} {
					before := d.run("a = 1\nb = "+text+"\n", text)
					d.files.follow(before, d.runs)
				}
			})
			if err := d.applies(); err == nil || !strings.Contains(err.Error(), "ha pull") {
				t.Errorf("it may be applied: %v", err)
			}
			if d.files.edits() == "" {
				t.Error("nothing is said of it")
			}
			if _, err := d.files.merge(); err != nil {
				t.Fatal(err)
			}
			d.want("a = 1\nb = 3\n", "3")
		})
	}
}

func TestSecretThatCouldNotFollowAloneUndoesNothing(t *testing.T) {
	d := newDesk(t)
	d.blocked("carp.key", func() {
		before := d.run("a = 1\nb = 1\n", "two")
		d.files.follow(before, d.runs)
	})
	if err := d.applies(); err == nil || !strings.Contains(err.Error(), "carp.key") {
		t.Errorf("it may be applied: %v", err)
	}
	d.files.settle()
	d.want("a = 1\nb = 1\n", "two")
}

func TestFilesFollowAfterADeath(t *testing.T) {
	d := newDesk(t)
	d.files.keeping(d.runs)
	d.run("a = 1\nb = 2\n", "two") // and the program ends
	if err := d.applies(); err == nil {
		t.Error("it may be applied")
	}
	d.files.settle()
	d.want("a = 1\nb = 2\n", "two")
}

func TestFilesStayAfterADeathBeforeTheKeep(t *testing.T) {
	d := newDesk(t)
	d.files.keeping(d.runs)
	d.want("a = 1\nb = 1\n", "one")
	d.files.settle()
	d.want("a = 1\nb = 1\n", "one")
	if e, err := d.files.remembered(); e != nil || err != nil {
		t.Errorf("%v, %v", e, err)
	}
}

func TestFilesThatAreEditedStay(t *testing.T) {
	d := newDesk(t)
	d.write(policyFile, "a = 7\nb = 1\n")
	for _, text := range []string{"2", "3"} {
		before := d.run("a = 1\nb = "+text+"\n", "one")
		d.files.keeping(before)
		d.files.follow(before, d.runs)
	}
	d.files.settle()
	if text := d.read(policyFile); text != "a = 7\nb = 1\n" {
		t.Errorf("the file is %q now", text)
	}
	if err := d.applies(); err == nil {
		t.Error("it may be applied")
	}
}

func TestWhatFilesWereEditedFromIsLost(t *testing.T) {
	for _, text := range []string{"", "x", `{"from":"deadbeef"}`} {
		d := newDesk(t)
		if err := os.WriteFile(d.files.editedPath(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{d.applies(), func() error { _, err := d.files.merge(); return err }()} {
			if err == nil || !strings.Contains(err.Error(), "remove "+d.files.editedPath()) {
				t.Errorf("%q: %v", text, err)
			}
		}
		before := d.run("a = 1\nb = 2\n", "two")
		d.files.keeping(before)
		d.files.follow(before, d.runs)
		d.want("a = 1\nb = 2\n", "two")
	}
}

// A conflict in the file is not a dead end: what somebody made of both may be applied, and what he left as it was
// may not.
func TestConflictInTheFileIsResolved(t *testing.T) {
	d := newDesk(t)
	d.write(policyFile, "a = 7\nb = 1\n")
	before := d.run("a = 2\nb = 1\n", "one")
	d.files.follow(before, d.runs)
	said, err := d.files.merge()
	if err != nil || !strings.Contains(said, "rempart.toml.conflict") {
		t.Fatalf("%q, %v", said, err)
	}
	if err := d.applies(); err == nil || d.files.edits() == "" {
		t.Errorf("the file as it was: %v, %q", err, d.files.edits())
	}
	d.write(policyFile, "a = 9\nb = 1\n")
	d.want("a = 9\nb = 1\n", "one")
	before = d.run("a = 2\nb = 1\n\n[c]\nx = 1\n", "one") // it came before the apply
	d.files.follow(before, d.runs)
	if err := d.applies(); err == nil {
		t.Error("the next revision would be undone")
	}
	if _, err := d.files.merge(); err != nil {
		t.Fatal(err)
	}
	d.want("a = 9\nb = 1\n\n[c]\nx = 1\n", "one")
}

// The file is the file, whichever way it is named.
func TestFileByAnotherName(t *testing.T) {
	d := newDesk(t)
	d.write(policyFile, "a = 7\nb = 1\n")
	before := d.run("a = 1\nb = 2\n", "one")
	d.files.follow(before, d.runs)
	for _, name := range []string{"rempart.toml", "stdin"} {
		if err := d.files.mayApply(report.Draft{PolicyName: name, Policy: []byte(d.read(policyFile))}); err == nil {
			t.Errorf("as %s it may be applied", name)
		}
	}
	other := report.Draft{PolicyName: "other.toml", Policy: []byte("a = 8\nb = 2\n")}
	if err := d.files.mayApply(other); err != nil {
		t.Errorf("another file: %v", err)
	}
	d.files.applied(other)
	if d.files.edits() == "" {
		t.Error("an apply of another file forgot what this one was edited from")
	}
	d.files.applied(report.Draft{PolicyName: d.path(policyFile)})
	if e := d.files.edits(); e != "" {
		t.Error(e)
	}
}
