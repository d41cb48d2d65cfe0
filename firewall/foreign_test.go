package firewall

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/links"
	"github.com/rempart/rempart/firewall/report"
)

// sharing is pairPolicy of which both nodes have only these sections.
func sharing(sections string) string {
	return strings.Replace(pairPolicy, "interface = \"sync\"\n", "interface = \"sync\"\nsections = "+sections+"\n", 1)
}

// withKey is r with the secret of pairPolicy, sealed anew.
func withKey(r config.Revision, key string) config.Revision {
	r.Secrets = map[string][]byte{"carp.key": []byte(key)}
	r.Seal(peerKey())
	return r
}

// ofAPair is a machine that runs a policy of a pair, with its secret in a file.
func ofAPair(t *testing.T, policy string) (m *machine, key *string) {
	t.Helper()
	m = newMachine(t)
	m.network.Plug(links.Device{Index: 4, Name: "eth3", MTU: 1500, Carrier: true})
	m.files, m.node = ofPair(policy), []byte(pairNode)
	key = new(string)
	*key = "first"
	m.secret = func(file string) ([]byte, error) {
		if *key == "" {
			return nil, fmt.Errorf("read secret: %s: %w", file, fs.ErrNotExist)
		}
		return []byte(*key), nil
	}
	return m, key
}

func TestForeignIsKeptAsItIs(t *testing.T) {
	m := newMachine(t)
	m.node = []byte("name = \"fw1\"\n")
	m.files.NodeName, m.files.Node = "node.toml", m.node
	f, _ := m.start(t, nil)
	r := fromPeer(otherPolicy, standing(t, f).Running.ID)
	m.node = []byte("name = \"edited\"\n") // and not applied
	s := m.stageAndSwitch(t, f, Proposal{Foreign: &r, Force: true})
	if now := standing(t, f); !now.Foreign || now.Pending != r.ID {
		t.Errorf("standing %v", now)
	}
	if _, err := f.Keep(t.Context(), s.ID); err != nil {
		t.Fatal(err)
	}
	got, err := f.State.Find(r.ID)
	if err != nil || got.Verify() != nil || !bytes.Equal(got.Signature, r.Signature) || got.Author != "bob" || got.Origin != "fw2" ||
		string(got.Policy) != otherPolicy || got.Shared != nil || string(got.Node) != "name = \"fw1\"\n" {
		t.Errorf("kept %+v, %v, %v", got, err, got.Verify())
	}
	if m.enforced(t, otherPolicy) == "" {
		t.Errorf("the kernel has\n%s", m.kernel)
	}
	if again := m.stage(t, f, Proposal{Foreign: &r}); !again.Unchanged {
		t.Errorf("staged again: %+v", again)
	}
	// Another revision of the same text is another one.
	same := fromPeer(otherPolicy, r.ID)
	if s := m.stage(t, f, Proposal{Foreign: &same}); s.Unchanged || s.ID != same.ID {
		t.Errorf("the same text: %+v", s)
	}
}

// TestForeignWithSections: each node keeps what is not shared.
func TestForeignWithSections(t *testing.T) {
	own := sharing(`["routes"]`)
	m, _ := ofAPair(t, own)
	f, stop := m.start(t, nil)
	running := standing(t, f).Running
	if running.Shared == nil || bytes.Contains(running.Shared, []byte("lan-out")) || !bytes.Contains(running.Shared, []byte("10.1.2.14")) || running.Hash != config.Hash(running.Shared) {
		t.Fatalf("shared are\n%s", running.Shared)
	}
	if st, err := f.Status(t.Context()); err != nil || st.FileDiffers || st.Hash != config.Hash([]byte(own)) {
		t.Errorf("status %+v, %v", st, err)
	}
	theirs := strings.Replace(string(running.Shared), "10.1.2.14", "10.1.2.15", 1)
	r := withKey(fromPeer(theirs, running.ID), "second")
	s := m.stageAndSwitch(t, f, Proposal{Foreign: &r})
	want := strings.Replace(own, "10.1.2.14", "10.1.2.15", 1)
	if string(s.Revision.Policy) != want || string(s.Revision.Shared) != theirs || s.Revision.Verify() != nil || string(s.Revision.Node) != pairNode {
		t.Errorf("staged\n%s", s.Revision.Policy)
	}
	if key, ok := f.Secret("file:carp.key"); !ok || string(key) != "second" {
		t.Errorf("the secret is %q, %v", key, ok)
	}
	if _, err := f.Keep(t.Context(), s.ID); err != nil {
		t.Fatal(err)
	}
	stop()
	f, _ = m.start(t, nil)
	if now := standing(t, f); now.Running.ID != r.ID || string(now.Running.Policy) != want || !strings.Contains(m.network.String(), "10.1.2.15") {
		t.Errorf("after a restart: standing %v; the machine has\n%s", now, m.network)
	}
}

