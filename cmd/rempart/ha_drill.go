package main

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/rempart/rempart/ha/view"
	"github.com/spf13/cobra"
)

// defaultRate is how often a drill asks each host, in questions a second, when nothing is said.
const defaultRate = 200

func haDrillCommand(p *program) *cobra.Command {
	o := view.DrillOrder{Rate: defaultRate}
	var hosts []string
	var yes bool
	cmd := &cobra.Command{
		Use:   "drill",
		Short: "Switch to the peer and back, and measure what it costs",
		Long: `Gives the role to the other node and gets it back, while hosts are asked all
the time from the virtual addresses: those of --host, or else a neighbour on
each network. Says how long each switch took, and of each host how many
questions were not answered and how long the longest silence was.

It is refused when the nodes are not equally well, or share the groups.`,
		Example: `  rempart ha drill
  rempart ha drill --host lan=10.1.2.9 --host wan=203.0.113.1 --rate 1000`,
		Args: words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !yes && !p.asks {
				return usage(cmd, "a drill asks first; where nobody can answer it wants --yes")
			}
			for _, h := range hosts {
				t, err := drillTarget(h)
				if err != nil {
					return usage(cmd, "--host %q: %v", h, err)
				}
				o.Hosts = append(o.Hosts, t)
			}
			return p.drill(cmd.Context(), o, yes)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&hosts, "host", nil, "ask `IFACE=ADDRESS`; may be repeated")
	flags.IntVar(&o.Rate, "rate", defaultRate, "ask each host `N` times a second")
	flags.BoolVarP(&yes, "yes", "y", false, "do not ask")
	return p.dataFlags(cmd)
}

// drillTarget reads a host of the command line.
func drillTarget(s string) (view.DrillTarget, error) {
	name, host, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return view.DrillTarget{}, fmt.Errorf("want IFACE=ADDRESS, such as lan=10.1.2.9")
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return view.DrillTarget{}, fmt.Errorf("no address %q", host)
	}
	return view.DrillTarget{Interface: name, Address: a}, nil
}

func (p *program) drill(ctx context.Context, o view.DrillOrder, yes bool) error {
	daemon := p.daemon()
	if !yes {
		s, err := daemon.HAStatus(ctx)
		switch {
		case err != nil:
			return err
		case !s.Configured:
			return wrong("%w", view.ErrNotConfigured)
		case !p.agrees(ctx, "The role goes to the other node and back, with traffic on it. Drill?"):
			return wrong("nothing was switched")
		}
	}
	done := p.busy("drilling")
	defer func() { done() }()
	legs := 0
	d, err := daemon.Drill(ctx, o, func(l view.DrillLeg) error {
		done()
		defer func() { done = p.busy("drilling") }()
		if legs++; !p.json {
			p.showLeg([]string{"there  ", "back   "}[min(legs, 2)-1], l)
		}
		return nil
	})
	done()
	done = func() {}
	if err != nil {
		return err
	}
	if err := p.showDrill(d); err != nil {
		return err
	}
	for _, l := range d.Legs {
		if l.Failed != "" {
			return fmt.Errorf("%s did not become master: %s", l.Master, l.Failed)
		}
	}
	return nil
}

func (p *program) showLeg(way string, l view.DrillLeg) {
	if l.Failed != "" {
		p.sentence(text(way), cell{l.Master + " did not become master", bad}, ": "+l.Failed)
		return
	}
	p.sentence(text(way), cell{l.Master, strong}, fmt.Sprintf(" is master, after %s", brief(l.Took)))
}

// showDrill says of each host what the switches cost it.
func (p *program) showDrill(d view.Drill) error {
	if p.json {
		return p.printJSON(d)
	}
	t := newTable(left("HOST"), left("INTERFACE"), left("ASKED FROM"), right("ASKED"), right("LOST"), right("LONGEST SILENCE"))
	for _, h := range d.Hosts {
		lost := cell{count(h.Lost), good}
		if h.Lost > 0 {
			lost.ink = odd
		}
		t.add(text(h.Address.String()), text(h.Interface), text(h.VIP.String()), text(count(h.Sent)), lost, text(brief(h.Gap)))
	}
	p.printf("\n")
	return p.print(t, "No host was there to ask: name some with --host.")
}
