package carp

import (
	"net/netip"
	"slices"
	"time"
)

// Group is the machine of some virtual hosts that move together. A new one is in Init and
// elects. Its methods are for one goroutine, and now never goes back.
type Group struct {
	config   Config
	state    State
	deaf     bool // Elect(false)
	demotion int
	vhosts   []vhost // of config.VHosts
	since    time.Time
	adAt     time.Time // when the next advertisements are due, as master
	// announced is when neighbours were last told because of what was heard.
	announced time.Time
}

// vhost is what a Group knows of one of its hosts.
type vhost struct {
	// armed is since when nothing is heard: one that never was is silent from the start.
	armed time.Time
	// left says that its master goes, so that there is nothing to wait for.
	left bool
	seen Seen
	// heard is when each family was last heard.
	heard [2]time.Time
}

// Seen is the last advertisement that was heard of a virtual host.
type Seen struct {
	Link                     string
	VHID                     uint8
	Src                      netip.Addr
	AdvBase, AdvSkew, Demote uint8
	At                       time.Time
}

// NewGroup makes a Group that is in Init.
func NewGroup(c Config) *Group {
	c.VHosts = slices.Clone(c.VHosts)
	return &Group{config: c, vhosts: make([]vhost, len(c.VHosts))}
}

// State is the state of the group.
func (g *Group) State() State { return g.state }

// Heard is what was last heard of each virtual host, in the order of Config.VHosts and
// without those of which nothing ever was.
func (g *Group) Heard() []Seen {
	var seen []Seen
	for _, v := range g.vhosts {
		if !v.seen.At.IsZero() {
			seen = append(seen, v.seen)
		}
	}
	return seen
}

// Start leaves Init, as when the first link of the group is there. It never leads straight to
// Master: others have the time of a silent master to be heard.
func (g *Group) Start(now time.Time) []Action {
	if g.state != Init {
		return nil
	}
	return g.fall(now, "started", nil)
}

// Stop goes back to Init; a master bows out.
func (g *Group) Stop(now time.Time) []Action {
	if g.state == Init {
		return nil
	}
	a := Action{Changed: true, Become: Init, Why: "stopped"}
	if g.state == Master {
		a.Send = g.bowOut()
	}
	g.state, g.since = Init, now
	return []Action{a}
}

// Take makes it master because more is known than CARP says. In Init it does nothing: there
// is no link.
func (g *Group) Take(now time.Time, why string) []Action {
	if g.state != Backup {
		return nil
	}
	return g.rise(now, why)
}

// Yield makes it backup because more is known than CARP says. A master that yields with bow
// says so with a last advertisement that makes others take over at once. In Init it does nothing.
func (g *Group) Yield(now time.Time, why string, bow bool) []Action {
	if g.state != Master {
		return nil
	}
	var last []Sending
	if bow {
		last = g.bowOut()
	}
	return g.fall(now, why, last)
}

// Elect says whether advertisements and their absence decide about the state. While they do
// not, a master speaks all the same. With on, others have from now the time of a silent master to be heard.
func (g *Group) Elect(now time.Time, on bool) []Action {
	if g.deaf == !on {
		return nil
	}
	g.deaf = !on
	if on {
		g.arm(now)
	}
	return nil
}

// Demote sets the demotion counter; less than zero is zero, for no node is better than
// sound. A master says it at once.
func (g *Group) Demote(now time.Time, n int) []Action {
	n = max(n, 0)
	if n == g.demotion {
		return nil
	}
	g.demotion = n
	return g.speak(now)
}

// Configure changes the settings and keeps the state, and what is known of virtual hosts
// that stay. A master whose settings are others now says so at once.
func (g *Group) Configure(now time.Time, c Config) []Action {
	if g.config.equal(c) {
		return nil
	}
	old := *g
	c.VHosts = slices.Clone(c.VHosts)
	g.config, g.vhosts = c, make([]vhost, len(c.VHosts))
	for i, v := range c.VHosts {
		if j := old.find(v.Link, v.VHID); j >= 0 {
			g.vhosts[i] = old.vhosts[j]
		} else {
			g.vhosts[i].armed = now
		}
	}
	if c.AdvBase != old.config.AdvBase || c.AdvSkew != old.config.AdvSkew {
		g.arm(now) // what was long enough a silence until now may be too long by the new settings
	}
	return g.speak(now)
}

