package report

// Lockout is a policy that cuts off the connection over which somebody wants it
// to be applied. As an error it is ErrRequest.
type Lockout struct {
	Message     string      `json:"message"` // which connection, and why
	Explanation Explanation `json:"explanation"`
}

// Error is the message, and what to do.
func (l *Lockout) Error() string {
	return l.Message + ": let it in by system.admin or a rule, or apply with --force"
}

// Unwrap says that it is the request that is wrong.
func (l *Lockout) Unwrap() error { return ErrRequest }
