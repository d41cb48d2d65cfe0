package feeds

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
)

const (
	// sameTime is how far apart two confirmations may seem although they are one, for a
	// message is on its way for a while.
	sameTime = 2 * time.Second
	// taughtTTL is for how long an answer is believed that another node had: its TTL is not told.
	taughtTTL = 5 * time.Minute
)

// Import takes what another node exported wherever that was confirmed later than
// what is known here, keeps it on disk, and puts off the next question as if the
// answer had come to this node. What is for sources that nobody wants yet is only
// kept: Peek and Set find it. It says whether a Snapshot is different by it. A
// message that is not whole and right changes nothing; any other error says what
// is in use and could not be kept.
func (f *Feeds) Import(b []byte, now time.Time) (changed bool, err error) {
	all, err := parseExport(b)
	if err != nil {
		return false, fmt.Errorf("import what another node learned: %w", err)
	}
	f.importing.Lock()
	defer f.importing.Unlock()
	var failed []error
	for _, s := range all {
		different, err := f.learnFrom(s, now)
		changed = changed || different
		failed = append(failed, err)
	}
	signal(f.wake)
	if changed {
		signal(f.changed)
	}
	return changed, errors.Join(failed...)
}

// learnFrom takes what another node learned from one source, if it is better. It is done
// beside everything else, so what came in between is looked at anew.
func (f *Feeds) learnFrom(s share, now time.Time) (changed bool, err error) {
	const tries = 4
	at, sum := now.Add(-s.age), s.sum()
	for range tries {
		src, was := f.source(s.key)
		if src == nil {
			if err := f.keep(s, at, now); err != nil {
				return false, err
			}
			if src, _ = f.source(s.key); src == nil {
				return false, nil
			}
			continue
		}
		b := bid{share: s, at: at, sum: sum}
		if !was.known.empty() {
			b.ours = f.sum(s.key, was.known)
		}
		if !b.beats(was, now) {
			return false, nil
		}
		c, err := f.contentOf(b, was.known)
		if err != nil {
			return false, err
		}
		if f.teach(src, was, c, b, now) {
			return !b.same(), f.persist(b, was.known, c)
		}
	}
	return false, nil
}

// source is a wanted one, and what it is at this moment; nil: nobody wants it.
func (f *Feeds) source(k key) (*source, source) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.sources[k]
	if s == nil {
		return nil, source{}
	}
	return s, *s
}

// bid is a share held against what this node has.
type bid struct {
	share
	at        time.Time         // when it was confirmed, by the clock of this node
	sum, ours [sha256.Size]byte // ours is zero while nothing is known
}

func (b bid) same() bool { return b.sum == b.ours }

// beats says whether a bid is to be taken. Where both were confirmed at one time, the
// two nodes must not take each other's, so the sums decide.
func (b bid) beats(was source, now time.Time) bool {
	ours, theirs := was.known.url == was.url, b.url == was.url
	ahead := b.at.Sub(was.lastSuccess)
	switch {
	case was.known.empty():
		return true
	case ours != theirs:
		return theirs
	case ahead > sameTime || was.lastSuccess.After(now):
		return true
	case ahead < -sameTime || b.same():
		return false
	default:
		return bytes.Compare(b.sum[:], b.ours[:]) > 0
	}
}

// contentOf is what a bid brings. Large sets are built one after the other.
func (f *Feeds) contentOf(b bid, known content) (content, error) {
	switch {
	case !b.same():
		f.parsing <- struct{}{}
		defer func() { <-f.parsing }()
		return b.content(known)
	case b.kind == List:
		return content{list: known.list, lines: b.lines, url: b.url, version: b.version}, nil
	}
	return known, nil
}

// teach puts content in the place of what a source had, unless that is no longer what it was.
func (f *Feeds) teach(src *source, was source, c content, b bid, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sources[b.key] != src || src.url != was.url || !src.lastSuccess.Equal(was.lastSuccess) || src.known.list != was.known.list {
		return false
	}
	src.abandon()
	f.sources[b.key] = src.taught(c, b.at, now, min(max(taughtTTL, f.minTTL), f.maxTTL))
	if !b.same() {
		f.log.Debug("alias content taken from the other node", "source", b.name, "entries", c.entries())
	}
	return true
}

// persist keeps on disk what was taken.
func (f *Feeds) persist(b bid, known, c content) error {
	if !b.same() || known.url != c.url || known.version != c.version || known.lines != c.lines {
		if err := f.store.save(b.key, c); err != nil {
			return fmt.Errorf("take %s from the other node: %w", b.name, err)
		}
	}
	return f.store.confirm(b.key, b.at)
}

// keep keeps on disk what nobody wants yet, in the place of what is older.
func (f *Feeds) keep(s share, at, now time.Time) error {
	kept := f.store.confirmed(s.key)
	if f.store.dir == "" || !kept.IsZero() && !kept.After(now) && at.Sub(kept) <= sameTime {
		return nil
	}
	c, err := f.contentOf(bid{share: s, sum: s.sum()}, content{})
	if err != nil {
		return err
	}
	if err := f.store.save(s.key, c); err != nil {
		return fmt.Errorf("take %s from the other node: %w", s.name, err)
	}
	return f.store.confirm(s.key, at)
}
