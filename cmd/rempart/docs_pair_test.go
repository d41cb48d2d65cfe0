package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/config/pieces"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/ha/view"
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
		s.write(t, filepath.Join("pair", to), shipped(t, from))
	}
	s.write(t, "pair/carp.key", "carpsecret\n")
	s.gateway.reached = []netip.Addr{netip.MustParseAddr("172.16.0.1"), netip.MustParseAddr("fe80::5054:ff:fe12:3456%eth3")}
	s.gateway.apart = docsApart(t)
	s.write(t, "etc/rempart.toml", stagePolicy+"mtu = 1400\n")
	s.gateway.peer = &report.PeerReport{Node: "fw2", State: report.PeerRefuses, Faults: []report.Fault{{
		File: "rempart.toml", Line: 91, Col: 12, Key: "interface.guests.device",
		Message: "is missing: write which device it is, here or in node.toml, such as device = \"eth0\"",
	}}}
	s.screens(t, page, string(text))
}

// shipped is a file of the pair that is shipped as an example.
func shipped(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../packaging/examples/pair", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// docsApart is the shipped policy after an edit on either node: the real comparison of what only is told here.
func docsApart(t *testing.T) view.PolicyDiff {
	t.Helper()
	base := shipped(t, "rempart.toml")
	ours := strings.Replace(base, "port     = \"domain\"", "port     = [\"domain\", \"ntp\"]", 1)
	theirs := strings.Replace(base, "[\"10.1.3.10\"]", "[\"10.1.3.10\", \"10.1.3.11\"]", 1)
	if ours == base || theirs == base {
		t.Fatal("the shipped policy has nothing to edit")
	}
	c, err := pieces.Compare([]byte(base), []byte(ours), []byte(theirs))
	if err != nil {
		t.Fatal(err)
	}
	d := view.PolicyDiff{Own: ownRevision(), Peer: peerRevision(), Base: baseRevision(), Conflict: true, Merged: c.Merged, Draft: c.Draft, Notes: c.Notes}
	d.Own.Message, d.Peer.Message = "the office asks us for the time", "a second web server"
	for _, o := range c.Objects {
		d.Objects = append(d.Objects, view.ObjectChange{
			Object: o.Name, Ours: docsChange(o.Ours), Theirs: docsChange(o.Theirs), Base: o.Base, OursText: o.OursText, TheirsText: o.TheirsText, Conflict: o.Conflict,
		})
	}
	return d
}

// docsChange is a change as the pair tells of it.
func docsChange(c pieces.Change) view.Change {
	if c == pieces.Unchanged {
		return view.Unchanged
	}
	return view.Change(c.String())
}

// TestDocsPolicyLines: each line about the policy that docs/ha.md shows for itself is one that a status has.
func TestDocsPolicyLines(t *testing.T) {
	s := newStage(t)
	s.serve(t)
	said := map[string]bool{}
	for _, state := range pairStates() {
		s.gateway.pair = state
		screen, _, _ := s.run(t, "ha", "status")
		for line := range strings.Lines(screen) {
			said[line] = true
		}
	}
	text, err := os.ReadFile("../../docs/ha.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile(`(?m)^policy {6}.*\n`).FindAllString(string(text), -1)
	if len(shown) < 7 {
		t.Errorf("docs/ha.md shows %d lines about the policy", len(shown))
	}
	for _, line := range shown {
		if !said[line] && !strings.Contains(line, "revision 2 here, 2 there") { // that is of the demo
			t.Errorf("no status says %q", line)
		}
	}
}

// TestDocsUpgrade: what docs/ha.md shows of an upgrade is what one says.
func TestDocsUpgrade(t *testing.T) {
	p := newPaperPair()
	if err := lead(t.Context(), &upgrade{order: upgradeOrder{patience: defaultPatience}}, p); err != nil {
		t.Fatal(err)
	}
	told := slices.DeleteFunc(p.said, func(line string) bool { return strings.HasPrefix(line, "<") }) // what was ordered
	if diff := cmp.Diff(docsOf(t, "rempart ha upgrade"), strings.Join(told, "\n")+"\n"); diff != "" {
		t.Errorf("docs/ha.md, -want +got:\n%s", diff)
	}
}

// docsOf is what docs/ha.md shows of a command that takes its time.
func docsOf(t *testing.T, command string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/ha.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)<!-- of " + command + " -->\n```\\w*\n(.*?)```").FindSubmatch(text)
	if m == nil {
		t.Fatalf("docs/ha.md shows nothing of %s", command)
	}
	return string(m[1])
}