// TestForeignThatSharesMore: what the node had of its own goes, and somebody has to be told.
func TestForeignThatSharesMore(t *testing.T) {
	m, _ := ofAPair(t, sharing(`["routes"]`)+"\n[[rule]]\nname = \"own\"\nfrom = \"lan\"\naction = \"pass\"\n")
	f, _ := m.start(t, nil)
	running := standing(t, f).Running
	lost := func(text []byte) (found []string) {
		t.Helper()
		r := withKey(fromPeer(string(text), running.ID), "second")
		s := m.stage(t, f, Proposal{Foreign: &r})
		if _, err := f.GoBack(t.Context(), s.ID); err != nil {
			t.Fatal(err)
		}
		for _, w := range s.Warnings {
			if strings.Contains(w, "of its own") {
				found = append(found, w)
			}
		}
		return found
	}
	if w := lost(bytes.Replace(running.Shared, []byte("10.1.2.14"), []byte("10.1.2.15"), 1)); w != nil {
		t.Errorf("nothing goes, and it says %q", w)
	}
	want := fmt.Sprintf("this goes: rule own; revision %d has it", running.Number)
	if w := lost([]byte(pairPolicy)); len(w) != 1 || !strings.Contains(w[0], want) {
		t.Errorf("it says %q, want %q", w, want)
	}
}

