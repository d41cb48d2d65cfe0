package config

import (
	"path/filepath"
	"strings"
	"time"
)

// How a check runs that does not say it, and what is refused.
const (
	defaultCheckInterval = 5 * time.Second
	shortestCheckTime    = 100 * time.Millisecond
	longestCheckTime     = time.Hour
	defaultCheckTimeout  = 2 * time.Second
	defaultFall          = 3
	defaultRise          = 2
	defaultCheckWeight   = 1
)

// parseChecks reads the commands that say whether the node is fit.
func (p *parser) parseChecks() []HACheck {
	var all []HACheck
	for _, e := range p.policy.HACheck {
		r := &e.body
		c := HACheck{
			Name:     e.name(),
			Command:  p.command(r.Command),
			Interval: p.within(r.Interval, defaultCheckInterval, shortestCheckTime, longestCheckTime),
			Timeout:  p.within(r.Timeout, defaultCheckTimeout, shortestCheckTime, longestCheckTime),
			Fall:     r.Fall.or(defaultFall),
			Rise:     r.Rise.or(defaultRise),
			Weight:   r.Weight.or(defaultCheckWeight),
			Pos:      e.node.keyPos(),
		}
		if c.Timeout > c.Interval {
			p.contradict(lasting("timeout", r.Timeout, c.Timeout), lasting("interval", r.Interval, c.Interval), "a run has to end before the next one begins")
		}
		all = append(all, c)
	}
	return all
}

// command reads a program with its arguments. No shell reads it.
func (p *parser) command(l list) []string {
	var words []string
	for i, n := range l.items {
		switch {
		case strings.ContainsRune(n.text, 0):
			p.at(n, "has a zero character in it, which no program can be given")
		case i == 0 && !filepath.IsAbs(n.text):
			p.at(n, "%q is no whole path such as \"/usr/local/bin/dns-ok\": no shell looks for it", n.text)
		}
		words = append(words, n.text)
	}
	return words
}
