package main

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/ha/configsync"
)

func TestPeerReport(t *testing.T) {
	other := errors.New("the disk is full")
	refusal := &configsync.Refused{Node: "fw2", Refusal: &configsync.Refusal{
		Message: "it lacks a device", Faults: []configsync.Fault{{File: "node.toml", Line: 3, Col: 1, Key: "interface.lan", Message: "no such device"}},
	}}
	for _, c := range []struct {
		name  string
		of    configsync.Report
		err   error
		want  report.PeerReport
		fails error
	}{
		{"ready", configsync.Report{State: configsync.Ready, Warnings: []string{"w"}}, nil, report.PeerReport{State: report.PeerReady, Warnings: []string{"w"}}, nil},
		{"follows", configsync.Report{State: configsync.Follows}, nil, report.PeerReport{State: report.PeerSwitched}, nil},
		{"away", configsync.Report{State: configsync.Away, Why: "no cable"}, nil, report.PeerReport{State: report.PeerAway, Message: "no cable"}, nil},
		{"lags", configsync.Report{State: configsync.Lags, Why: "not heard"}, nil, report.PeerReport{State: report.PeerBehind, Message: "not heard"}, nil},
		{"refuses", configsync.Report{}, fmt.Errorf("try: %w", refusal), report.PeerReport{
			State: report.PeerRefuses, Message: "it lacks a device",
			Faults: []report.Fault{{File: "node.toml", Line: 3, Col: 1, Key: "interface.lan", Message: "no such device"}},
		}, nil},
		{"another error", configsync.Report{}, other, report.PeerReport{}, other},
	} {
		got, err := peerReport("fw2", c.of, c.err)
		c.want.Node = "fw2"
		if diff := cmp.Diff(c.want, got); diff != "" || !errors.Is(err, c.fails) {
			t.Errorf("%s: %v\n%s", c.name, err, diff)
		}
	}
}

func TestFailureOfThePair(t *testing.T) {
	var refused *report.PeerRefused
	err := pairedGateway{}.failure(&configsync.Refused{Node: "fw2", Refusal: &configsync.Refusal{Message: "no"}})
	if !errors.As(err, &refused) || refused.Node != "fw2" || refused.State != report.PeerRefuses {
		t.Errorf("what the peer refuses: %#v", err)
	}
	if err := (pairedGateway{}).failure(&configsync.Refusal{Message: "no", Busy: true}); !errors.Is(err, report.ErrConflict) || errors.As(err, &refused) {
		t.Errorf("what this node refuses: %#v", err)
	}
	other := errors.New("the disk is full")
	if err := (pairedGateway{}).failure(other); err != other {
		t.Errorf("another error: %v", err)
	}
}

func TestRefusalOf(t *testing.T) {
	if err := refusalOf(nil); err != nil {
		t.Errorf("of nothing: %v", err)
	}
	faults := config.Errors{{Position: config.Position{File: "rempart.toml", Line: 2, Col: 1}, Key: "rule[1]", Msg: "no such zone"}}
	for _, c := range []struct {
		name string
		err  error
		want configsync.Refusal
	}{
		{"faults", report.Requestf("%w", faults), configsync.Refusal{Faults: []configsync.Fault{{File: "rempart.toml", Line: 2, Col: 1, Key: "rule[1]", Message: "no such zone"}}}},
		{"tests", report.TestsFailed{{File: "rempart.toml", Line: 9, Message: "it is blocked"}}, configsync.Refusal{Faults: []configsync.Fault{{File: "rempart.toml", Line: 9, Message: "it is blocked"}}}},
		{"another apply", report.Conflictf("another apply is under way"), configsync.Refusal{Message: "another apply is under way", Busy: true}},
		{"the machine", errors.New("the disk is full"), configsync.Refusal{Message: "the disk is full"}},
	} {
		var got *configsync.Refusal
		if err := refusalOf(c.err); !errors.As(err, &got) {
			t.Errorf("%s: %#v", c.name, err)
		} else if diff := cmp.Diff(c.want, *got); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
}

func TestRollbackTo(t *testing.T) {
	if got := rollbackTo(0); got != firewall.RevisionBefore {
		t.Errorf("without a number: %d", got)
	}
	if got := rollbackTo(7); got != 7 {
		t.Errorf("with one: %d", got)
	}
}

// Who resolves a conflict decides about what both nodes share, and leaves this node what is its own.
func TestWovenKeepsWhatIsTheNodes(t *testing.T) {
	whole := config.Revision{Policy: []byte("schema = 1\n")}
	if got, err := (pairedGateway{}).woven(whole, []byte("decided\n")); err != nil || string(got) != "decided\n" {
		t.Errorf("of a policy that is shared whole: %q, %v", got, err)
	}
	part := config.Revision{Policy: []byte("no policy"), Shared: []byte("schema = 1\n")}
	if _, err := (pairedGateway{}).woven(part, []byte("decided\n")); err == nil {
		t.Error("woven into what is no policy")
	}
}

func TestNameIn(t *testing.T) {
	for text, want := range map[string]string{"name = \"fw1\"\n": "fw1", "": "", "name = ": "", "schema = 1\n": ""} {
		if got := nameIn([]byte(text)); got != want {
			t.Errorf("%q names %q, want %q", text, got, want)
		}
	}
}
