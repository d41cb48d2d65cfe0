package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestDraftOfWhatIsNoFile puts in place of a policy what would keep a daemon
// reading for ever, and wants a word about it.
func TestDraftOfWhatIsNoFile(t *testing.T) {
	for _, c := range []struct {
		name string
		put  func(path string) error
		want string
	}{
		{"pipe", func(path string) error { return syscall.Mkfifo(path, 0o600) }, "is no regular file"},
		{"device", func(path string) error { return os.Symlink("/dev/zero", path) }, "is no regular file"},
		{"directory", func(path string) error { return os.Mkdir(path, 0o700) }, "is no regular file"},
		{"circle", func(path string) error { return os.Symlink(path, path) }, "too many levels of symbolic links"},
		{"too large", func(path string) error {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				return err
			}
			return os.Truncate(path, maxFile+1)
		}, "is larger than 32 MiB"},
	} {
		for _, file := range []string{policyFile, nodeFile} {
			dir := t.TempDir()
			if file == nodeFile {
				if err := os.WriteFile(filepath.Join(dir, policyFile), []byte(stagePolicy), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			path := filepath.Join(dir, file)
			if err := c.put(path); err != nil {
				t.Fatal(err)
			}
			_, err := options{config: dir}.draft()
			if err == nil || !strings.Contains(err.Error(), path) || !strings.HasSuffix(err.Error(), c.want) {
				t.Errorf("%s in place of %s: %v, want %s", c.name, file, err, c.want)
			}
		}
	}
}

// TestDraftFromPipe reads a policy that another program writes.
func TestDraftFromPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(path, []byte(stagePolicy), 0o600) }()
	d, err := options{config: t.TempDir()}.draftFrom(path, nil)
	if err != nil || string(d.Policy) != stagePolicy || d.PolicyName != path {
		t.Errorf("%q of %s, %v", d.Policy, d.PolicyName, err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}
