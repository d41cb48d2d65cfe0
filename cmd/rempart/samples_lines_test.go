package main

import (
	"net/netip"
	"time"

	"github.com/rempart/rempart/firewall/report"
)

func ms(n float64) report.Delay { return report.Delay(n * float64(time.Millisecond)) }

// sampleLines is lines in every state that they can be in.
func sampleLines() report.Lines {
	return report.Lines{
		Gateways: []report.Gateway{
			{
				Name: "fibre", Description: "the provider on the second floor", Interface: "wan", Address: netip.MustParseAddr("203.0.113.1"), Number: 1, Table: 82001,
				Weight: 3, Groups: []string{"internet", "voip"}, State: report.GatewayOnline, Since: before(75 * time.Hour), Watched: true, Delay: ms(4.321), Jitter: ms(0.2),
				Targets: []report.GatewayTarget{
					{Target: "198.51.100.53", Alive: true, Sent: 60, Delay: ms(4.321), LastAnswer: before(time.Second)},
					{Target: "tcp://198.51.100.7:443", Sent: 60, Lost: 60, LastAnswer: before(20 * time.Minute), Error: "no answer within 2s"},
				},
			},
			{
				Name: "cable", Interface: "wan2", Address: netip.MustParseAddr("192.0.2.1"), Number: 2, Table: 82002, Weight: 1, Groups: []string{"internet"},
				State: report.GatewayWarning, Since: before(3 * time.Minute), Reason: "loss 12 % (warning at 10 %)",
				Watched: true, Loss: 12, Delay: ms(231.4), Jitter: ms(1250),
				Targets: []report.GatewayTarget{{Target: "192.0.2.1", Alive: true, Sent: 50, Lost: 6, Delay: ms(231.4), LastAnswer: before(0)}},
			},
			{
				Name: "lte", Interface: "wan3", Learned: "dhcp", Number: 3, Table: 82003, Weight: 1, Groups: []string{"internet", "voip"},
				State: report.GatewayDown, Since: before(5 * time.Minute), Up: before(-8 * time.Second), Reason: "no address learned", Watched: true, Loss: 100,
				Targets: []report.GatewayTarget{{Target: "198.51.100.53"}},
			},
			{Name: "dsl", Interface: "ppp0", Address: netip.IPv4Unspecified(), Learned: "dhcp", Number: 4, Table: 82004, Weight: 1, State: report.GatewayOnline, Since: before(75 * time.Hour)},
			{Name: "old", Interface: "wan", Address: netip.MustParseAddr("2001:db8::1"), Number: 5, Table: 82005, Weight: 1, State: report.GatewayForced, Since: before(75 * time.Hour), Reason: "the policy says so"},
		},
		Groups: []report.GatewayGroup{
			{Name: "internet", Tier: 1, Tiers: 2, Since: before(75 * time.Hour), OnDown: "next", Sticky: true, Members: []report.GroupMember{
				{Gateway: "fibre", Tier: 1, Weight: 3, State: report.GatewayOnline, Share: 75},
				{Gateway: "cable", Tier: 1, Weight: 1, State: report.GatewayWarning, Share: 25},
				{Gateway: "lte", Tier: 2, Weight: 1, State: report.GatewayDown},
			}},
			{Name: "voip", Tier: 2, Tiers: 2, Since: before(5 * time.Minute), OnDown: "block", Members: []report.GroupMember{
				{Gateway: "lte", Tier: 1, Weight: 1, State: report.GatewayDown},
				{Gateway: "fibre", Tier: 2, Weight: 3, State: report.GatewayOnline, Share: 100},
			}},
			{Name: "backup", Tiers: 1, Since: before(75 * time.Hour), OnDown: "block", Members: []report.GroupMember{{Gateway: "old", Tier: 1, Weight: 1, State: report.GatewayForced}}},
		},
	}
}

// sampleHistory is a day of a line that was slow, then lost some, then was away for a while.
func sampleHistory(name string, since time.Time) report.GatewayHistory {
	h := report.GatewayHistory{Gateway: name, Since: since}
	for at := since; at.Before(now()); at = at.Add(time.Minute) {
		left := now().Sub(at)
		s := report.GatewaySample{Time: at, Seconds: 60, State: report.GatewayOnline, Delay: ms(4 + float64(at.Minute()%7)), Jitter: ms(0.3)}
		switch {
		case left > 3*time.Hour+30*time.Minute:
			continue // the daemon did not run
		case left > 3*time.Hour:
			s.Delay = ms(40)
		case left > 2*time.Hour && left < 150*time.Minute:
			s.Loss = 3
		case left > time.Hour && left < 80*time.Minute:
			s.Loss, s.Delay, s.State = 100, 0, report.GatewayDown
		}
		h.Samples = append(h.Samples, s)
	}
	h.Transitions = []report.GatewayTransition{
		{Time: before(30 * time.Hour), To: report.GatewayOnline},
		{Time: before(80 * time.Minute), From: report.GatewayOnline, To: report.GatewayDown, Reason: "no answer from 198.51.100.53 for 2s"},
		{Time: before(time.Hour), From: report.GatewayDown, To: report.GatewayOnline, Reason: "it answers"},
	}
	return h
}

func sampleRoutes(all bool) []report.Route {
	route := func(to, gateway string, ways ...report.RouteWay) report.Route {
		return report.Route{Destination: netip.MustParsePrefix(to), Kind: "unicast", Gateway: gateway, Ways: ways, Installed: true}
	}
	way := func(gateway, via, on string, weight int) report.RouteWay {
		return report.RouteWay{Gateway: gateway, Via: netip.MustParseAddr(via), Interface: on, Weight: weight}
	}
	fibre, cable := way("fibre", "203.0.113.1", "wan", 3), way("cable", "192.0.2.1", "wan2", 1)
	missing := route("2001:db8:ffff::/48", "fibre6", way("fibre6", "2001:db8::1", "wan", 1))
	missing.Installed, missing.Metric = false, 20
	withdrawn := route("198.51.100.0/24", "lte")
	withdrawn.Alias, withdrawn.Installed, withdrawn.Reason = "partners", false, "gateway lte has no address yet"
	hole := route("10.0.0.0/8", "")
	hole.Kind = "blackhole"
	ppp := route("::/0", "dsl", report.RouteWay{Gateway: "dsl", Interface: "ppp0"})
	routes := []report.Route{route("0.0.0.0/0", "internet", fibre, cable), ppp, missing, withdrawn, hole}
	if all {
		for i, w := range []report.RouteWay{fibre, cable} {
			own, last := route("0.0.0.0/0", w.Gateway, w), route("0.0.0.0/0", w.Gateway)
			last.Kind, last.Metric = "unreachable", 4278198272
			own.Table, last.Table = 82001+i, 82001+i
			routes = append(routes, own, last)
		}
	}
	return routes
}
