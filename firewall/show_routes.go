package firewall

import (
	"context"
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/links"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/rules"
	"github.com/rempart/rempart/rules/steer"
)

// Routes lists the routes of the policy and whether the kernel has them; all
// adds those of the gateways' own tables.
func (f *Firewall) Routes(ctx context.Context, all bool) ([]report.Route, error) {
	return do(ctx, f, func(ctx context.Context) ([]report.Route, error) {
		if f.running == nil {
			return nil, nil
		}
		want := Network(f.running.world)
		missing, err := f.Links.Plan(ctx, want)
		if err != nil {
			return nil, err
		}
		out := routeReports(f.running.world, missing)
		if all {
			out = append(out, tableReports(f.running.world, want, missing)...)
		}
		return out, nil
	})
}

// routeReports is the routes that a policy asks for, each part of an alias by
// itself, as they are now.
func routeReports(w *rules.World, missing []links.Op) []report.Route {
	var out []report.Route
	for i := range w.Config.Routes {
		r := &w.Config.Routes[i]
		base := report.Route{Alias: r.Alias, Kind: r.Kind.String(), Gateway: r.Gateway, Metric: r.Metric}
		base.Ways, base.Reason = waysBy(w, r)
		if r.Kind == config.RouteUnicast && len(base.Ways) == 0 {
			if _, refused := w.RouteBy(r); refused {
				base.Kind = config.RouteUnreachable.String()
			}
		}
		withdrawn := base.Kind == config.RouteUnicast.String() && len(base.Ways) == 0
		found := false
		for _, dst := range w.Destinations(*r) {
			if group, ok := steer.Find(w.Config, r.Gateway); ok && group.Is6 != dst.Addr().Is6() {
				continue
			}
			found = true
			one := base
			one.Destination = dst
			one.Installed = !withdrawn && !mentions(missing, dst, 0)
			out = append(out, one)
		}
		if !found {
			base.Reason = "@" + r.Alias + " has no address for it"
			out = append(out, base)
		}
	}
	return out
}

// waysBy is by which gateways a route leads now, and why not by those that it names.
func waysBy(w *rules.World, r *config.Route) (ways []report.RouteWay, reason string) {
	if r.Kind != config.RouteUnicast {
		return nil, ""
	}
	by, refused := w.RouteBy(r)
	for _, g := range by {
		way := report.RouteWay{Gateway: g.Name, Interface: g.Interface}
		if via := w.NextHop(g); !via.IsUnspecified() {
			way.Via = via
		}
		if len(by) > 1 {
			way.Weight = g.Weight
		}
		ways = append(ways, way)
	}
	group, ok := steer.Find(w.Config, r.Gateway)
	switch {
	case len(ways) > 0 || !ok:
		return ways, ""
	case w.Config.Gateway(r.Gateway) != nil:
		return nil, "gateway " + r.Gateway + " has no address"
	case refused || len(group.Choose(w.Lines).Members) == 0:
		return nil, "gateway group " + r.Gateway + " is down (on_down = " + group.OnDown.String() + ")"
	}
	return nil, "no gateway of " + r.Gateway + " has an address"
}

// tableReports is the routes of the gateways' own tables.
func tableReports(w *rules.World, want links.State, missing []links.Op) []report.Route {
	var out []report.Route
	for _, r := range want.Routes {
		if r.Table < gatewayTable {
			continue
		}
		one := report.Route{
			Destination: r.Dst, Kind: config.RouteKind(r.Kind).String(), Gateway: gatewayNumbered(w, r.Table-gatewayTable), Metric: r.Metric,
			Table: r.Table, Installed: !mentions(missing, r.Dst, r.Table),
		}
		if r.Kind == links.Unicast {
			one.Ways = []report.RouteWay{{Via: r.Via, Interface: r.Device}}
		}
		out = append(out, one)
	}
	slices.SortStableFunc(out, func(a, b report.Route) int { return a.Table - b.Table })
	return out
}

// gatewayNumbered is the gateway that has a number.
func gatewayNumbered(w *rules.World, n int) string {
	for name, number := range w.Gateways {
		if int(number) == n {
			return name
		}
	}
	return ""
}

// mentions says whether a route to dst in a table is among the changes that are
// still to be made; 0 is the main table.
func mentions(ops []links.Op, dst netip.Prefix, table int) bool {
	return slices.ContainsFunc(ops, func(op links.Op) bool {
		var r links.Route
		switch op := op.(type) {
		case links.AddRoute:
			r = op.Route
		case links.ReplaceRoute:
			r = op.New
		default:
			return false
		}
		return r.Dst == dst && (r.Table == table || table == 0 && r.Table == mainTable)
	})
}

// mainTable is the number of the main routing table (RT_TABLE_MAIN).
const mainTable = 254
