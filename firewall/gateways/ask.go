package gateways

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	"github.com/rempart/rempart/config"
)

// asked is a question that is open.
type asked struct {
	target *target
	serial uint64 // in the target's window
	path   Path
	// silence is after how long without an answer the target starts anew.
	silence time.Duration
	echo    echo  // of ProbeICMP
	query   query // of ProbeDNS
}

// newID is a number that nobody can guess. It is not zero.
func newID() uint64 {
	var b [8]byte
	for {
		_, _ = rand.Read(b[:]) // it never fails
		if id := binary.NativeEndian.Uint64(b[:]); id != 0 {
			return id
		}
	}
}

// askLocked sends a target its next question.
func (m *Monitor) askLocked(path Path, silence time.Duration, t *target) {
	id := newID()
	serial, dropped := t.asks(time.Now(), id)
	m.dropLocked(dropped)
	a := &asked{target: t, serial: serial, path: path, silence: silence}
	q, err := m.question(id, a)
	if err == nil {
		m.asked[id] = a
		err = m.kernel.Send(q)
	}
	if err != nil {
		m.failLocked(id, a, err)
	}
}

// question is what is sent, and kept to know its answer by.
func (m *Monitor) question(id uint64, a *asked) (Question, error) {
	p := a.target.probe
	q := Question{ID: id, Path: a.path, Kind: p.Kind, To: netip.AddrPortFrom(p.Address, p.Port)}
	var err error
	switch p.Kind {
	case config.ProbeICMP:
		a.echo = echo{id: m.echoID, seq: a.target.seq, token: id}
		q.Packet = a.echo.append(nil, p.Address.Is6())
	case config.ProbeDNS:
		a.query = query{id: uint16(id), name: p.Name}
		q.Packet, err = a.query.append(nil)
	}
	return q, err
}

var errRefused = errors.New("connection refused")

// dropLocked forgets a question; 0 is none.
func (m *Monitor) dropLocked(id uint64) {
	if _, open := m.asked[id]; open {
		delete(m.asked, id)
		m.kernel.Drop(id)
	}
}

func (m *Monitor) failLocked(id uint64, a *asked, why error) {
	m.dropLocked(id)
	a.target.failed(a.serial, why.Error())
}

// receive takes in what arrived.
func (m *Monitor) receive(r Reply) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.awakeLocked(now)
	id, a := m.matchLocked(r)
	if a == nil {
		m.ignored.Add(1)
		return
	}
	e := m.owners[a.target]
	if r.Refused && !e.living() {
		r.Err = errRefused
	}
	if r.Err != nil {
		m.failLocked(id, a, r.Err)
	} else {
		m.dropLocked(id)
		dropped, ok := a.target.answered(now, a.serial, a.silence)
		if !ok {
			m.ignored.Add(1)
		}
		for _, id := range dropped {
			m.dropLocked(id)
		}
	}
	if e.steady() {
		return
	}
	m.judgeLocked(now, e)
	if !e.due.IsZero() && e.due.Before(m.planned) {
		m.kernel.Wake() // Run sleeps for longer
	}
}

// matchLocked is the question that a reply answers; nil: none that is open.
func (m *Monitor) matchLocked(r Reply) (uint64, *asked) {
	if r.Kind == config.ProbeICMP {
		return m.matchEchoLocked(r)
	}
	a := m.asked[r.ID]
	if a == nil || a.target.probe.Kind != r.Kind {
		return 0, nil
	}
	if r.Err == nil && r.Kind == config.ProbeDNS && a.query.answeredBy(r.Packet) != nil {
		return 0, nil
	}
	return r.ID, a
}

// matchEchoLocked wants everything to be as it was sent: who is asked, by which
// device, and token, identifier and number of the message.
func (m *Monitor) matchEchoLocked(r Reply) (uint64, *asked) {
	parse := parseReply4
	if r.From.Is6() {
		parse = parseReply6
	}
	e, err := parse(r.Packet)
	if err != nil {
		return 0, nil
	}
	a := m.asked[e.token]
	if a == nil || a.echo != e || a.path.Device != r.Device || a.target.probe.Address != r.From {
		return 0, nil
	}
	return e.token, a
}
