package report

// Lockout is a policy that cuts off the connection over which somebody wants it
// to be applied. As an error it is ErrRequest.
type Lockout struct {
	Message     string      `json:"message"` // which connection, and what to do
	Explanation Explanation `json:"explanation"`
}

// Error is the message.
func (l *Lockout) Error() string { return l.Message }

// Unwrap says that it is the request that is wrong.
func (l *Lockout) Unwrap() error { return ErrRequest }
