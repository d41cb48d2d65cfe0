package flowdiff

import (
	"context"

	"github.com/rempart/rempart/ha/conntrack"
)

// Local is this node.
type Local struct {
	Table Table
	// Shared says whether a flow is the pair's concern.
	Shared func(*conntrack.Flow) bool
}

var _ Side = Local{}

// Digests are those of the flows that this node's kernel has now.
func (l Local) Digests(ctx context.Context, salt uint64) (*Digests, error) {
	out, h := new(Digests), newHasher(salt)
	err := l.walk(ctx, func(r *Record) {
		d := &out[h.bucket(&r.Flow.Key)]
		d.Count++
		d.Sum ^= h.content(r)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Flows are those of the buckets that are asked for. A bucket whose flows do not fit any more
// is left out whole.
func (l Local) Flows(ctx context.Context, q Query) (*Part, error) {
	h, found := newHasher(q.Salt), make(map[uint16][]Record)
	over := new(Set)
	err := l.walk(ctx, func(r *Record) {
		switch b := h.bucket(&r.Flow.Key); {
		case !q.Set.Has(b) || over.Has(b):
		case len(found[b]) == maxRecords: // no answer could have them all
			over.Add(b)
			delete(found, b)
		default:
			found[b] = append(found[b], *r)
		}
	})
	if err != nil {
		return nil, err
	}
	out, room := new(Part), maxRecords
	for b := range uint16(Buckets) {
		if flows := found[b]; q.Set.Has(b) && !over.Has(b) && len(flows) <= room {
			out.Covers.Add(b)
			out.Flows = append(out.Flows, flows...)
			room -= len(flows)
		}
	}
	return out, nil
}

// walk shows what counts of each shared flow.
func (l Local) walk(ctx context.Context, see func(*Record)) error {
	return l.Table.Walk(ctx, func(f *conntrack.Flow, x *conntrack.Extra) error {
		if f.Kind == conntrack.KindFlow && l.Shared(f) {
			r := recordOf(f, x)
			see(&r)
		}
		return nil
	})
}
