package firewall

import (
	"time"

	"github.com/rempart/rempart/rules"
)

// nextEdge is when a schedule of the policy next begins or ends after now.
func nextEdge(w *rules.World, now time.Time) (time.Time, bool) {
	var next time.Time
	for _, intervals := range w.Schedules {
		for _, iv := range intervals {
			for _, t := range []time.Time{iv.Start, iv.End} {
				if t.After(now) && (next.IsZero() || t.Before(next)) {
					next = t
				}
			}
		}
	}
	return next, !next.IsZero()
}
