package report

import (
	"errors"
	"fmt"
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
// what runs now. What the gateway answers is one of them, or neither when the
// daemon or the kernel refused.
var (
	ErrRequest  = errors.New("bad request")
	ErrConflict = errors.New("conflict")
)

// Requestf is an error that is ErrRequest. Its text is the message alone.
func Requestf(format string, args ...any) error {
	return &refusal{ErrRequest, fmt.Errorf(format, args...)}
}

// Conflictf is an error that is ErrConflict. Its text is the message alone.
func Conflictf(format string, args ...any) error {
	return &refusal{ErrConflict, fmt.Errorf(format, args...)}
}

type refusal struct{ kind, cause error }

func (r *refusal) Error() string   { return r.cause.Error() }
func (r *refusal) Unwrap() []error { return []error{r.kind, r.cause} }
