package pulse

import "time"

// lateSpan is the time, in seconds, over which lateness is remembered.
const lateSpan = 60

// lateness is the worst delay of each of the last seconds.
type lateness [lateSpan]struct {
	second int64
	worst  time.Duration
}

// note takes a delay in, at an instant of the monotonic clock.
func (l *lateness) note(now, late time.Duration) {
	second := int64(now / time.Second)
	s := &l[second%lateSpan]
	if s.second != second {
		s.second, s.worst = second, 0
	}
	s.worst = max(s.worst, late)
}

// worst is the longest delay of the last minute.
func (l *lateness) worst(now time.Duration) time.Duration {
	var worst time.Duration
	for _, s := range l {
		if s.second > int64(now/time.Second)-lateSpan {
			worst = max(worst, s.worst)
		}
	}
	return worst
}
