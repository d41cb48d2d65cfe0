package firewall

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/feeds"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/schedules"
)

// Aliases lists the aliases of the policy and how much each holds.
func (f *Firewall) Aliases(ctx context.Context) ([]report.Alias, error) {
	return do(ctx, f, func(ctx context.Context) ([]report.Alias, error) {
		if f.running == nil {
			return nil, nil
		}
		var out []report.Alias
		for _, a := range f.running.world.Config.Aliases {
			r, err := f.alias(ctx, a)
			if err != nil {
				return nil, err
			}
			r.Entries = nil
			out = append(out, r)
		}
		return out, nil
	})
}

// Alias is one alias with all that it holds.
func (f *Firewall) Alias(ctx context.Context, name string) (report.Alias, error) {
	return do(ctx, f, func(ctx context.Context) (report.Alias, error) {
		if f.running != nil {
			if a := f.running.world.Config.Alias(name); a != nil {
				return f.alias(ctx, *a)
			}
		}
		return report.Alias{}, report.Requestf("no alias %q", name)
	})
}

// RefreshAlias fetches what an alias learns from outside now; force takes a list that shrank suspiciously.
func (f *Firewall) RefreshAlias(_ context.Context, name string, force bool) error {
	if err := f.Feeds.Refresh(name, force); err != nil {
		return report.Requestf("%w", err)
	}
	return nil
}

func (f *Firewall) alias(ctx context.Context, a config.Alias) (report.Alias, error) {
	w := f.running.world
	out := report.Alias{Name: a.Name, Kind: a.Kind.String(), Description: a.Description, UsedBy: aliasUsers(w.Config, a.Name)}
	switch a.Kind {
	case config.AliasPorts:
		for _, r := range w.Ports(a.Ports) {
			out.Entries = append(out.Entries, r.String())
		}
	case config.AliasDynamic:
		entries, err := f.elements(ctx, a.Name)
		if err != nil {
			return out, err
		}
		for _, e := range entries {
			text := e.Key[0].String()
			if e.Expires > 0 {
				text += " expires in " + e.Expires.Round(time.Second).String()
			}
			out.Entries = append(out.Entries, text)
		}
	default:
		for _, r := range w.AliasContent(a.Name).Ranges() {
			out.Entries = append(out.Entries, config.Range{From: r.From(), To: r.To()}.String())
		}
		out.Sources = f.sources(a)
	}
	out.Count = len(out.Entries)
	return out, nil
}

// sources is the names and lists that an alias is fed from.
func (f *Firewall) sources(a config.Alias) []report.AliasSource {
	var out []report.AliasSource
	for _, s := range f.Feeds.Status() {
		if a.Kind == config.AliasList && s.Name != a.Name || a.Kind == config.AliasAddresses && !namesDomain(a, s.Name) {
			continue
		}
		out = append(out, aliasSource(s))
	}
	return out
}

func aliasSource(s feeds.Source) report.AliasSource {
	out := report.AliasSource{
		Name: s.Name, Entries: s.Entries, LastSuccess: s.LastSuccess, LastError: s.LastError, Next: s.NextDue,
		Held: s.Held, HeldEntries: s.HeldEntries, Bad: s.Bad,
	}
	for _, b := range s.BadLines {
		out.BadLines = append(out.BadLines, fmt.Sprintf("line %d: %s", b.Line, b.Text))
	}
	return out
}

func namesDomain(a config.Alias, name string) bool {
	return slices.ContainsFunc(a.Addresses, func(t config.AddressTerm) bool { return t.Kind == config.TermDomain && t.Name == name })
}

// aliasUsers names what in a policy speaks of an alias.
func aliasUsers(c *config.Config, alias string) []string {
	var out []string
	in := func(terms ...config.AddressTerm) bool {
		return slices.ContainsFunc(terms, func(t config.AddressTerm) bool { return t.Kind == config.TermAlias && t.Name == alias })
	}
	ports := func(terms ...config.PortTerm) bool {
		return slices.ContainsFunc(terms, func(t config.PortTerm) bool { return t.Alias == alias })
	}
	if in(c.System.Admin...) {
		out = append(out, "system.admin")
	}
	for _, a := range c.Aliases {
		if in(a.Addresses...) || ports(a.Ports...) {
			out = append(out, "alias "+a.Name)
		}
	}
	for _, r := range c.Rules {
		overload := r.Limits != nil && r.Limits.Overload == alias
		if in(r.Source...) || in(r.Destination...) || ports(r.SourcePorts...) || ports(r.Ports...) || overload {
			out = append(out, "rule "+r.Name)
		}
	}
	for _, p := range c.PortForwards {
		if in(p.Source...) || in(p.Destination...) || in(p.Target...) {
			out = append(out, "port_forward "+p.Name)
		}
	}
	for _, o := range c.Outbound {
		if in(o.Source...) || in(o.Destination...) || in(o.Pool...) || ports(o.SourcePorts...) || ports(o.Ports...) {
			out = append(out, "outbound "+o.Name)
		}
	}
	for _, r := range c.Routes {
		if r.Alias == alias {
			out = append(out, "route @"+alias)
		}
	}
	return out
}

// Schedules lists the schedules, whether each is on, and when that changes.
func (f *Firewall) Schedules(ctx context.Context) ([]report.Schedule, error) {
	return do(ctx, f, func(context.Context) ([]report.Schedule, error) {
		if f.running == nil {
			return nil, nil
		}
		c, now := f.running.world.Config, time.Now()
		var out []report.Schedule
		for _, s := range c.Schedules {
			r := report.Schedule{Name: s.Name, Description: s.Description, Active: schedules.Active(s, c.System.Location, now)}
			r.Next, _ = schedules.Next(s, c.System.Location, now)
			for _, rule := range c.Rules {
				if rule.Schedule == s.Name {
					r.UsedBy = append(r.UsedBy, "rule "+rule.Name)
				}
			}
			out = append(out, r)
		}
		return out, nil
	})
}
