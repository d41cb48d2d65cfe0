package carp

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// maxSkew is the skew of one that is demoted (CARP_MAXSKEW): FreeBSD folds its demotion into
// the skew and ends there.
const maxSkew = 240

// announceEvery is the least time between announcements for what a worse node says.
const announceEvery = time.Second

// own is the advertisement that this node sends, of whichever vhid.
func (g *Group) own() Ad {
	a := Ad{AdvBase: g.config.AdvBase, AdvSkew: g.config.AdvSkew}
	if g.demotion > 0 {
		a.AdvSkew = max(a.AdvSkew, maxSkew)
		a.Demote = uint8(min(g.demotion, 255))
	}
	return a
}

// standing is how another's advertisement stands against ours.
type standing int

const (
	worse standing = iota
	even           // as good: the addresses decide
	unclear
	better
)

// compare judges by what goes over the wire alone, so that both ends come to the same result:
// what is better for one is worse for the other.
func (g *Group) compare(a Ad) standing {
	own := g.own()
	switch {
	// Nobody is worse than one who goes, however sound.
	case a.leaves():
		return worse
	// Of one that folds its demotion into the skew nobody knows whether it is demoted. It
	// may be sound and have that skew, and then it thinks itself better: so never be sure
	// of the opposite.
	case own.Demote > 0 && a.Demote == 0 && a.AdvSkew >= maxSkew:
		if a.interval() < own.interval() {
			return better
		}
		return unclear
	// OpenBSD: the demotion counter first.
	case a.Demote < own.Demote:
		return better
	case a.Demote > own.Demote:
		return worse
	}
	switch d := a.interval() - own.interval(); {
	case d < 0:
		return better
	case d > 0:
		return worse
	}
	return even
}

// receiveMaster is what a master does with an advertisement.
func (g *Group) receiveMaster(now time.Time, i int, h Heard) []Action {
	switch g.compare(h.Ad) {
	case better:
		if g.deaf {
			return nil
		}
		// ucarp announces its addresses once more for a last word that is worse than its own.
		return g.fall(now, g.why(h, "better than ours"), g.sendings(g.own()))
	case unclear:
		if g.deaf {
			return nil
		}
		// FreeBSD would take a last word for one as good as its own, and yield too.
		return g.fall(now, g.why(h, "which may be better than ours"), nil)
	case even:
		if g.deaf || !g.settles(now, i, h.v6()) {
			return nil
		}
		if !precedes(h.Own, h.Src) {
			return g.fall(now, g.why(h, "as good as ours, and the addresses decide for it"), nil)
		}
	}
	return g.announce(now)
}

// announce has neighbours told again: one that speaks as master has told them otherwise.
func (g *Group) announce(now time.Time) []Action {
	if !g.announced.IsZero() && now.Sub(g.announced) < announceEvery {
		return nil
	}
	g.announced = now
	return []Action{{Announce: true}}
}

// settles says whether a tie is settled by the addresses of this advertisement. Addresses may
// be in another order in the other family or on another link, and then both nodes would
// yield: so the first voice that is heard of counts, and nothing after it.
func (g *Group) settles(now time.Time, i int, v6 bool) bool {
	silent := func(at time.Time) bool {
		return now.Sub(at) >= g.masterDown() && now.Sub(g.since) >= g.masterDown()
	}
	for j, v := range g.vhosts[:i] {
		c := g.config.VHosts[j]
		if c.V4 && !silent(v.heard[family(false)]) || c.V6 && !silent(v.heard[family(true)]) {
			return false
		}
	}
	return !v6 || !g.config.VHosts[i].V4 || silent(g.vhosts[i].heard[family(false)])
}

// precedes says that of two nodes that are equally good, the one with address a stays master. It
// is the lower one, as for ucarp, which compares IPv4 addresses as they lie in memory: on
// all machines of today the last byte counts most. BSD yields in any case.
func precedes(a, b netip.Addr) bool {
	if !a.IsValid() {
		return false
	}
	a, b = a.Unmap().WithZone(""), b.Unmap().WithZone("")
	if a.Is4() && b.Is4() {
		a4, b4 := a.As4(), b.As4()
		return binary.LittleEndian.Uint32(a4[:]) < binary.LittleEndian.Uint32(b4[:])
	}
	return a.Less(b)
}

// receiveBackup is what a backup does with an advertisement.
func (g *Group) receiveBackup(now time.Time, i int, h Heard) []Action {
	slow := h.Ad.interval() > 3*interval(g.config.AdvBase, 0)
	g.vhosts[i].armed, g.vhosts[i].left = now, slow
	takes := g.config.Preempt || h.Ad.Demote > g.own().Demote
	if takes && g.compare(h.Ad) == worse && !g.bettered(now) {
		return g.rise(now, g.why(h, "worse than ours"))
	}
	if slow && !now.Before(g.silentAt()) {
		return g.rise(now, g.why(h, "too slow to wait for"))
	}
	return nil
}

// bettered says that the master of a virtual host is better than this node: to take over
// because of another host would be to yield at its next advertisement, for ever.
func (g *Group) bettered(now time.Time) bool {
	for _, v := range g.vhosts {
		a := Ad{AdvBase: v.seen.AdvBase, AdvSkew: v.seen.AdvSkew, Demote: v.seen.Demote}
		if !v.seen.At.IsZero() && now.Sub(v.seen.At) < a.interval()*3/2 && g.compare(a) == better {
			return true
		}
	}
	return false
}

// why says in a clause what was heard and what follows from it.
func (g *Group) why(h Heard, verdict string) string {
	if h.Ad.leaves() {
		return fmt.Sprintf("vhid %d on %s: %v leaves", h.Ad.VHID, h.Link, h.Src)
	}
	demotion := ""
	if h.Ad.Demote > 0 || g.demotion > 0 {
		demotion = fmt.Sprintf(" demotion %d", h.Ad.Demote)
	}
	return fmt.Sprintf("vhid %d on %s: %v advertises base %d skew %d%s, %s",
		h.Ad.VHID, h.Link, h.Src, h.Ad.AdvBase, h.Ad.AdvSkew, demotion, verdict)
}

func (g *Group) whySilent() string {
	var who []string
	for _, v := range g.config.VHosts {
		who = append(who, fmt.Sprintf("vhid %d on %s", v.VHID, v.Link))
	}
	if who == nil {
		return "no virtual host to hear"
	}
	return fmt.Sprintf("%s: no advertisement for %v", strings.Join(who, ", "), g.masterDown().Round(time.Millisecond))
}
