// Package hooks runs what belongs to a role and is not ours: an administrator's
// executables, the services that are tied to being master, and the commands that say whether a node is fit.
// None of it can hold up a change of role.
package hooks
