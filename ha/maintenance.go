package ha

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/rempart/rempart/disk"
	"github.com/rempart/rempart/ha/view"
)

const reasonMaintenance = "maintenance"

// Maintenance orders that the peer be master whenever it lives, until it is ordered off. It
// survives restarts.
func (n *Node) Maintenance(ctx context.Context, on bool, by string) (view.Status, error) {
	return do(ctx, n, func(now time.Time) (view.Status, error) {
		if n.settings == nil {
			return view.Status{}, view.ErrNotConfigured
		}
		var care *view.Maintenance
		if on {
			care = &view.Maintenance{Since: now, By: by}
			if n.care != nil {
				care = n.care
			}
		}
		if err := n.keepMaintenance(care); err != nil {
			return view.Status{}, err
		}
		n.care = care
		if !on {
			n.demotions.drop(reasonMaintenance)
			n.demoted(now)
		} else {
			n.demote(now, reasonMaintenance, weightMaintenance, true, "rempart ha maintenance off", "")
		}
		n.turn(now)
		return n.status(now), nil
	})
}

// keepMaintenance writes the order; nil is none.
func (n *Node) keepMaintenance(m *view.Maintenance) error {
	if m == nil {
		err := os.Remove(n.Order)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return disk.Replace(disk.OS{}, n.Order, disk.Bytes(text))
}

// readMaintenance reads the order. One that cannot be read is taken as given: the node that was to
// stay out of the way does not come back because of a broken file.
func (n *Node) readMaintenance() (*view.Maintenance, error) {
	const most = 1 << 16
	text, err := disk.Read(n.Order, most)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	m := new(view.Maintenance)
	if err == nil {
		err = json.Unmarshal(text, m)
	}
	if err != nil {
		return &view.Maintenance{By: "an order that cannot be read"}, err
	}
	return m, nil
}
