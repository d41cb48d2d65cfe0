package disk

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// names of what is in a directory.
func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, text := range []string{"one", "", "three"} {
		if err := Replace(OS{}, path, Bytes([]byte(text))); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(path, 10); err != nil || string(got) != text {
			t.Errorf("%q, %v, want %q", got, err, text)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != fileMode {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	full := errors.New("full")
	if err := Replace(OS{}, path, func(w io.Writer) error { io.WriteString(w, "half"); return full }); !errors.Is(err, full) {
		t.Errorf("fill: %v", err)
	}
	if got, err := Read(path, 10); err != nil || string(got) != "three" || names(t, dir) != "file" {
		t.Errorf("after a failure: %q, %v; there is %s", got, err, names(t, dir))
	}
}

// TestReplaceOfLink replaces the link and not what it leads to.
func TestReplaceOfLink(t *testing.T) {
	dir := t.TempDir()
	victim, path := filepath.Join(dir, "victim"), filepath.Join(dir, "file")
	if err := errors.Join(os.WriteFile(victim, []byte("mine"), 0o600), os.Symlink(victim, path)); err != nil {
		t.Fatal(err)
	}
	if _, err := (OS{}).Create(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("create over a link: %v", err)
	}
	if err := Replace(OS{}, path, Bytes([]byte("new"))); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(victim); err != nil || string(got) != "mine" {
		t.Errorf("what the link led to: %q, %v", got, err)
	}
}

func TestClear(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"file", "file.1" + Temporary, "other" + Temporary, "tmp"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Clear(OS{}, dir); err != nil || names(t, dir) != "file tmp" {
		t.Errorf("%v; there is %s", err, names(t, dir))
	}
	if err := Clear(OS{}, filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent directory: %v", err)
	}
}

func TestProbe(t *testing.T) {
	dir := t.TempDir()
	if err := Probe(OS{}, dir, 1000); err != nil || names(t, dir) != "" {
		t.Errorf("%v; there is %s", err, names(t, dir))
	}
	if err := Probe(OS{}, filepath.Join(dir, "absent"), 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent directory: %v", err)
	}
}

// TestReadOfWhatIsNoFile puts in place of a file what would keep a reader for ever.
func TestReadOfWhatIsNoFile(t *testing.T) {
	for _, c := range []struct {
		name string
		put  func(path string) error
		want string
	}{
		{"pipe", func(path string) error { return syscall.Mkfifo(path, 0o600) }, "is no regular file"},
		{"device", func(path string) error { return os.Symlink("/dev/zero", path) }, "is no regular file"},
		{"directory", func(path string) error { return os.Mkdir(path, 0o700) }, "is no regular file"},
		{"circle", func(path string) error { return os.Symlink(path, path) }, "too many levels of symbolic links"},
		{"too large", func(path string) error { return os.WriteFile(path, make([]byte, 1<<20+1), 0o600) }, "is larger than 1 MiB"},
		{"nothing", func(string) error { return nil }, "no such file or directory"},
	} {
		path := filepath.Join(t.TempDir(), "file")
		if err := c.put(path); err != nil {
			t.Fatal(err)
		}
		_, err := Read(path, 1<<20)
		if err == nil || !strings.Contains(err.Error(), path) || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

// TestReadTooMuch: the limit is told as it is, however small.
func TestReadTooMuch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, 1<<20+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for most, want := range map[int64]string{10: "10 B", 4096: "4 KiB", 1 << 20: "1 MiB", 5000: "5000 B"} {
		if _, err := Read(path, most); err == nil || !strings.HasSuffix(err.Error(), "larger than "+want) {
			t.Errorf("%d: %v, want %s", most, err, want)
		}
	}
	if _, err := Read(path, 1<<20+1); err != nil {
		t.Error(err)
	}
}
