package configsync

import (
	"slices"

	"github.com/rempart/rempart/config"
)

// verdict is how the revisions of two nodes stand to each other, and so what this node does about it.
type verdict int

const (
	inStep  verdict = iota + 1
	catchUp         // this node is behind, and pulls
	awaits          // the other is behind, and pulls
	apart           // both were edited: nobody does anything, until a person decides
	unknown         // the other runs what this node has never seen: it asks for it
	rename          // equal texts by different ways: this node takes the other's
	renamed         // the other takes this node's
	decided         // the other has kept what waits here
	undone          // the other has given up what waits here
	waits           // something is under way
)

var verdicts = [...]string{
	inStep: "in step", catchUp: "catch up", awaits: "awaits", apart: "apart", unknown: "unknown", rename: "rename", renamed: "renamed",
	decided: "decided", undone: "undone", waits: "waits",
}

// String is the verdict in a word or two.
func (v verdict) String() string { return verdicts[v] }

// judge compares what two nodes say of themselves. foreign says that what waits here is of the other, and h
// is all that this node has ever kept. Two nodes
// that judge each other by the same two states never both catch up, and never both rename.
func judge(own, peer *state, foreign bool, h config.History) verdict {
	if own.Pending != "" {
		switch {
		case slices.Contains(peer.Line, own.Pending):
			return decided
		case foreign && peer.Pending != own.Pending && peer.Held != own.Pending:
			return undone
		}
		return waits
	}
	switch {
	case own.Held != "" && foreign && peer.Held != own.Held && peer.Pending != own.Held && !slices.Contains(peer.Line, own.Held):
		return undone
	case own.Held != "" || peer.Held != "" || peer.Pending != "":
		return waits
	}
	a, b := own.Current.ID, peer.Current.ID
	relation := relate(a, b, peer.Line, h)
	switch {
	case a == b:
		return inStep
	case a != "" && b != "" && own.Current.Hash == peer.Current.Hash && own.Secrets == peer.Secrets:
		if relation == config.Behind || relation != config.Ahead && a < b {
			return rename
		}
		return renamed
	case relation == config.Behind:
		return catchUp
	case relation == config.Ahead:
		return awaits
	case h.Contains(b):
		return apart
	}
	return unknown
}

// relate is how a stands to b, which is the head of a line that may be cut off.
func relate(a, b string, line []string, h config.History) config.Relation {
	switch {
	case a == b:
		return config.Same
	case a == "" || slices.Contains(line, a):
		return config.Behind
	case b == "":
		return config.Ahead
	case h.Contains(b):
		return h.Relation(a, b)
	}
	return config.Apart
}
