package failover_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"
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
	// takeover is from the fault until the other node said to the client's network that the address is its own.
	takeover time.Duration
	// never says that the traffic had not come back when patience ended: the gap is what was seen of it.
	never bool
}

// trial lets the master be struck by a fault under traffic, and has the pair whole again when it
// returns, with the roles exchanged.
func (p *pair) trial(tb testing.TB, f fault) trial {
	tb.Helper()
	old, heir := p.master, p.other(p.master)
	out := startProber(tb, p.client, port(serverAddress, serverPort))
	in := startProber(tb, p.server, port(wanVIP, clientPort))
	flows := func(since time.Time) bool { return out.answeredSince(since) > 20 && in.answeredSince(since) > 20 }
	if begin := time.Now(); !within(waitAtMost, func() bool { return flows(begin) }) {
		tb.Fatalf("%s: no traffic before the fault\n%s\n%s", p.name(), old.output(), heir.output())
	}
	// A node that has just started has heard the master by then, and is in no known phase to it.
	time.Sleep(p.advert() + time.Duration(rand.Int64N(int64(p.advert()))))
	heard := p.client.Capture("eth0", claims(lanVIP, heir.host.MAC(lanDevice)))
	at := time.Now()
	f.strike(tb, p.contender, p.bed, old)

	ctx, cancel := context.WithDeadline(tb.Context(), at.Add(patience))
	defer cancel()
	t := trial{never: !heard.Await(ctx, 1)}
	if claims := heard.Stop(); len(claims) > 0 {
		t.takeover = claims[0].At.Sub(at)
	}
	since := time.Now()
	t.never = !within(time.Until(at.Add(patience)), func() bool { return flows(since) }) || t.never
	time.Sleep(aftermath)
	for _, probes := range [][]probe{out.end(), in.end()} {
		o := outageSince(probes, at)
		t.gap, t.lost = max(t.gap, o.gap), t.lost+o.lost
	}
	p.repair(tb, f, t.never)
	return t
}

// repair brings the struck node back; where the other has not followed it, both start anew.
func (p *pair) repair(tb testing.TB, f fault, never bool) {
	tb.Helper()
	old, heir := p.master, p.other(p.master)
	old.clean(tb)
	if never {
		heir.clean(tb)
	}
	f.mend(p.bed, old)
	if never {
		p.startBoth(tb)
		return
	}
	p.master = heir
	p.join(tb, old)
}