// Timeout does what Deadline said is due, and nothing before.
func (g *Group) Timeout(now time.Time) []Action {
	due := g.Deadline()
	if due.IsZero() || now.Before(due) {
		return nil
	}
	if g.state == Master {
		return g.speak(now)
	}
	return g.rise(now, g.whySilent())
}

// Deadline is when Timeout is due; zero: never.
func (g *Group) Deadline() time.Time {
	switch {
	case g.state == Master:
		return g.adAt
	case g.state == Backup && !g.deaf:
		return g.silentAt()
	}
	return time.Time{}
}

// Receive takes an advertisement in.
func (g *Group) Receive(now time.Time, h Heard) []Action {
	i := g.find(h.Link, h.Ad.VHID)
	if i < 0 {
		return nil
	}
	g.vhosts[i].hear(now, h)
	switch {
	case g.state == Master:
		return g.receiveMaster(now, i, h)
	case g.state == Backup && !g.deaf:
		return g.receiveBackup(now, i, h)
	}
	return nil
}

func (v *vhost) hear(now time.Time, h Heard) {
	v.seen = Seen{
		Link: h.Link, VHID: h.Ad.VHID, Src: h.Src,
		AdvBase: h.Ad.AdvBase, AdvSkew: h.Ad.AdvSkew, Demote: h.Ad.Demote, At: now,
	}
	v.heard[family(h.v6())] = now
}

func family(v6 bool) int {
	if v6 {
		return 1
	}
	return 0
}

func (g *Group) find(link string, vhid uint8) int {
	return slices.IndexFunc(g.config.VHosts, func(v VHost) bool { return v.Link == link && v.VHID == vhid })
}

// rise makes it master.
func (g *Group) rise(now time.Time, why string) []Action {
	g.state, g.since, g.announced = Master, now, time.Time{}
	a := g.speak(now)[0]
	a.Changed, a.Become, a.Why = true, Master, why
	return []Action{a}
}

// fall makes it backup, with a last word as master.
func (g *Group) fall(now time.Time, why string, last []Sending) []Action {
	g.state, g.since = Backup, now
	g.arm(now)
	return []Action{{Changed: true, Become: Backup, Why: why, Send: last}}
}

// speak sends an advertisement of each virtual host, if it is master.
func (g *Group) speak(now time.Time) []Action {
	if g.state != Master {
		return nil
	}
	g.adAt = now.Add(interval(g.config.AdvBase, g.config.AdvSkew))
	return []Action{{Send: g.sendings(g.own())}}
}

func (g *Group) bowOut() []Sending {
	a := g.own()
	a.AdvBase, a.AdvSkew = BowOut, BowOut
	return g.sendings(a)
}

func (g *Group) sendings(a Ad) []Sending {
	out := make([]Sending, len(g.config.VHosts))
	for i, v := range g.config.VHosts {
		a.VHID = v.VHID
		out[i] = Sending{VHost: i, Ad: a}
	}
	return out
}

// arm gives the masters of all virtual hosts the whole time to be heard.
func (g *Group) arm(now time.Time) {
	for i := range g.vhosts {
		g.vhosts[i].armed, g.vhosts[i].left = now, false
	}
}

// masterDown is for how long a master is silent that is down. It is of this node's
// own settings, demoted or not.
func (g *Group) masterDown() time.Duration {
	return 3*interval(g.config.AdvBase, 0) + interval(0, g.config.AdvSkew)
}

// silentAt is from when on all virtual hosts are silent, if nothing more is heard.
func (g *Group) silentAt() time.Time {
	at := g.since
	if len(g.vhosts) == 0 {
		return at.Add(g.masterDown())
	}
	for _, v := range g.vhosts {
		if end := v.armed.Add(g.masterDown()); !v.left && end.After(at) {
			at = end
		}
	}
	return at
}