// TestForeignOnAFreshNode: one that has no policy yet takes what is shared, with its own node.toml.
func TestForeignOnAFreshNode(t *testing.T) {
	for name, files := range map[string]Draft{"no file": draft(""), "its own rules": draft(sharing(`["routes"]`))} {
		m, key := ofAPair(t, pairPolicy)
		*key = ""
		f, _ := m.start(t, func(step string) {})
		if _, err := do(t.Context(), f, func(ctx context.Context) (int, error) { return 0, f.goBack(ctx, nil) }); err != nil {
			t.Fatal(err)
		}
		m.files = files
		text, want := pairPolicy, pairPolicy
		if name == "its own rules" {
			shared, err := sharedText(files.Policy, pairConfig(t, sharing(`["routes"]`)))
			if err != nil {
				t.Fatal(err)
			}
			text, want = string(shared), sharing(`["routes"]`)
		}
		r := withKey(fromPeer(text), "theirs")
		s := m.stageAndSwitch(t, f, Proposal{Foreign: &r})
		if string(s.Revision.Policy) != want || string(s.Revision.Node) != pairNode {
			t.Errorf("%s: staged %s with\n%s", name, s.Revision.Node, s.Revision.Policy)
		}
		if _, err := f.GoBack(t.Context(), s.ID); err != nil || standing(t, f).Running.ID != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestForeignWithANewInterface: the node.toml that runs does not know it, and one that was made ready does.
func TestForeignWithANewInterface(t *testing.T) {
	m := newMachine(t)
	m.network.Plug(links.Device{Index: 4, Name: "eth3", MTU: 1500, Carrier: true})
	f, _ := m.start(t, nil)
	r := fromPeer(testPolicy+"\n[interface.dmz]\n", standing(t, f).Running.ID)
	offer := func() error {
		_, err := f.Stage(t.Context(), Proposal{Foreign: &r, Force: true}, m.caller())
		return err
	}
	if err := offer(); !errors.Is(err, report.ErrRequest) || !strings.Contains(err.Error(), "interface.dmz.device") {
		t.Errorf("without a device for it: %v", err)
	}
	m.node = []byte("[interface.dmz]\ndevice = 1\n")
	if err := offer(); !errors.Is(err, report.ErrRequest) || !strings.Contains(err.Error(), "node.toml:2") {
		t.Errorf("with a fault in node.toml: %v", err)
	}
	m.node = []byte("[interface.dmz]\ndevice = \"eth3\"\n")
	s := m.stageAndSwitch(t, f, Proposal{Foreign: &r, Force: true})
	if _, err := f.Keep(t.Context(), s.ID); err != nil {
		t.Fatal(err)
	}
	if now := standing(t, f); now.Running.ID != r.ID || !bytes.Equal(now.Running.Node, m.node) || now.Running.Verify() != nil {
		t.Errorf("standing %v with node.toml %q", now, now.Running.Node)
	}
}

func TestForeignIsRefused(t *testing.T) {
	m, key := ofAPair(t, pairPolicy)
	f, _ := m.start(t, nil)
	before := m.state()
	failing := "\n[[test]]\nname = \"closed\"\npacket = \"lan tcp 10.1.2.9:40000 -> 198.51.100.7:443\"\nexpect = \"block\"\n"
	for name, tt := range map[string]struct {
		r    config.Revision
		want string
	}{
		"a rule of a zone that is not there": {withKey(fromPeer(strings.Replace(pairPolicy, `from = "lan"`, `from = "lam"`, 1)), "theirs"), `did you mean "lan"`},
		"no TOML":                            {fromPeer("[ha\n"), ""},
		"a missing device":                   {withKey(fromPeer(strings.Replace(pairPolicy, `"eth1"`, `"eth9"`, 1)), "theirs"), "eth9"},
		"a secret that is none":              {withKey(fromPeer(pairPolicy), strings.Repeat("x", 40)), "CARP password"},
		"a test that fails":                  {withKey(fromPeer(pairPolicy+failing), "theirs"), "closed"},
	} {
		_, err := f.Stage(t.Context(), Proposal{Foreign: &tt.r, Force: true}, m.caller())
		if !errors.Is(err, report.ErrRequest) || !strings.HasPrefix(err.Error(), "rempart.toml:") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
		if now := standing(t, f); now.Held != "" || m.state() != before {
			t.Errorf("%s: standing %v", name, now)
		}
	}
	// A revision of a version that kept no secrets goes by the file of each node.
	*key = strings.Repeat("x", 40)
	r := fromPeer(pairPolicy + "# without\n")
	if _, err := f.Stage(t.Context(), Proposal{Foreign: &r}, m.caller()); len(Faults(err)) != 1 {
		t.Errorf("no secret, and none here: %v", err)
	}
	*key = "own"
	if s := m.stageAndSwitch(t, f, Proposal{Foreign: &r}); s.ID != r.ID {
		t.Errorf("staged %+v", s)
	}
	if _, ok := f.Secret("carp.key"); ok {
		t.Error("a revision without secrets has one")
	}
}

// TestForeignOutlivesARestart within its time, and not beyond it.
func TestForeignOutlivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := ofAPair(t, sharing(`["routes"]`))
		f, stop := m.start(t, nil)
		running := standing(t, f).Running
		r := withKey(fromPeer(strings.Replace(string(running.Shared), "10.1.2.14", "10.1.2.15", 1), running.ID), "second")
		m.stageAndSwitch(t, f, Proposal{Foreign: &r})
		stop()
		time.Sleep(30 * time.Second)
		f, stop = m.start(t, nil)
		now := standing(t, f)
		key, _ := f.Secret("carp.key")
		if now.Pending != r.ID || !now.Foreign || now.Running.ID != running.ID || string(key) != "second" || !strings.Contains(m.network.String(), "10.1.2.15") {
			t.Fatalf("within its time: standing %v, secret %q; the machine has\n%s", now, key, m.network)
		}
		stop()
		time.Sleep(31 * time.Second)
		f, stop = m.start(t, nil)
		now = standing(t, f)
		if key, _ = f.Secret("carp.key"); now.Pending != "" || now.Running.ID != running.ID || string(key) != "first" || strings.Contains(m.network.String(), "10.1.2.15") {
			t.Errorf("beyond it: standing %v, secret %q; the machine has\n%s", now, key, m.network)
		}
		m.stageAndSwitch(t, f, Proposal{Foreign: &r})
		stop()
		f, _ = m.start(t, nil)
		if a, err := f.Keep(t.Context(), r.ID); err != nil || a.Revision != 2 {
			t.Fatalf("keep after a restart: %+v, %v", a, err)
		}
		if got, err := f.State.Find(r.ID); err != nil || got.Verify() != nil || string(got.Secrets["carp.key"]) != "second" || got.Shared == nil {
			t.Errorf("kept %+v, %v", got, err)
		}
	})
}

