package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/ha/view"
)

// Kind says whose fault it is that a request did not succeed.
type Kind string

// The kinds of failure.
const (
	KindRequest  Kind = "request"  // the policy or the request is wrong
	KindConflict Kind = "conflict" // it does not fit what runs now
	KindRefused  Kind = "refused"  // the daemon or the kernel refused
)

// status is the HTTP status that goes with a kind.
func (k Kind) status() int {
	switch k {
	case KindRequest:
		return http.StatusBadRequest
	case KindConflict:
		return http.StatusConflict
	}
	return http.StatusInternalServerError
}

// Failure is the body of every answer that is not a success. As an error it is
// report.ErrRequest and view.ErrOrder, or report.ErrConflict and view.ErrState, when its kind says so.
type Failure struct {
	Message string         `json:"error"`
	Kind    Kind           `json:"kind"`
	Faults  []report.Fault `json:"faults,omitempty"` // of the policy, when that is what is wrong
	// Lockout is why an apply was refused that would have cut off who asked for it.
	Lockout *report.Lockout `json:"lockout,omitempty"`
	// Peer is the node of a pair that refuses the policy, and whose Faults they are; empty: this one.
	Peer string `json:"peer,omitempty"`
}

// Error is the message.
func (f *Failure) Error() string { return f.Message }

// Is lets errors.Is find the kind.
func (f *Failure) Is(target error) bool {
	switch target {
	case report.ErrRequest, view.ErrOrder:
		return f.Kind == KindRequest
	case report.ErrConflict, view.ErrState:
		return f.Kind == KindConflict
	}
	return false
}

// failureOf is what err looks like in an answer.
func failureOf(err error) *Failure {
	var asIs *Failure
	if errors.As(err, &asIs) {
		return asIs
	}
	f := &Failure{Message: err.Error(), Kind: kindOf(err)}
	var failed report.TestsFailed
	if errors.As(err, &failed) {
		f.Faults = failed
	}
	errors.As(err, &f.Lockout)
	var refused *report.PeerRefused
	if errors.As(err, &refused) {
		f.Peer, f.Faults = refused.Node, refused.Placed()
	}
	var faults config.Errors
	if errors.As(err, &faults) {
		for _, e := range faults {
			f.Faults = append(f.Faults, report.Fault{File: e.File, Line: e.Line, Col: e.Col, Key: e.Key, Message: e.Msg})
		}
	}
	return f
}

// kindOf says whose fault an error is. A gateway that has no peer is not in a state for what a pair does.
func kindOf(err error) Kind {
	for kind, errs := range map[Kind][]error{
		KindRequest:  {report.ErrRequest, view.ErrOrder},
		KindConflict: {report.ErrConflict, view.ErrState, view.ErrNotConfigured},
	} {
		if slices.ContainsFunc(errs, func(target error) bool { return errors.Is(err, target) }) {
			return kind
		}
	}
	return KindRefused
}

// transportError is a request that did not get as far as the gateway.
type transportError struct {
	status  int
	message string
}

func (e *transportError) Error() string { return e.message }

// Is counts every such request as wrong, save those that only the server is to blame for or that it denies.
func (e *transportError) Is(target error) bool {
	return target == report.ErrRequest && e.status < 500 && e.status != http.StatusForbidden
}

var (
	errPanic         = &transportError{http.StatusInternalServerError, "the daemon came upon a fault of its own; its log has the details"}
	errUnknownCaller = &transportError{http.StatusForbidden, "it is not known who asks"}

	errPolicyTooLarge = &transportError{http.StatusRequestEntityTooLarge, fmt.Sprintf("policy: larger than %d bytes", maxPolicy)}
)

// fail answers with err. When an answer has begun already, which its content
// type shows, the connection is broken off, so that nobody takes half an answer
// for a whole one.
func (a *api) fail(w http.ResponseWriter, r *http.Request, err error) {
	if w.Header().Get("Content-Type") != "" {
		a.log.Debug("answer broken off", "path", r.URL.Path, "cause", err)
		panic(http.ErrAbortHandler)
	}
	f := failureOf(err)
	status := f.Kind.status()
	var t *transportError
	if errors.As(err, &t) {
		status = t.status
	}
	if status >= http.StatusInternalServerError && r.Context().Err() == nil {
		a.log.Warn("request refused", "method", r.Method, "path", r.URL.Path, "cause", err)
	}
	if err := sendJSON(w, status, f); err != nil {
		panic(http.ErrAbortHandler)
	}
}
