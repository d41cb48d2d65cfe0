package main

import (
	"strings"
	"testing"

	"github.com/rempart/rempart/firewall/nft"
)

func TestCheckTellsWhatTheKernelLacks(t *testing.T) {
	s := newStage(t)
	s.write(t, "etc/rempart.toml", stagePolicy+"\n[[rule]]\nname = \"no\"\naction = \"reject\"\n")
	s.kernel = nil
	_, said, code := s.run(t, "check")
	if code != exitWrong || !strings.Contains(said, "rule.action: this kernel cannot do it: it lacks "+nft.FeatureReject) {
		t.Errorf("check ended with %d and said\n%s", code, said)
	}
	s.features = nft.Features{{Name: nft.FeatureReject}, {Name: nft.FeatureNAT}}
	if said, _, code := s.run(t, "check"); code != exitDone || !strings.Contains(said, "nothing is wrong") {
		t.Errorf("check ended with %d and said\n%s", code, said)
	}
}

// TestShippedPoliciesPassTheirTests checks what users begin with.
func TestShippedPoliciesPassTheirTests(t *testing.T) {
	s := newStage(t)
	for _, node := range []string{"fw1.toml", "fw2.toml"} {
		text, err := demoFiles.ReadFile("demo/" + node)
		if err != nil {
			t.Fatal(err)
		}
		s.write(t, "etc/node.toml", string(text))
		if stdout, stderr, code := s.run(t, "check", "demo/rempart.toml"); code != exitDone || !strings.HasSuffix(stdout, "nothing is wrong, 2 tests passed\n") {
			t.Errorf("demo with %s: exit %d, %s%s", node, code, stdout, stderr)
		}
	}
	for file, want := range map[string]string{
		"../../packaging/examples/rempart.toml": "nothing is wrong, 4 tests passed\n",
	} {
		if stdout, stderr, code := s.run(t, "check", file); code != exitDone || !strings.HasSuffix(stdout, want) {
			t.Errorf("%s: exit %d, %s%s", file, code, stdout, stderr)
		}
	}
}
