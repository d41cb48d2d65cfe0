package main

import (
	"strconv"
	"strings"

	"github.com/rempart/rempart/firewall/report"
	"github.com/spf13/cobra"
)

func showRoutesCommand(p *program) *cobra.Command {
	return p.dataFlags(&cobra.Command{
		Use:   "routes",
		Short: "The routes that the policy asks for",
		Long: `Routes of others, such as those of DHCP or of a routing daemon, are not shown;
"ip route" lists all that there are.`,
		Args: words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(p, cmd, p.daemon().Routes, p.showRoutes)
		},
	})
}

func (p *program) showRoutes(routes []report.Route) error {
	t := newTable(left("DESTINATION"), left("GATEWAY"), left("VIA"), left("INTERFACE"), right("METRIC"), left("STATE"))
	for _, r := range routes {
		state := cell{"installed", good}
		if !r.Installed {
			state = cell{"missing", bad}
		}
		metric := ""
		if r.Metric != 0 {
			metric = strconv.Itoa(r.Metric)
		}
		t.add(text(r.Destination.String()), text(r.Gateway), text(r.Via.String()), text(r.Interface), text(metric), state)
	}
	return p.print(t, "The policy asks for no routes.")
}

func showGatewaysCommand(p *program) *cobra.Command {
	return p.dataFlags(&cobra.Command{
		Use:   "gateways",
		Short: "The next hops and whether they can be reached",
		Long: `Reachable is a next hop that answered for its address on the link (ARP or
neighbour discovery). Unknown is one that nobody has asked of late.`,
		Args: words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(p, cmd, p.daemon().Gateways, p.showGateways)
		},
	})
}

func (p *program) showGateways(gateways []report.Gateway) error {
	inks := map[string]ink{"reachable": good, "unreachable": bad}
	t := newTable(left("GATEWAY"), left("INTERFACE"), left("ADDRESS"), left("STATE"))
	for _, g := range gateways {
		t.add(text(g.Name), text(g.Interface), text(g.Address.String()), cell{g.State, inks[g.State]})
	}
	return p.print(t, "There are no gateways.")
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
