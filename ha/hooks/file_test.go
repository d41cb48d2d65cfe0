package hooks

import (
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChoose(t *testing.T) {
	const us = 7
	run, skipped := choose([]file{
		{"20-b", 0o755, 0},
		{"10-a", 0o700, us},
		{"README", 0o644, 0},
		{"old.dpkg-old", 0o755, 0},
		{"backup~", 0o755, 0},
		{".hidden", 0o755, 0},
		{"with blank", 0o755, 0},
		{"only-group", 0o650, 0},
		{"foreign", 0o755, 1000},
		{"group-writes", 0o775, 0},
		{"all-write", 0o757, 0},
		{"link", fs.ModeSymlink | 0o777, 0},
		{"directory", fs.ModeDir | 0o755, 0},
		{"fifo", fs.ModeNamedPipe | 0o644, 0},
	}, us)
	if diff := cmp.Diff([]string{"10-a", "20-b", "only-group"}, run); diff != "" {
		t.Error(diff)
	}
	want := map[string]string{
		"foreign":      "it does not belong to root",
		"group-writes": "others than its owner may write to it",
		"all-write":    "others than its owner may write to it",
		"link":         "it is no regular file",
		"directory":    "it is no regular file",
		"fifo":         "it is no regular file",
	}
	if diff := cmp.Diff(want, skipped); diff != "" {
		t.Error(diff)
	}
}

func TestUnfitDirectory(t *testing.T) {
	for _, c := range []struct {
		dir  file
		want string
	}{
		{file{"d", fs.ModeDir | 0o755, 0}, ""},
		{file{"d", fs.ModeDir | 0o755, 7}, ""},
		{file{"d", fs.ModeDir | 0o755, 8}, "it does not belong to root"},
		{file{"d", fs.ModeDir | fs.ModeSticky | 0o777, 0}, "others than its owner may write to it"},
		{file{"d", 0o755, 0}, "it is no directory"},
	} {
		if got := c.dir.unfitDirectory(7); got != c.want {
			t.Errorf("%v: %q, want %q", c.dir, got, c.want)
		}
	}
}
