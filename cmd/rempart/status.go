package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/ha/view"
	"github.com/spf13/cobra"
)

func statusCommand(p *program) *cobra.Command {
	return p.dataFlags(&cobra.Command{
		Use:   "status",
		Short: "The gateway at a glance",
		Long: `Says which revision runs and since when, whether an apply waits for its confirm,
how full the table of flows is, which gateways are not online, which role the
node has in its pair, how the interfaces are, and what needs attention, with
what to do about it.`,
		Args: words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(p, cmd, p.status, p.showStatus)
		},
	})
}

// statusView is the gateway, and its pair where it is of one.
type statusView struct {
	report.Status
	Pair *view.Status `json:"pair,omitempty"`
}

// status asks for both. A daemon that knows of no pairs yet has none.
func (p *program) status(ctx context.Context) (statusView, error) {
	gateway, err := p.daemon().Status(ctx)
	if err != nil {
		return statusView{}, err
	}
	pair, err := p.daemon().HAStatus(ctx)
	switch {
	case errors.Is(err, report.ErrRequest):
		return statusView{Status: gateway}, nil
	case err != nil || !pair.Configured:
		return statusView{Status: gateway}, err
	}
	return statusView{gateway, &pair}, nil
}

func (p *program) showStatus(s statusView) error {
	name := s.Name
	if name == "" {
		name = "gateway"
	}
	p.printf("%s, rempart %s, up %s\n\n", p.paint(strong, name), s.Version, span(p.now().Sub(s.Started)))
	p.printf("policy      %s\n", p.running(s.Status))
	if d := s.Pending; d != nil {
		p.printf("            %s until %s, by %s\n", p.paint(odd, "waits for its confirm"), p.when(d.Deadline), d.Author)
		if d.Message != "" {
			p.printf("            %s\n", p.paint(faint, d.Message))
		}
	}
	if s.FileDiffers {
		p.printf("            %s: `rempart diff` shows how\n", p.paint(odd, "the files say something else"))
	}
	if s.FlowsMax > 0 {
		p.printf("flows       %s of at most %s\n", p.paint(fill(s.Flows, s.FlowsMax), count(s.Flows)), count(s.FlowsMax))
	}
	p.showUplinks(s.Lines)
	if s.Pair != nil {
		p.showPairLine(*s.Pair)
	}
	p.printf("\n")
	if err := p.showLinks(s.Interfaces); err != nil {
		return err
	}
	p.showVIPs(s.VIPs)
	if len(s.Warnings) > 0 {
		p.printf("\n")
		p.warn(s.Warnings)
	}
	return nil
}

func (p *program) showLinks(links []report.Link) error {
	t := newTable(left("INTERFACE"), left("DEVICE"), left("LINK"), right("IN"), right("OUT"), right("LOST"), left("ADDRESSES"))
	for _, l := range links {
		t.add(text(l.Name), text(l.Device), link(l), text(size(l.RxBytes)), text(size(l.TxBytes)), lost(l), text(addresses(l)))
	}
	return p.print(t, "There are no interfaces.")
}

// showUplinks says how many gateways are as they should be, and of each other
// one how it is.
func (p *program) showUplinks(lines report.Lines) {
	if len(lines.Gateways) == 0 {
		return
	}
	online, ink := 0, good
	for _, g := range lines.Gateways {
		if g.State == report.GatewayOnline {
			online++
		}
	}
	if online < len(lines.Gateways) {
		ink = odd
	}
	p.printf("gateways    %s\n", p.paint(ink, fmt.Sprintf("%d of %d online", online, len(lines.Gateways))))
	indent := text(strings.Repeat(" ", len("gateways    ")))
	for _, g := range lines.Gateways {
		if g.State != report.GatewayOnline {
			p.hanging(indent, fmt.Sprintf("%s is %s since %s%s", g.Name, g.State, p.when(g.Since), remark(g.Reason)))
		}
	}
	for _, g := range lines.Groups {
		switch {
		case g.Tier == 0:
			p.hanging(indent, fmt.Sprintf("group %s is down since %s: %s", g.Name, p.when(g.Since), onDown(g.OnDown)))
		case g.Tier > 1:
			p.hanging(indent, fmt.Sprintf("group %s is at tier %d of %d since %s: %s", g.Name, g.Tier, g.Tiers, p.when(g.Since), takes(g).text))
		}
	}
}

// showVIPs lists the addresses that the gateway answers for beside those of its devices.
func (p *program) showVIPs(vips []report.VIP) {
	if len(vips) == 0 {
		return
	}
	var list []string
	for _, v := range vips {
		list = append(list, fmt.Sprintf("%s on %s (%s)", v.Address, v.Interface, v.Kind))
	}
	p.printf("\n")
	p.hanging(text("virtual     "), strings.Join(list, ", "))
}

// running says what runs.
func (p *program) running(s report.Status) string {
	switch {
	case s.Hash == "":
		return p.paint(bad, "none")
	case s.Revision == 0:
		return fmt.Sprintf("not kept yet (%s), since %s", short(s.Hash), p.when(s.Since))
	}
	return fmt.Sprintf("%s (%s), since %s", p.paint(good, fmt.Sprintf("revision %d", s.Revision)), short(s.Hash), p.when(s.Since))
}

// remark is a message behind something else.
func remark(message string) string {
	if message == "" {
		return ""
	}
	return ": " + message
}

// fill warns when little room is left for flows; a full table drops new ones.
func fill(n, most int) ink {
	switch {
	case n >= most*9/10:
		return bad
	case n >= most*7/10:
		return odd
	}
	return plain
}

func link(l report.Link) cell {
	switch {
	case !l.Present:
		return cell{"missing", bad}
	case !l.Up:
		return cell{"down", bad}
	}
	return cell{"up", good}
}

// lost is the packets that the device could not take or send.
func lost(l report.Link) cell {
	n := l.RxErrors + l.TxErrors + l.RxDropped + l.TxDropped
	if n == 0 {
		return cell{"0", faint}
	}
	return cell{count(n), odd}
}

// addresses leaves out the link-local ones, which every device has.
func addresses(l report.Link) string {
	var list []string
	for _, a := range l.Addresses {
		if !a.Addr().IsLinkLocalUnicast() {
			list = append(list, a.String())
		}
	}
	return strings.Join(list, " ")
}
