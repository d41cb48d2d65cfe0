package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// How a gateway is watched that does not say it.
const (
	defaultQuorum       = 1
	defaultProbe        = 500 * time.Millisecond
	defaultTimeout      = 2 * time.Second
	defaultWindow       = 30 * time.Second
	defaultLossWarning  = 10
	defaultLossDown     = 20
	defaultDelayWarning = 200 * time.Millisecond
	defaultDelayDown    = 500 * time.Millisecond
	defaultDownAfter    = 2 * time.Second
	defaultUpAfter      = 10 * time.Second
)

// What is refused: more targets or questions are a burden to who answers, and a
// longer window tells of yesterday.
const (
	mostTargets   = 16
	shortestProbe = 10 * time.Millisecond
	longestProbe  = time.Minute
	longestWindow = 10 * time.Minute
	longestHold   = day
)

// linkOnly are the keys that have no meaning when nobody is asked.
var linkOnly = [...]string{
	"quorum", "interval", "timeout", "window", "loss_warning", "loss_down",
	"delay_warning", "delay_down", "jitter_warning", "jitter_down",
}

// monitor reads how a gateway is watched.
func (p *parser) monitor(e *entry[rawGateway], g Gateway) Monitor {
	r := &e.body
	if r.Monitor.empty() {
		for _, key := range linkOnly {
			if n := e.node.child(key); n != nil {
				p.atKey(n, "has no meaning with an empty monitor: nobody is asked, the link alone is watched")
			}
		}
		return Monitor{
			Down: p.within(r.DownAfter, defaultDownAfter, 0, longestHold),
			Up:   p.within(r.UpAfter, defaultUpAfter, 0, longestHold),
		}
	}
	p.asks(r, g)
	before := len(p.list) + p.more
	m := Monitor{
		Targets:       p.probes(r.Monitor, g),
		Quorum:        r.Quorum.or(defaultQuorum),
		Interval:      p.within(r.Interval, defaultProbe, shortestProbe, longestProbe),
		Timeout:       p.within(r.Timeout, defaultTimeout, shortestProbe, longestWindow),
		Window:        p.within(r.Window, defaultWindow, shortestProbe, longestWindow),
		Down:          p.within(r.DownAfter, defaultDownAfter, 0, longestHold),
		Up:            p.within(r.UpAfter, defaultUpAfter, 0, longestHold),
		LossWarning:   r.LossWarning.or(defaultLossWarning),
		LossDown:      r.LossDown.or(defaultLossDown),
		DelayWarning:  p.within(r.DelayWarning, defaultDelayWarning, 0, longestWindow),
		DelayDown:     p.within(r.DelayDown, defaultDelayDown, 0, longestWindow),
		JitterWarning: p.within(r.JitterWarning, 0, 0, longestWindow),
		JitterDown:    p.within(r.JitterDown, 0, 0, longestWindow),
	}
	if len(p.list)+p.more == before {
		p.checkMonitor(r, m)
	}
	return m
}

// asks refuses a gateway whose targets nobody could ask: IPv6 has an address on
// every link, IPv4 only where one is written or learned.
func (p *parser) asks(r *rawGateway, g Gateway) {
	if g.family() != inet4 || !g.OnLink || !p.addressed[g.Interface] || p.interfaceFamilies(g.Interface)&inet4 != noFamily {
		return
	}
	p.at(r.Address.node, "interface %q has no IPv4 address to ask it from: add one, or write monitor = [] to watch the link alone", g.Interface)
}

