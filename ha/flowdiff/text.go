package flowdiff

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/rempart/rempart/ha/conntrack"
	"github.com/rempart/rempart/ha/view"
)

// text is a difference for people. Of a flow that both nodes have it says only what is not the same.
func (d difference) text(k *conntrack.Key) view.FlowDiff {
	out := view.FlowDiff{Flow: k.String()}
	switch {
	case d.there == nil:
		out.Here = d.here.text()
	case d.here == nil:
		out.There = d.there.text()
	default:
		here, there := d.here.traits(), d.there.traits()
		out.Here, out.There = here.without(there), there.without(here)
	}
	return out
}

// text is all that a node has of a flow, but for what most have.
func (r *Record) text() string {
	k := r.Flow.Key
	usual := Record{Flow: conntrack.Flow{Key: k, Reply: k.Orig.Inverse(k.Proto), Status: conntrack.SeenReply}}
	most := usual.traits()
	most[1] = "" // it is always said, so that there is something to say
	return r.traits().without(most)
}

// traits are all that counts of a flow, each in its place.
type traits [11]string

// without is what is not the same as the other's.
func (t traits) without(o traits) string {
	var words []string
	for i := range t {
		if t[i] != o[i] && t[i] != "" {
			words = append(words, t[i])
		}
	}
	return strings.Join(words, ", ")
}

func (r *Record) traits() traits {
	f := &r.Flow
	is := func(s conntrack.Status, yes, no string) string { return either(f.Status&s != 0, yes, no) }
	return traits{
		stateText(f), is(conntrack.Assured, "assured", "not assured"), is(conntrack.SeenReply, "answered", "not answered"),
		is(conntrack.SrcNAT, "source translated", "source not translated"),
		is(conntrack.DstNAT, "destination translated", "destination not translated"),
		fmt.Sprintf("answered as %v", conntrack.Key{Orig: f.Reply, Family: f.Family, Proto: f.Proto}), fmt.Sprintf("mark %#x", f.Mark),
		optionsText(f),
		either(r.Rare.Helper != [16]byte{}, "helper "+name(r.Rare.Helper), "no helper"),
		fmt.Sprintf("labels %x", r.Rare.Labels), adjustText(r.Rare.Adjust, f.Status),
	}
}

func either(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

// stateText is the state of a protocol that has one.
func stateText(f *conntrack.Flow) string {
	switch {
	case f.Proto == conntrack.TCP && f.State == 0 && f.Status&conntrack.Offload != 0:
		return conntrack.Established.String()
	case f.Proto == conntrack.TCP:
		return f.State.String()
	case f.State != 0:
		return fmt.Sprintf("state %d", f.State)
	}
	return ""
}

// optionsText is what both ends of a TCP flow agreed on.
func optionsText(f *conntrack.Flow) string {
	if f.Flags[0]&f.Flags[1]&conntrack.WindowScale == 0 {
		return either((f.Flags[0]|f.Flags[1])&conntrack.WindowScale != 0, "windows scaled one way", "windows not scaled") + sackText(f)
	}
	return fmt.Sprintf("windows scaled by %d and %d", f.Scale[0], f.Scale[1]) + sackText(f)
}

func sackText(f *conntrack.Flow) string {
	return [...]string{"", " and SACK of the answers", " and SACK of the asker", " and SACK"}[sack(f.Flags[0])*2+sack(f.Flags[1])]
}

func sack(f conntrack.TCPFlags) int { return int(f & conntrack.SACK / conntrack.SACK) }

// adjustText is by how much sequence numbers of both directions are changed, and from which on.
func adjustText(a [2]conntrack.Adjust, s conntrack.Status) string {
	if a == [2]conntrack.Adjust{} && s&conntrack.SeqAdjust == 0 {
		return "sequence numbers as they are"
	}
	return fmt.Sprintf("sequence numbers %+d after %d and %+d after %d", int32(a[0].After), a[0].Pos, int32(a[1].After), a[1].Pos)
}

// name is a string of the kernel, which a zero byte ends.
func name(b [16]byte) string {
	text, _, _ := bytes.Cut(b[:], []byte{0})
	return string(text)
}