// TestSecretAloneIsARevision: the same text with another content of the secret's file is another
// revision, and who moves addresses finds the new secret when it is told.
func TestSecretAloneIsARevision(t *testing.T) {
	m, key := ofAPair(t, pairPolicy)
	var f *Firewall
	var told []string
	m.policy = func(c *config.Config) {
		if f != nil && c.HA != nil {
			content, ok := f.Secret(c.HA.Secret)
			told = append(told, fmt.Sprintf("%s, %v", content, ok))
		}
	}
	f, stop := m.start(t, nil)
	d := report.Request{Draft: ofPair(pairPolicy)}
	for _, step := range []struct {
		key     string
		differs bool
		want    int // revision; 0: refused
		secret  string
	}{
		{"first", false, 1, "first"},
		{"second", true, 2, "second"},
		{"second", false, 2, "second"},
		{"", false, 2, "second"}, // a file that is gone says nothing
		{"second", false, 2, "second"},
	} {
		*key = step.key
		if st, err := f.Status(t.Context()); err != nil || st.FileDiffers != step.differs {
			t.Errorf("%+v: the files differ: %v, %v", step, st.FileDiffers, err)
		}
		if p, err := f.Check(t.Context(), d.Draft, m.caller()); err != nil || p.Unchanged == step.differs || len(p.Faults) > 0 ||
			step.differs != slices.Contains(p.Changes, "the password of the pair, file:carp.key") {
			t.Errorf("%+v: check %+v, %q, %v", step, p.Faults, p.Changes, err)
		}
		a, err := f.Apply(t.Context(), d, m.caller())
		if content, _ := f.Secret("file:carp.key"); err != nil || a.Revision != step.want || a.Unchanged == step.differs || string(content) != step.secret {
			t.Errorf("%+v: applied %+v, %v; the secret is %q", step, a, err, content)
		}
	}
	if got := strings.Join(told, "; "); got != "second, true" {
		t.Errorf("told %s", got)
	}
	// A rollback keeps the secret that runs, for the other node has that.
	if a, err := f.Rollback(t.Context(), 1, m.caller()); err != nil || a.Revision != 3 {
		t.Errorf("rollback %+v, %v", a, err)
	}
	if content, _ := f.Secret("carp.key"); string(content) != "second" {
		t.Errorf("after a rollback the secret is %q", content)
	}
	s := m.stageAndSwitch(t, f, Proposal{Draft: d.Draft, Secrets: map[string][]byte{"carp.key": []byte("decided")}})
	if content, _ := f.Secret("carp.key"); string(content) != "decided" || string(s.Revision.Secrets["carp.key"]) != "decided" {
		t.Errorf("the secret is %q", content)
	}
	stop()
	for _, name := range []string{"journal.json", "revisions/00000002.revision"} {
		if info, err := os.Stat(filepath.Join(m.dir, name)); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("others can read %s: %v", name, err)
		}
	}
}

