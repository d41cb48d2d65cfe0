package firewall

import (
	"context"
	"net/netip"
	"time"

	"github.com/rempart/rempart/firewall/flows"
)

// overloads are the sources that went over a limit and whose flows are to be
// ended. They are gathered, because finding flows means walking the whole
// table: a flood of sources must not make the gateway walk it for each.
type overloads struct {
	sources map[netip.Addr]bool
	due     time.Time // zero: nothing is gathered
	last    time.Time // when the table was walked last
	took    time.Duration
}

const (
	gatherOverloads = 100 * time.Millisecond
	maxOverloads    = 65536
	// restAfterWalk is how many times as long as the last walk of the table took the next one waits.
	restAfterWalk = 10
)

func (o *overloads) add(src netip.Addr, now time.Time) {
	if !src.IsValid() || len(o.sources) >= maxOverloads {
		return
	}
	if o.sources == nil {
		o.sources = map[netip.Addr]bool{}
		o.due = now.Add(gatherOverloads)
		if rested := o.last.Add(restAfterWalk * o.took); rested.After(o.due) {
			o.due = rested
		}
	}
	o.sources[src] = true
}

// endOverloaded ends the flows of all sources that were gathered.
func (f *Firewall) endOverloaded(ctx context.Context, now time.Time) {
	o := &f.overloads
	if o.due.IsZero() || now.Before(o.due) {
		return
	}
	began := time.Now()
	sources := o.sources
	o.sources, o.due = nil, time.Time{}
	var theirs []flows.Flow
	err := f.FlowTable.Walk(ctx, nil, func(fl flows.Flow) {
		if sources[fl.Orig.Src.Addr()] {
			theirs = append(theirs, fl)
		}
	})
	n := 0
	if err == nil {
		n, err = f.FlowTable.End(ctx, theirs)
	}
	o.last, o.took = time.Now(), time.Since(began)
	if err != nil {
		f.log.Warn("flows of sources over their limit could not be ended", "sources", len(sources), "cause", err)
		return
	}
	f.log.Info("sources went over a limit, their flows are ended", "sources", len(sources), "flows", n)
}
