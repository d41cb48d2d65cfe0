package gateways

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/rempart/rempart/config"
)

// target is one host that is asked the same again and again.
type target struct {
	probe    config.Probe // with its address
	interval time.Duration
	window   *window
	due      time.Time // of the next question
	heard    time.Time // last answer in time
	seq      uint16    // of the last echo
	// missed and met count the questions in a row that got no answer, or one.
	missed, met int
	fault       string // of the last question that got no answer
}

func newTarget(p config.Probe, m config.Monitor) *target {
	return &target{
		probe: p, interval: max(m.Interval, minInterval),
		window: newWindow(m.Window, m.Interval, m.Timeout),
	}
}

// asks takes in that a question goes out. The next one is due an interval after
// this one was, unless that is long ago.
func (t *target) asks(now time.Time, id uint64) (serial, dropped uint64) {
	t.due = t.due.Add(t.interval)
	if t.due.Before(now) {
		t.due = now.Add(t.interval)
	}
	t.seq++
	return t.window.ask(now, id)
}

// answered takes in an answer. What was lost while it was silent no longer
// counts then: its silence was told, and is over. It returns the questions that
// are forgotten by this.
func (t *target) answered(now time.Time, serial uint64, silence time.Duration) (dropped []uint64, ok bool) {
	if !t.window.answer(now, serial) {
		return nil, false
	}
	if now.Sub(t.heard) >= silence {
		dropped = t.window.restart(serial)
	}
	t.heard, t.fault = now, ""
	t.missed, t.met = 0, t.met+1
	return dropped, true
}

// failed takes in that a question gets no answer, and why.
func (t *target) failed(serial uint64, why string) {
	if t.window.lose(serial) {
		t.miss(1, why)
	}
}

// cancels takes in that nobody waits for the answer to a question.
func (t *target) cancels(serial uint64) { t.window.cancel(serial) }

// passes moves on to now, and returns the questions that are lost by it.
func (t *target) passes(now time.Time) (lost []uint64) {
	lost = t.window.pass(now)
	if len(lost) > 0 {
		t.miss(len(lost), fmt.Sprintf("no answer within %s", t.window.timeout))
	}
	return lost
}

func (t *target) miss(n int, why string) {
	t.missed, t.met, t.fault = t.missed+n, 0, why
}

// shift moves what is waited for to a later time.
func (t *target) shift(by time.Duration) {
	t.window.shift(by)
	if !t.heard.IsZero() {
		t.heard = t.heard.Add(by)
	}
}

// next is when something is to be done for the target.
func (t *target) next() time.Time { return earlier(t.due, t.window.expiry()) }

func (t *target) status(silent bool) TargetStatus {
	return TargetStatus{
		Target: probeText(t.probe), Silent: silent, Stats: t.window.stats(), Answered: t.heard, Fault: t.fault,
	}
}

// probeText is a probe as a policy writes it.
func probeText(p config.Probe) string {
	const dnsPort = 53
	at := netip.AddrPortFrom(p.Address, p.Port).String()
	switch {
	case p.Kind == config.ProbeTCP:
		return "tcp://" + at
	case p.Kind == config.ProbeDNS && p.Port != dnsPort:
		return "dns://" + at + "/" + nameText(p.Name)
	case p.Kind == config.ProbeDNS:
		return "dns://" + hostText(p.Address) + "/" + nameText(p.Name)
	}
	return p.Address.String()
}

func hostText(a netip.Addr) string {
	if a.Is6() {
		return "[" + a.String() + "]"
	}
	return a.String()
}

func nameText(name string) string {
	if n := len(name); n > 1 && name[n-1] == '.' {
		return name[:n-1]
	}
	return name
}

// earlier is the first of two times, of which zero ones are never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
