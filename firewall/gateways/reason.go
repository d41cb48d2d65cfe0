package gateways

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/rempart/rempart/config"
)

// causeKind is the kind of what a health comes from.
type causeKind int

const (
	causeNone  causeKind = iota
	causeStart           // nothing is known yet
	causeWell
	causeLink // the link is there, and nothing is asked
	causeForced
	causeCarrier
	causeAddress
	causeSilent
	causeLoss
	causeDelay
	causeJitter
)

// cause is what a health comes from. Value and threshold are of causeLoss, in
// percent, and of causeDelay and causeJitter, in time.
type cause struct {
	kind             causeKind
	down             bool // the threshold is that to be down
	value, threshold float64
}

// gaugeCause is the cause that is a line beyond a threshold.
func gaugeCause(gauge int, l line, r config.Monitor, down bool) cause {
	c := cause{kind: causeLoss + causeKind(gauge), down: down}
	var warn, stop float64
	switch gauge {
	case gaugeLoss:
		c.value, warn, stop = l.loss, float64(r.LossWarning), float64(r.LossDown)
	case gaugeDelay:
		c.value, warn, stop = float64(l.delay), float64(r.DelayWarning), float64(r.DelayDown)
	case gaugeJitter:
		c.value, warn, stop = float64(l.jitter), float64(r.JitterWarning), float64(r.JitterDown)
	}
	c.threshold = warn
	if down {
		c.threshold = stop
	}
	return c
}

// text is the cause in words.
func (c cause) text(iface string, silent []string, silence time.Duration) string {
	switch c.kind {
	case causeStart:
		return "nothing is known yet"
	case causeLink:
		return "carrier on " + iface
	case causeForced:
		return "the policy says so"
	case causeCarrier:
		return "no carrier on " + iface
	case causeAddress:
		return "no address learned"
	case causeSilent:
		if len(silent) == 0 { // they answered until the link went away
			return "no answer since the link came back"
		}
		return fmt.Sprintf("no answer from %s for %s", list(silent), silence)
	case causeLoss:
		return fmt.Sprintf("loss %.0f %% (%s at %.0f %%)", math.Floor(c.value), c.word(), c.threshold)
	case causeDelay:
		return c.times("delay")
	case causeJitter:
		return c.times("jitter")
	}
	return "it answers"
}

func (c cause) times(what string) string {
	return fmt.Sprintf("%s %s (%s at %s)", what,
		time.Duration(c.value).Round(100*time.Microsecond), c.word(), time.Duration(c.threshold))
}

func (c cause) word() string {
	if c.down {
		return "down"
	}
	return "warning"
}

// list is "a", "a and b" or "a, b and c".
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
