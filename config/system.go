package config

import (
	"fmt"
	"strings"
	"time"

	// A gateway need not have a zone database of its own; a policy means the
	// same everywhere.
	_ "time/tzdata"
)

func (p *parser) parseSystem() {
	s := p.policy.System.body
	sys := System{
		Domain:     read(p, s.Domain, parseDomain),
		Location:   read(p, s.Timezone, parseLocation),
		Admin:      p.addresses(s.Admin, inAdmin),
		AdminPorts: defaultAdminPorts(),
		LogDefault: s.LogDefault.or(true),
	}
	if sys.Location == nil {
		sys.Location = time.UTC
	}
	if s.AdminPorts.set() {
		terms := p.ports(s.AdminPorts)
		p.somePort(s.AdminPorts, terms)
		sys.AdminPorts = p.portRanges(terms)
	}
	p.someAddress(s.Admin, sys.Admin)
	p.cfg.System = sys
}

// defaultAdminPorts are SSH and the page.
func defaultAdminPorts() []PortRange { return []PortRange{{22, 22}, {443, 443}} }

func parseDomain(s string) (string, error) {
	if !isDomain("x."+s) || strings.HasSuffix(s, ".") {
		return "", fmt.Errorf("%q is no domain such as \"example.lan\"", s)
	}
	return strings.ToLower(s), nil
}

func parseLocation(s string) (*time.Location, error) {
	loc, err := time.LoadLocation(s)
	if err != nil || s == "" || s == "Local" {
		return nil, fmt.Errorf("%q is no time zone such as \"Europe/Paris\" or \"UTC\"", s)
	}
	return loc, nil
}

func (p *parser) parseSchedules() {
	for _, e := range p.policy.Schedule {
		p.cfg.Schedules = append(p.cfg.Schedules, Schedule{
			Name:        e.name(),
			Description: e.body.Description.s,
			Spans:       readAll(p, e.body.Times, ParseSpan),
			Except:      readAll(p, e.body.Except, ParseDateSpan),
			Pos:         e.node.keyPos(),
		})
	}
}
