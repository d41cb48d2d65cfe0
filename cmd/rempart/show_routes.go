package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/rempart/rempart/firewall/report"
	"github.com/spf13/cobra"
)

func showRoutesCommand(p *program) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "routes",
		Short: "The routes that the policy asks for",
		Long: `Lists the routes of the policy, each part of an alias by itself, with the ways
that each has now; several share the flows by weight. With --all also the tables
of the gateways, in which the flows of each find their way.

Routes of others, such as those of DHCP or of a routing daemon, are not shown;
"ip route" lists all that there are. Ours are "proto 82" there.`,
		Args: words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			question := func(ctx context.Context) ([]report.Route, error) { return p.daemon().Routes(ctx, all) }
			return ask(p, cmd, question, p.showRoutes)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also the tables of the gateways")
	return p.dataFlags(cmd)
}

func (p *program) showRoutes(routes []report.Route) error {
	t := newTable(left("DESTINATION"), left("GATEWAY"), right("METRIC"), left("STATE"), left("WAY"))
	table := 0
	for _, r := range routes {
		if r.Table != table {
			if err := p.print(t, "The policy asks for no routes."); err != nil {
				return err
			}
			p.printf("\nTable %d, of gateway %s\n", r.Table, r.Gateway)
			t, table = newTable(t.columns...), r.Table
		}
		metric := ""
		if r.Metric != 0 {
			metric = strconv.Itoa(r.Metric)
		}
		t.add(text(routeTo(r)), text(r.Gateway), text(metric), routeState(r), text(routeWays(r)))
	}
	return p.print(t, "The policy asks for no routes.")
}

// routeTo is where a route leads, as the policy has it.
func routeTo(r report.Route) string {
	to := r.Destination.String()
	switch {
	case !r.Destination.IsValid():
		return "@" + r.Alias
	case r.Destination.Bits() == 0 && r.Destination.Addr().Is4():
		to = "default"
	case r.Destination.Bits() == 0:
		to = "default6"
	}
	if r.Alias != "" {
		to += " (@" + r.Alias + ")"
	}
	return to
}

func routeState(r report.Route) cell {
	switch {
	case r.Installed:
		return cell{"installed", good}
	case r.Reason != "":
		return cell{"withdrawn", odd}
	}
	return cell{"missing", bad}
}

// routeWays is what becomes of packets that a route takes, or why it takes none.
func routeWays(r report.Route) string {
	switch {
	case r.Reason != "":
		return r.Reason
	case r.Kind != "unicast":
		return r.Kind
	}
	var ways []string
	for _, w := range r.Ways {
		way := "by " + w.Interface
		if w.Via.IsValid() {
			way = w.Via.String() + " " + way
		}
		if len(r.Ways) > 1 {
			way += " weight " + strconv.Itoa(w.Weight)
		}
		ways = append(ways, way)
	}
	return strings.Join(ways, ", ")
}

func showSchedulesCommand(p *program) *cobra.Command {
	return p.dataFlags(&cobra.Command{
		Use:   "schedules",
		Short: "The schedules, and when they next change",
		Long: `Schedules are read in the time zone of the policy. When one ends, the flows that
its rules let in are ended.`,
		Args: words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(p, cmd, p.daemon().Schedules, p.showSchedules)
		},
	})
}

func (p *program) showSchedules(schedules []report.Schedule) error {
	t := newTable(left("SCHEDULE"), left("STATE"), left("NEXT CHANGE"), left("USED BY"))
	for _, s := range schedules {
		state := cell{"off", faint}
		if s.Active {
			state = cell{"on", good}
		}
		next := "never"
		if !s.Next.IsZero() {
			next = p.when(s.Next)
		}
		t.add(text(s.Name), state, text(next), text(strings.Join(s.UsedBy, ", ")))
	}
	return p.print(t, "There are no schedules.")
}
