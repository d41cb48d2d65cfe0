package firewall

import (
	"context"

	"github.com/rempart/rempart/firewall/report"
)

// Routes lists the routes of the policy and whether the kernel has them.
func (f *Firewall) Routes(ctx context.Context, _ bool) ([]report.Route, error) {
	return do(ctx, f, func(ctx context.Context) ([]report.Route, error) {
		if f.running == nil {
			return nil, nil
		}
		c := f.running.world.Config
		missing, err := f.Links.Plan(ctx, Network(c))
		if err != nil {
			return nil, err
		}
		var out []report.Route
		for _, r := range c.Routes {
			g := c.Gateway(r.Gateway)
			if g == nil {
				continue
			}
			out = append(out, report.Route{
				Destination: r.Destination, Kind: "unicast", Gateway: g.Name, Metric: r.Metric, Installed: !mentions(missing, r.Destination),
				Ways: []report.RouteWay{{Gateway: g.Name, Via: g.Address, Interface: g.Interface}},
			})
		}
		return out, nil
	})
}
