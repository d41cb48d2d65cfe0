package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/firewall/report"
)

// api answers the questions of the API out of a Backend and a Pair.
type api struct {
	Backend
	pair   Pair
	log    hclog.Logger
	drafts drafts
}

// endpoint is one question: the requests that ask it and what answers them.
type endpoint struct {
	method, path string
	serve        serve
}

// serve answers a request, or says why not.
type serve func(http.ResponseWriter, *http.Request) error

func (a *api) endpoints() []endpoint {
	return []endpoint{
		{"GET", "/v1/status", value(a.Status)},
		{"POST", "/v1/check", a.large(submit(maxDraftBody, a.check))},
		{"POST", "/v1/apply", a.large(submit(maxDraftBody, a.apply))},
		{"POST", "/v1/confirm", submit(maxSmallBody, a.confirm)},
		{"POST", "/v1/rollback", submit(maxSmallBody, a.rollback)},
		{"GET", "/v1/revisions", items(a.History)},
		{"GET", "/v1/revisions/{number}", a.revision},
		{"GET", "/v1/ruleset", a.ruleset},
		{"GET", "/v1/rules", a.rules},
		{"GET", "/v1/aliases", items(a.Aliases)},
		{"GET", "/v1/aliases/{name}", a.alias},
		{"POST", "/v1/aliases/{name}/refresh", submit(maxSmallBody, a.refreshAlias)},
		{"GET", "/v1/routes", a.routes},
		{"GET", "/v1/gateways", value(a.Lines)},
		{"GET", "/v1/gateways/{name}/history", a.gatewayHistory},
		{"GET", "/v1/schedules", items(a.Schedules)},
		{"POST", "/v1/explain", submit(maxSmallBody, a.explain)},
		{"POST", "/v1/explain/live", a.live},
		{"GET", "/v1/flows", a.flows},
		{"POST", "/v1/flows/end", submit(maxSmallBody, a.endFlows)},
		{"GET", "/v1/log", a.logTail},
		{"GET", "/v1/log/follow", a.follow},
		{"GET", "/v1/ha", value(a.pair.HAStatus)},
		{"POST", "/v1/ha/release", submit(maxSmallBody, a.order(a.pair.Release))},
		{"POST", "/v1/ha/takeover", submit(maxSmallBody, a.order(a.pair.Takeover))},
		{"POST", "/v1/ha/maintenance", submit(maxSmallBody, a.maintenance)},
		{"POST", "/v1/ha/resync", submit(maxSmallBody, a.resync)},
		{"GET", "/v1/ha/flows/diff", a.flowsDiff},
		{"POST", "/v1/ha/doctor", a.doctor},
		{"POST", "/v1/ha/drill", a.drill},
		{"POST", "/v1/ha/peer/maintenance", submit(maxSmallBody, a.peerMaintenance)},
		{"GET", "/v1/ha/pairing", value(a.pair.Pairing)},
		{"POST", "/v1/ha/invite", a.invite},
		{"POST", "/v1/ha/join", submit(maxSmallBody, a.join)},
		{"POST", "/v1/ha/unpair", submit(maxSmallBody, a.unpair)},
		{"POST", "/v1/ha/rotate", submit(maxSmallBody, a.rotate)},
		{"GET", "/v1/ha/policy/diff", value(a.policyDiff)},
		{"POST", "/v1/ha/policy/resolve", a.large(submit(maxDraftBody, a.resolve))},
		{"POST", "/v1/ha/policy/pull", submit(maxSmallBody, a.pull)},
		{"POST", "/v1/ha/policy/push", submit(maxSmallBody, a.push)},
		{"GET", "/v1/metrics", a.metrics},
	}
}

// Handler answers the API, version 1, out of b and p. Who asks must be in the
// request's context (WithCaller); a request without a caller is refused.
func Handler(b Backend, p Pair, log hclog.Logger) http.Handler {
	a := &api{Backend: b, pair: p, log: log.Named("web")}
	mux := http.NewServeMux()
	methods := make(map[string][]string)
	for _, e := range a.endpoints() {
		mux.Handle(e.method+" "+e.path, a.guard(e.serve))
		methods[e.path] = append(methods[e.path], e.method)
	}
	for path, allowed := range methods {
		mux.Handle(path, a.guard(wrongMethod(allowed)))
	}
	mux.Handle("/", a.guard(unknownPath))
	return mux
}

// large bounds what the bodies of one user take of the memory. The policies of
// most gateways are small and never meet the bound.
func (a *api) large(next serve) serve {
	return func(w http.ResponseWriter, r *http.Request) error {
		if 0 <= r.ContentLength && r.ContentLength <= maxSmallBody {
			return next(w, r)
		}
		by := asker(r)
		if !a.drafts.begin(by.UID) {
			// Who still sends when the connection closes does not get to read why.
			_, _ = io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxDraftBody))
			return &transportError{http.StatusTooManyRequests, fmt.Sprintf("%d large policies of user %s are being looked at: try again when they are done", maxDrafts, by.Name)}
		}
		defer a.drafts.end(by.UID)
		return next(w, r)
	}
}

// guard lets known callers alone ask, turns an error into an answer and contains panics.
func (a *api) guard(next serve) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer a.contain(w, r)
		who, known := r.Context().Value(callerKey{}).(caller)
		err := who.err
		if !known {
			err = errUnknownCaller
		}
		if err != nil {
			w.Header().Set("Connection", "close") // who may not ask has no reason to stay
		}
		if err == nil {
			err = next(w, r)
		}
		if err != nil {
			a.fail(w, r, err)
		}
	})
}

// contain makes a panic the fault of one request and not the end of the gateway.
func (a *api) contain(w http.ResponseWriter, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler {
		panic(cause)
	}
	a.log.Error("request ended in a panic", "method", r.Method, "path", r.URL.Path, "cause", cause, "stack", string(debug.Stack()))
	a.fail(w, r, errPanic)
}

func unknownPath(_ http.ResponseWriter, r *http.Request) error {
	return &transportError{http.StatusNotFound, fmt.Sprintf("no such endpoint: %s", r.URL.Path)}
}

func wrongMethod(allowed []string) serve {
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead) // which the mux takes for GET
	}
	all := strings.Join(allowed, ", ")
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Allow", all)
		return &transportError{http.StatusMethodNotAllowed, fmt.Sprintf("%s does not take %s: want %s", r.URL.Path, r.Method, all)}
	}
}

// caller is who stands behind a connection, or why he may not ask.
type caller struct {
	report.Caller
	err error
}

type callerKey struct{}

// WithCaller returns a context in which c is the one who asks.
func WithCaller(ctx context.Context, c report.Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, caller{Caller: c})
}

// asker is who sent a request; guard has made sure that there is one.
func asker(r *http.Request) report.Caller {
	return r.Context().Value(callerKey{}).(caller).Caller
}
