package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what is got into the golden files")

// golden compares got with the file name of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// TestParseFaults reads each policy of testdata/fail, which is wrong, and
// compares every message with the .err beside it.
func TestParseFaults(t *testing.T) {
	paths, err := filepath.Glob("testdata/fail/*.toml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		base, ok := strings.CutSuffix(filepath.Base(path), ".toml")
		if !ok || strings.HasSuffix(base, ".node") {
			continue
		}
		t.Run(base, func(t *testing.T) {
			policy := load(t, "fail/"+base+".toml")
			policy.Name = "rempart.toml"
			var node *File
			if _, err := os.Stat("testdata/fail/" + base + ".node.toml"); err == nil {
				f := load(t, "fail/"+base+".node.toml")
				f.Name, node = "node.toml", &f
			}
			parse := ParseLanguage
			if strings.Contains(base, "not-enforced") {
				parse = Parse
			}
			_, err := parse(policy, node)
			if err == nil {
				t.Fatal("no fault found")
			}
			if _, ok := err.(Errors); !ok {
				t.Fatalf("the error is %T", err)
			}
			golden(t, "fail/"+base+".err", err.Error()+"\n")
		})
	}
}
