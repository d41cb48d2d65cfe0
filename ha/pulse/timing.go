package pulse

import "time"

// Timing is how long a Judge waits, counted from the last sign of life.
type Timing struct {
	// Interval is the time between the peer's beats, and Multiple how many of them may be
	// missing.
	Interval time.Duration
	Multiple int
	// Dead is the silence of all paths after which a peer whose kernel does not answer either is dead.
	Dead time.Duration
	// Confirmed is the same when the cable's carrier or the connection of the daemons is lost.
	Confirmed time.Duration
	// Stunned is the same while its kernel answers.
	Stunned time.Duration
	// Knock is the silence after which its kernel is asked.
	Knock time.Duration
}

const (
	// What a machine with both cores busy does to timers does not grow with the interval: beats were late
	// by 50 ms a few times a minute, by half a second a few times in ten, and never by more than 1.05 s. Multiples
	// below are those that outlast it, or, when beats are faster, those that let knocks tell a busy
	// machine from a dead one, at twice the time that an answer may take.
	fastMultiple  = 3 // below fastInterval
	usualMultiple = 5
	slowMultiple  = 4 // above slowInterval
	idleMultiple  = 3 // from idleInterval on
	fastInterval  = 100 * time.Millisecond
	slowInterval  = 500 * time.Millisecond
	idleInterval  = time.Second

	// A program that hangs for as long as this is restarted or ended by somebody.
	leastStunned = 3 * time.Second
	mostStunned  = 30 * time.Second

	// leastPatience is how long a knock may be on its way, however fast the beats are.
	leastPatience = 10 * time.Millisecond
	mostRepeat    = time.Second
)

// TimingFor is the timing for a peer that beats every interval.
func TimingFor(interval time.Duration) Timing {
	interval = min(max(interval, minInterval), maxInterval)
	t := Timing{Interval: interval, Confirmed: interval * 3 / 2, Knock: interval * 3 / 2}
	switch {
	case interval < fastInterval:
		t.Multiple = fastMultiple
	case interval <= slowInterval:
		t.Multiple = usualMultiple
	case interval < idleInterval:
		t.Multiple = slowMultiple
	default:
		t.Multiple = idleMultiple
	}
	t.Dead = time.Duration(t.Multiple) * interval
	t.Stunned = min(max(10*t.Dead, leastStunned), max(mostStunned, 2*t.Dead))
	return t
}

// patience is how long a knock has to be unanswered before silence alone decides.
func (t Timing) patience() time.Duration { return max(t.Interval, leastPatience) }

// hasty is the same when the cable's carrier is lost.
func (t Timing) hasty() time.Duration { return max(t.Interval/2, leastPatience) }

// repeat is the time between two knocks. It is shorter than either patience or the same.
func (t Timing) repeat() time.Duration { return min(max(t.Interval/2, leastPatience/2), mostRepeat) }
