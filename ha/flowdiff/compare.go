package flowdiff

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/rempart/rempart/ha/conntrack"
	"github.com/rempart/rempart/ha/view"
	"golang.org/x/sync/errgroup"
)

const (
	// again is how long a difference must last: far longer than a change is on its way to the other node.
	again = 300 * time.Millisecond
	// roundFlows is how many flows are looked at together. It leaves room for those that come meanwhile.
	roundFlows = maxRecords / 2
	// maxRounds bounds what a comparison of two tables that have nothing in common costs.
	maxRounds = 10
)

// Compare names what differs between two nodes, limit flows of it at most.
func Compare(ctx context.Context, here, there Side, limit int) (view.FlowsDiff, error) {
	c := comparison{here: here, there: there, salt: rand.Uint64(), most: roundFlows}
	return c.run(ctx, limit)
}

// run is the whole comparison.
func (c *comparison) run(ctx context.Context, limit int) (view.FlowsDiff, error) {
	open, err := c.begin(ctx)
	if err != nil {
		return view.FlowsDiff{}, err
	}
	for round := 0; len(open) > 0 && len(c.out.Flows) < limit; round++ {
		if round == maxRounds {
			c.out.More = true
			break
		}
		var now Set
		now, open = c.next(open)
		if err := c.round(ctx, now); err != nil {
			return view.FlowsDiff{}, err
		}
	}
	slices.SortFunc(c.out.Flows, func(a, b view.FlowDiff) int { return strings.Compare(a.Flow, b.Flow) })
	c.out.More = c.out.More || len(open) > 0 || len(c.out.Flows) > limit
	c.out.Flows = c.out.Flows[:min(len(c.out.Flows), limit)]
	return c.out, nil
}

// comparison is one that is under way.
type comparison struct {
	here, there Side
	salt        uint64
	most        int          // flows to look at together
	counts      [Buckets]int // how many flows the node has that has more
	out         view.FlowsDiff
}

// begin finds the buckets that differ.
func (c *comparison) begin(ctx context.Context) (open []uint16, err error) {
	here, there, err := both(ctx, func(ctx context.Context, s Side) (*Digests, error) { return s.Digests(ctx, c.salt) }, c.here, c.there)
	if err != nil {
		return nil, err
	}
	c.out.Here, c.out.There = here.Total(), there.Total()
	for b := range uint16(Buckets) {
		if c.counts[b] = int(max(here[b].Count, there[b].Count)); here[b] != there[b] {
			open = append(open, b)
		}
	}
	return open, nil
}

// next takes as many buckets as are looked at together, one at least.
func (c *comparison) next(open []uint16) (now Set, rest []uint16) {
	flows := 0
	for i, b := range open {
		if flows += c.counts[b]; i > 0 && flows > c.most {
			return now, open[i:]
		}
		now.Add(b)
	}
	return now, nil
}

// round looks at some buckets twice. What differs both times does differ.
func (c *comparison) round(ctx context.Context, set Set) error {
	first, err := c.look(ctx, set)
	if err != nil || len(first) == 0 {
		return err
	}
	t := time.NewTimer(again)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	var left Set
	h := newHasher(c.salt)
	for k := range first {
		left.Add(h.bucket(&k))
	}
	second, err := c.look(ctx, left)
	if err != nil {
		return err
	}
	for k, d := range second {
		if _, lasts := first[k]; lasts {
			c.out.Flows = append(c.out.Flows, d.text(&k))
		}
	}
	return nil
}

// difference is what each node has of a flow; nil: nothing.
type difference struct{ here, there *Record }

// look finds what differs in some buckets now. Those that a node could not send are no difference; there
// is more, then.
func (c *comparison) look(ctx context.Context, set Set) (map[conntrack.Key]difference, error) {
	here, there, err := both(ctx, func(ctx context.Context, s Side) (*Part, error) { return s.Flows(ctx, Query{c.salt, set}) }, c.here, c.there)
	if err != nil {
		return nil, err
	}
	var known Set
	for i := range known {
		known[i] = set[i] & here.Covers[i] & there.Covers[i]
	}
	c.out.More = c.out.More || known != set
	found, h := make(map[conntrack.Key]difference), newHasher(c.salt)
	for i := range here.Flows {
		if r := &here.Flows[i]; known.Has(h.bucket(&r.Flow.Key)) {
			found[r.Flow.Key] = difference{here: r}
		}
	}
	for i := range there.Flows {
		r := &there.Flows[i]
		switch d := found[r.Flow.Key]; {
		case !known.Has(h.bucket(&r.Flow.Key)):
		case d.here != nil && d.here.same(r):
			delete(found, r.Flow.Key)
		default:
			found[r.Flow.Key] = difference{d.here, r}
		}
	}
	return found, nil
}

// both asks both nodes at once.
func both[T any](ctx context.Context, ask func(context.Context, Side) (T, error), here, there Side) (a, b T, err error) {
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() (err error) {
		if a, err = ask(ctx, here); err != nil {
			err = fmt.Errorf("read flows: %w", err)
		}
		return err
	})
	parts.Go(func() (err error) {
		b, err = ask(ctx, there)
		return err
	})
	err = parts.Wait()
	return a, b, err
}
