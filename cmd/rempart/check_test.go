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
