package ha

import (
	"context"
	"time"

	"github.com/rempart/rempart/ha/view"
)

// Resync makes both nodes begin anew: the master sends all its flows again. It returns at once; the
// status says when the peer has them.
func (n *Node) Resync(ctx context.Context, by string) (view.Sync, error) {
	return do(ctx, n, func(time.Time) (view.Sync, error) {
		switch {
		case n.settings == nil:
			return view.Sync{}, view.ErrNotConfigured
		case n.Flows == nil:
			return view.Sync{}, view.Statef("flow sync does not run here")
		}
		if s := n.viewSync(); s.State == view.SyncOff {
			return view.Sync{}, view.Statef("flow sync is off: %s", s.Why)
		}
		n.log.Info("flow sync begins anew by order", "by", by)
		n.Flows.Resync()
		return n.Flows.Report(), nil
	})
}
