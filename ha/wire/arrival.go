package wire

import "time"

// arrival is when a frame came on the monotonic clock, given its stamp by the machine's clock. That
// clock may have been set in the meantime: no frame comes after now, nor before there was
// nothing left to be taken, so that a jump of an hour is an error of a few milliseconds.
func arrival(now, stamp, empty time.Time) time.Time {
	if stamp.IsZero() {
		return now
	}
	age := now.Round(0).Sub(stamp)
	return now.Add(-min(max(age, 0), max(now.Sub(empty), 0)))
}
