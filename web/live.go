package web

import (
	"context"
	"errors"
	"net/http"

	"github.com/rempart/rempart/firewall/report"
)

// live sends what is told of real packets, one line after the other, until the
// backend has no more to tell, the client goes away or the daemon stops.
func (a *api) live(w http.ResponseWriter, r *http.Request) error {
	var q report.LiveQuestion
	if err := readQuestion(w, r, &q); err != nil {
		return err
	}
	if q.Flow == "" {
		return badRequest("flow: missing")
	}
	out := lines{w: w}
	return a.Live(r.Context(), q, func(l report.LiveLine) error { return out.send(l) })
}

// Live asks POST /v1/explain/live.
func (c *Client) Live(ctx context.Context, q report.LiveQuestion, tell func(report.LiveLine) error) error {
	err := stream(ctx, c, "/v1/explain/live", q, func(l report.LiveLine) (done bool, err error) { return l.End != nil, tell(l) })
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil // who asked went away, which is how it ends
	}
	return err
}
