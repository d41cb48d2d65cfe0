package wire

import "time"

// wholeSeconds rounds up to what the kernel counts leases in.
func wholeSeconds(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}