// probes reads the targets of a gateway: itself when none are written.
func (p *parser) probes(l list, g Gateway) []Probe {
	if !l.set() {
		return []Probe{{Kind: ProbeICMP}}
	}
	var all []Probe
	for i, n := range l.items {
		probe, err := ParseProbe(n.text)
		switch {
		case err != nil:
			p.at(n, "%v", err)
			continue
		case i == mostTargets:
			p.at(n, "is one too many: %d targets at most", mostTargets)
			return all
		case (g.Address.IsValid() || g.Learned != LearnedNot) && probe.Address.Is6() != g.Is6():
			p.at(n, "%s is %s, but the gateway is %s", probe.Address, familyOf(probe.Address.BitLen()), g.family())
		case slices.Contains(all, probe):
			p.at(n, "%s stands twice", probe)
			continue
		}
		for _, own := range p.networks {
			switch {
			case own.prefix.Addr() == probe.Address:
				p.at(n, "%s is the gateway's own address on %s: it would ask itself", probe.Address, own.iface)
			case own.prefix.Contains(probe.Address) && namesNetwork(netip.PrefixFrom(probe.Address, own.prefix.Bits())):
				p.at(n, "%s is the network's own or its broadcast address on %s: nobody answers in its name", probe.Address, own.iface)
			}
		}
		all = append(all, probe)
	}
	return all
}

// limit is a value that stands beside another one, written or not.
type limit struct {
	key  string
	node *node // nil: the default
	text string
}

func (l limit) String() string {
	if l.node == nil {
		return fmt.Sprintf("%s (%s by default)", l.key, l.text)
	}
	return fmt.Sprintf("%s (%s)", l.key, l.text)
}

func lasting(key string, t text, d time.Duration) limit { return limit{key, t.node, FormatDuration(d)} }

func counted(key string, v number, n int) limit { return limit{key, v.node, strconv.Itoa(n)} }

// contradict refuses two values that cannot both be, where one of them is written.
func (p *parser) contradict(a, b limit, why string) {
	if a.node == nil {
		a, b = b, a
	}
	p.at(a.node, "%s does not go with %s: %s", a.text, b, why)
}

// checkMonitor refuses values that contradict one another.
func (p *parser) checkMonitor(r *rawGateway, m Monitor) {
	interval, timeout := lasting("interval", r.Interval, m.Interval), lasting("timeout", r.Timeout, m.Timeout)
	window, down := lasting("window", r.Window, m.Window), lasting("down_after", r.DownAfter, m.Down)
	if r.Quorum.set() && len(m.Targets) > 0 && m.Quorum > len(m.Targets) {
		p.at(r.Quorum.node, "%d is more than there are targets (%d): it would always be down", m.Quorum, len(m.Targets))
	}
	if m.Interval >= m.Window {
		p.contradict(interval, window, "several questions have to fall within the window")
	}
	if m.Timeout > m.Window {
		p.contradict(timeout, window, "an answer counts within the window")
	}
	if m.Down < m.Interval {
		p.contradict(down, interval, "nobody is silent before being asked again")
	}
	if m.LossDown > 0 && m.LossWarning > m.LossDown {
		p.contradict(counted("loss_warning", r.LossWarning, m.LossWarning), counted("loss_down", r.LossDown, m.LossDown), "a warning comes before that")
	}
	for _, t := range [...]struct {
		what                string
		warning, down       time.Duration
		warningText, dnText text
	}{
		{"delay", m.DelayWarning, m.DelayDown, r.DelayWarning, r.DelayDown},
		{"jitter", m.JitterWarning, m.JitterDown, r.JitterWarning, r.JitterDown},
	} {
		low, high := lasting(t.what+"_warning", t.warningText, t.warning), lasting(t.what+"_down", t.dnText, t.down)
		if t.down > 0 && t.warning > t.down {
			p.contradict(low, high, "a warning comes before that")
		}
		for _, threshold := range [...]struct {
			limit limit
			d     time.Duration
		}{{low, t.warning}, {high, t.down}} {
			if threshold.limit.node != nil && threshold.d > m.Timeout {
				p.contradict(threshold.limit, timeout, "an answer that takes longer is lost, so that is never reached")
			}
		}
	}
}

// within reads a duration of least to most; the default when there is none or a fault.
func (p *parser) within(t text, def, least, most time.Duration) time.Duration {
	if !t.set() {
		return def
	}
	d, err := ParseDuration(t.s)
	if err == nil && (d < least || d > most) {
		err = fmt.Errorf("%s is out of range: %s to %s", t.s, FormatDuration(least), FormatDuration(most))
	}
	if err != nil {
		p.at(t.node, "%v", err)
		return def
	}
	return d
}
