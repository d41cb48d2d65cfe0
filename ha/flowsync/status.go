package flowsync

import (
	"fmt"
	"time"

	"github.com/rempart/rempart/ha/flowwire"
	"github.com/rempart/rempart/ha/view"
)

const (
	// silent is how long a master may say nothing until nobody knows what it has.
	silent = 3 * time.Second
	// unanswered is how long a backup may say nothing until the master says so.
	unanswered = 1500 * time.Millisecond
	// unproved is how long the digests may differ until a backup is not complete, and uncompared how long it may be
	// impossible to tell: on a cable that loses much there is always something under way.
	unproved   = 5 * time.Second
	uncompared = 30 * time.Second
	// handover is how long a master that says no more that it is one may still be taken for it.
	handover = time.Second
)

// assess settles whether this node has all flows of the master.
func (e *Engine) assess(now time.Time) {
	e.why = e.lacks(now)
	was := e.complete
	e.complete = e.target.PeerSpeaks && e.why == ""
	if e.complete != was {
		e.stateAt = time.Time{} // the master need not wait for the next regular one to know
	}
	if e.complete && !was && e.peer.before.next > 0 {
		e.peer.finish() // what is left is of flows that ended meanwhile
		e.jobs.flush()
	}
	if e.complete && !was && !e.target.Speak {
		e.start(now, false) // what this kernel has of an earlier time
	}
}

// lacks is what keeps this node from having all flows of the master; empty: nothing.
func (e *Engine) lacks(now time.Time) string {
	s := &e.in.state
	switch {
	case !e.target.PeerSpeaks:
		return ""
	case !e.seals.ready():
		return "the peer is not reached on the cable"
	case e.in.heard.IsZero():
		return "the master has said nothing yet"
	case now.Sub(e.in.heard) > silent:
		return fmt.Sprintf("nothing has come over the cable for %v", now.Sub(e.in.heard).Round(time.Second))
	case s.Flags&flowwire.Speaking == 0 && e.complete && !e.in.hushed.IsZero() && now.Sub(e.in.hushed) < handover:
		return "" // it gives the role away, and its last word was quicker than its heartbeat
	case s.Flags&flowwire.Speaking == 0:
		return "the master has not begun yet"
	case s.Flags&flowwire.Whole == 0:
		return "the master takes stock of its flows"
	case s.Flags&flowwire.SnapshotSent == 0:
		return fmt.Sprintf("the snapshot is under way: %d flows so far", e.peer.has.count)
	case e.peer.failing > 0:
		return fmt.Sprintf("%d flows do not fit into the table of this node: raise nf_conntrack_max (flow_table in [ha])", e.peer.failing)
	case e.peer.equal.IsZero() || e.in.differs && now.Sub(e.peer.equal) > unproved:
		return "the digests differ: what does is being fetched"
	case now.Sub(e.peer.equal) > uncompared:
		return "the digests could not be compared for half a minute: the cable loses too much"
	}
	return ""
}

// Report is how it stands.
func (e *Engine) Report(now time.Time) view.Sync {
	out := view.Sync{
		State: e.state(), Why: e.why, Flows: e.peer.has.count, PeerFlows: e.in.state.Count, Checked: e.peer.equal,
		Repair: e.repair, Repaired: e.repairedAt, Stats: *e.stats,
	}
	if e.telling() {
		out.Flows, out.PeerFlows = e.own.live, e.in.state.Mirror
		out.InFlight, out.Lag = e.inFlight(now)
		out.Told = e.own.snapshot == sent
		if out.State == view.SyncSending && out.Why == "" {
			out.Why = e.behind(now)
		}
	}
	return out
}

func (e *Engine) state() view.SyncState {
	switch {
	case !e.seals.ready():
		return view.SyncOff
	case e.target.Speak && e.target.PeerSpeaks:
		return view.SyncBoth
	case e.target.Speak:
		return view.SyncSending
	case e.target.PeerSpeaks && e.complete:
		return view.SyncComplete
	case e.target.PeerSpeaks:
		return view.SyncIncomplete
	}
	return view.SyncIdle
}

// behind is why the peer is not complete; empty: it is.
func (e *Engine) behind(now time.Time) string {
	s := e.in.state.Flags
	switch {
	case e.in.heard.IsZero() || now.Sub(e.in.heard) > unanswered:
		return "the peer does not answer on the cable"
	case e.mute:
		return "the kernel reports no flows: nf_conntrack_events is 0 here"
	case !e.own.whole:
		return "this node takes stock of its flows"
	case e.in.full:
		return "flows do not fit into the peer's table: raise flow_table in [ha], for both nodes"
	case s&flowwire.Complete == 0:
		return "the peer is not complete yet"
	}
	return ""
}

// inFlight is how many flows changed that the peer may not have, and for how long the oldest has waited.
func (e *Engine) inFlight(now time.Time) (n uint64, lag time.Duration) {
	at := e.micros(now)
	for _, q := range []*queue{&e.own.urgent, &e.own.lazy} {
		n += uint64(q.len())
		if q.len() > 0 {
			lag = max(lag, time.Duration(at-q.first().at)*time.Microsecond)
		}
	}
	for i := range e.own.flights.all {
		f := &e.own.flights.all[i]
		n += uint64(len(f.slots))
		if len(f.slots) > 0 {
			lag = max(lag, now.Sub(f.at))
		}
	}
	return n, lag
}
