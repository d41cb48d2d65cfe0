package report

import (
	"errors"
	"time"
)

// Caller is who asks, and since when the connection stands over which he asks.
type Caller struct {
	UID       uint32
	PID       int32
	Name      string    // login name, or the number
	Connected time.Time // when the connection to the socket was made
}

// ErrRequest says that a request is wrong, ErrConflict that it does not fit
// what runs now. What the gateway answers wraps one of them, or neither when
// the daemon or the kernel refused.
var (
	ErrRequest  = errors.New("bad request")
	ErrConflict = errors.New("conflict")
)
