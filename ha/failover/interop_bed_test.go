package failover_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rempart/rempart/ha/view"
	"github.com/rempart/rempart/lab"
)

// mix is how a node of ours and one with ucarp are set.
type mix struct {
	preempt    bool
	skew       int    // of ours
	theirSkew  int    // of ucarp
	base       int    // of both, in seconds; zero: one
	key        string // of both; empty: some
	theirKey   string // of ucarp, if it is another
	more       string // policy of ours
	theirFlags []string
}

// mixed is a node of ours and one with ucarp that share the client's gateway as vhid 1.
type mixed struct {
	*bed
	mix
	ours, theirs *node
}

// newMixed builds the network; nothing runs yet.
func newMixed(t *testing.T, m mix) *mixed {
	t.Helper()
	t.Parallel()
	needs(t, "ucarp", "conntrack")
	needsPair(t)
	m.base = max(m.base, 1)
	if m.key == "" {
		m.key = "carpsecret"
	}
	if m.theirKey == "" {
		m.theirKey = m.key
	}
	b := newBed(t)
	x := &mixed{bed: b, mix: m, ours: b.nodes[0], theirs: b.nodes[1]}
	x.ours.configure(t, x.policy(), nodeFile(x.ours, m.skew), m.key)
	return x
}

func (x *mixed) policy() string {
	return fmt.Sprintf(`schema = 1

[interface.lan]
[interface.wan]
external = true
[interface.cable]

[ha]
preempt   = %t
secret    = "file:carp.key"
interface = "cable"
advbase   = %d

[[vip]]
interface = "lan"
address   = "%s/24"
vhid      = 1
%s`, x.preempt, x.base, lanVIP, x.more)
}

func (x *mixed) startOurs(t *testing.T) {
	t.Helper()
	startRempart(t, x.ours)
}

func (x *mixed) startTheirs(t *testing.T) {
	t.Helper()
	args := []string{"--interface", lanDevice, "--srcip", x.theirs.lan(), "--addr", lanVIP, "--vhid", "1", "--shutdown",
		"--pass", x.theirKey, "--advbase", fmt.Sprint(x.base), "--advskew", fmt.Sprint(x.theirSkew)}
	startUcarp(t, x.theirs, append(args, x.theirFlags...)...)
}

// stopTheirs ends ucarp as a crash of its machine would.
func (x *mixed) stopTheirs(t *testing.T) {
	t.Helper()
	x.theirs.clean(t)
}

// ourRole is the role of our node, empty while it does not say.
func (x *mixed) ourRole() string {
	s, err := x.ours.status()
	if err != nil || len(s.Groups) == 0 {
		return ""
	}
	return s.Groups[0].Role
}

var ucarpState = regexp.MustCompile(`Switching to state: (\w+)`)

// theirRole is the role that ucarp has logged last, empty when it does not run.
func (x *mixed) theirRole() string {
	if len(x.theirs.procs) == 0 {
		return ""
	}
	all := ucarpState.FindAllStringSubmatch(x.theirs.procs[len(x.theirs.procs)-1].Output(), -1)
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1][1]
}

// await waits until both have a role.
func (x *mixed) await(t *testing.T, ours, theirs string) {
	t.Helper()
	if !lab.Poll(waitAtMost, func() bool { return x.theirRole() == theirs && x.ourRole() == ours }) {
		t.Fatalf("ours is %q and theirs %q, want %q and %q\n%s\n%s", x.ourRole(), x.theirRole(), ours, theirs, x.ours.output(), x.theirs.output())
	}
}

// keep holds the two to their roles until so many advertisements have passed.
func (x *mixed) keep(t *testing.T, ads int, ours, theirs string) {
	t.Helper()
	heard := x.client.Capture("eth0", isAd)
	waitFor(t, "advertisements", func() bool { return len(heard.Packets()) >= ads })
	heard.Stop()
	if x.ourRole() != ours || x.theirRole() != theirs {
		t.Errorf("ours is %q and theirs %q, want %q and %q\n%s\n%s", x.ourRole(), x.theirRole(), ours, theirs, x.ours.output(), x.theirs.output())
	}
}

// carp is CARP's number in the IP header.
const carp = 112

// isAd is a filter for a capture: CARP.
func isAd(frame []byte) bool {
	d, err := lab.Packet{Frame: frame}.Datagram()
	return err == nil && d.Protocol == carp
}

// sees waits until our node's status is as wanted.
func (x *mixed) sees(t *testing.T, what string, ok func(s view.Status) bool) {
	t.Helper()
	var last view.Status
	if !lab.Poll(waitAtMost, func() bool {
		s, err := x.ours.status()
		last = s
		return err == nil && ok(s)
	}) {
		t.Errorf("our node does not see %s: %+v\n%s", what, last, x.ours.output())
	}
}

// warns reports whether a status has a warning with a text in it.
func warns(s view.Status, text string) bool {
	return slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.Contains(w, text) })
}
