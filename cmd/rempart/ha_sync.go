package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/rempart/rempart/ha/view"
)

// freshRepair is for how long a repair is worth a word.
const freshRepair = time.Hour

// showSync says whether both nodes have the flows of the master.
func (p *program) showSync(pair view.Status) {
	if s := pair.Sync; s != nil {
		p.sentence(text("flows       "), syncCell(*s), p.syncRest(*s, pair.Peer.State))
	}
}

// syncCell is the state of flow sync as whoever looks for the word "complete" reads it: it says of the
// master too whether all of its flows are at the peer.
func syncCell(s view.Sync) cell {
	switch {
	case s.Whole():
		return cell{string(view.SyncComplete), good}
	case s.State == view.SyncSending, s.State == view.SyncBoth:
		return cell{string(view.SyncIncomplete), odd}
	case s.State == view.SyncIdle:
		return cell{string(s.State), faint}
	}
	return cell{string(s.State), odd}
}

// syncRest is what there is to say of a state.
func (p *program) syncRest(s view.Sync, peer string) string {
	switch {
	case s.State == view.SyncOff && peer == "alive":
		return remark(s.Why) + "; established connections do not survive a switch"
	case s.State == view.SyncOff:
		return remark(s.Why)
	case s.State == view.SyncIdle:
		return ": nobody is master"
	}
	parts := []string{grouped(s.Flows) + " here", grouped(s.PeerFlows) + " there"}
	if s.State == view.SyncSending || s.State == view.SyncBoth || s.InFlight > 0 {
		parts = append(parts, grouped(s.InFlight)+" in flight")
	}
	if s.Lag > 0 {
		parts = append(parts, "lag "+brief(s.Lag))
	}
	if !s.Checked.IsZero() {
		parts = append(parts, "equal "+p.ago(s.Checked))
	}
	if !s.Repaired.IsZero() && p.now().Sub(s.Repaired) < freshRepair {
		parts = append(parts, "repaired "+p.ago(s.Repaired)+remark(s.Repair))
	}
	said := strings.Join(parts, ", ")
	switch {
	case s.Whole():
		return remark(said)
	case s.State == view.SyncIncomplete:
		said += "; it completes by itself, and `rempart ha resync` begins anew"
	}
	return remark(s.Why) + "; " + said
}

// grouped prints a whole number with its thousands apart: two of them are compared digit by digit.
func grouped(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// syncWord is what the line of the whole gateway says of flow sync: nothing, unless connections would be lost
// though there is a peer.
func (p *program) syncWord(pair view.Status) string {
	if pair.Sync == nil || pair.Sync.State == view.SyncIdle || pair.Sync.Whole() || pair.Peer.State != "alive" {
		return ""
	}
	c := syncCell(*pair.Sync)
	return ", flows " + p.paint(c.ink, c.text)
}
