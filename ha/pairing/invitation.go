package pairing

import "time"

const (
	codeLife = 10 * time.Minute
	maxTries = 10
)

// invitation is a code and what is left of it.
type invitation struct {
	code    code
	expires time.Time
	tries   int // that are left
}

func newInvitation(c code, now time.Time) *invitation {
	return &invitation{code: c, expires: now.Add(codeLife), tries: maxTries}
}

// over is why nobody is let in any more; nil: the code is good.
func (i *invitation) over(now time.Time) error {
	switch {
	case !now.Before(i.expires):
		return ErrExpired
	case i.tries <= 0:
		return ErrTries
	}
	return nil
}

// try takes one of the tries, before the exchange that it is for is answered.
func (i *invitation) try(now time.Time) bool {
	if i.over(now) != nil {
		return false
	}
	i.tries--
	return true
}
