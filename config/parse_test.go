package config

import (
	"os"
	"path/filepath"
	"testing"
)

// load reads a file of testdata.
func load(t testing.TB, name string) File {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return File{Name: name, Data: data}
}

func TestParseReferenceAsLanguage(t *testing.T) {
	node := load(t, "node.toml")
	c, err := ParseLanguage(load(t, "reference.toml"), &node)
	if err != nil {
		t.Fatalf("reference policy:\n%v", err)
	}
	if got, want := len(c.Rules), 6; got != want {
		t.Errorf("rules: got %d, want %d", got, want)
	}
}

func TestParseSingle(t *testing.T) {
	if _, err := Parse(load(t, "single.toml"), nil); err != nil {
		t.Fatalf("single policy:\n%v", err)
	}
}
