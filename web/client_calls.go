package web

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/rempart/rempart/firewall/flows"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/firewall/report"
)

var _ Backend = (*Client)(nil)

// Status asks GET /v1/status.
func (c *Client) Status(ctx context.Context) (report.Status, error) {
	return get[report.Status](ctx, c, "/v1/status", nil)
}

// Check asks POST /v1/check.
func (c *Client) Check(ctx context.Context, d report.Draft, _ report.Caller) (report.Preview, error) {
	return post[report.Preview](ctx, c, "/v1/check", d)
}

// Apply asks POST /v1/apply.
func (c *Client) Apply(ctx context.Context, r report.Request, _ report.Caller) (report.Applied, error) {
	return post[report.Applied](ctx, c, "/v1/apply", r)
}

// Confirm asks POST /v1/confirm.
func (c *Client) Confirm(ctx context.Context, _ report.Caller) (report.Applied, error) {
	return post[report.Applied](ctx, c, "/v1/confirm", empty{})
}

// Rollback asks POST /v1/rollback.
func (c *Client) Rollback(ctx context.Context, revision int, _ report.Caller) (report.Applied, error) {
	return post[report.Applied](ctx, c, "/v1/rollback", rollbackRequest{Revision: &revision})
}

// History asks GET /v1/revisions.
func (c *Client) History(ctx context.Context) ([]report.Revision, error) {
	return get[[]report.Revision](ctx, c, "/v1/revisions", nil)
}

// Revision asks GET /v1/revisions/{number}.
func (c *Client) Revision(ctx context.Context, number int) (report.Revision, error) {
	return get[report.Revision](ctx, c, "/v1/revisions/"+strconv.Itoa(number), nil)
}

// Ruleset asks GET /v1/ruleset.
func (c *Client) Ruleset(ctx context.Context) (string, error) {
	answer, err := c.send(ctx, http.MethodGet, "/v1/ruleset", nil, nil)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", c.broken(ctx, err)
	}
	return string(text), nil
}

// Rules asks GET /v1/rules.
func (c *Client) Rules(ctx context.Context, all bool) ([]report.Rule, error) {
	return get[[]report.Rule](ctx, c, "/v1/rules", url.Values{"all": {strconv.FormatBool(all)}})
}

// Aliases asks GET /v1/aliases.
func (c *Client) Aliases(ctx context.Context) ([]report.Alias, error) {
	return get[[]report.Alias](ctx, c, "/v1/aliases", nil)
}

// Alias asks GET /v1/aliases/{name}.
func (c *Client) Alias(ctx context.Context, name string) (report.Alias, error) {
	name, err := segment("alias", name)
	if err != nil {
		return report.Alias{}, err
	}
	return get[report.Alias](ctx, c, "/v1/aliases/"+name, nil)
}

// RefreshAlias asks POST /v1/aliases/{name}/refresh.
func (c *Client) RefreshAlias(ctx context.Context, name string, force bool) error {
	name, err := segment("alias", name)
	if err != nil {
		return err
	}
	_, err = post[empty](ctx, c, "/v1/aliases/"+name+"/refresh", refreshRequest{Force: force})
	return err
}

// segment refuses what is no segment of a path and so no name of anything.
func segment(what, name string) (string, error) {
	if name == "" || name == "." || name == ".." {
		return "", fmt.Errorf("%w: no %s %q", report.ErrRequest, what, name)
	}
	return url.PathEscape(name), nil
}

// Routes asks GET /v1/routes.
func (c *Client) Routes(ctx context.Context, all bool) ([]report.Route, error) {
	return get[[]report.Route](ctx, c, "/v1/routes", url.Values{"all": {strconv.FormatBool(all)}})
}

// Lines asks GET /v1/gateways.
func (c *Client) Lines(ctx context.Context) (report.Lines, error) {
	return get[report.Lines](ctx, c, "/v1/gateways", nil)
}

// GatewayHistory asks GET /v1/gateways/{name}/history.
func (c *Client) GatewayHistory(ctx context.Context, name string, since time.Time) (report.GatewayHistory, error) {
	name, err := segment("gateway", name)
	if err != nil {
		return report.GatewayHistory{}, err
	}
	query := url.Values{}
	if !since.IsZero() {
		query.Set("since", since.Format(time.RFC3339Nano))
	}
	return get[report.GatewayHistory](ctx, c, "/v1/gateways/"+name+"/history", query)
}

// Schedules asks GET /v1/schedules.
func (c *Client) Schedules(ctx context.Context) ([]report.Schedule, error) {
	return get[[]report.Schedule](ctx, c, "/v1/schedules", nil)
}

// Explain asks POST /v1/explain.
func (c *Client) Explain(ctx context.Context, q report.Question) (report.Explanation, error) {
	return post[report.Explanation](ctx, c, "/v1/explain", q)
}

// Flows asks GET /v1/flows.
func (c *Client) Flows(ctx context.Context, words []string) ([]flows.Flow, error) {
	return get[[]flows.Flow](ctx, c, "/v1/flows", url.Values{"word": words})
}

// EndFlows asks POST /v1/flows/end.
func (c *Client) EndFlows(ctx context.Context, words []string, _ report.Caller) (int, error) {
	a, err := post[endFlowsAnswer](ctx, c, "/v1/flows/end", endFlowsRequest{Words: words})
	return a.Ended, err
}

// Log asks GET /v1/log.
func (c *Client) Log(ctx context.Context, words []string, most int) ([]packetlog.Entry, error) {
	return get[[]packetlog.Entry](ctx, c, "/v1/log", url.Values{"word": words, "max": {strconv.Itoa(most)}})
}

// Follow asks GET /v1/log/follow. The channel is closed when ctx ends, and
// when the daemon goes away.
func (c *Client) Follow(ctx context.Context, words []string) (<-chan packetlog.Entry, error) {
	answer, err := c.send(ctx, http.MethodGet, "/v1/log/follow", url.Values{"word": words}, nil)
	if err != nil {
		return nil, err
	}
	entries := make(chan packetlog.Entry)
	go func() {
		defer close(entries)
		defer answer.Body.Close()
		lines := json.NewDecoder(answer.Body)
		for {
			var e packetlog.Entry
			if lines.Decode(&e) != nil {
				return
			}
			select {
			case entries <- e:
			case <-ctx.Done():
				return
			}
		}
	}()
	return entries, nil
}
