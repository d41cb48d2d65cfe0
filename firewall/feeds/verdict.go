package feeds

import (
	"errors"
	"fmt"
	"strings"
)

const (
	// A list may have so many bad lines, and so many of a hundred; more, or as
	// many bad as good ones, and it is not the list that it was.
	badAllowed        = 10
	badAllowedPercent = 1
	// A list of so few lines may shrink as it likes.
	smallList = 20
)

var errEmpty = errors.New("it is empty: what it held stays in use; if it is meant to be empty, refresh the alias by force")

// verdict is what was found in the list that was fetched last.
type verdict struct {
	held     int // its lines, if it was held back because it shrank
	bad      int
	badLines []BadLine
}

// judge says why a list is not taken in place of the content before it; nil
// takes it. known counts the lines of that content, 0 if there is none or it came from
// elsewhere.
func judge(l *lines, known int, force bool) (verdict, error) {
	v := verdict{bad: l.bad, badLines: l.badLines}
	good := l.good()
	switch {
	case tooBad(good, l.bad):
		return v, fmt.Errorf("%d of %d lines are no addresses: what it held stays in use; check the url: %s",
			l.bad, good+l.bad, quoteBad(l.badLines))
	case force:
		return v, nil
	case good == 0:
		return v, errEmpty
	case known >= smallList && good <= known/2:
		v.held = good
		return v, fmt.Errorf("it shrank from %d to %d entries and is held back: what it held stays in use; if it is right, refresh the alias by force", known, good)
	}
	return v, nil
}

func tooBad(good, bad int) bool {
	if bad > badAllowed {
		return bad*100 > (good+bad)*badAllowedPercent
	}
	return bad > 0 && bad >= good
}

// quoteBad names the first bad lines.
func quoteBad(bad []BadLine) string {
	const shown = 3
	var b strings.Builder
	for i, l := range bad[:min(len(bad), shown)] {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "line %d: %s: \"%s\"", l.Line, l.Why, l.Text)
	}
	if len(bad) > shown {
		b.WriteString("; ...")
	}
	return b.String()
}
