package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rempart/rempart/firewall/report"
	"github.com/spf13/cobra"
)

func showGatewaysCommand(p *program) *cobra.Command {
	past := 4 * time.Hour
	cmd := &cobra.Command{
		Use:   "gateways [NAME]",
		Short: "The lines: gateways, groups, how each is, and how it was",
		Long: `Lists the gateways with loss, delay and jitter over the window of their
monitors, and the groups with the share of the new flows that each member gets.
A gateway without targets shows no figures: its link alone tells how it is.

With a NAME it shows what that gateway's targets answer, and how it was.`,
		Args: words(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if past <= 0 {
				return usage(cmd, "--past %v: want more than nothing", past)
			}
			if len(args) == 0 {
				return ask(p, cmd, p.daemon().Lines, p.showLines)
			}
			one := func(ctx context.Context) (gatewayView, error) { return p.gateway(ctx, args[0], past) }
			return ask(p, cmd, one, func(v gatewayView) error { return p.showGateway(v, past) })
		},
	}
	cmd.Flags().DurationVar(&past, "past", past, "of one gateway, how `FAR` back to look")
	return p.dataFlags(completed(cmd, 1, p.gatewayWords))
}

func (p *program) showLines(lines report.Lines) error {
	t := newTable(left("GATEWAY"), left("INTERFACE"), left("ADDRESS"), left("STATE"), left("FOR"), right("LOSS"), right("DELAY"), right("JITTER"))
	for _, g := range lines.Gateways {
		row := []cell{text(g.Name), text(g.Interface), hop(g), gatewayState(g.State), text(p.lasts(g.Since))}
		t.add(append(row, figures(g.Watched, g.Alive(), g.Loss, g.Delay, g.Jitter)...)...)
	}
	if err := p.print(t, "There are no gateways."); err != nil {
		return err
	}
	p.showReasons(lines.Gateways)
	if len(lines.Groups) == 0 {
		return nil
	}
	p.printf("\n")
	t = newTable(left("GROUP"), left("TIER"), left("FOR"), left("NEW FLOWS GO BY"))
	for _, g := range lines.Groups {
		t.add(text(g.Name), tier(g), text(p.lasts(g.Since)), takes(g))
	}
	return p.print(t, "")
}

// showReasons says below the table why gateways are not as they should be.
func (p *program) showReasons(gateways []report.Gateway) {
	before := "\n"
	for _, g := range gateways {
		if g.State == report.GatewayOnline || g.Reason == "" {
			continue
		}
		p.printf("%s", before)
		p.hanging(text(g.Name+": "), g.Reason)
		before = ""
	}
}

// hop is the next hop of a gateway, as far as there is one.
func hop(g report.Gateway) cell {
	switch {
	case !g.Address.IsValid():
		return cell{"none by " + g.Learned, bad}
	case g.Address.IsUnspecified():
		return text("the link itself")
	}
	return text(g.Address.String())
}

func gatewayState(state string) cell {
	switch state {
	case report.GatewayOnline:
		return cell{state, good}
	case report.GatewayWarning:
		return cell{state, odd}
	}
	return cell{state, bad}
}

// figures are loss, delay and jitter; who does not answer has no delay.
func figures(watched, alive bool, loss float64, delay, jitter report.Delay) []cell {
	if !watched {
		return []cell{text(""), text(""), text("")}
	}
	lost := cell{percent(loss), plain}
	if loss == 0 {
		lost.ink = faint
	}
	if !alive && delay == 0 {
		return []cell{lost, text(""), text("")}
	}
	return []cell{lost, text(millis(delay)), text(millis(jitter))}
}

// percent writes a share of a hundred; what is nearly nothing is not nothing.
func percent(f float64) string {
	switch {
	case f == 0, f >= 10:
		return fmt.Sprintf("%.0f%%", f)
	case f < 0.1:
		return "<0.1%"
	}
	return fmt.Sprintf("%.1f%%", f)
}

// millis writes a short time with as many figures as anybody looks at: 0.3ms, 41ms, 1.2s.
func millis(d report.Delay) string {
	switch t := time.Duration(d); {
	case t >= time.Second:
		return fmt.Sprintf("%.1fs", t.Seconds())
	case t >= 10*time.Millisecond:
		return fmt.Sprintf("%dms", t.Milliseconds())
	default:
		return fmt.Sprintf("%.1fms", float64(t.Microseconds())/1000)
	}
}

func tier(g report.GatewayGroup) cell {
	switch {
	case g.Tier == 0:
		return cell{"down", bad}
	case g.Tier > 1:
		return cell{fmt.Sprintf("%d of %d", g.Tier, g.Tiers), odd}
	}
	return cell{fmt.Sprintf("%d of %d", g.Tier, g.Tiers), good}
}

// takes says by which gateways the new flows of a group go, or what becomes of them.
func takes(g report.GatewayGroup) cell {
	if g.Tier == 0 {
		return cell{onDown(g.OnDown), bad}
	}
	var members []string
	for _, m := range g.Members {
		switch {
		case m.Share == 100:
			members = append(members, m.Gateway)
		case m.Share > 0:
			members = append(members, m.Gateway+" "+percent(m.Share))
		}
	}
	how := strings.Join(members, ", ")
	if g.Sticky && len(members) > 1 {
		how += ", by source"
	}
	return text(how)
}

// onDown says what becomes of the traffic of a group that is down.
func onDown(word string) string {
	switch word {
	case "block":
		return "new flows are blocked"
	case "default-route":
		return "the routing table decides"
	}
	return "the next rule or route decides"
}

// gatewayView is one gateway, and how it was.
type gatewayView struct {
	report.Gateway
	History report.GatewayHistory `json:"history"`
}

// gateway asks for one gateway and its past.
func (p *program) gateway(ctx context.Context, name string, past time.Duration) (gatewayView, error) {
	lines, err := p.daemon().Lines(ctx)
	if err != nil {
		return gatewayView{}, err
	}
	i := slices.IndexFunc(lines.Gateways, func(g report.Gateway) bool { return g.Name == name })
	if i < 0 {
		return gatewayView{}, wrong("no gateway %q", name)
	}
	history, err := p.daemon().GatewayHistory(ctx, name, p.now().Add(-past))
	return gatewayView{lines.Gateways[i], history}, err
}

// gatewayWords are the gateways with how they are.
func (p *program) gatewayWords(ctx context.Context) ([]string, error) {
	lines, err := p.daemon().Lines(ctx)
	list := make([]string, 0, len(lines.Gateways))
	for _, g := range lines.Gateways {
		list = append(list, cobra.CompletionWithDesc(g.Name, g.State))
	}
	return list, err
}
