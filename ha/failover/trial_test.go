package failover_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

const (
	// patience is how long after a fault the traffic may take to come back.
	patience = 6 * time.Second
	// aftermath is how long it is watched after that.
	aftermath = 200 * time.Millisecond
)

// trial is what one fault did.
type trial struct {
	// gap is the longest outage of the two directions, and lost the probes of both that had no answer.
	gap  time.Duration
	lost int
	// takeover is from the fault until the other node had announced both addresses; zero if it did not.
	takeover time.Duration
	// never says that when patience ended the traffic had not come back, or the other node had not both
	// addresses: the gap is what was seen of it.
	never bool
	// early says that the other node had taken over before the fault: the trial is of no use.
	early bool
	// slept is the longest time in which a prober did not ask although it should have.
	slept time.Duration
}

// trial lets the master be struck by a fault under traffic, and has the pair whole again when it
// returns, with the roles exchanged.
func (p *pair) trial(tb testing.TB, f fault) trial {
	tb.Helper()
	old, heir := p.master, p.other(p.master)
	out := startProber(tb, p.client, port(serverAddress, serverPort))
	in := startProber(tb, p.server, port(wanVIP, clientPort))
	flows := func(since time.Time) bool { return out.answeredSince(since) > 20 && in.answeredSince(since) > 20 }
	if begin := time.Now(); !lab.Poll(waitAtMost, func() bool { return flows(begin) }) {
		tb.Fatalf("%s: no traffic before the fault\n%s\n%s", p.name(), old.output(), heir.output())
	}
	// A node that has just started has heard the master by then, and is in no known phase to it.
	time.Sleep(p.advert() + time.Duration(rand.Int64N(int64(p.advert()))))
	at := time.Now()
	early := p.heard.any()
	f.strike(tb, p.contender, p.bed, old)

	t := trial{early: early}
	taken := lab.Poll(patience, p.heard.all)
	if taken {
		t.takeover = p.heard.complete().Sub(at)
	}
	p.heard.stop()
	since := time.Now()
	t.never = !lab.Poll(time.Until(at.Add(patience)), func() bool { return flows(since) }) || !taken
	time.Sleep(aftermath)
	for _, probes := range [][]probe{out.end(), in.end()} {
		o := outageSince(probes, at)
		t.gap, t.lost, t.slept = max(t.gap, o.gap), t.lost+o.lost, max(t.slept, o.slept)
	}
	p.repair(tb, f, t.early || t.never)
	return t
}

// repair brings the struck node back. Where the other has not followed it, or was not to follow, both start anew.
func (p *pair) repair(tb testing.TB, f fault, anew bool) {
	tb.Helper()
	old, heir := p.master, p.other(p.master)
	old.clean(tb)
	if anew {
		heir.clean(tb)
	}
	f.mend(p.bed, old)
	if anew {
		p.startBoth(tb)
		return
	}
	p.master = heir
	p.join(tb, old)
}
