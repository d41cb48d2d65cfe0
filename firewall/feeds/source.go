package feeds

import (
	"context"
	"net/url"
	"time"
)

const (
	defaultMinTTL = 30 * time.Second
	defaultMaxTTL = 24 * time.Hour

	// After a failure a name is tried again soon, because a boot may be faster
	// than its link; a server of lists is spared.
	nameRetry, nameRetryMax = 2 * time.Second, 5 * time.Minute
	listRetry, listRetryMax = 10 * time.Second, time.Hour
	// shortestRefresh keeps a list without an interval from being fetched in a circle.
	shortestRefresh = time.Second
)

// source is a name or a list: what is known of it and when it is due. It does
// nothing by itself; Feeds guards it.
type source struct {
	want
	known content

	due      time.Time
	cancel   context.CancelFunc // of the work under way; nil: none
	again    bool               // due again as soon as the work under way ends
	asked    bool               // somebody asked for it, and it is not done yet
	force    bool               // and by force
	failures int                // since the last success

	lastTry, lastSuccess time.Time
	problem              string
	verdict              verdict
}

func newSource(w want, now time.Time) *source {
	s := &source{want: w, due: now}
	s.refresh = max(s.refresh, shortestRefresh)
	return s
}

// restore gives a new source what was kept of it, learned or confirmed at a time.
func (s *source) restore(kept content, at, now time.Time) {
	s.known, s.lastSuccess = kept, at
	// A daemon that starts over and over is no burden to who keeps the list. A
	// file costs nothing to look at, and a clock that was wrong proves nothing.
	age := now.Sub(at)
	if s.kind == List && kept.url == s.url && !isFile(s.url) && age >= 0 && age < s.refresh {
		s.due = now.Add(s.refresh - age)
	}
}

// movedTo is the source under another URL: it keeps what it knows until that one answers.
func (s *source) movedTo(w want, now time.Time) *source {
	moved := newSource(w, now)
	moved.known, moved.lastSuccess = s.known, s.lastSuccess
	return moved
}

// taught is the source with content that another node learned or confirmed at a time. It is
// due as if it had learned that itself; an answer is believed for ttl. Work under way began with less,
// so it is given up; only what somebody asked for here is done all the same.
func (s *source) taught(c content, at, now time.Time, ttl time.Duration) *source {
	next := newSource(s.want, now)
	next.known, next.lastSuccess, next.lastTry = c, at, s.lastTry
	next.asked, next.force = s.asked, s.force
	if s.asked {
		return next
	}
	next.due = s.due
	believed := s.refresh
	if s.kind == Name {
		believed = ttl
	}
	if until := at.Add(believed); c.url == s.url && until.After(s.due) {
		next.due = until
	}
	return next
}

func (s *source) setRefresh(d time.Duration, now time.Time) {
	s.refresh = max(d, shortestRefresh)
	if s.kind == List && s.due.After(now.Add(s.refresh)) {
		s.due = now.Add(s.refresh)
	}
}

func (s *source) refreshNow(now time.Time, force bool) {
	s.due, s.asked = now, true
	s.force = s.force || force
	s.again = s.cancel != nil
}

// abandon ends the work under way; its outcome will find nobody.
func (s *source) abandon() {
	if s.cancel != nil {
		s.cancel()
	}
}

// begin says what is to be done, and that it is under way.
func (s *source) begin(now time.Time, cancel context.CancelFunc) job {
	j := job{source: s, want: s.want, known: s.known, verdict: s.verdict, force: s.force}
	s.cancel, s.lastTry = cancel, now
	return j
}

// finish takes an outcome in and sets when the source is due next; r, in
// [0, 1), spreads retries.
func (s *source) finish(o outcome, now time.Time, r float64) {
	s.cancel()
	s.cancel = nil
	s.known, s.verdict = o.known, o.verdict
	s.problem = ""
	if o.err != nil {
		s.problem = o.err.Error()
	}
	if o.answered {
		s.lastSuccess = now
	}
	s.due = now.Add(o.next)
	if o.retry {
		s.failures++
		wait := backoff(s.failures, r, nameRetry, nameRetryMax)
		if s.kind == List {
			wait = backoff(s.failures, r, listRetry, max(listRetry, min(listRetryMax, s.refresh)))
		}
		if o.next == 0 || wait < o.next {
			s.due = now.Add(wait)
		}
	} else {
		s.failures = 0
	}
	if s.again {
		s.again, s.due = false, now
	} else {
		s.asked, s.force = false, false
	}
}

// backoff doubles from least to most, and takes up to a fifth off by r.
func backoff(failures int, r float64, least, most time.Duration) time.Duration {
	d := most
	if n := failures - 1; n < 20 {
		d = min(most, least<<n)
	}
	return d - time.Duration(r*float64(d)/5)
}

func (s *source) status() Source {
	return Source{
		Kind:        s.kind,
		Name:        s.name,
		URL:         redact(s.url),
		Entries:     s.known.entries(),
		LastSuccess: s.lastSuccess.Round(0),
		LastTry:     s.lastTry.Round(0),
		LastError:   s.problem,
		NextDue:     s.due.Round(0),
		Held:        s.verdict.held > 0,
		HeldEntries: s.verdict.held,
		Bad:         s.verdict.bad,
		BadLines:    s.verdict.badLines,
	}
}

// redact takes the password out of a URL.
func redact(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Redacted()
}
