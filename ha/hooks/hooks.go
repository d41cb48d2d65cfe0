// Package hooks runs what belongs to a role and is not ours: an administrator's
// executables, the services that are tied to being master, and the commands that say whether a node is fit.
// None of it can hold up a change of role.
//
//	Tell(Change) --> newest of each group --> hooks in name order, systemctl --> Status
//	Checks: command, every interval --> fall and rise --> changed(name, ok, why)
//
// What a command leaves running in its process group is killed when the command ends: a
// hook that starts a daemon asks systemd to.
package hooks

import (
	"strings"
	"time"
)

// Change is a change of role.
type Change struct {
	Group string
	// From and To are roles in capitals, as carp(4) writes them: INIT, SYNCING, BACKUP, MASTER, RELEASING.
	From, To   string
	Why        string
	Node, Peer string // the names of this node and of the other
}

const (
	master    = "MASTER"
	releasing = "RELEASING"
)

// searchPath is where hooks find programs.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environment is all that a hook finds in its environment.
func (c Change) environment() []string {
	return []string{
		"PATH=" + searchPath,
		"REMPART_GROUP=" + c.Group, "REMPART_ROLE=" + c.To, "REMPART_FROM=" + c.From,
		"REMPART_WHY=" + oneLine(c.Why), "REMPART_NODE=" + c.Node, "REMPART_PEER=" + c.Peer,
	}
}

// oneLine is text in a form that an environment can hold.
func oneLine(s string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(s, "\x00", " ")), " ")
}

// Result is how something ran for the last time.
type Result struct {
	// Name is of the hook's file, or of the service.
	Name string
	// Group and Role are what a hook was called with. Of a service the group is empty and the
	// role is "start" or "stop".
	Group, Role string
	When        time.Time
	Took        time.Duration
	Err         string // empty: it succeeded
}
