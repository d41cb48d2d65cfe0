package web

import (
	"context"

	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/ha/view"
)

// Invite asks POST /v1/ha/invite. When tell fails, or ctx ends, the daemon withdraws the code.
func (c *Client) Invite(ctx context.Context, _ string, tell func(view.Invitation) error) (view.Pairing, error) {
	var paired view.Pairing
	err := stream(ctx, c, "/v1/ha/invite", empty{}, func(l inviteLine) (done bool, err error) {
		switch {
		case l.Failed != nil:
			return true, l.Failed
		case l.Invitation != nil:
			return false, tell(*l.Invitation)
		case l.End != nil:
			paired = *l.End
			return true, nil
		}
		return false, nil
	})
	return paired, err
}

// Join asks POST /v1/ha/join. The daemon sees for itself who asks, here as below.
func (c *Client) Join(ctx context.Context, j view.Join, _ string) (view.Pairing, error) {
	return post[view.Pairing](ctx, c, "/v1/ha/join", j)
}

// Pairing asks GET /v1/ha/pairing.
func (c *Client) Pairing(ctx context.Context) (view.Pairing, error) {
	return get[view.Pairing](ctx, c, "/v1/ha/pairing", nil)
}

// Unpair asks POST /v1/ha/unpair.
func (c *Client) Unpair(ctx context.Context, force bool, _ string) (view.Pairing, error) {
	return post[view.Pairing](ctx, c, "/v1/ha/unpair", unpairRequest{Force: force})
}

// RotateKeys asks POST /v1/ha/rotate.
func (c *Client) RotateKeys(ctx context.Context, _ string) (view.Pairing, error) {
	return post[view.Pairing](ctx, c, "/v1/ha/rotate", empty{})
}

// PolicyDiff asks GET /v1/ha/policy/diff.
func (c *Client) PolicyDiff(ctx context.Context) (view.PolicyDiff, error) {
	return get[view.PolicyDiff](ctx, c, "/v1/ha/policy/diff", nil)
}

// Resolve asks POST /v1/ha/policy/resolve.
func (c *Client) Resolve(ctx context.Context, r view.Resolution, _ report.Caller) (report.Applied, error) {
	return post[report.Applied](ctx, c, "/v1/ha/policy/resolve", r)
}

// Pull asks POST /v1/ha/policy/pull.
func (c *Client) Pull(ctx context.Context, _ report.Caller) (view.Carried, error) {
	return post[view.Carried](ctx, c, "/v1/ha/policy/pull", empty{})
}

// Push asks POST /v1/ha/policy/push.
func (c *Client) Push(ctx context.Context, _ report.Caller) (view.Carried, error) {
	return post[view.Carried](ctx, c, "/v1/ha/policy/push", empty{})
}
