package main

import (
	"os"
	"regexp"
	"testing"
)

// TestDocsLines keeps what docs/uplinks.md and docs/nat.md show: each command
// line of them is run, over the policy that the page begins with. The lines that
// are shown are those of the fake gateway.
func TestDocsLines(t *testing.T) {
	for page, policy := range map[string]string{"uplinks.md": "uplinks.toml", "nat.md": "nat.toml"} {
		t.Run(page, func(t *testing.T) {
			file := "../../docs/" + page
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			policies := regexp.MustCompile("(?s)<!-- policy -->\n```toml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
			if len(policies) != 1 {
				t.Fatalf("%s has %d whole policies, want one", file, len(policies))
			}
			s := newStage(t)
			s.serve(t)
			s.write(t, policy, policies[0][1])
			s.screens(t, file, string(text))
		})
	}
}