func TestRename(t *testing.T) {
	m, _ := ofAPair(t, pairPolicy)
	f, stop := m.start(t, nil)
	running, before := standing(t, f).Running, m.state()
	for name, r := range map[string]config.Revision{
		"another text":   withKey(fromPeer(pairPolicy+"# more\n"), "first"),
		"another secret": withKey(fromPeer(pairPolicy), "second"),
		"no secret":      fromPeer(pairPolicy),
	} {
		if err := f.Rename(t.Context(), r); !errors.Is(err, report.ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if now := standing(t, f).Running; now.ID != running.ID {
		t.Errorf("it was renamed to %s", now.ID)
	}
	r := withKey(fromPeer(pairPolicy), "first")
	if err := f.Rename(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if now := standing(t, f).Running; now.ID != r.ID || now.Number != 2 || string(now.Node) != pairNode || m.state() != before {
		t.Errorf("running %s; the machine has\n%s", now.ID, m.state())
	}
	stop()
	f, _ = m.start(t, nil)
	if now := standing(t, f).Running; now.ID != r.ID || now.Verify() != nil {
		t.Errorf("after a restart %s runs", now.ID)
	}
}

// TestForeignOfALaterSchema: a policy that a later version of the language wrote is refused by its line, and nothing is held.
func TestForeignOfALaterSchema(t *testing.T) {
	m, _ := ofAPair(t, pairPolicy)
	f, _ := m.start(t, nil)
	r := withKey(fromPeer(strings.Replace(pairPolicy, "schema = 1", "schema = 2", 1)), "first")
	_, err := f.Stage(t.Context(), Proposal{Foreign: &r}, m.caller())
	var faults config.Errors
	if !errors.As(err, &faults) || faults[0].Key != "schema" || faults[0].File != "rempart.toml" {
		t.Errorf("%v", err)
	}
	if s := standing(t, f); s.Held != "" {
		t.Errorf("%s is held", s.Held)
	}
}

// TestRollbackPassesOverNames: going back leads to another text, not to the same one under another name.
func TestRollbackPassesOverNames(t *testing.T) {
	m, _ := ofAPair(t, pairPolicy)
	f, _ := m.start(t, nil)
	if _, err := f.Apply(t.Context(), report.Request{Draft: ofPair(pairPolicy + "# second\n")}, m.caller()); err != nil {
		t.Fatal(err)
	}
	running := standing(t, f).Running
	r := withKey(fromPeer(string(running.Policy)), string(running.Secrets["carp.key"]))
	r.Parents = []string{running.ID}
	r.Seal(nil)
	if err := f.Rename(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Rollback(t.Context(), 0, m.caller()); err != nil || string(standing(t, f).Running.Policy) != pairPolicy {
		t.Errorf("%v; runs\n%s", err, standing(t, f).Running.Policy)
	}
}

// TestKeptForeign: what is kept without running is history, and what descends from it runs.
func TestKeptForeign(t *testing.T) {
	own := sharing(`["routes"]`)
	m, _ := ofAPair(t, own)
	f, stop := m.start(t, nil)
	running, before := standing(t, f).Running, m.state()
	route := func(to string) string { return strings.Replace(string(running.Shared), "10.1.2.14", to, 1) }
	parent := withKey(fromPeer(route("10.1.2.15"), running.ID), "second")
	child := withKey(fromPeer(route("10.1.2.16"), parent.ID), "third")
	for range 2 {
		if err := f.KeepForeign(t.Context(), parent); err != nil {
			t.Fatal(err)
		}
	}
	if h, err := f.History(t.Context()); err != nil || len(h) != 2 || h[0].Current || m.state() != before {
		t.Errorf("history %+v, %v", h, err)
	}
	if r, err := f.Revision(t.Context(), 2); err != nil || string(r.Policy) != strings.Replace(own, "10.1.2.14", "10.1.2.15", 1) {
		t.Errorf("kept %v\n%s", err, r.Policy)
	}
	// The node's own part changes meanwhile.
	edited := strings.Replace(own, "lan-out", "office-out", 1)
	if _, err := f.Apply(t.Context(), report.Request{Draft: ofPair(edited)}, m.caller()); err != nil {
		t.Fatal(err)
	}
	for i, r := range []config.Revision{child, parent} { // what was kept before may run as well
		s := m.stageAndSwitch(t, f, Proposal{Foreign: &r})
		if _, err := f.Keep(t.Context(), s.ID); err != nil {
			t.Fatal(err)
		}
		stop()
		f, stop = m.start(t, nil)
		want := strings.Replace(edited, "10.1.2.14", []string{"10.1.2.16", "10.1.2.15"}[i], 1)
		if now := standing(t, f).Running; now.ID != r.ID || string(now.Policy) != want {
			t.Errorf("after a restart %s runs\n%s", now.ID, now.Policy)
		}
	}
	h, err := f.State.History()
	if err != nil || h.Relation(child.ID, running.ID) != config.Ahead {
		t.Errorf("the child and what ran are %v, %v", h.Relation(child.ID, running.ID), err)
	}
	if err := f.KeepForeign(t.Context(), config.Revision{ID: "forged", Shared: []byte("x")}); err == nil {
		t.Error("a revision that is not what its ID says is kept")
	}
}

// TestForeignWarnsOfCutOffs: who is logged in here is named to whoever asks at the other node.
func TestForeignWarnsOfCutOffs(t *testing.T) {
	m, f, _ := over(t, "10.1.2.9:50000")
	m.connections[m.ssh[7]] = true
	m.connections[Connection{Local: netip.MustParseAddrPort("10.1.2.1:40000"), Remote: netip.MustParseAddrPort("10.1.2.9:22")}] = true // the other way
	cuts, lets := fromPeer(testPolicy), fromPeer(withSSH+"# more\n")
	s := m.stage(t, f, Proposal{Foreign: &cuts})
	if len(s.Warnings) != 1 || !strings.HasPrefix(s.Warnings[0], "the SSH connection from 10.1.2.9:50000 to this node would be cut off: it comes in by lan, and ") {
		t.Errorf("warnings %q", s.Warnings)
	}
	if _, err := f.GoBack(t.Context(), s.ID); err != nil {
		t.Fatal(err)
	}
	if s := m.stage(t, f, Proposal{Foreign: &lets}); len(s.Warnings) > 0 {
		t.Errorf("warnings %q", s.Warnings)
	}
}
