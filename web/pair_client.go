package web

import (
	"context"
	"net/url"
	"strconv"

	"github.com/rempart/rempart/ha/view"
)

var _ Pair = (*Client)(nil)

// HAStatus asks GET /v1/ha.
func (c *Client) HAStatus(ctx context.Context) (view.Status, error) {
	return get[view.Status](ctx, c, "/v1/ha", nil)
}

// Release asks POST /v1/ha/release.
func (c *Client) Release(ctx context.Context, o view.Order) (view.Done, error) {
	return post[view.Done](ctx, c, "/v1/ha/release", o)
}

// Takeover asks POST /v1/ha/takeover.
func (c *Client) Takeover(ctx context.Context, o view.Order) (view.Done, error) {
	return post[view.Done](ctx, c, "/v1/ha/takeover", o)
}

// Maintenance asks POST /v1/ha/maintenance. The daemon sees for itself who asks.
func (c *Client) Maintenance(ctx context.Context, on bool, _ string) (view.Status, error) {
	return post[view.Status](ctx, c, "/v1/ha/maintenance", maintenanceRequest{On: &on})
}

// PeerMaintenance asks POST /v1/ha/peer/maintenance. The daemon sees for itself who asks.
func (c *Client) PeerMaintenance(ctx context.Context, on bool, _ string) error {
	_, err := post[empty](ctx, c, "/v1/ha/peer/maintenance", maintenanceRequest{On: &on})
	return err
}

// Resync asks POST /v1/ha/resync. The daemon sees for itself who asks.
func (c *Client) Resync(ctx context.Context, _ string) (view.Sync, error) {
	return post[view.Sync](ctx, c, "/v1/ha/resync", empty{})
}

// FlowsDiff asks GET /v1/ha/flows/diff.
func (c *Client) FlowsDiff(ctx context.Context, limit int) (view.FlowsDiff, error) {
	return get[view.FlowsDiff](ctx, c, "/v1/ha/flows/diff", url.Values{"limit": {strconv.Itoa(limit)}})
}

// Doctor asks POST /v1/ha/doctor.
func (c *Client) Doctor(ctx context.Context, tell func(view.Finding) error) error {
	return stream(ctx, c, "/v1/ha/doctor", empty{}, func(l doctorLine) (done bool, err error) {
		switch {
		case l.Failed != nil:
			return true, l.Failed
		case l.Finding != nil:
			return false, tell(*l.Finding)
		}
		return l.End != nil, nil
	})
}

// Drill asks POST /v1/ha/drill. When tell fails the daemon still brings the drill to its end.
func (c *Client) Drill(ctx context.Context, o view.DrillOrder, tell func(view.DrillLeg) error) (view.Drill, error) {
	var all view.Drill
	err := stream(ctx, c, "/v1/ha/drill", o, func(l drillLine) (done bool, err error) {
		switch {
		case l.Failed != nil:
			return true, l.Failed
		case l.Leg != nil:
			return false, tell(*l.Leg)
		case l.End != nil:
			all = *l.End
			return true, nil
		}
		return false, nil
	})
	return all, err
}
