package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/config"
)

func TestDamagedPairingIsNoReasonNotToStart(t *testing.T) {
	dir := t.TempDir()
	seal := func() config.Revision {
		t.Helper()
		keys, err := openKeys(dir, hclog.NewNullLogger())
		if err != nil {
			t.Fatal(err)
		}
		r := config.Revision{Policy: []byte("schema = 1\n"), Node: []byte("name = \"fw1\"\n")}
		sealer(keys, nil)(&r)
		if err := r.Verify(); err != nil {
			t.Error(err)
		}
		return r
	}
	if r := seal(); r.Key == nil {
		t.Error("a revision is not signed")
	}
	path := filepath.Join(dir, "pairing.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := seal(); r.Key != nil {
		t.Error("a revision is signed by a key that is gone with this program")
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "{" {
		t.Errorf("the damaged file is %q now, %v", b, err)
	}
}
