package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestDocsPair keeps what docs/ha.md shows: each command line of it is run, over the pair that
// is shipped as an example. The states that are shown are those of the fake gateway.
func TestDocsPair(t *testing.T) {
	const page = "../../docs/ha.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	s := newStage(t)
	s.serve(t)
	for from, to := range map[string]string{"rempart.toml": "rempart.toml", "fw1.toml": "node.toml"} {
		data, err := os.ReadFile(filepath.Join("../../packaging/examples/pair", from))
		if err != nil {
			t.Fatal(err)
		}
		s.write(t, filepath.Join("pair", to), string(data))
	}
	s.write(t, "pair/carp.key", "carpsecret\n")
	s.screens(t, page, string(text))
}
