package gateways

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/rempart/rempart/disk"
)

const (
	saveEvery = 5 * time.Minute
	// maxRecord is more than what is remembered of 255 gateways takes.
	maxRecord = 128 << 20
	// keptUnwatched is how long the history of a gateway is kept that no policy
	// names: one that is rolled back to may.
	keptUnwatched = 30 * 24 * time.Hour
)

// History is what is remembered of a gateway from since on. It has nothing of
// before a restart until Run has begun.
func (m *Monitor) History(name string, since time.Time) History {
	m.mu.Lock()
	defer m.mu.Unlock()
	if h := m.history[name]; h != nil {
		return h.since(since)
	}
	return History{}
}

func (m *Monitor) historyLocked(name string) *history {
	h := m.history[name]
	if h == nil {
		h = newHistory()
		m.history[name] = h
	}
	return h
}

// sampleLocked takes a sample of each gateway if it is time, and says when the next one is due.
func (m *Monitor) sampleLocked(now time.Time) time.Time {
	if now.Before(m.sampled) {
		return m.sampled
	}
	for _, g := range m.gateways {
		m.historyLocked(g.Name).add(newPoint(now, g.worst, g.look().line))
		g.worst = g.machine.health.State
	}
	// Truncate goes by the wall clock, and what is waited for does not.
	m.sampled = now.Add(fineStep - now.Sub(now.Truncate(fineStep)))
	return m.sampled
}

// keep saves what is remembered from time to time and at the end.
func (m *Monitor) keep(ctx context.Context) {
	again := time.NewTicker(saveEvery)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			m.save()
			return
		case <-again.C:
			m.save()
		}
	}
}

// load remembers what the file says. What is in a damaged file is lost, which
// is no reason not to watch.
func (m *Monitor) load() {
	if m.file == "" {
		return
	}
	data, err := disk.Read(m.file, maxRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var all map[string]*history
	if err == nil {
		all, err = parseRecord(data)
	}
	if err != nil {
		m.log.Warn("history of gateways is lost", "file", m.file, "cause", err)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, h := range all {
		m.historyLocked(name).precede(h)
	}
}

// save puts what is remembered on the disk. Trouble is told when it changes.
func (m *Monitor) save() {
	if m.file == "" {
		return
	}
	err := disk.MakeDir(m.disk, filepath.Dir(m.file))
	if err == nil {
		err = disk.Replace(m.disk, m.file, disk.Bytes(m.record(time.Now())))
	}
	trouble := ""
	if err != nil {
		trouble = err.Error()
	}
	if trouble != "" && trouble != m.trouble {
		m.log.Warn("history of gateways is not saved", "file", m.file, "cause", err)
	}
	m.trouble = trouble
}

// record is what is to be saved. What is too old goes.
func (m *Monitor) record(now time.Time) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, h := range m.history {
		if m.gateways[name] == nil && now.Sub(h.newest()) > keptUnwatched {
			delete(m.history, name)
		}
	}
	return appendRecord(nil, m.history)
}
