package lab

import "time"

// pollEvery is how long a question rests before it is asked again.
const pollEvery = 5 * time.Millisecond

// Poll asks until the answer is yes, and reports whether it came within d. It asks at least once.
func Poll(d time.Duration, ok func() bool) bool {
	for end := time.Now().Add(d); !ok(); time.Sleep(pollEvery) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}
