package config

import "strings"

// unsupported is what the language has and this version reads but does not
// enforce. A firewall that takes such a key would promise what it does not do,
// so Parse refuses it. Each line stands for itself and goes when the part is built.
//
// A path leads from the file's top; "*" is any name, a list is entered by itself.
var unsupported = [...]struct{ path, what string }{
	{"shaper", "traffic shaping"},
	{"queue", "traffic shaping"},
	{"limiter", "traffic shaping"},
	{"shape", "traffic shaping"},
	{"application", "recognition of applications"},
}

// refuseUnsupported reports what this version does not enforce.
func (f *faults) refuseUnsupported(tree *node) {
	for _, u := range unsupported {
		for _, n := range find(tree, strings.Split(u.path, ".")) {
			f.atKey(n, "%s: not enforced by this version of rempart: remove it", u.what)
		}
	}
	f.refuseIdleOutbound(tree)
}

// refuseIdleOutbound reports [[outbound]] where the mode leaves it without effect.
func (f *faults) refuseIdleOutbound(tree *node) {
	mode := natWords[NATAutomatic-1]
	if n := find(tree, []string{"nat", "outbound"}); len(n) == 1 {
		mode = n[0].text
	}
	if mode != natWords[NATAutomatic-1] && mode != natWords[NATOff-1] {
		return
	}
	for _, n := range find(tree, []string{"outbound"}) {
		f.atKey(n, "has no effect while nat.outbound is %q: remove it", mode)
	}
}

// find returns what a path leads to, each table of a list for itself.
func find(n *node, path []string) []*node {
	if n.kind == kindTables || n.kind == kindArray && len(n.children) > 0 && n.children[0].kind == kindTable {
		var all []*node
		for _, c := range n.children {
			all = append(all, find(c, path)...)
		}
		return all
	}
	if len(path) == 0 {
		return []*node{n}
	}
	if path[0] != "*" {
		if c := n.child(path[0]); c != nil {
			return find(c, path[1:])
		}
		return nil
	}
	var all []*node
	for _, c := range n.children {
		all = append(all, find(c, path[1:])...)
	}
	return all
}
