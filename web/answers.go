package web

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/rempart/rempart/firewall/report"
)

// The bodies of requests and answers that report has no shape for.
type (
	empty           struct{}
	rollbackRequest struct {
		Revision *int `json:"revision"` // 0: the pending apply
	}
	refreshRequest struct {
		Force bool `json:"force"`
	}
	endFlowsRequest struct {
		Words []string `json:"words"`
	}
	endFlowsAnswer struct {
		Ended int `json:"ended"`
	}
)

// maxLogEntries is how many entries one answer holds.
const maxLogEntries = 100_000

// maxHistory is how many samples of a gateway one answer holds, and how many transitions.
const maxHistory = 20_000

func (a *api) check(r *http.Request, d report.Draft) (report.Preview, error) {
	if err := checkDraft(d); err != nil {
		return report.Preview{}, err
	}
	return a.Check(r.Context(), d, asker(r))
}

func (a *api) apply(r *http.Request, q report.Request) (report.Applied, error) {
	if err := checkDraft(q.Draft); err != nil {
		return report.Applied{}, err
	}
	if q.Confirm < 0 {
		return report.Applied{}, badRequest("confirm: %d seconds, want 0 or more", q.Confirm)
	}
	return a.Apply(r.Context(), q, asker(r))
}

func checkDraft(d report.Draft) error {
	if len(d.Policy)+len(d.Node) > maxPolicy {
		return errPolicyTooLarge
	}
	// A request that was cut short, or meant for another endpoint, is not an empty policy.
	if d.PolicyName == "" {
		return badRequest("policy_name: missing")
	}
	return nil
}

func (a *api) confirm(r *http.Request, _ empty) (report.Applied, error) {
	return a.Confirm(r.Context(), asker(r))
}

func (a *api) rollback(r *http.Request, q rollbackRequest) (report.Applied, error) {
	if q.Revision == nil || *q.Revision < 0 {
		return report.Applied{}, badRequest("revision: want a number, 0 for the pending apply")
	}
	return a.Rollback(r.Context(), *q.Revision, asker(r))
}

func (a *api) explain(r *http.Request, q report.Question) (report.Explanation, error) {
	if q.Packet == "" {
		return report.Explanation{}, badRequest("packet: missing")
	}
	return a.Explain(r.Context(), q)
}

func (a *api) refreshAlias(r *http.Request, q refreshRequest) (empty, error) {
	return empty{}, a.RefreshAlias(r.Context(), r.PathValue("name"), q.Force)
}

func (a *api) endFlows(r *http.Request, q endFlowsRequest) (endFlowsAnswer, error) {
	n, err := a.EndFlows(r.Context(), q.Words, asker(r))
	return endFlowsAnswer{n}, err
}

func (a *api) revision(w http.ResponseWriter, r *http.Request) error {
	text := r.PathValue("number")
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || n == 0 {
		return badRequest("revision %q: want a number from 1 on", text)
	}
	return value(func(ctx context.Context) (report.Revision, error) { return a.Revision(ctx, int(n)) })(w, r)
}

func (a *api) ruleset(w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	text, err := a.Ruleset(r.Context())
	if err != nil {
		return err
	}
	return send(w, http.StatusOK, textType, []byte(text))
}

func (a *api) rules(w http.ResponseWriter, r *http.Request) error {
	all, err := queryAll(r)
	if err != nil {
		return err
	}
	rules, err := a.Rules(r.Context(), all)
	return answer(w, orEmpty(rules), err)
}

func (a *api) routes(w http.ResponseWriter, r *http.Request) error {
	all, err := queryAll(r)
	if err != nil {
		return err
	}
	routes, err := a.Routes(r.Context(), all)
	return answer(w, orEmpty(routes), err)
}

// queryAll reads the one parameter of a request that asks for more than most want.
func queryAll(r *http.Request) (bool, error) {
	q, err := query(r, "all")
	if err != nil || !q.Has("all") {
		return false, err
	}
	all, err := strconv.ParseBool(q.Get("all"))
	if err != nil {
		return false, badRequest("all: %q, want true or false", q.Get("all"))
	}
	return all, nil
}

func (a *api) gatewayHistory(w http.ResponseWriter, r *http.Request) error {
	q, err := query(r, "since")
	if err != nil {
		return err
	}
	var since time.Time
	if q.Has("since") {
		if since, err = time.Parse(time.RFC3339, q.Get("since")); err != nil {
			return badRequest("since: %q, want an instant such as \"2026-11-22T20:15:00Z\"", q.Get("since"))
		}
	}
	h, err := a.GatewayHistory(r.Context(), r.PathValue("name"), since)
	h.Samples = newest(h.Samples, maxHistory)
	h.Transitions = newest(h.Transitions, maxHistory)
	return answer(w, h, err)
}

// newest is the end of a list.
func newest[T any](list []T, most int) []T { return list[max(0, len(list)-most):] }

func (a *api) alias(w http.ResponseWriter, r *http.Request) error {
	return value(func(ctx context.Context) (report.Alias, error) { return a.Alias(ctx, r.PathValue("name")) })(w, r)
}

func (a *api) flows(w http.ResponseWriter, r *http.Request) error {
	q, err := query(r, "word")
	if err != nil {
		return err
	}
	flows, err := a.Flows(r.Context(), q["word"])
	return answer(w, orEmpty(flows), err)
}

func (a *api) logTail(w http.ResponseWriter, r *http.Request) error {
	q, err := query(r, "word", "max")
	if err != nil {
		return err
	}
	most, err := strconv.Atoi(q.Get("max"))
	if err != nil || most < 1 || most > maxLogEntries {
		return badRequest("max: %q, want a number from 1 to %d", q.Get("max"), maxLogEntries)
	}
	entries, err := a.Log(r.Context(), q["word"], most)
	return answer(w, orEmpty(entries), err)
}
