package ha

import (
	"maps"
	"slices"
	"strings"

	"github.com/rempart/rempart/ha/view"
)

// limits compares the numbers of the kernels on which it depends what becomes of a flow.
func (d *doctor) limits() {
	equal := true
	for _, name := range slices.Sorted(maps.Keys(d.here.Limits)) {
		ours := d.here.Limits[name]
		if theirs, ok := d.there.Limits[name]; ok && theirs != ours {
			equal = false
			how, remedy := unequal(name)
			d.say("kernel limits", "", how, remedy, "%s is %s here and %s there", name, ours, theirs)
		}
	}
	if equal {
		d.say("kernel limits", "", view.Good, "", "equal on both nodes")
	}
}

// unequal is how bad it is that the nodes differ in a number, and what to do about it.
func unequal(name string) (how view.Result, remedy string) {
	switch name {
	case "nf_conntrack_max":
		return view.Bad, "write flow_table into [ha] and apply it on both: flows of a full node do not fit into a smaller one"
	case "nf_conntrack_buckets":
		return view.Doubt, "write flow_table into [ha] and apply it on both: a table with few buckets is slow when it is full"
	case "nf_conntrack_events":
		return view.Bad, "apply the policy on both, which sets 1: without it flows report nothing to the other node"
	case "nf_conntrack_tcp_loose", "nf_conntrack_tcp_be_liberal":
		return view.Bad, "set it equal on both with sysctl: a connection that passes on one node would be invalid on the other"
	case "nf_conntrack_acct", "nf_conntrack_timestamp":
		return view.Doubt, "set it equal on both with sysctl: flows would show bytes or age on one node alone"
	}
	if strings.Contains(name, "_timeout") {
		return view.Doubt, "set it equal on both with sysctl: idle flows would live longer on one node than on the other"
	}
	return view.Bad, "set them equal on both: flows of a full node do not fit into a smaller one"
}
