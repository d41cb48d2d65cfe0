package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/rempart/rempart/firewall/report"
)

// live sends what is told of real packets, one line after the other, until the
// backend has no more to tell, the client goes away or the daemon stops.
func (a *api) live(w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	body, err := readBody(w, r, maxSmallBody)
	if err != nil {
		return err
	}
	var q report.LiveQuestion
	if err := decodeBody(body, &q); err != nil {
		return err
	}
	if q.Flow == "" {
		return badRequest("flow: missing")
	}
	out := http.NewResponseController(w)
	return a.Live(r.Context(), q, func(l report.LiveLine) error {
		// Until the first line it may still turn out that the question is wrong.
		w.Header().Set("Content-Type", linesType)
		return sendLine(w, out, l)
	})
}

// Live asks POST /v1/explain/live.
func (c *Client) Live(ctx context.Context, q report.LiveQuestion, tell func(report.LiveLine) error) error {
	body, err := json.Marshal(q)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	answer, err := c.send(ctx, http.MethodPost, "/v1/explain/live", nil, body)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	defer answer.Body.Close()
	lines := json.NewDecoder(answer.Body)
	for {
		var l report.LiveLine
		if err := lines.Decode(&l); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return c.broken(ctx, err)
		}
		if err := tell(l); err != nil || l.End != nil {
			return err
		}
	}
}
