package pulse

import (
	"fmt"
	"time"
)

// reason is why a verdict is what it is.
type reason int

const (
	bySilence  reason = iota
	byReset           // with the connection of the daemons
	byCarrier         // with the carrier of the cable
	byPatience        // although its kernel answers
)

// Check is the verdict now, and the paths on which to ask the peer's kernel now whether it is there.
func (j *Judge) Check(now time.Time) (v Verdict, knock []string) {
	if due := j.Deadline(); !due.IsZero() {
		j.Slept(now, now.Sub(due))
	}
	j.now, j.due = now, time.Time{}
	v, why := j.weigh()
	if v < j.verdict && j.verdict != Left && !j.life.After(j.known) {
		// Only life makes it better: that windows started anew does not.
		v, why = j.verdict, j.reason
	}
	if v != j.verdict || v == Doubtful || v == Stunned {
		j.at, j.reason, j.silence = now, why, now.Sub(j.life)
	}
	j.verdict, j.known = v, j.life
	return v, j.knock()
}

// weigh is the verdict that the evidence gives.
func (j *Judge) weigh() (Verdict, reason) {
	t, silent := j.timing, j.now.Sub(j.quiet())
	switch {
	case !j.heard:
		return Unknown, bySilence
	case j.left:
		return Left, bySilence
	case j.Isolated():
		return Alive, bySilence // or what it was
	case silent >= t.Stunned:
		return Dead, byPatience
	case silent >= t.Dead && j.unanswered(t.patience()):
		return Dead, bySilence
	case !j.reset.IsZero() && silent >= t.Confirmed:
		return Dead, byReset
	// A peer that asked for patience may have had its connection cut by what it is at.
	case !j.reset.IsZero() && j.now.Sub(j.quietUnasked()) >= t.Confirmed && j.unanswered(t.patience()):
		return Dead, byReset
	case !j.cut.IsZero() && silent >= t.Confirmed && j.unanswered(t.hasty()):
		return Dead, byCarrier
	case silent >= t.Dead && j.answers():
		return Stunned, bySilence
	case silent >= t.Knock:
		return Doubtful, bySilence
	}
	return Alive, bySilence
}

// quiet is since when silence counts.
func (j *Judge) quiet() time.Time { return latest(j.quietUnasked(), j.held) }

// quietUnasked is the same for who does not care that the peer asked for patience.
func (j *Judge) quietUnasked() time.Time {
	// At least one path has listened all the time.
	var up time.Time
	for _, p := range j.paths {
		if p.carrier && (up.IsZero() || p.up.Before(up)) {
			up = p.up
		}
	}
	return latest(j.life, j.awake, up)
}

// answers says that the peer's kernel answered in this silence.
func (j *Judge) answers() bool { return j.answered.After(j.life) }

// unanswered says that all paths with carrier were knocked on and no kernel answered for so long. One that
// did before is there, and may miss a knock or two: it is given as long as its program.
func (j *Judge) unanswered(patience time.Duration) bool {
	knocks := 1
	if j.answers() {
		patience, knocks = j.timing.Dead, j.timing.Multiple
	}
	at, all := j.asked(knocks)
	return all && j.now.Sub(at) >= patience
}

// asked is the last of the first knocks that are unanswered, and whether there are so many on each path
// with carrier.
func (j *Judge) asked(knocks int) (at time.Time, all bool) {
	for _, p := range j.paths {
		switch {
		case !p.carrier:
		case p.knocks < knocks:
			return time.Time{}, false
		default:
			at = latest(at, p.asked)
		}
	}
	return at, !at.IsZero()
}

// hinted says that something beside silence tells that the peer is gone.
func (j *Judge) hinted() bool { return !j.reset.IsZero() || !j.cut.IsZero() }

// wonders says that an answer of the peer's kernel would matter.
func (j *Judge) wonders() bool {
	return j.verdict == Doubtful || j.verdict == Stunned || j.verdict == Alive && j.hinted()
}

// knock is where to knock now.
func (j *Judge) knock() []string {
	if !j.wonders() || !j.hurry && j.now.Before(j.knocked.Add(j.timing.repeat())) {
		return nil
	}
	j.knocked, j.hurry = j.now, false
	var names []string
	for _, p := range j.paths {
		if !p.carrier {
			continue
		}
		p.knock(j.now)
		names = append(names, p.Name)
	}
	return names
}

// Deadline is when Check is due; zero: not before the next event.
func (j *Judge) Deadline() time.Time {
	if !j.due.IsZero() {
		return j.due
	}
	if !j.heard || j.verdict == Dead || j.verdict == Left || j.Isolated() {
		return time.Time{}
	}
	var next time.Time
	soonest := func(at time.Time) {
		if at.After(j.now) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	t, quiet := j.timing, j.quiet()
	soonest(quiet.Add(t.Knock))
	soonest(quiet.Add(t.Dead))
	soonest(quiet.Add(t.Stunned))
	if j.hinted() {
		soonest(quiet.Add(t.Confirmed))
		soonest(j.quietUnasked().Add(t.Confirmed))
	}
	if j.wonders() {
		soonest(j.knocked.Add(t.repeat()))
	}
	if at, all := j.asked(1); all {
		soonest(at.Add(t.patience()))
		soonest(at.Add(t.hasty()))
		soonest(at.Add(t.Dead))
	}
	for _, p := range j.paths {
		soonest(latest(p.sign, p.up, j.held, j.awake).Add(t.Dead))
	}
	return next
}

// Why is the reason of the verdict of the last Check, as a clause.
func (j *Judge) Why() string {
	switch j.verdict {
	case Unknown:
		return "no heartbeat yet"
	case Left:
		return "it said goodbye"
	case Alive:
		return j.whyAlive()
	}
	why := fmt.Sprintf("no heartbeat %s for %s", j.everywhere(), readable(j.silence))
	switch {
	case j.verdict == Doubtful:
		return why
	case j.verdict == Stunned:
		return why + ", but its kernel answers"
	case j.reason == byReset:
		return "the connection of the daemons broke, " + why
	case j.reason == byCarrier:
		return "the cable has no carrier, " + why + ", its kernel does not answer"
	case j.reason == byPatience && j.answers():
		return why + " although its kernel answers"
	}
	return why + ", its kernel does not answer"
}

func (j *Judge) whyAlive() string {
	if j.Isolated() {
		return "no path has carrier at this end"
	}
	heard := 0
	for _, p := range j.paths {
		if !p.sign.IsZero() && !j.silent(p) {
			heard++
		}
	}
	return fmt.Sprintf("heard on %d of %s", heard, paths(len(j.paths)))
}

// everywhere is the paths on which the peer is silent.
func (j *Judge) everywhere() string {
	var with []string
	for _, p := range j.paths {
		if p.carrier {
			with = append(with, p.Name)
		}
	}
	switch {
	case len(with) == 1:
		return "on " + with[0]
	case len(with) < len(j.paths):
		return fmt.Sprintf("on any of %s with carrier", paths(len(with)))
	}
	return "on any of " + paths(len(with))
}

func paths(n int) string {
	if n == 1 {
		return "1 path"
	}
	return fmt.Sprintf("%d paths", n)
}

// readable is a duration as one says it.
func readable(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%d s", int(d.Seconds()))
}
